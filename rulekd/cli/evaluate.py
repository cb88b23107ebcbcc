"""`rulekd eval`: how good, how obedient and how like its teacher is the student of a run? With gates, for CI."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.errors import FileFormatError, RulekdError, unknown
from kg.tables import fields
from rulekd.cli.choices import PARTS, check_choice, check_network, check_run
from rulekd.cli.completing import run_folders
from rulekd.cli.given import load_graph, load_scenes
from rulekd.cli.manners import NO, JsonFlag, answer, log
from rulekd.run_files import read_record

if TYPE_CHECKING:
    from kg import KnowledgeGraph
    from rulekd.scenes import SceneSet

#: What is measured, in the order in which it is shown; all but the last are fractions.
MEASURES = ("f1", "f1_at_half", "average_precision", "violation", "fidelity", "parameters")


@dataclass(frozen=True)
class Gate:
    """A bound on a measure. below: it is missed by less than ``bound``; otherwise by more."""

    measure: str
    bound: float
    below: bool

    @classmethod
    def read(cls, text: str, below: bool) -> Gate:
        """``f1=0.9``."""
        option = "--fail-below" if below else "--fail-above"
        name, equals, value = text.partition("=")
        if not equals:
            raise RulekdError(f"{option} {text!r}", hint=f"Give a measure and a number: {option} f1=0.9.")
        if name.strip() not in MEASURES:
            raise unknown("measure", name.strip(), MEASURES, where=f"{option}: ")
        try:
            bound = float(value)
        except ValueError:
            bound = math.nan
        if not math.isfinite(bound):
            raise RulekdError(f"{option} {text!r}: {value!r} is no number", hint="Rates are fractions: 0.9, not 90 %.")
        if name.strip() != "parameters" and not 0 <= bound <= 1:
            raise RulekdError(f"{option} {text!r}: {value} is no fraction", hint="Rates are fractions: 0.9 and not 90.")
        return cls(name.strip(), bound, below)

    def missed(self, values: Mapping[str, float | None]) -> str:
        """Why the gate is missed; empty where it is met."""
        value = values[self.measure]
        if value is None:
            raise RulekdError(
                f"a gate asks for {self.measure}, which could not be measured",
                hint="f1 needs labels, violation a graph (--kg), fidelity a teacher (--teacher).",
            )
        if self.below and value < self.bound:
            return f"{self.measure} is {value:.4g}, below {self.bound:g}"
        if not self.below and value > self.bound:
            return f"{self.measure} is {value:.4g}, above {self.bound:g}"
        return ""


def evaluate(
    run: Annotated[Path, typer.Option(help="A run directory.", autocompletion=run_folders)],
    scenes: Annotated[Path | None, typer.Option(help="A file of scenes; that of the training unless said.")] = None,
    kg: Annotated[Path | None, typer.Option(help="The graph that is judged by; that of the run unless said.")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="For fidelity; that of the run unless said.", autocompletion=run_folders)
    ] = None,
    part: Annotated[str, typer.Option(help="train, validate, test, discover or confirm.")] = "test",
    fail_below: Annotated[list[str] | None, typer.Option(help="Exit code 1 below this: f1=0.9.")] = None,
    fail_above: Annotated[list[str] | None, typer.Option(help="Exit code 1 above this: violation=0.01.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure the student of a run on scenes that it did not learn from. Exit code 1 when a gate is missed."""
    gates = [Gate.read(text, True) for text in fail_below or []]
    gates += [Gate.read(text, False) for text in fail_above or []]
    check_choice("part", part, PARTS)
    record = read_record(run)
    check_run(run)
    if teacher is not None:
        check_network(teacher, trained=True)
    graph = _graph(kg, run)
    given = _scenes(scenes, record)
    # networks bring torch: what can be refused was refused before
    from rulekd.cli.networks import load_teacher, load_trained
    from rulekd.distillation import evaluate as measure

    student = load_trained(run, given)
    named = teacher if teacher is not None else record.get("teacher")
    if named is None:
        judged, master = student.scenes, None
    else:
        loaded = load_teacher(named, student.scenes)
        judged, master = loaded.scenes, loaded.predictor
        _note_change(teacher is None, "teacher", record.get("teacher_fingerprint"), loaded.predictor.fingerprint)
    found = measure(student.predictor, judged.part(part), graph, master)
    values: dict[str, float | None] = {name: getattr(found, name) for name in MEASURES}
    about = [("run", str(run)), ("scenes", f"{len(judged.part(part))} of the part {part}")]
    lacking = {
        "macro-F1": "the scenes have no labels",
        "rules violated": "no graph was given (--kg)" if graph is None else "no rule was put to the test",
        "fidelity to teacher": "no teacher was given (--teacher)",
    }
    told = [
        (title, f"- {lacking[title]}" if text == "-" and title in lacking else text) for title, text in found.titled
    ]
    answer(values, fields([*about, *told]), as_json=as_json)
    missed = [reason for gate in gates if (reason := gate.missed(values))]
    for reason in missed:
        log(f"gate missed: {reason}")
    if missed:
        raise typer.Exit(NO)


def _scenes(path: Path | None, record: Mapping[str, Any]) -> SceneSet:
    if path is not None:
        return load_scenes(path)
    recorded = record.get("scenes")
    if recorded is None or not Path(recorded).exists():
        where = "records no file of scenes" if recorded is None else f"was trained on {recorded!r}, which is not there"
        raise FileFormatError(f"the run {where}", hint="Name the file: --scenes rooms.jsonl.")
    scenes = load_scenes(Path(recorded))
    _note_change(True, "file of scenes", record.get("scenes_fingerprint"), scenes.fingerprint)
    return scenes


def _note_change(default: bool, what: str, before: str | None, now: str) -> None:
    if default and before is not None and before != now:
        log(f"note: the {what} has changed since the training: fingerprint {now}, it was {before}")


def _graph(path: Path | None, run: Path) -> KnowledgeGraph | None:
    own = run / "graph.kg.json"
    return load_graph(path) if path is not None else load_graph(own) if own.exists() else None
