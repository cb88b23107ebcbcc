"""Active probing: made scenes in which a rule's body is live, where the given scenes have few or none.

Scenes are made at random by each kind of move; where these bring too few live ones, the margin of the body is climbed
by gradient. The head is never looked at on the way, so that what is live is broken or not as it comes. What the network
says about made scenes is counted apart from the evidence of given ones, and only tells whether the *network* obeys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from kg import (
    And,
    Atom,
    Citation,
    Evidence,
    Formula,
    Iff,
    Implies,
    KnowledgeGraph,
    Not,
    Probe,
    Probes,
    Rule,
    RulekdError,
    Vocabulary,
    World,
)
from kg.formulas import Under
from kg.normal import live
from rulekd.extraction.evidence.confirmation import MIN_SUPPORT
from rulekd.extraction.evidence.tally import Tally, ledger, tally
from rulekd.extraction.probing.ascent import climb
from rulekd.extraction.probing.attempts import Attempts, batch_size
from rulekd.extraction.probing.counterexamples import Effort, Search, as_rule, prepared
from rulekd.extraction.probing.margins import Answers
from rulekd.grounding import View, ground, sides, world
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet

#: Live units that are enough: at a tolerance of 10 % a law without a violation needs 36, more among many candidates.
ENOUGH = 60

#: Log-odds of the body with which a scene is left as it is: surely live, and not made odder than needed.
SURELY = 2.0

#: Live and broken groundings of no scene.
NONE = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

#: Made scenes that are cited, of those that keep the rule and of those that break it, each.
CITED = 2


@dataclass(frozen=True)
class Probed:
    """Probes of a rule, and the worlds that they cite."""

    rule: Rule
    probes: Probes
    worlds: Mapping[str, World]

    def obeyed(self, tolerance: float) -> bool:
        """Does the network surely break the rule in no larger share of its live groundings?"""
        interval = self.probes.total.interval
        return interval is not None and interval[1] <= tolerance


def probe(teacher: Predictor, scenes: SceneSet, rule: Rule | Formula | str, effort: Effort | None = None) -> Probed:
    """Make scenes in which the rule is live, and count how often the network breaks it there.

    Raises RulekdError as ``hunt`` does.

    >>> from rulekd.scenes import Scenes, SceneSet
    >>> class Sizes(torch.nn.Module):
    ...     def forward(self, size):
    ...         volume = size.prod(-1).log()
    ...         return {"bigger": 20 * (volume[:, :, None] - volume[:, None] - 0.5)}
    >>> two_sizes = [{"center": (k, 0, 0), "size": ((1, 1, 1) if k % 2 else (2, 2, 2))} for k in range(4)]
    >>> rooms = SceneSet(Scenes.from_objects([two_sizes] * 8))
    >>> teacher = Predictor(Sizes(), {"bigger": 2}, inputs=lambda s: s["size"])
    >>> law = "bigger(a, b) & bigger(b, c) -> bigger(a, c)"          # nothing lies between the two sizes
    >>> probes = probe(teacher, rooms, law, Effort(grid=None)).probes
    >>> probes.live > 100, probes.broken
    (True, 0)
    """
    effort = effort or Effort()
    search = prepared(teacher, scenes, rule, effort)
    started, goal = time.monotonic(), _goal(search.asking.formula)
    log = _Log(search)
    with search.asking.answering():
        candidates = []
        for kind in effort.kinds:
            for attempts, answers in search.draw(goal, kind, max(1, effort.tries // len(effort.kinds))):
                log.note_(kind, attempts, answers)
                candidates.append(attempts)
        lacking = sum(len(tallied.rates) for tallied in log.tallies()) < ENOUGH
        if lacking and effort.starts and effort.steps and not search.blind and not search.late:
            _climb_to_live(search, goal, Attempts.cat(candidates), log)
    note = search.blind
    if not any(len(tallied.rates) for tallied in log.tallies()):
        note = "; ".join(filter(None, [note, "no made scene brought the body to life"]))
    probes = Probes(
        total=ledger(Tally(*(np.concatenate(parts) for parts in zip(*log.rows(), strict=True)))),
        kinds=tuple(
            Probe(kind, log.asked[kind], ledger(one)) for kind, one in zip(log.asked, log.tallies(), strict=True)
        ),
        examples=tuple(log.cited[False]),
        counterexamples=tuple(log.cited[True]),
        space=str(search.space),
        note=note,
        seconds=round(time.monotonic() - started, 3),
    )
    return Probed(as_rule(rule, teacher.vocabulary), probes, log.worlds)


def _goal(formula: Formula) -> Formula:
    """What is broken exactly where the rule is live; of a rule about an image, where its left side is true."""
    body = sides(formula.law)[0] if isinstance(formula, Under) else live(formula)
    return Not(formula if body is None else body)


def _climb_to_live(search: Search, goal: Formula, candidates: Attempts, log: _Log) -> None:
    """Live scenes by gradient, nearest first, as many as are lacking."""
    able = candidates.breach > -torch.inf
    waiting = candidates.select((able & (candidates.breach <= 0)).nonzero().flatten())
    if not len(waiting):
        return
    waiting = waiting.select(waiting.breach.argsort(descending=True))
    asking, effort = replace(search.asking, formula=goal), search.effort
    tried, reached = climb(
        asking, search.space, search.scenes, waiting, effort.starts, effort.steps, search.deadline, SURELY
    )
    found = reached.select((reached.breach > 0).nonzero().flatten())
    log.asked["gradient"], log.counts["gradient"] = tried.asked, [NONE]
    size = batch_size(search.asking.formula, search.scenes)
    for part in torch.split(torch.arange(len(found)), size) if len(found) else ():
        some = found.select(part)
        with torch.no_grad():
            log.note_("gradient", some, search.asking(some.scenes(search.space, search.scenes)))


@dataclass
class _Log:
    """What came of the probes so far: scenes asked about by kind, live and broken groundings by scene, citations."""

    search: Search
    asked: dict[str, int] = field(default_factory=dict)
    counts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    cited: dict[bool, list[Citation]] = field(default_factory=lambda: {False: [], True: []})
    worlds: dict[str, World] = field(default_factory=dict)

    def note_(self, kind: str, attempts: Attempts, answers: Answers) -> None:
        formula = self.search.asking.formula
        grounding = ground(formula, answers.view, answers.images)
        alive, broken = (t.reshape(len(attempts), -1).sum(1).numpy() for t in (grounding.live, grounding.broken))
        self.asked[kind] = self.asked.get(kind, 0) + len(attempts)
        self.counts.setdefault(kind, []).append((alive, broken))
        for breaks, wanted in ((True, grounding.broken), (False, grounding.live & ~grounding.broken)):
            for scene in wanted.reshape(len(attempts), -1).any(1).nonzero().flatten().tolist():
                if len(self.cited[breaks]) >= CITED:
                    break
                objects = wanted[scene].nonzero()[:1]
                name = f"made to probe {Rule(formula).id}, {len(self.worlds) + 1}"
                made = answers.view.scenes
                assert made is not None  # asked about scenes
                self.cited[breaks].append(self.search.cite(attempts.start[scene], made.select([scene]), objects, name))
                self.worlds[name] = world(answers.view, scene)

    def rows(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for parts in self.counts.values():
            yield from parts

    def tallies(self) -> Iterator[Tally]:
        for parts in self.counts.values():
            yield Tally(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def probed(
    graph: KnowledgeGraph,
    teacher: Predictor,
    scenes: SceneSet,
    effort: Effort | None = None,
    *,
    tolerance: float,
    progress: Callable[[int, int], None] | None = None,
) -> KnowledgeGraph:
    """A graph in which each axiom that is live in few units carries probes, and which holds the laws of single
    predicates that no given scene speaks of, where the network obeys them in made ones: unconfirmed, as they are no
    matter of the given scenes. The others are named in the notes. progress(done, of).
    """
    confirm = scenes.select(torch.from_numpy(scenes.evidence_parts == "confirm"))
    facts = teacher.facts(confirm) if len(confirm) else None
    rare = [r for r in graph.axioms() if r.evidence is not None and r.evidence.teacher.units < ENOUGH]
    unseen, known = [], {rule.name for rule in graph.rules()}
    for formula in laws(teacher.vocabulary) if facts is not None else ():
        assert facts is not None
        counted = tally(formula, View(facts, confirm.scenes))
        evidence = Evidence(ledger(counted), tolerance=tolerance)
        rule = Rule(formula, evidence, replace(graph.provenance, family="algebra"))
        if rule.name not in known and evidence.support < MIN_SUPPORT:
            unseen.append(rule)
    rules: dict[str, Rule] = {rule.id: rule for rule in graph.rules()}
    worlds: dict[str, World] = {}
    notes: list[str] = []
    failed: set[str] = set()
    waiting = [*rare, *unseen]
    for done, rule in enumerate(waiting):
        assert rule.evidence is not None  # rare ones are chosen by it, unseen ones are given some
        if progress is not None:
            progress(done, len(waiting))
        try:
            result = probe(teacher, scenes, rule, effort)
        except RulekdError as error:
            notes.append(f"{rule.name} was not probed: {error.message}")
            failed.add(rule.id)
            continue
        probes = result.probes
        if rule.id in rules or result.obeyed(tolerance):
            rules[rule.id] = replace(rule, evidence=replace(rule.evidence, probes=probes))
            worlds |= result.worlds
        else:
            share = f"{probes.broken:,} of {probes.live:,} live made groundings"
            surely = probes.total.interval is not None and probes.total.interval[0] > tolerance
            told = f"the network breaks it in {share}" if surely else f"broken in {share}, too few to tell"
            notes.append(f"{rule.name}: {told}")
    if progress is not None:
        progress(len(waiting), len(waiting))
    if waiting:
        few, none = (sum(rule.id not in failed for rule in rules_of) for rules_of in (rare, unseen))
        notes.append(f"probed: {few} rules that few given scenes speak of, and {none} laws that none does")
    return graph.with_rules(rules.values(), worlds, notes)


def laws(vocabulary: Vocabulary) -> Iterator[Formula]:
    """Symmetry, asymmetry and transitivity of each predicate of two objects."""
    for name, predicate in vocabulary.items():
        if predicate.arity == 2:
            forward, onward, across = (Atom(name, pair) for pair in (("a", "b"), ("b", "c"), ("a", "c")))
            backward = Atom(name, ("b", "a"))
            yield Iff(forward, backward)
            yield Not(And((forward, backward)))
            yield Implies(And((forward, onward)), across)
