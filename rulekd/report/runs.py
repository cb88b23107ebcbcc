"""What a report says about one training."""

from __future__ import annotations

import sys
from importlib.metadata import version

import torch

from rulekd.distillation.measures import evaluate
from rulekd.distillation.run import Run, describe_history
from rulekd.predictor import Predictor
from rulekd.report.contents import Arm, Report
from rulekd.report.wording import percent
from rulekd.scenes import SceneSet


def of_run(run: Run, scenes: SceneSet | None = None, teacher: Predictor | None = None) -> Report:
    """The report of a run; measured on the test part of the scenes where these are given, beside its teacher."""
    arms, judged = [Arm("student", None, run.history, tuple(run.warnings))], "Not measured: no scenes were given."
    if scenes is not None:
        test = scenes.part("test")
        measured = evaluate(run.predictor, test, run.graph, teacher)
        arms = [Arm("student", measured, run.history, tuple(run.warnings))]
        if teacher is not None:
            arms.insert(0, Arm("teacher", evaluate(teacher, test, run.graph)))
        judged = f"{len(test)} scenes of the test part of {scenes.source}"
        if measured.f1 is not None:
            judged += f": macro-F1 {percent(measured.f1)}, rules violated {percent(measured.violation)}"
        judged += "."
    ways = ", ".join(transfer.name for transfer in run.transfers)
    asked = f"Train a network of {run.predictor.parameters:,} parameters on {ways}."
    return Report(
        title="Training report",
        lines=(("Asked", asked), ("Came out", f"{describe_history(run.history)}."), ("Judged on", judged)),
        arms=tuple(arms),
        graph=run.graph,
        facts=(*_facts(run), *(() if scenes is None else (("scenes", f"{scenes.source}, {scenes.fingerprint}"),))),
    )


def _facts(run: Run) -> tuple[tuple[str, str], ...]:
    settings = ", ".join(f"{name} {value}" for name, value in vars(run.training).items() if value is not None)
    return (
        ("student", f"{run.predictor.parameters:,} parameters, fingerprint {run.predictor.fingerprint}"),
        ("seed", str(run.seed)),
        ("training", settings),
        ("versions", ", ".join(f"{name} {number}" for name, number in versions())),
    )


def versions() -> tuple[tuple[str, str], ...]:
    """What this runs on."""
    return (("rulekd", version("rulekd")), ("torch", torch.__version__), ("python", sys.version.split()[0]))
