"""What came of comparing students: every measure of every arm and seed, and what may be said about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from kg import KnowledgeGraph, RulekdError
from kg.files import write_atomically
from kg.tables import aligned
from rulekd.distillation.ledger import VACUOUS, Entry, warnings_of
from rulekd.distillation.measures import Measures, liveliness
from rulekd.distillation.run import circumstances, describe_transfer
from rulekd.distillation.trainer import Training
from rulekd.distillation.transfers import Transfer
from rulekd.distillation.verdict import Difference, Verdict, interval, together
from rulekd.scenes import SceneSet

#: The arm that is judged; all others are its controls.
SUBJECT: Final = "all"

#: What each arm is called in tables.
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "labels": "labels only",
        "soft": "soft labels only",
        "soft+augmentation": "soft labels, law augmentation alone",
        "soft+shuffled": "soft labels, shuffled rules",
        SUBJECT: "everything",
        "teacher": "teacher",
    }
)

#: The measures that are held against each other, in the order in which they are shown.
MEASURES: Final = ("f1", "f1_at_half", "average_precision", "violation", "fidelity")


@dataclass(frozen=True)
class Student:
    """One trained student: its arm and seed, its measures on the test part, its ledger."""

    arm: str
    seed: int
    measures: Measures
    history: tuple[Entry, ...]

    @property
    def warnings(self) -> list[str]:
        """Terms of its loss that taught next to nothing."""
        return warnings_of(self.history)


@dataclass(frozen=True)
class Comparison:
    """The outcome of ``compare``.

    teacher: measured on the same test part. students: one for each arm and seed. graph: the rules, where they came as
    a graph. transfers, training, share: what the subject was made with. told: labelled scenes a student is told of,
    of ``trained`` in the train part. tested: scenes of the test part. about: where data and teacher come from, by
    name. notes: what a reader must know, controls that could not be made among it.
    """

    teacher: Measures
    students: tuple[Student, ...]
    graph: KnowledgeGraph | None
    transfers: tuple[Transfer, ...]
    training: Training
    share: float
    told: int
    trained: int
    tested: int
    about: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """The controls, then the subject."""
        return tuple(dict.fromkeys(student.arm for student in self.students))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that every arm was trained with."""
        return tuple(sorted({student.seed for student in self.students}))

    @property
    def measure(self) -> str:
        """What the verdict is about: macro-F1 against the labels, or fidelity to the teacher where there are none."""
        return "f1" if self.teacher.f1 is not None else "fidelity"

    def of(self, arm: str) -> tuple[Student, ...]:
        """The students of one arm, by seed."""
        return tuple(sorted((s for s in self.students if s.arm == arm), key=lambda s: s.seed))

    def values(self, arm: str, measure: str) -> tuple[float, ...]:
        """A measure by seed; empty where it could not be measured."""
        found = [getattr(student.measures, measure) for student in self.of(arm)]
        return () if None in found else tuple(found)

    def difference(self, base: str, measure: str | None = None, arm: str = SUBJECT) -> Difference | None:
        """arm - base, paired by seed; base may be "teacher". None where either could not be measured."""
        name = self.measure if measure is None else measure
        ours = self.values(arm, name)
        if base == "teacher":
            level = getattr(self.teacher, name)
            theirs = () if level is None else (level,) * len(ours)
        else:
            theirs = self.values(base, name)
        if not ours or not theirs:
            return None
        return Difference(name, arm, base, tuple(a - b for a, b in zip(ours, theirs, strict=True)))

    def differences(self, measure: str | None = None) -> list[Difference]:
        """The subject against every control, then against the teacher."""
        bases = [*(arm for arm in self.arms if arm != SUBJECT), "teacher"]
        return [found for base in bases if (found := self.difference(base, measure)) is not None]

    @property
    def verdict(self) -> Verdict:
        """BEATS when the subject beats every control, LOSES when it loses to one."""
        return together([one.verdict for one in self.differences() if one.base != "teacher"])

    def liveliness(self, arm: str) -> float | None:
        """Live groundings of the rules as a share of the teacher's, mean over rules and seeds; None without rules."""
        shares = [liveliness(student.measures, self.teacher) for student in self.of(arm)]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else None

    @property
    def vacuous(self) -> tuple[str, ...]:
        """Arms that obey the rules by saying too little for them to be put to the test."""
        shares = {arm: self.liveliness(arm) for arm in self.arms}
        return tuple(arm for arm, share in shares.items() if share is not None and share < VACUOUS)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data; rates are fractions."""
        return {
            "verdict": self.verdict.value,
            "measure": self.measure,
            "seeds": list(self.seeds),
            "teacher": self.teacher.to_dict(),
            "arms": {arm: {m: self._summary(arm, m) for m in MEASURES} for arm in self.arms},
            "parameters": self.students[0].measures.parameters,
            "differences": [
                {
                    "arm": one.arm,
                    "base": one.base,
                    "measure": one.measure,
                    "mean": one.mean,
                    "interval": one.interval,
                    "values": one.values,
                    "verdict": one.verdict.value,
                }
                for measure in MEASURES
                for one in self.differences(measure)
            ],
            "vacuous": list(self.vacuous),
            "share": self.share,
            "told": self.told,
            "trained": self.trained,
            "tested": self.tested,
            "about": dict(self.about),
            "notes": list(self.notes),
        }

    def _summary(self, arm: str, measure: str) -> dict[str, Any]:
        values = self.values(arm, measure)
        mean = sum(values) / len(values) if values else None
        return {"mean": mean, "interval": interval(values), "values": values}

    def report(self, path: Path | str, scenes: SceneSet | None = None) -> Path:
        """Write an HTML page about the comparison, one file that needs no network; an existing file is refused."""
        # reports are built on comparisons; people look for them here, so this method reaches up when it is called
        from rulekd.report import of_comparison, write

        return write(of_comparison(self, scenes), path)

    def save(self, folder: Path | str) -> Path:
        """Write its directory: run.json with every number, graph.kg.json where the rules came as a graph, report.html.

        What an interrupted comparison has left there stays; a finished one is not overwritten.
        """
        target = Path(folder)
        if (target / "run.json").exists():
            raise RulekdError(f"{target} exists already, and nothing is overwritten", hint="Choose another --out.")
        target.mkdir(parents=True, exist_ok=True)
        if self.graph is not None:
            self.graph.save(target / "graph.kg.json")
        self.report(target / "report.html")
        record = {
            **circumstances("finished"),
            "kind": "comparison",
            "transfers": [describe_transfer(transfer) for transfer in self.transfers],
            "training": asdict(self.training),
            **self.to_dict(),
        }
        write_atomically(target / "run.json", json.dumps(record, indent=1) + "\n")
        return target

    def __str__(self) -> str:
        """Two tables and the verdict, in per cent and points."""
        heads = ["network", "macro-F1", "average precision", "rules violated", "fidelity"]
        columns = ("f1", "average_precision", "violation", "fidelity")
        rows = [heads, ["teacher", *(_share(getattr(self.teacher, m)) for m in columns)]]
        rows += [[TITLES[arm], *(_spread(self.values(arm, m)) for m in columns)] for arm in self.arms]
        shown = [m for m in (self.measure, "violation") if self.differences(m)]
        names = {"f1": "macro-F1", "fidelity": "fidelity", "violation": "rules violated"}
        against = [["everything against", *(head for m in shown for head in (f"{names[m]}, points", "verdict"))]]
        for base in [*(arm for arm in self.arms if arm != SUBJECT), "teacher"]:
            found = [self.difference(base, measure) for measure in shown]
            cells = [cell for one in found for cell in (_points(one), "-" if one is None else one.verdict.value)]
            against.append([TITLES[base], *cells])
        lines = [*aligned(rows), "", *aligned(against), ""]
        seeds = f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else "one seed, which proves nothing"
        lines.append(f"{seeds}; told about {self.told} of {self.trained} scenes; judged on {self.tested} others")
        lines += [f"VACUOUS: {TITLES[arm]}: the rules are hardly put to the test" for arm in self.vacuous]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, f"verdict, everything against every control: {self.verdict.value}"])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _spread(values: tuple[float, ...]) -> str:
    if not values:
        return "-"
    found, mean = interval(values), 100 * sum(values) / len(values)
    return f"{mean:.1f} %" if found is None else f"{mean:.1f} ± {50 * (found[1] - found[0]):.1f} %"


def _points(one: Difference | None) -> str:
    if one is None:
        return "-"
    found = one.interval
    return f"{100 * one.mean:+.1f}" + ("" if found is None else f" [{100 * found[0]:+.1f}, {100 * found[1]:+.1f}]")
