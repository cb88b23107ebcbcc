"""From facts to a knowledge graph: the list of families, evidence, selection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kg import (
    Formula,
    KnowledgeGraph,
    Provenance,
    Rule,
    RulekdError,
    Transform,
    Vocabulary,
    World,
    canonical,
    parse_transform,
)
from kg.errors import unknown
from rulekd.extraction.account import account, advice, doubts, lacking, limits, misread, outcome, unpopulated
from rulekd.extraction.counting.candidates import check_size
from rulekd.extraction.counting.source import Source
from rulekd.extraction.discovery import SLACK, Discovery, Proposals
from rulekd.extraction.evidence import betting
from rulekd.extraction.evidence.citations import with_citations
from rulekd.extraction.evidence.confirmation import LEVEL, MIN_SUPPORT, MIN_UNITS, Bar, Judged, affordable, confirm
from rulekd.extraction.evidence.doubt import Suspicions, suspicions
from rulekd.extraction.evidence.fitted import tested_in_place
from rulekd.extraction.evidence.kinds import sort_kinds
from rulekd.extraction.evidence.outvoted import Outvoted, outvoted
from rulekd.extraction.evidence.refutation import ERROR_CAP, clean
from rulekd.extraction.families import FAMILIES
from rulekd.extraction.families.concepts import measured
from rulekd.extraction.fitting.intervals import Answers, assessed
from rulekd.extraction.stopwatch import Missed, Watch
from rulekd.facts import Facts, check_log_odds
from rulekd.grounding import View, world
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.parts import DISCOVER, shares

#: Families that fit a formula to what they see; and the number of units under which they see all of it.
FITTED = ("definitions", "decisions", "referring")
FEW = 100

#: Families that are not begun when the time is up: the number of their candidates is known only as they are made.
UNCOUNTED = ("conjunctions", "typed", "concepts", "transforms", *FITTED)

#: Largest violation rate that is still a law, where nobody names one: what errors do not explain is refuted before.
TOLERANCE = 0.10


#: How far beyond a tolerance that somebody names the share on the discovery part may lie.
BEYOND = 1.25


@dataclass(frozen=True)
class Request:
    """What is asked for. tolerance: largest violation rate of a law; stated: somebody named it. families: in the order
    in which they are examined; named: somebody chose them."""

    tolerance: float
    stated: bool
    families: tuple[str, ...]
    named: bool

    @classmethod
    def of(cls, tolerance: float | None, families: Sequence[str] | None) -> Request:
        """Checked, before any work is done."""
        limit = TOLERANCE if tolerance is None else tolerance
        if not isinstance(limit, int | float) or not 0 < limit < 1:
            raise RulekdError(f"a tolerance of {limit!r}", hint="Give a violation rate above 0 and below 1.")
        if families is not None and (isinstance(families, str) or not isinstance(families, Collection) or not families):
            raise RulekdError(f"families are {families!r}", hint='Give a list, ["algebra", "pairs"], or None for all.')
        for name in families or ():
            if not isinstance(name, str) or name not in FAMILIES:
                raise unknown("family", name, FAMILIES)
        chosen = tuple(name for name in FAMILIES if name in (families or FAMILIES))
        return cls(float(limit), tolerance is not None, chosen, families is not None)

    @property
    def slack(self) -> float:
        """Pooled share of broken groundings up to which a candidate is proposed: above the tolerance that is named."""
        return max(SLACK, min(BEYOND * self.tolerance, (1 + self.tolerance) / 2)) if self.stated else SLACK


@dataclass(frozen=True)
class Told:
    """What is mined: what was said about scenes and about their images, and the labels of both."""

    facts: Facts
    images: Mapping[Transform, Facts]
    labels: Facts | None
    label_images: Mapping[Transform, Facts]
    scenes: Scenes | None


def held_out(facts: Facts) -> Tensor:
    """(B,) bool: the scenes of the confirmation part, whole units, by a fixed hash of the group's name."""
    keys = [facts.name(scene) for scene in range(len(facts))] if facts.group is None else [str(g) for g in facts.group]
    return torch.tensor([shares(key)[1] >= DISCOVER for key in keys], dtype=torch.bool, device=facts.objects.device)


