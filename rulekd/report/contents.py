"""What a report says, before it has a form."""

from __future__ import annotations

from dataclasses import dataclass

from kg import KnowledgeGraph
from rulekd.distillation.ledger import Entry
from rulekd.distillation.measures import Measures


@dataclass(frozen=True)
class Arm:
    """One network of the table. measures: None where it was not measured. history: its ledger, none for a teacher."""

    name: str
    measures: Measures | None
    history: tuple[Entry, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """A report.

    lines: what was asked, what came out, on what it was judged: a heading and a sentence each. arms: networks, in the
    order of the table. graph: the rules. facts: where everything comes from, by name. notes: what a reader should know.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    arms: tuple[Arm, ...] = ()
    graph: KnowledgeGraph | None = None
    facts: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
