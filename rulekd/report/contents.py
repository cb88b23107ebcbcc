"""What a report says, before it has a form."""

from __future__ import annotations

from dataclasses import dataclass

from kg import KnowledgeGraph
from rulekd.constraints.plan import Planned
from rulekd.distillation.comparison import Comparison
from rulekd.distillation.ledger import Entry
from rulekd.distillation.measures import Measures


@dataclass(frozen=True)
class Arm:
    """One line of the table: networks that were made in one way and differ by their seed alone.

    measures: one a network, none where it was not measured. histories: their ledgers, none for a teacher that was
    given. warnings: of all ledgers. about: how they were made, in a few words. liveliness: live groundings of the rules
    as a share of the teacher's.
    """

    name: str
    measures: tuple[Measures, ...] = ()
    histories: tuple[tuple[Entry, ...], ...] = ()
    warnings: tuple[str, ...] = ()
    about: str = ""
    liveliness: float | None = None


@dataclass(frozen=True)
class Report:
    """A report.

    lines: what was asked, what came out, on what it was judged: a heading and a sentence each. arms: networks, in the
    order of the table. graph: the rules. plan: what trains each rule. facts: where everything comes from, by name.
    notes: what a reader should know. comparison: its verdict stands on top, its differences under the networks.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    arms: tuple[Arm, ...] = ()
    graph: KnowledgeGraph | None = None
    plan: tuple[Planned, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None