def read(
    whole: Told,
    asked: Request,
    provenance: Provenance,
    notes: tuple[str, ...],
    vocabulary: Vocabulary,
    watch: Watch,
    scenes: SceneSet | None = None,
    ask: Callable[[Scenes], Facts] | None = None,
) -> KnowledgeGraph:
    """The graph of what was said: proposed, judged, put on trial before the other laws, cited and sorted.

    notes: of what was not asked. scenes, ask: where the facts are about scenes, and where the network can be asked.
    """
    check_log_odds(whole.facts)
    check_size(whole.facts)
    confirmation = held_out(whole.facts)
    if whole.facts.independent(confirmation) < max(MIN_UNITS, betting.units_needed(asked.tolerance, LEVEL)):
        confirmation = torch.zeros_like(confirmation)
    source, data, parts = _ledgers(whole, asked, (~confirmation).nonzero().flatten(), ask, watch)
    few = _few(whole, parts[0])
    origin, counted = _propose(parts, few, asked.families, provenance, watch)
    bar = Bar(asked.tolerance, asked.stated, confirmation, sum(proposals.examined for _, proposals in counted))
    about = {formula: one for _, proposals in counted for formula, one in proposals.definitions.items()}
    chosen = list(origin)[: affordable(list(origin), source, watch.left)]
    tables = _whole([table for _, proposals in counted for table in proposals.tables], chosen)
    beside = {formula for _, proposals in counted for formula in proposals.beside}
    judged = confirm(chosen, source, data, bar, origin, keep=beside.union(about), tables=tables)
    judged = judged.without({rule.id for rule in judged.rules if rule.formula in beside and _exceeds(rule)})
    dropped = _outvoted(judged, source, data, bar, tables, watch)
    judged = judged.without({one.rule.id for one in dropped})
    rules = with_citations(judged.rules, judged.live, judged.broken, source.view, source.images)
    decided = confirmation if not bar.exploring else ~confirmation
    rules = assessed(rules, about, *(_answers(whole, part.nonzero().flatten()) for part in (~confirmation, decided)))
    fitted = _fitted(counted, few)
    rules = tested_in_place(rules, fitted, source, data, bar)
    rules = list(rules if scenes is None else sort_kinds(rules, scenes, vocabulary))
    judged = replace(judged, rules=rules)
    cited = {
        c.world for rule in rules if rule.evidence for c in (*rule.evidence.examples, *rule.evidence.counterexamples)
    }
    notes = (*unpopulated(whole.facts), *misread(whole.facts), *notes, *_about_fits(asked, few, parts[0], about))
    triples = [triple for _, proposals in counted for triple in proposals.triples]
    graph = KnowledgeGraph(
        vocabulary,
        rules,
        worlds=_worlds(source.view, cited),
        provenance=provenance,
        notes=account(
            found=outcome(counted, judged, dropped, whole.facts, bar),
            limits=(*notes, *limits(counted, watch, len(origin) - len(chosen)), *doubts(source)),
            advice=advice(bar, whole.facts),
        ),
        triples=measured(triples, whole.facts, whole.scenes),
    )
    return graph.with_entailment()


def _ledgers(
    whole: Told, asked: Request, seen: Tensor, ask: Callable[[Scenes], Facts] | None, watch: Watch
) -> tuple[Source, Source | None, list[Discovery]]:
    """What was said, what is labelled, and what families look at of either: the scenes numbered by ``seen``."""
    found = suspicions(whole.facts.select(seen))
    source = _source(whole.facts, whole.images, whole.scenes, found)
    parts = [replace(_discovery(source, seen), slack=asked.slack, ask=ask)]
    limit = asked.tolerance if asked.stated else None
    data = None
    if whole.labels is not None:
        data = _source(whole.labels, whole.label_images, whole.scenes, found)
        # What holds in clean labels is proposed too, however well the network obeys it.
        parts.append(
            replace(_discovery(data, seen), slack=max(ERROR_CAP, asked.slack), labels=True, fronts=parts[0].fronts)
        )
    return source, data, [replace(part, watch=watch, unasked=not asked.named, tolerance=limit) for part in parts]


def _fitted(counted: Sequence[tuple[str, Proposals]], few: Discovery | None) -> dict[Formula, Formula | None]:
    """Formulas that were fitted to scenes which would have to confirm them, and what is tested in their place.

    few: definitions were, to all of them.
    """
    found: dict[Formula, Formula | None] = {}
    for name, proposals in counted:
        found |= proposals.fitted
        if few is not None:
            found |= dict.fromkeys((*proposals.definitions, *(proposals.formulas if name in FITTED else ())))
    return found


def _exceeds(rule: Rule) -> bool:
    """Is it broken more often than is tolerated, by what was seen?"""
    return rule.evidence is not None and (rule.evidence.teacher.rate or 0.0) > rule.evidence.tolerance


def _about_fits(asked: Request, few: Discovery | None, given: Discovery, about: Collection[Formula]) -> tuple[str, ...]:
    """What limits definitions: few scenes, and unknown numbers."""
    notes = []
    if few is not None and about:
        notes.append(
            f"definitions, and what they demand, were fitted to all of fewer than {FEW} independent units: none is "
            "confirmed"
        )
    if not set(FITTED).isdisjoint(asked.families):
        notes += lacking((few or given).scenes)
    return tuple(notes)


