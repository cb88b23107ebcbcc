"""Rules: a formula with what speaks for it, where it comes from, and what a person has said about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Literal

from kg import naming
from kg.definitions import Definition
from kg.errors import FormulaError, RulekdError
from kg.formulas import Formula
from kg.naming import name_of
from kg.normal import canonical
from kg.tables import percent, rate_text
from kg.text import MAX_TEXT

__all__ = [
    "Citation",
    "Counterexample",
    "Evidence",
    "Hunt",
    "Kind",
    "Ledger",
    "Probe",
    "Probes",
    "Provenance",
    "Rule",
    "Status",
    "Tried",
    "Verdict",
    "in_words",
    "name_of",
]

Source = Literal["mined", "hand", "edited"]


class Status(Enum):
    """What a person has said about a rule."""

    SUGGESTED = "suggested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Kind(Enum):
    """How far a rule reaches: every scene that could be made, the scenes of this domain, or the teacher's answers."""

    VOCABULARY = "law of the vocabulary"
    DOMAIN = "law of this domain"
    HABIT = "habit of the teacher"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Citation:
    """One grounding that speaks for or against a rule.

    scene: its name. binding: variable -> object. world: the name under which the graph keeps the scene's facts.
    """

    scene: str
    binding: tuple[tuple[str, int], ...]
    world: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "binding", tuple((name, int(index)) for name, index in self.binding))


@dataclass(frozen=True)
class Ledger:
    """How often a rule was put to the test, and how often it was broken.

    support: live groundings. violations: those that break the rule. units: independent units (rooms, say) with any
    live grounding. rate: the mean over units of the share of live groundings that break the rule, None where nothing
    is live. interval: its 95 % (low, high).
    """

    support: int
    violations: int
    units: int = 0
    rate: float | None = None
    interval: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        # Counts often arrive as numbers of an array library, which no file format knows.
        object.__setattr__(self, "support", int(self.support))
        object.__setattr__(self, "violations", int(self.violations))
        object.__setattr__(self, "units", int(self.units))
        object.__setattr__(self, "rate", None if self.rate is None else float(self.rate))
        if self.interval is not None:
            low, high = self.interval
            object.__setattr__(self, "interval", (float(low), float(high)))
        if not 0 <= self.violations <= self.support or self.units < 0:
            raise RulekdError(
                f"a ledger with support {self.support}, {self.violations} violations and {self.units} units",
                hint="Violations are among the live groundings: 0 <= violations <= support.",
            )
        for value in (self.rate, *(self.interval or ())):
            if value is not None and not 0 <= value <= 1:
                raise RulekdError(f"a violation rate or bound of {value!r}", hint="Rates are fractions, 0 to 1.")

    @property
    def confidence(self) -> float | None:
        """1 - violations / support; None without support.

        >>> Ledger(support=200, violations=3).confidence
        0.985
        """
        return 1 - self.violations / self.support if self.support else None

    def __str__(self) -> str:
        """In words.

        >>> print(Ledger(200, 3, 40, 0.012, (0.002, 0.06)))
        3 of 200 live groundings break it, in 40 units; violation rate 1.2 %, 95 %: 0.20 to 6.00 %
        """
        broken = f"{self.violations:,} of {self.support:,} live groundings break it, in {self.units:,} units"
        return f"{broken}; violation rate {percent(self.rate)}, 95 %: {rate_text(self.interval)}"


class Verdict(Enum):
    """What a counterexample tells: the rule does not hold, the network erred there, or nobody can say."""

    RULE = "the rule is wrong"
    TEACHER = "the teacher is wrong"
    OPEN = "undecided"


@dataclass(frozen=True)
class Tried:
    """One way of searching. asked: made scenes that the teacher was asked about; broken: those in which it broke the
    rule."""

    asked: int = 0
    broken: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", int(self.asked))
        object.__setattr__(self, "broken", int(self.broken))
        if not 0 <= self.broken <= self.asked:
            raise RulekdError(
                f"{self.broken} broken among {self.asked} scenes", hint="They are among those asked about."
            )


@dataclass(frozen=True)
class Counterexample:
    """A made scene in which the teacher breaks the rule.

    cited: the scene that it was made from, the binding, and the world of what was made. margin: log-odds > 0 by which
    the least sure answer that breaks the rule lies beyond its threshold. margins: by atom (of the image, where one is
    transformed) the log-odds above its threshold; negative = denied. by: how it was found. moved: the farthest that a
    centre was moved, metres. persists: share of slightly changed copies that break the rule as well.
    """

    cited: Citation
    margin: float
    margins: tuple[tuple[str, float], ...]
    by: Literal["random", "gradient"]
    moved: float
    persists: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Hunt:
    """A search for scenes in which the teacher breaks a rule.

    random, gradient: how often each way was tried and met one. worst: the largest margin of breaking that was seen;
    negative where the rule held in every made scene, None where it could never be asked. found: the worst of them.
    space: what was changed, and within which range. note: what could not be done, and why. seconds: it took.
    """

    random: Tried
    gradient: Tried
    worst: float | None
    found: tuple[Counterexample, ...] = ()
    space: str = ""
    note: str = ""
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        """Made scenes that the teacher was asked about."""
        return self.random.asked + self.gradient.asked

    @property
    def broken(self) -> int:
        """Those in which it broke the rule."""
        return self.random.broken + self.gradient.broken


