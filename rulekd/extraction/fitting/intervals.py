"""What the confirmation part says about a definition: fidelity, truth in the labels, and an interval of each threshold.

All of it is computed from the formula as printed, so that it can be computed for any definition, a person's included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kg import Atom, Definition, Formula, Iff, Rule, Threshold
from kg.formulas import And, Arithmetic, Compare, Feature, Function, Not, Number, Or, Term, walk
from kg.terms import TERMS
from rulekd.extraction.fitting.columns import Sites, Values
from rulekd.extraction.fitting.disjunctions import Bools
from rulekd.extraction.fitting.printing import EFFECT
from rulekd.extraction.fitting.questions import asked, fidelity, sites_of, told
from rulekd.extraction.fitting.thresholds import gap, interval
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.scenes.terms import term


@dataclass(frozen=True, eq=False)
class Answers:
    """Scenes, what was said about them, and labels of the same scenes, where there are any."""

    facts: Facts
    scenes: Scenes | None
    labels: Facts | None = None


def assessed(
    rules: Sequence[Rule], about: Mapping[Formula, Definition], discovery: Answers, confirmation: Answers
) -> list[Rule]:
    """The rules, with what is known about those that are definitions in their evidence.

    Several definitions of one predicate may have been proposed (from labels, with made rows, ...); of these one stays:
    the shortest that is as faithful to the network as the best, up to EFFECT. A second one stays beside it where it is
    truer to the labels by more than that: it says what the network misses.
    """
    made = [
        replace(rule, evidence=replace(rule.evidence, definition=_assess(rule, known, discovery, confirmation)))
        if (known := about.get(rule.formula)) is not None and rule.evidence is not None
        else rule
        for rule in rules
    ]
    rivals: dict[Formula, list[Rule]] = {}
    for rule in made:
        if rule.formula in about and isinstance(rule.formula, Iff):
            rivals.setdefault(rule.formula.left, []).append(rule)
    staying = {rule.id for several in rivals.values() for rule in _staying(several)}
    return [rule for rule in made if rule.formula not in about or rule.id in staying]


def _staying(rivals: Sequence[Rule]) -> list[Rule]:
    def known(rule: Rule) -> tuple[float, float]:
        definition = rule.evidence.definition if rule.evidence else None
        return (0.0, 0.0) if definition is None else (definition.fidelity or 0.0, definition.truth or 0.0)

    def rank(rule: Rule) -> tuple[int, float, float, str]:
        size = sum(1 for part in walk(rule.formula) if isinstance(part, Compare | Atom))
        return size, -known(rule)[1], -known(rule)[0], rule.text

    best = max(known(rule)[0] for rule in rivals)
    first = min((rule for rule in rivals if known(rule)[0] >= best - EFFECT), key=rank)
    truest = max(known(rule)[1] for rule in rivals)
    if truest <= known(first)[1] + EFFECT:
        return [first]
    return [first, min((rule for rule in rivals if known(rule)[1] >= truest - EFFECT), key=rank)]


def _assess(rule: Rule, known: Definition, discovery: Answers, confirmation: Answers) -> Definition:
    formula = rule.formula
    assert isinstance(formula, Iff)
    left, body = formula.left, formula.right
    *words, atom = left.parts if isinstance(left, And) else (left,)
    assert isinstance(atom, Atom)
    here, there = _seen(confirmation, atom, words, body), _seen(discovery, atom, words, body)
    if here is None or there is None:
        return known
    said = told(body, here.sites, confirmation.facts)
    labels = confirmation.labels
    truth = None
    if labels is not None and atom.predicate in labels.values:
        labelled = here.sites.read(labels.validity(atom.predicate)) > 0
        true = here.sites.read(labels.crisp(atom.predicate)) > 0
        truth = fidelity(said[labelled], true[labelled]) if labelled.any() else None
    return replace(
        known,
        fidelity=fidelity(said, here.true),
        truth=truth,
        thresholds=tuple(_threshold(body, literal, here, there) for literal in literals(body)),
    )


@dataclass(frozen=True, eq=False)
class Seen:
    """A predicate at n sites of one part, where its definition is asked. read: what texts say there, each read once."""

    facts: Facts
    sites: Sites
    true: Bools
    units: NDArray[np.int64]
    read: dict[str, Bools] = field(default_factory=dict)

    def told(self, body: Formula) -> Bools:
        """(n,) bool: what the text of a formula says."""
        text = str(body)
        if text not in self.read:
            self.read[text] = told(body, self.sites, self.facts)
        return self.read[text]


def _seen(answers: Answers, atom: Atom, words: Sequence[Formula], body: Formula) -> Seen | None:
    facts = answers.facts
    scenes = Scenes(mask=facts.objects) if answers.scenes is None else answers.scenes
    if not len(facts):
        return None
    sites = sites_of(facts, scenes, atom.arguments)
    kept = sites.read(facts.validity(atom.predicate)) > 0
    for word in words:
        kept &= asked(word, sites) & told(word, sites, facts)
    kept &= asked(body, sites)
    sites = sites.at(kept.nonzero()[0])
    true = sites.read(facts.crisp(atom.predicate)) > 0
    return Seen(facts, sites, true, facts.units.cpu().numpy()[sites.scene.cpu().numpy()])


def literals(body: Formula) -> Iterator[Compare]:
    """The comparisons by size of a formula without quantifiers, from left to right; nothing of one with quantifiers."""
    match body:
        case Compare("=" | "!=", _, _):
            return
        case Compare():
            yield body
        case And(parts) | Or(parts):
            for part in parts:
                yield from literals(part)
        case Not(part):
            yield from literals(part)
        case _:
            return


@dataclass(frozen=True)
class Cutting:
    """A comparison as a number against a threshold. over: what the number is divided by; less: what is taken away."""

    number: Term
    over: Term | None
    less: Term | None
    above: bool
    threshold: float
    unit: str

    @classmethod
    def of(cls, literal: Compare) -> Cutting:
        """``t <= 0.5``, ``0.5 < t``, ``t >= 2 * u`` and ``t <= u``, which is t - u <= 0."""
        left, right, above = literal.left, literal.right, literal.operator in (">", ">=")
        if isinstance(left, Number):
            left, right, above = right, left, not above
        match right:
            case Number(value):
                return cls(left, None, None, above, value, unit_of(left))
            case Arithmetic("*", Number(value), scale):
                return cls(left, scale, None, above, value, "")
            case _:
                return cls(left, None, right, above, 0.0, unit_of(left))

    def values(self, sites: Sites) -> Values:
        """(n,) of the number at the sites."""
        read = sites.read(term(self.number, sites.scenes, sites.variables))
        if self.less is not None:
            return np.asarray(read - sites.read(term(self.less, sites.scenes, sites.variables)))
        if self.over is None:
            return read
        scale = sites.read(term(self.over, sites.scenes, sites.variables))
        return np.where(scale > 0, read / np.where(scale > 0, scale, 1.0), np.inf)


def unit_of(wanted: Term) -> str:
    """The unit of a term as far as its features state one: of attributes none is known."""
    match wanted:
        case Feature(name, _):
            return TERMS[name].unit if name in TERMS else ""
        case Arithmetic("+" | "-", left, right):
            return unit_of(left) or unit_of(right)
        case Function(_, terms):
            return unit_of(terms[0])
        case _:
            return ""


def _threshold(body: Formula, literal: Compare, here: Seen, there: Seen) -> Threshold:
    cutting = Cutting.of(literal)
    parts = []
    for seen in (there, here):
        yes, no = (holds(body, seen, literal, value) for value in (True, False))
        free = yes != no  # the other literals leave the truth to this one
        # Under a negation the literal speaks for the opposite.
        true = np.where(yes[free], seen.true[free], ~seen.true[free])
        parts.append((cutting.values(seen.sites)[free], true, seen.units[free]))
    values, true = (np.concatenate([part[index] for part in parts]) for index in (0, 1))
    left_open = gap(values, true, cutting.above) if len(values) else (-np.inf, np.inf)
    text = str(literal)
    if left_open is not None and left_open[0] <= cutting.threshold <= left_open[1]:
        return Threshold(text, cutting.threshold, *left_open, unit=cutting.unit, separates=True)
    values, true, units = parts[1]
    low, high = interval(values, true, units, cutting.above, cutting.threshold)
    return Threshold(text, cutting.threshold, low, high, unit=cutting.unit)


def holds(body: Formula, seen: Seen, literal: Compare, value: bool) -> Bools:
    """(n,) bool: the truth of a formula without quantifiers if one comparison in it were always true (or false)."""
    match body:
        case Compare() if body is literal:
            return np.full(len(seen.sites.scene), value)
        case And(parts):
            return np.asarray(np.logical_and.reduce([holds(part, seen, literal, value) for part in parts]))
        case Or(parts):
            return np.asarray(np.logical_or.reduce([holds(part, seen, literal, value) for part in parts]))
        case Not(part):
            return ~holds(part, seen, literal, value)
        case _:
            return seen.told(body)
