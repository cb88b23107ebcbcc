"""A small graph with evidence and worlds, and a page reader."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from kg import Citation, Evidence, Kind, KnowledgeGraph, Ledger, Object, Provenance, Rule, Vocabulary, World, parse

VOID = {"meta", "br", "hr", "col"}
WORDS = Vocabulary({"left_of": 2, "near": 2, "on": 2, "above": 2, "right_of": 2})


def ruled(
    text: str,
    high: float,
    support: int = 100,
    family: str = "algebra",
    confirmed: bool = True,
    kind: Kind = Kind.UNKNOWN,
    broken: int = 0,
    cited: Sequence[Citation] = (),
    against: Sequence[Citation] = (),
) -> Rule:
    """A rule whose violation rate is at most ``high``."""
    ledger = Ledger(support, broken, units=20, rate=broken / support, interval=(0.0, high))
    evidence = Evidence(
        ledger, data=Ledger(support, 0, 20, 0.0, (0.0, high)), confirmed=confirmed, examples=tuple(cited),
        counterexamples=tuple(against),
    )  # fmt: skip
    return Rule(parse(text), evidence, Provenance(source="mined", family=family), kind=kind)


def world(word: str = "cup") -> World:
    """Three boxes in a row, the last on the second, turned."""
    things = tuple(
        Object((float(x), 0.0, z), (0.8, 0.4, 0.5), yaw, {"category": word if x else "desk"})
        for x, z, yaw in ((0, 0.25, 0.0), (2, 0.25, 0.4), (2, 0.75, 0.0))
    )
    return World(3, {"left_of": {(0, 1), (0, 2)}, "on": {(2, 1)}}, objects=things)


def graph(rules: Sequence[Rule], worlds: dict[str, World] | None = None, notes: Sequence[str] = ()) -> KnowledgeGraph:
    """A graph of these rules over WORDS."""
    return KnowledgeGraph(WORDS, rules, worlds or {}, notes=notes)


class Page(HTMLParser):
    """Reads a page: every element must be closed where it belongs.

    tags: (name, attributes) in order. texts: what a reader sees, without the style.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All of it, spaces made one."""
        return " ".join(" ".join(self.texts).split())

    def count(self, tag: str) -> int:
        """How many elements of a name."""
        return sum(name == tag for name, _ in self.tags)
