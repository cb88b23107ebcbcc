"""What a report says about one training."""

from __future__ import annotations

from rulekd.distillation.measures import evaluate
from rulekd.distillation.rules import Rules
from rulekd.distillation.run import Run, describe_history
from rulekd.predictor import Predictor
from rulekd.report.contents import Arm, Report
from rulekd.report.provenance import Fact, mined, settings, surroundings, taught
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
        arms = [Arm("student", (measured,), student.histories, student.warnings, student.about)]
        if teacher is not None:
            arms.insert(0, Arm("teacher", (evaluate(teacher, test, run.graph),)))
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
        notes=notes(run),
    )


def notes(run: Run) -> tuple[str, ...]:
    """What the plan of the constraints does not say: what trains laws under a transform."""
    augmented = any(isinstance(transfer, Rules) and transfer.augment for transfer in run.transfers)
    said = "Laws under a transform train the student by augmentation: inputs are transformed, targets carried along."
    return (said,) if augmented else ()


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
