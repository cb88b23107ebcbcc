"""Counterexamples are hunted: made scenes in which a network breaks a rule, found at random and by gradient.

How often each way was tried, the worst that was met, and a verdict for each: the rule is wrong, or the network is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from kg import (
    Citation,
    Counterexample,
    Formula,
    Hunt,
    KnowledgeGraph,
    Rule,
    RulekdError,
    Tried,
    Vocabulary,
    World,
    parse,
)
from kg.normal import free_variables, live
from rulekd.extraction.evidence.doubt import Twin, turned
from rulekd.extraction.probing.ascent import climb
from rulekd.extraction.probing.asking import Asking, check_askable, read_by
from rulekd.extraction.probing.attempts import Attempts, bound, drawn_attempts, usable
from rulekd.extraction.probing.margins import Answers
from rulekd.extraction.probing.space import BOXES, MOVES, Ranges, Space
from rulekd.extraction.probing.verdicts import Judge, margins
from rulekd.grounding import world
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet

#: Given scenes that are started from, and that twins are read off, at most.
POOL = 256


@dataclass(frozen=True)
class Effort:
    """How much is searched.

    tries: scenes made at random, divided evenly among ``kinds``. starts, steps: so many scenes are followed by gradient
    at once, for so many steps, one question each. seconds: no longer than this for one rule. kept: so many found
    scenes, the worst first, are kept and judged. reach: how far each value may go from where a given scene has it, as a
    share of its range. ranges: least and greatest value by name, of further tensors too. grid: on which made boxes lie,
    metres; "theirs" = that of the given scenes, where they have one. kinds: see ``space.MOVES``. seed: of everything
    that is random.
    """

    tries: int = 1024
    starts: int = 32
    steps: int = 60
    seconds: float = 20.0
    kept: int = 3
    reach: float = 1.0
    ranges: Ranges = field(default_factory=dict)
    grid: float | Literal["theirs"] | None = "theirs"
    kinds: tuple[str, ...] = tuple(MOVES)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("tries", "starts", "steps", "kept"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < (1 if name == "tries" else 0):
                raise RulekdError(f"{name} is {value!r}", hint="Give a whole number; tries are at least 1.")
        if not self.seconds > 0:
            raise RulekdError(f"a search of {self.seconds} seconds", hint="Give more than 0.")
        if not self.kinds:
            raise RulekdError("no kind of made scenes is named", hint=f"Name some of {', '.join(MOVES)}.")


@dataclass(frozen=True, repr=False)
class Hunted:
    """A hunt, the worlds of what was found by the names that it cites, and the scenes themselves, in the same order."""

    rule: Rule
    hunt: Hunt
    worlds: Mapping[str, World]
    scenes: Scenes | None

    def __repr__(self) -> str:
        return f"Hunted({self.rule.name!r}: {self.hunt.broken:,} of {self.hunt.asked:,} made scenes break it)"


@dataclass(frozen=True)
class Search:
    """Where one search goes on: the network and the rule, given scenes to start from, what may be changed.

    blind: why no gradient reaches what may be changed; empty where one does.
    """

    asking: Asking
    given: SceneSet
    space: Space
    blind: str
    twins: Mapping[str, tuple[Twin, ...]]
    effort: Effort
    deadline: float
    generator: torch.Generator

    @property
    def scenes(self) -> Scenes:
        """The given scenes."""
        return self.given.scenes

    @property
    def late(self) -> bool:
        """Is the time over?"""
        return time.monotonic() > self.deadline

    def draw(self, followed: Formula, kind: str, count: int) -> Iterator[tuple[Attempts, Answers]]:
        """``drawn_attempts`` until they are enough or it is late."""
        made = drawn_attempts(self.asking, followed, self.space, self.scenes, kind, count, self.generator)
        for attempts in made:
            yield attempts
            if self.late:
                return

    def cite(self, start: Tensor, made: Scenes, objects: Tensor, name: str) -> Citation:
        """One grounding of a made scene (B = 1), by the numbers of its real objects. objects: (1, k)."""
        rank = (made.mask[0].cumsum(0) - 1)[objects[0]].tolist()
        binding = tuple(zip(free_variables(self.asking.formula), rank, strict=True))
        return Citation(self.scenes.names[int(start)], binding, name)


def hunt(teacher: Predictor, scenes: SceneSet, rule: Rule | Formula | str, effort: Effort | None = None) -> Hunted:
    """Search for scenes in which the network breaks the rule; those of the test part are not started from.

    The rule may speak of any number of objects, quantify, count, compare, and be about an image under a transform.
    Raises RulekdError where it cannot be asked about in made scenes, or where nothing that may be changed reaches the
    network.

    >>> from rulekd.scenes import Scenes, SceneSet
    >>> class Nearness(torch.nn.Module):          # says near(a, b) from 1 m on, and from b's side from 1.2 m on
    ...     def forward(self, center):
    ...         reach = 1.1 + 0.1 * torch.sign(center[:, :, None, 0] - center[:, None, :, 0])
    ...         return {"near": 20 * (reach - torch.cdist(center, center))}
    >>> rooms = SceneSet(Scenes.from_objects([[{"center": (0, 0, 0)}, {"center": (2.3, 1.1, 0)}]] * 8))
    >>> teacher = Predictor(Nearness(), {"near": 2}, inputs=lambda s: s["center"])
    >>> found = hunt(teacher, rooms, "near(a, b) -> near(b, a)").hunt
    >>> found.broken > 0, found.found[0].verdict.value
    (True, 'the rule is wrong')
    """
    search = prepared(teacher, scenes, rule, effort or Effort())
    started = time.monotonic()
    with search.asking.answering():
        random, tried = _random(search)
        gradient, climbed = _gradient(search, tried)
        found, worlds, made = _kept(search, tried, climbed)
    seen = torch.cat([tried.breach, climbed.breach]) if climbed is not None else tried.breach
    worst = float(seen.max())
    result = Hunt(
        random=random,
        gradient=gradient,
        worst=worst if worst > -torch.inf else None,
        found=found,
        space=str(search.space),
        note=search.blind,
        seconds=round(time.monotonic() - started, 3),
    )
    return Hunted(as_rule(rule, teacher.vocabulary), result, worlds, made)


def hunted(
    graph: KnowledgeGraph,
    teacher: Predictor,
    scenes: SceneSet,
    effort: Effort | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> KnowledgeGraph:
    """A graph in which each axiom with evidence carries a hunt; rules that cannot be hunted are named in its notes.

    Rules that follow from axioms are not hunted: a scene that breaks one breaks an axiom. progress(done, of).
    """
    rules: dict[str, Rule] = {rule.id: rule for rule in graph.rules()}
    worlds: dict[str, World] = {}
    notes: list[str] = []
    chosen = [rule for rule in graph.axioms() if rule.evidence is not None]
    asked = broken = 0
    for done, rule in enumerate(chosen):
        assert rule.evidence is not None  # chosen by it
        if progress is not None:
            progress(done, len(chosen))
        try:
            result = hunt(teacher, scenes, rule, effort)
        except RulekdError as error:
            notes.append(f"{rule.name} was not hunted: {error.message}")
            continue
        rules[rule.id] = replace(rule, evidence=replace(rule.evidence, hunt=result.hunt))
        worlds |= result.worlds
        asked, broken = asked + result.hunt.asked, broken + bool(result.hunt.broken)
    if progress is not None:
        progress(len(chosen), len(chosen))
    count = len(chosen) - len(notes)  # each rule that was not hunted has its note
    notes.append(f"hunted: {count} rules in {asked:,} made scenes; {broken} of them are broken in some")
    return graph.with_rules(rules.values(), worlds, notes)


def as_rule(rule: Rule | Formula | str, vocabulary: Vocabulary) -> Rule:
    """A rule, whatever it is given as."""
    if isinstance(rule, Rule):
        return rule
    return Rule(parse(rule, vocabulary) if isinstance(rule, str) else rule)


def prepared(teacher: Predictor, scenes: SceneSet, rule: Rule | Formula | str, effort: Effort) -> Search:
    """Everything that a search needs, checked."""
    if not isinstance(teacher, Predictor) or not isinstance(scenes, SceneSet):
        raise RulekdError(
            f"asked to search with a {type(teacher).__name__} in a {type(scenes).__name__}",
            hint="Give a rulekd.Predictor and a rulekd.SceneSet.",
        )
    formula = as_rule(rule, teacher.vocabulary).formula
    started, generator = time.monotonic(), torch.Generator().manual_seed(effort.seed)
    kept = scenes.select(torch.from_numpy(scenes.parts != "test"))
    if not len(kept):
        raise RulekdError(f"all {len(scenes)} scenes belong to the test part", hint="Pass the whole set.")
    check_askable(teacher, formula, kept)
    pool = kept.select(torch.randperm(len(kept), generator=generator)[:POOL].sort().values)
    if not len(usable(formula, pool.scenes)):
        pool = kept.select(usable(formula, kept.scenes)[:POOL])
    pool = replace(pool, scenes=pool.scenes.trim())
    asking = Asking(teacher, formula, effort.seed, kept.scenes)
    space, blind = _space(asking, pool.scenes, kept.scenes, effort)
    facts = teacher.facts(pool)
    readings = turned(facts) if any(p.arity == 2 for p in teacher.vocabulary.values()) else {}
    return Search(asking, pool, space, blind, readings, effort, started + effort.seconds, generator)


def _space(asking: Asking, pool: Scenes, known: Scenes, effort: Effort) -> tuple[Space, str]:
    """What may be changed of what the network reads, and why no gradient reaches it (empty where one does)."""
    read = read_by(asking, pool.select(range(min(2, len(pool)))))
    present = [name for name in BOXES if getattr(pool, name) is not None]
    through_points = "points" in read and pool.center is not None
    wanted = present if through_points else [name for name in present if name in read]
    named = list(effort.ranges)
    blind = ""
    if not wanted and not any(name in read for name in named):
        wanted = present
        blind = "no gradient reaches what may be changed: searched at random only"
    space = Space.of(known, wanted, effort.ranges, effort.reach, effort.grid)
    if not any(bool((space.high[name] > space.low[name]).any()) for name in space.names):
        others = [name for name in read if name not in space.names]
        raise RulekdError(
            f"nothing may be changed in these scenes: the network reads {', '.join(read) or 'nothing with a gradient'}",
            hint=f"Give a range: ranges={{{others[0] if others else 'center'!r}: (least, greatest)}}.",
        )
    if blind and not _heard(asking, space, pool):
        raise RulekdError(
            f"the network's answers do not change with {', '.join(space.names)}",
            hint="Give ranges for the tensors that it reads: ranges={'tokens': (-1, 1)}.",
        )
    return space, blind


@torch.no_grad()
def _heard(asking: Asking, space: Space, pool: Scenes) -> bool:
    """Does anything that the network says change when everything is put anywhere?"""
    # an odd seed: scenes made with a common one would be drawn anew exactly where they are
    generator = torch.Generator().manual_seed(0x5EED)
    few = pool.select(range(min(8, len(pool))))
    moved = space.made(few, MOVES["scatter"](space, few, generator))
    with asking.answering():
        before, after = asking.logits(few), asking.logits(moved)
    return any(not torch.equal(before[name], after[name]) for name in before)


def _random(search: Search) -> tuple[Tried, Attempts]:
    effort, parts = search.effort, []
    share = max(1, effort.tries // len(effort.kinds))
    for kind in effort.kinds:
        for attempts, _ in search.draw(search.asking.formula, kind, share):
            parts.append(attempts)
    every = Attempts.cat(parts)
    return Tried(len(every), int((every.breach > 0).sum())), every


def _gradient(search: Search, tried: Attempts) -> tuple[Tried, Attempts | None]:
    """Followed in turn: the scene that came nearest, one at random, the next nearest, and so on."""
    effort = search.effort
    if search.blind or not effort.starts or not effort.steps:
        return Tried(), None
    able = (tried.breach > -torch.inf).nonzero().flatten()
    if not len(able):
        return Tried(), None
    ranked = able[tried.breach[able].argsort(descending=True)]
    mixed = able[torch.randperm(len(able), generator=search.generator)]
    order = list(dict.fromkeys(torch.stack([ranked, mixed], 1).flatten().tolist()))
    candidates = tried.select(torch.tensor(order))
    return climb(
        search.asking,
        search.space,
        search.scenes,
        candidates,
        effort.starts,
        effort.steps,
        search.deadline,
        body=live(search.asking.formula),
    )


def _kept(
    search: Search, tried: Attempts, climbed: Attempts | None
) -> tuple[tuple[Counterexample, ...], dict[str, World], Scenes | None]:
    """The worst of what was found, one a given scene and grounding, each with its world and verdict."""
    ways = [("random", tried)] + ([("gradient", climbed)] if climbed is not None else [])
    rows = [
        (float(breach), way, place)
        for way, attempts in ways
        for place, breach in enumerate(attempts.breach.tolist())
        if breach > 0
    ]
    judge = Judge(search.asking, search.space, search.given, search.twins, search.generator)
    found: list[Counterexample] = []
    worlds: dict[str, World] = {}
    made: list[Scenes] = []
    seen: set[tuple[int, tuple[int, ...]]] = set()
    for _, way, place in sorted(rows, key=lambda row: -row[0]):
        if len(found) == search.effort.kept:
            break
        one = dict(ways)[way].select(torch.tensor([place]))
        key = (int(one.start), tuple(one.objects[0].tolist()))
        if key in seen:
            continue
        seen.add(key)
        scenes = one.scenes(search.space, search.scenes)
        found.append(_counterexample(search, judge, one, scenes, way, len(found) + 1, worlds))
        made.append(scenes)
    return tuple(found), worlds, Scenes.cat(made) if made else None


def _counterexample(
    search: Search, judge: Judge, one: Attempts, made: Scenes, way: str, number: int, worlds: dict[str, World]
) -> Counterexample:
    formula = search.asking.formula
    with torch.no_grad():
        answers = search.asking(made)
    verdict, reason, persists = judge.verdict(made, one.objects)
    given = search.scenes.select(one.start)
    name = f"made from {given.names[0]} against {Rule(formula).id}, {number}"
    worlds[name] = world(answers.view, 0)
    return Counterexample(
        cited=search.cite(one.start, made, one.objects, name),
        margin=float(one.breach[0]),
        margins=tuple(margins(formula, answers, bound(formula, one.objects))),
        by="gradient" if way == "gradient" else "random",
        moved=_moved(given, made),
        persists=persists,
        verdict=verdict,
        reason=reason,
    )


def _moved(before: Scenes, after: Scenes) -> float:
    if before.center is None or after.center is None:
        return 0.0
    return float((after.center - before.center).norm(dim=-1)[before.mask].max())