@dataclass(frozen=True)
class Probe:
    """One kind of made scenes. asked: how many. ledger: how often the rule was live in them and broken."""

    kind: str
    asked: int
    ledger: Ledger


@dataclass(frozen=True)
class Probes:
    """Made scenes in which a rule's body is live, where the given scenes have few. Never mixed into these.

    total: every made scene that came out live, each a unit. kinds: how they were made, with what came of it.
    examples, counterexamples: cited made scenes. space, note and seconds as of a hunt.
    """

    total: Ledger
    kinds: tuple[Probe, ...] = ()
    examples: tuple[Citation, ...] = ()
    counterexamples: tuple[Citation, ...] = ()
    space: str = ""
    note: str = ""
    seconds: float = 0.0

    @property
    def asked(self) -> int:
        """Made scenes that the teacher was asked about."""
        return sum(probe.asked for probe in self.kinds)

    @property
    def live(self) -> int:
        """Live groundings in them."""
        return self.total.support

    @property
    def broken(self) -> int:
        """Live groundings that the teacher breaks."""
        return self.total.violations


@dataclass(frozen=True)
class Evidence:
    """What speaks for a rule.

    teacher: obeyed by the teacher, in all scenes. data: true in the data, where labels exist. discovery: the teacher on
    the part that proposed it. undoubted: the teacher without the facts that are likely wrong. tolerance: the violation
    rate up to which the rule counts as one, what errors explain included. explained: what errors do to a law there.
    level_p and chance_p: p-values of 'the rate is above the tolerance' and of 'body and head are unrelated'. confirmed:
    both tests passed, corrected for how many rules were tried; missed: why not. examined: candidates of all families.
    examples and counterexamples: groundings that keep and break the rule. hunt and probes: what made scenes tell,
    beside the given ones. definition: of a predicate, its thresholds, and why it was chosen.
    """

    teacher: Ledger
    data: Ledger | None = None
    discovery: Ledger | None = None
    tolerance: float = 0.0
    level_p: float | None = None
    chance_p: float | None = None
    confirmed: bool = False
    examined: int = 0
    examples: tuple[Citation, ...] = ()
    counterexamples: tuple[Citation, ...] = ()
    hunt: Hunt | None = None
    probes: Probes | None = None
    definition: Definition | None = None
    undoubted: Ledger | None = None
    explained: float = 0.0
    missed: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", float(self.tolerance))
        object.__setattr__(self, "confirmed", bool(self.confirmed))
        object.__setattr__(self, "examined", int(self.examined))
        object.__setattr__(self, "examples", tuple(self.examples))
        object.__setattr__(self, "counterexamples", tuple(self.counterexamples))
        for name in ("level_p", "chance_p"):
            object.__setattr__(self, name, None if (p := getattr(self, name)) is None else float(p))
        if not 0 <= self.tolerance <= 1:
            raise RulekdError(f"a tolerance of {self.tolerance!r}", hint="Give a violation rate, 0 to 1.")
        for name, value in (("level_p", self.level_p), ("chance_p", self.chance_p)):
            if value is not None and (math.isnan(value) or not 0 <= value <= 1):
                raise RulekdError(f"{name} is {value!r}", hint="A p-value lies between 0 and 1; None where not tested.")

    def __str__(self) -> str:
        """A line a ledger, and whether it was confirmed."""
        said = (("teacher", self.teacher), ("undoubted", self.undoubted), ("data", self.data), ("tested", self.tested))
        return "\n".join(f"{name:9}  {one}" for name, one in said if one is not None)

    @property
    def tested(self) -> str:
        """Whether it was confirmed, at what tolerance, and where it was not, why."""
        why = f": {self.missed}" * bool(self.missed)
        return f"{'' if self.confirmed else 'not '}confirmed at a tolerance of {percent(self.tolerance)}{why}"

    @property
    def excess(self) -> float:
        """Ranks rules, least first: (m r + 2) / (m + 4) - explained, of the rate r in m units (Wilson's middle)."""
        told = self.undoubted or self.teacher
        return ((told.rate or 0.0) * told.units + 2) / (told.units + 4) - self.explained

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Every grounding that is cited, of given scenes and of made ones."""
        hunted = () if self.hunt is None else tuple(found.cited for found in self.hunt.found)
        probed = () if self.probes is None else (*self.probes.examples, *self.probes.counterexamples)
        return (*self.examples, *self.counterexamples, *hunted, *probed)

    @property
    def support(self) -> int:
        """Live groundings among the teacher's answers."""
        return self.teacher.support

    @property
    def violations(self) -> int:
        """Live groundings that the teacher breaks."""
        return self.teacher.violations

    @property
    def confidence(self) -> float | None:
        """1 - violations / support."""
        return self.teacher.confidence

    @property
    def rate(self) -> float | None:
        """The teacher's violation rate, a mean over units."""
        return self.teacher.rate

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the rate."""
        return self.teacher.interval


@dataclass(frozen=True)
class Provenance:
    """Where a rule or a graph comes from.

    source: mined from a teacher, written by hand, or edited. family: of rules, such as 'algebra'. teacher and data:
    fingerprints. part: of the data. versions: of programs. queries: how often the teacher was asked. time: ISO 8601.
    who and why: of a person's change.
    """

    source: Source = "hand"
    family: str = ""
    teacher: str = ""
    data: str = ""
    part: str = ""
    seed: int | None = None
    versions: tuple[tuple[str, str], ...] = ()
    queries: int = 0
    time: str = ""
    who: str = ""
    why: str = ""


@dataclass(frozen=True, repr=False)
class Rule:
    """A formula with evidence, provenance and status.

    Two rules are the same rule when their ``id`` is: it depends on the canonical formula alone. ``==`` compares
    everything. entailed_by: ids of the rules from which this one follows. replaces: id of the rule that was edited
    into this one.

    >>> from kg import parse
    >>> rule = Rule(parse("left_of(a, b) & left_of(b, c) -> left_of(a, c)"))
    >>> rule.name, rule.status.value
    ('transitive(left_of)', 'suggested')
    >>> rule.id == Rule(parse("left_of(y, z) & left_of(x, y) -> left_of(x, z)")).id
    True
    """

    formula: Formula
    evidence: Evidence | None = None
    provenance: Provenance = Provenance()
    status: Status = Status.SUGGESTED
    kind: Kind = Kind.UNKNOWN
    entailed_by: tuple[str, ...] = ()
    replaces: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.formula, Formula):
            raise FormulaError(f"a rule of {self.formula!r:.80}", hint="Read a text with kg.parse first.")
        if len(self.text) > MAX_TEXT:
            raise FormulaError(
                f"a rule of {len(self.text):,} characters, which could not be read back", hint="Split it into rules."
            )

    @cached_property
    def text(self) -> str:
        """The formula's text."""
        return str(self.formula)

    @cached_property
    def canonical(self) -> Formula:
        """The one spelling that all spellings of this rule share."""
        return canonical(self.formula)

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits, the same for every spelling of the rule."""
        return naming.rule_id(self.formula)

    @cached_property
    def name(self) -> str:
        """A readable name such as ``transitive(left_of)``."""
        return name_of(self.formula)

    @property
    def entailed(self) -> bool:
        """Does it follow from other rules?"""
        return bool(self.entailed_by)

    @property
    def standing(self) -> str:
        """What a person said of it (accepted, rejected), or the tests (confirmed, not confirmed, habit), or suggested.

        >>> from kg import parse
        >>> Rule(parse("near(a, b) -> near(b, a)"), Evidence(Ledger(200, 3))).standing
        'not confirmed'
        """
        if self.status is not Status.SUGGESTED:
            return str(self.status.value)
        if self.kind is Kind.HABIT:
            return "habit"
        if self.evidence is None:
            return "suggested"
        return "confirmed" if self.evidence.confirmed else "not confirmed"

    def __repr__(self) -> str:
        broken = (
            "" if self.evidence is None else f", broken in {self.evidence.violations:,} of {self.evidence.support:,}"
        )
        return f"Rule({self.text!r}, {self.standing}{broken})"

    def __str__(self) -> str:
        return self.text

    def with_status(self, status: Status, why: str = "") -> Rule:
        """The rule with another status; a reason, where given, goes into its provenance."""
        provenance = replace(self.provenance, why=why) if why else self.provenance
        return replace(self, status=status, provenance=provenance)


def in_words(rule: Rule | Formula) -> str:
    """The rule as one English sentence.

    >>> from kg import parse
    >>> in_words(Rule(parse("near(a, b) -> near(b, a)")))
    'If a is near b, then b is near a.'
    """
    return naming.in_words(rule.formula if isinstance(rule, Rule) else rule)
