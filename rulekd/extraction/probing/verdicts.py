"""Of a made scene in which the network breaks a rule: is the rule wrong, or is the network?

1. Where definitions give labels for the scene, these decide: they keep the rule, and the network erred; or they break
   it too.
2. The network sits on its decision boundary: an answer that decides is within ``UNSURE`` of its threshold, or fewer
   than half of slightly changed copies of the scene break the rule as well. The network erred.
3. A turned reading contradicts an answer: p(a, b), but not its inverse q(b, a). The network erred in one of the two;
   where the rule itself says that the two agree, nobody knows in which, and the case stays open.
4. Otherwise the network is sure of every answer, and the rule does not hold of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from kg import Verdict, Vocabulary
from kg.formulas import Atom, Formula, Under, predicates
from rulekd.extraction.evidence.doubt import Twin
from rulekd.extraction.probing.asking import Asking
from rulekd.extraction.probing.attempts import bound
from rulekd.extraction.probing.margins import Answers, Objects, margin
from rulekd.extraction.probing.space import Space
from rulekd.grounding import View, outer_atoms, sides
from rulekd.predictor import labels_as_facts
from rulekd.scenes import Scenes, SceneSet

#: Log-odds from the threshold below which an answer is a guess: odds of less than 2.7 to 1.
UNSURE = 1.0

#: Slightly changed copies, and the standard deviation of the change as a share of the range.
COPIES, SLIGHTLY = 32, 0.005


@dataclass(frozen=True)
class Judge:
    """What verdicts are made from. given: the scenes, with their definitions. twins: turned readings by predicate."""

    asking: Asking
    space: Space
    given: SceneSet
    twins: Mapping[str, Sequence[Twin]]
    generator: torch.Generator

    def verdict(self, made: Scenes, objects: torch.Tensor) -> tuple[Verdict, str, float]:
        """(verdict, reason, share of slightly changed copies that break the rule). made: one scene; objects: (1, k)."""
        with torch.no_grad():
            answers = self.asking(made)
        persists = self.persistence(made, objects)
        labels = self.labels(made)
        at = bound(self.asking.formula, objects)
        if labels is not None:
            if float(margin(self.asking.formula, labels, at)) > 0:
                return Verdict.TEACHER, "labels by definition keep the rule there", persists
            return Verdict.RULE, "labels by definition break it there as well", persists
        title, least = min(margins(self.asking.formula, answers, at), key=lambda told: abs(told[1]))
        if abs(least) < UNSURE:
            return Verdict.TEACHER, f"it sits on its decision boundary: {title} at log-odds {least:+.2f}", persists
        if persists < 0.5:
            return Verdict.TEACHER, "it sits on its decision boundary: slight changes of the scene mend it", persists
        contradicted = self.contradicted(answers, at)
        if contradicted is not None:
            said, turned, in_rule = contradicted
            if in_rule:
                return Verdict.OPEN, f"{said} and {turned} disagree, and either may be wrong", persists
            return Verdict.TEACHER, f"its inverse answer disagrees: {said}, {turned}", persists
        agree = ", and turned readings agree" if self.twinned(self.asking.formula) else ""
        return Verdict.RULE, f"the network is sure of every answer{agree}", persists

    @torch.no_grad()
    def persistence(self, made: Scenes, objects: torch.Tensor) -> float:
        """The share of slightly changed copies of a scene in which the same grounding breaks the rule."""
        copies = made.select([0] * COPIES)
        low, high = self.space.bounds(copies)
        values = {}
        for name, value in self.space.values(copies).items():
            noise = torch.randn(value.shape, generator=self.generator).to(value)
            changed = value + SLIGHTLY * (high[name] - low[name]) * noise
            values[name] = changed.clamp(low[name], high[name])
        answers = self.asking(self.space.made(copies, values))
        breach = -margin(self.asking.formula, answers, bound(self.asking.formula, objects.expand(COPIES, -1)))
        return float((breach > 0).double().mean())

    def labels(self, made: Scenes) -> Answers | None:
        """What definitions say of a made scene and of its image; None where they do not cover the rule."""
        formula, known = self.asking.formula, self.given.definitions
        spoken = set(predicates(formula))
        if not spoken <= set(known):
            return None
        needed = _closure(spoken, known)
        if not needed <= set(known):
            return None  # a definition reads given labels, and nobody labelled what was made
        chosen = replace(self.given, definitions={name: known[name] for name in known if name in needed})
        words = Vocabulary({name: self.asking.teacher.vocabulary[name] for name in sorted(spoken)})

        def labelled(scenes: Scenes) -> View:
            return View(labels_as_facts(SceneSet(chosen.relabel(scenes)), words), scenes)

        images = {}
        if isinstance(formula, Under):
            with torch.no_grad():
                image = self.asking(made).images[str(formula.transform)].scenes
            assert image is not None  # an image is a transformed scene
            images[str(formula.transform)] = labelled(image)
        return Answers(labelled(made), images)

    def twinned(self, formula: Formula) -> bool:
        """Has any predicate of the formula a turned reading?"""
        return any(self.twins.get(name) for name in predicates(formula))

    def contradicted(self, answers: Answers, at: Objects) -> tuple[str, str, bool] | None:
        """An answer that its twin denies: both as text, and whether the rule itself speaks of the two."""
        said = [(atom, read.view.facts) for _, atom, read in _read(self.asking.formula, answers)]
        spoken = [atom for atom, _ in said]
        found = None
        for atom, facts in said:
            for twin in self.twins.get(atom.predicate, ()) if len(set(atom.arguments)) == 2 else ():
                turned = Atom(twin.other, (atom.arguments[1], atom.arguments[0]))
                one, other = (
                    bool(facts.crisp(a.predicate)[(0, *(int(at[n]) for n in a.arguments))]) for a in (atom, turned)
                )
                if one != other:
                    told = (_told(atom, one), _told(turned, other), turned in spoken)
                    if not told[2]:
                        return told
                    found = told
        return found


def margins(formula: Formula, answers: Answers, at: Objects) -> list[tuple[str, float]]:
    """The log-odds of each atom outside quantifiers above its threshold, at one grounding of one scene, by its text."""
    told = [(title, float(margin(atom, read, at)[0])) for title, atom, read in _read(formula, answers)]
    return list(dict.fromkeys(told)) or [(str(formula), float(margin(formula, answers, at)[0]))]


def _read(formula: Formula, answers: Answers) -> Iterator[tuple[str, Atom, Answers]]:
    """Each atom outside quantifiers with its title, and the answers that it is read from."""
    if not isinstance(formula, Under):
        yield from ((str(atom), atom, answers) for atom in outer_atoms(formula))
        return
    left, right = sides(formula.law)
    image = Answers(answers.images[str(formula.transform)])
    yield from ((str(atom), atom, answers) for atom in outer_atoms(left))
    yield from ((f"{formula.transform}: {atom}", atom, image) for atom in outer_atoms(right))


def _told(atom: Atom, true: bool) -> str:
    return str(atom) if true else f"~{atom}"


def _closure(names: set[str], definitions: Mapping[str, Formula]) -> set[str]:
    """The predicates that these are defined by, and theirs, with themselves."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(predicates(definitions[name])) - found if name in definitions else set()
    return found
