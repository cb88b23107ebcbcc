"""What the families look at: counts on the discovery part, made once, when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from kg import Atom, Definition, Formula, Transform, Triple
from rulekd.extraction.counting.candidates import ChainCounts, PairCounts, count_chains, count_images, count_pairs
from rulekd.extraction.evidence.confirmation import MIN_SUPPORT
from rulekd.extraction.fitting.questions import Printed
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts
from rulekd.scenes import Scenes

#: Pooled share of broken groundings on the discovery part up to which a candidate is proposed.
SLACK = 0.15


@dataclass(frozen=True)
class Proposals:
    """What one family asks to have confirmed, and how many candidates it examined to find it.

    definitions: what is known about those of the formulas that define a predicate. triples: of concepts. tables:
    formulas that stand and fall together. fitted: those of the formulas that were read off all scenes, each with the
    stricter one that the discovery part alone gives in its place, and which is tested for both; None where there is
    none, and the formula is not confirmed. beside: stricter formulas that stand beside a table for the tolerance that
    somebody named: what keeps it is listed, though its level may not be shown. notes: what was not examined, and why.
    """

    formulas: tuple[Formula, ...]
    examined: int
    definitions: Mapping[Formula, Definition] = field(default_factory=dict)
    triples: tuple[Triple, ...] = ()
    tables: tuple[frozenset[Formula], ...] = ()
    fitted: Mapping[Formula, Formula | None] = field(default_factory=dict)
    beside: frozenset[Formula] = frozenset()
    notes: tuple[str, ...] = ()

    @classmethod
    def gather(cls, candidates: Iterable[tuple[Formula, bool]]) -> Proposals:
        """From candidates, each with the word whether it is proposed."""
        examined = list(candidates)
        return cls(tuple(formula for formula, proposed in examined if proposed), len(examined))

    def __add__(self, other: Proposals) -> Proposals:
        return Proposals(
            self.formulas + other.formulas,
            self.examined + other.examined,
            {**other.definitions, **self.definitions},  # of one formula what was found first, by the network
            self.triples + other.triples,
            self.tables + other.tables,
            {**other.fitted, **self.fitted},
            self.beside | other.beside,
            self.notes + other.notes,
        )


@dataclass(frozen=True)
class Discovery:
    """The discovery part of the facts.

    facts: what was said about the scenes, without what the network was unsure of. images: what was said about them
    transformed. trusted: without what broken near-laws give away, for rules of several body atoms; None = the same.
    slack: pooled share of broken groundings up to which a candidate is proposed for confirmation; above the
    tolerance, because the share on this part is only an estimate. least: live groundings under which it is not. whole:
    what was said about all scenes. raw: the facts as they were said, where some of ``facts`` are doubted. scenes: what
    the facts are about, where that is known. ask: the network, about other scenes, where it can be asked. watch: the
    time that is left. unasked: nobody named the families, so that dear ones stay out. everything: nothing is held back
    for confirmation. tolerance: that somebody named. labels: the facts are what was labelled, and not what the network
    said. fronts: (front, columns) of classes of rows by their truth, shared by the network's answers and the labels.
    """

    facts: Facts
    images: Mapping[Transform, Facts] = field(default_factory=dict)
    slack: float = SLACK
    least: int = MIN_SUPPORT
    trusted: Facts | None = None
    whole: Facts | None = None
    raw: Facts | None = None
    scenes: Scenes | None = None
    ask: Callable[[Scenes], Facts] | None = None
    watch: Watch = field(default_factory=Watch)
    unasked: bool = False
    everything: bool = False
    tolerance: float | None = None
    labels: bool = False
    fronts: dict[bytes, tuple[list[Printed], int]] = field(default_factory=dict, repr=False, compare=False)
    # Asked for by several families, by number of objects; what was found while there was time stays found.
    exactly_one: dict[int, Proposals] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def careful(self) -> Facts:
        """The facts for rules of several body atoms."""
        return self.facts if self.trusted is None else self.trusted

    @property
    def said(self) -> Facts:
        """The facts without any doubt: a threshold lies where a network is unsure."""
        return self.facts if self.raw is None else self.raw

    @cached_property
    def pairs(self) -> PairCounts:
        """Oriented atoms over two objects, against each other."""
        return count_pairs(self.facts, 2, self.watch)

    @cached_property
    def unary(self) -> PairCounts:
        """Atoms over one object, against each other."""
        return count_pairs(self.facts, 1, self.watch)

    @cached_property
    def classes(self) -> PairCounts:
        """Atoms over no object, against each other."""
        return count_pairs(self.facts, 0, self.watch)

    def counts(self, arity: int) -> PairCounts:
        """Atoms over so many objects, none, one or two."""
        return self.pairs if arity == 2 else self.unary if arity == 1 else self.classes

    @cached_property
    def chains(self) -> ChainCounts:
        """Chains of two oriented atoms against heads."""
        return count_chains(self.careful, self.watch)

    def image_counts(self, transform: Transform, arity: int) -> tuple[tuple[Atom, ...], Tensor, Tensor]:
        """(atoms, either, differ) of the scene against its image."""
        return count_images(self.facts, self.images[transform], arity)

    def arities(self) -> set[int]:
        """The arities for which there are predicates."""
        return {value.dim() - 1 for value in self.facts.values.values()}

    def holds(self, live: float, broken: float) -> bool:
        """Is a candidate worth confirming, by its pooled counts?"""
        return live >= self.least and broken <= self.slack * live

    def held(self, live: Tensor, broken: Tensor) -> Tensor:
        """``holds`` for many candidates at once, bool."""
        return (live >= self.least) & (broken <= self.slack * live)
