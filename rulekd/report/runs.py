"""What a report says about one training."""

from __future__ import annotations

from dataclasses import replace

from rulekd.distillation.measures import evaluate, liveliness
from rulekd.distillation.rules import Rules
from rulekd.distillation.run import Run, describe_history
from rulekd.predictor import Predictor
from rulekd.report.contents import Arm, Report
from rulekd.report.provenance import Fact, augmented, mined, settings, surroundings, taught
from rulekd.report.wording import percent
from rulekd.scenes import SceneSet


def of_run(run: Run, scenes: SceneSet | None = None, teacher: Predictor | None = None) -> Report:
    """The report of a run; measured on the test part of the scenes where these are given, beside its teacher."""
    ways = ", ".join(transfer.name for transfer in run.transfers)
    student = Arm("student", (), (run.history,), tuple(run.warnings), f"on {ways}, seed {run.seed}")
    arms, judged = [student], "Not measured: no scenes were given."
    if scenes is not None:
        test = scenes.part("test")
        measured = evaluate(run.predictor, test, run.graph, teacher)
        arms = [replace(student, measures=(measured,))]
        if teacher is not None:
            above = evaluate(teacher, test, run.graph)
            arms = [Arm("teacher", (above,)), replace(arms[0], liveliness=liveliness(measured, above))]
        judged = f"{len(test)} scenes of the test part of {scenes.source}"
        if measured.f1 is not None:
            judged += f": macro-F1 {percent(measured.f1)}, rules violated {percent(measured.violation)}"
        judged += "."
    asked = f"Train a network of {run.predictor.parameters:,} parameters on {ways}."
    return Report(
        title="Training report",
        lines=(("Asked", asked), ("Came out", f"{describe_history(run.history)}."), ("Judged on", judged)),
        arms=tuple(arms),
        graph=run.graph,
        plan=tuple(one for t in run.transfers if isinstance(t, Rules) for one in t.constraints.planned),
        facts=_facts(run, scenes, teacher),
        notes=augmented(run.transfers),
    )


def _facts(run: Run, scenes: SceneSet | None, teacher: Predictor | None) -> tuple[Fact, ...]:
    return (
        ("student", f"{run.predictor.parameters:,} parameters, fingerprint {run.predictor.fingerprint}"),
        *(() if teacher is None else (("teacher", f"fingerprint {teacher.fingerprint}"),)),
        *(() if scenes is None else (("scenes", f"{scenes.source}, fingerprint {scenes.fingerprint}"),)),
        *mined(run.graph),
        ("taught by", taught(run.transfers)),
        ("training", settings(run.training)),
        ("seed", str(run.seed)),
        *surroundings(),
    )