def _outvoted(
    judged: Judged,
    source: Source,
    data: Source | None,
    bar: Bar,
    tables: Sequence[Collection[Formula]],
    watch: Watch,
) -> list[Outvoted]:
    """Rules that the other laws do not bear out. Clean labels, or a person's tolerance, decide alone; so do facts that
    nothing casts doubt on, and the sum of a table."""
    if bar.stated or source.believed or not judged.confirmed:
        return []
    if watch.left <= 0:
        watch.missed["trial"] = Missed("the trial of rules before the other laws", 0.0, judged.confirmed)
        return []
    decided = {rule.formula for rule in judged.rules if data is not None and clean(rule.formula, data)}
    return outvoted(judged.rules, source, exempt=decided.union(*tables))


def _propose(
    parts: Sequence[Discovery],
    few: Discovery | None,
    families: Sequence[str],
    provenance: Provenance,
    watch: Watch,
) -> tuple[dict[Formula, Provenance], list[tuple[str, Proposals]]]:
    """Every candidate with its origin, and what each family examined."""
    origin: dict[Formula, Provenance] = {}
    spelled: dict[Formula, Formula] = {}
    counted = []
    for name in families:
        # Definitions from so few units that none can be held apart are fitted to all of them, and not confirmed.
        looked_at = parts if few is None or name not in FITTED else [few]
        if name in UNCOUNTED and watch.over:
            watch.missed[name] = Missed(name, 0.0, None)
            proposals = Proposals((), 0)
        else:
            each = [FAMILIES[name](part) for part in looked_at]
            # Of labels the notes would say the same in other numbers.
            proposals = replace(sum(each, Proposals((), 0)), notes=each[0].notes)
            if name in watch.missed and proposals.examined:  # of one ledger, and not of the other
                watch.missed[name] = replace(watch.missed[name], reached=watch.missed[name].reached or None)
        counted.append((name, proposals))
        for formula in proposals.formulas:  # of two spellings of one rule the first stays
            if spelled.setdefault(canonical(formula), formula) == formula:
                origin.setdefault(formula, replace(provenance, family=name))
        watch.tell("families", len(counted), len(families))
    return origin, counted


def _whole(tables: Sequence[Collection[Formula]], chosen: Sequence[Formula]) -> list[frozenset[Formula]]:
    """The tables of which every formula was chosen, as it was spelled there."""
    spelled = {canonical(formula): formula for formula in chosen} if tables else {}
    named = [[spelled.get(canonical(formula)) for formula in table] for table in tables]
    return [frozenset(one for one in table if one is not None) for table in named if None not in table]


def _discovery(source: Source, seen: Tensor) -> Discovery:
    """What families look at: the discovery part of a ledger."""
    images = {parse_transform(name): view.facts.select(seen) for name, view in source.trusted_images.items()}
    scenes = source.view.scenes
    return Discovery(
        source.unsure.facts.select(seen),
        images,
        # Doubt takes about half of the groundings of three atoms.
        least=MIN_SUPPORT if source.believed else MIN_SUPPORT // 2,
        trusted=source.trusted.facts.select(seen),
        whole=source.view.facts,
        raw=source.view.facts.select(seen),
        scenes=None if scenes is None else scenes.select(seen),
    )


def _answers(whole: Told, index: Tensor) -> Answers:
    """What was said and labelled about some scenes."""
    return Answers(
        whole.facts.select(index),
        None if whole.scenes is None else whole.scenes.select(index),
        None if whole.labels is None else whole.labels.select(index),
    )


def _few(whole: Told, given: Discovery) -> Discovery | None:
    """Everything, where there are fewer than FEW independent units."""
    if whole.facts.independent() >= FEW:
        return None
    return Discovery(whole.facts, scenes=whole.scenes, ask=given.ask, watch=given.watch, everything=True)


def _source(facts: Facts, images: Mapping[Transform, Facts], scenes: Scenes | None, found: Suspicions) -> Source:
    """A ledger's facts, with doubt cast on those that twins, near-laws or the network itself give away."""
    doubt = found.about(facts)
    return Source(
        view=View(facts, scenes),
        unsure=View(doubt.without_unsure(facts), scenes),
        trusted=View(doubt.trusted(facts), scenes),
        images={str(transform): View(image) for transform, image in images.items()},
        trusted_images={str(t): View(doubt.without_unsure(image)) for t, image in images.items()},
        errors=doubt.errors,
        wrong=doubt.wrong,
        blamed=doubt.blamed,
        twinned=doubt.twinned,
        own=doubt.own(facts),
    )


def _worlds(view: View, cited: set[str | None]) -> dict[str, World]:
    return {
        view.facts.name(scene): world(view, scene)
        for scene in range(len(view.facts))
        if view.facts.name(scene) in cited
    }
