"""A small graph with evidence and worlds, students with measures, a page reader, and a reader of pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree

from kg import Citation, Evidence, Kind, KnowledgeGraph, Ledger, Object, Provenance, Rule, Vocabulary, World, parse
from rulekd.constraints import compile
from rulekd.distillation import Rules, SoftLabels, Training
from rulekd.distillation.comparison import Comparison, Student
from rulekd.distillation.ledger import Entry
from rulekd.distillation.measures import Measures
from rulekd.report import Arm, Report

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


def rated(
    text: str, teacher: float, data: float | None, half: float = 0.02, confirmed: bool = True, kind: Kind = Kind.UNKNOWN
) -> Rule:
    """A rule with these violation rates in both ledgers, each within ``half``."""

    def ledger(rate: float) -> Ledger:
        return Ledger(1000, round(1000 * rate), 20, rate, (max(rate - half, 0.0), min(rate + half, 1.0)))

    evidence = Evidence(ledger(teacher), None if data is None else ledger(data), confirmed=confirmed)
    return Rule(parse(text), evidence, Provenance(source="mined", family="algebra"), kind=kind)


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


def measures(f1: float, violation: float = 0.1, live: int = 100, parameters: int = 5_000) -> Measures:
    """Of one network; the other measures follow from F1, so that each column has numbers of its own."""
    return Measures(f1, f1 - 0.01, f1 + 0.02, violation, f1 + 0.03, parameters, {"r": violation}, {"r": live})


def ledger(terms: Mapping[str, Sequence[float]], every: int = 10, start: int = 0) -> tuple[Entry, ...]:
    """A history: the values of each term, an epoch each."""
    epochs = len(next(iter(terms.values())))
    return tuple(
        Entry(
            epoch,
            start + every * (epoch + 1),
            sum(values[epoch] for values in terms.values()),
            {name: values[epoch] for name, values in terms.items()},
            dict.fromkeys(terms, 1.0),
        )
        for epoch in range(epochs)
    )


CITED = Citation("room 1", (("a", 0), ("b", 1)), "room 1")
AGAINST = Citation("room 1", (("a", 1), ("b", 2)), "room 1")


def laws(word: str = "cup") -> KnowledgeGraph:
    """A rule with scenes for and against it, a mirrored one, and one that was not confirmed."""
    return graph(
        [
            ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED], against=[AGAINST], broken=5),
            ruled("under mirror_x: left_of(a, b) <-> right_of(a, b)", 0.03, 321, "transforms", cited=[CITED]),
            ruled("near(a, b) <-> near(b, a)", 0.05, confirmed=False),
        ],
        {"room 1": world(word)},
        notes=[f"note {word}"],
    )


def compared(
    f1: Mapping[str, Sequence[float]],
    violation: Mapping[str, Sequence[float]] | None = None,
    teacher: Measures | None = None,
    rules: KnowledgeGraph | None = None,
    live: Mapping[str, int] | None = None,
    word: str = "cup",
) -> Comparison:
    """A comparison with these values by arm, a seed each."""
    broken = violation or {}
    students = tuple(
        Student(
            arm,
            seed,
            measures(value, broken.get(arm, [0.1] * len(values))[seed], (live or {}).get(arm, 100)),
            ledger({"soft labels": [1.0 + 0.1 * seed, 0.5, 0.2 + 0.01 * seed]}),
        )
        for arm, values in f1.items()
        for seed, value in enumerate(values)
    )
    found = laws(word) if rules is None else rules
    return Comparison(
        teacher=teacher or measures(0.95, 0.02, parameters=150_000),
        students=students,
        graph=found,
        transfers=(SoftLabels(2.0), Rules(found)),
        training=Training(steps=30),
        share=0.05,
        told=9,
        trained=180,
        tested=70,
        about={"scenes": f"{word} rooms, fingerprint 0123456789ab", "teacher": f"of {word}, fingerprint ba9876543210"},
        notes=(f"compared {word}",),
    )


def report(word: str = "cup", title: str = "A report") -> Report:
    """A page with something in each of its sections."""
    history = ledger({"soft labels": [1.0, 0.5, 1 / 3, 0.25, 0.2]})
    found = laws(word)
    return Report(
        title,
        (("Asked", f"Is it so? {word}"), ("Came out", "Yes."), ("Judged on", "20 rooms.")),
        (
            Arm("teacher", (Measures(0.95, 0.94, 0.99, 0.01, None, 150_000, {}),)),
            Arm(
                f"student {word}",
                (Measures(0.9123, 0.8, 0.95, 0.0456, 0.93, 5_000, {}),),
                (history,),
                (f"warned {word}",),
                f"taught {word}",
            ),
        ),
        found,
        compile(found).planned,
        facts=(("rooms", f"from {word}"),),
        notes=("a note",),
        comparison=compared({"soft": [0.80] * 3, "all": [0.83, 0.85, 0.84]}, word=word),
    )


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


class Picture:
    """A part of a page as a tree, and what stands where in its pictures."""

    def __init__(self, markup: str) -> None:
        self.root = ElementTree.fromstring(f"<div>{markup}</div>")

    def every(self, name: str, kind: str = "", under: ElementTree.Element | None = None) -> list[ElementTree.Element]:
        """The elements of a name, those of a class if one is given."""
        found = (self.root if under is None else under).iter(name)
        return [e for e in found if not kind or kind in e.get("class", "").split()]

    def text(self, element: ElementTree.Element | None = None) -> str:
        """What a reader reads there, spaces made one."""
        return " ".join("".join((self.root if element is None else element).itertext()).split())

    def scale(self, number: Callable[[str], float]) -> Callable[[str | None], float]:
        """From a place in per cent of the width to a value: by the first and the last number under the axis."""
        (axis,) = self.every("li", "axis")
        ticks = [(number(self.text(tick)), share(tick.get("x"))) for tick in self.every("text", under=axis)]
        (low, x0), (high, x1) = ticks[0], ticks[-1]
        for value, x in ticks:  # the axis is linear between its numbers
            assert abs(low + (x - x0) / (x1 - x0) * (high - low) - value) < 1e-3 * (high - low)
        return lambda place: low + (share(place) - x0) / (x1 - x0) * (high - low)

    def rows(self) -> Iterator[ElementTree.Element]:
        """The rows of a chart of strips, without axis and remarks."""
        for row in self.every("li"):
            if row.get("class") is None and row.find("svg/title") is not None:
                yield row


def share(place: str | None) -> float:
    """A place in per cent."""
    assert place is not None
    assert place.endswith("%")
    return float(place.removesuffix("%"))


def signed(text: str) -> float:
    """A number as the page writes it."""
    return float(re.sub(r"[%\u00a0 ]", "", text).replace("\u2212", "-"))
