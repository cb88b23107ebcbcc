"""`rulekd train`: train a network on labels, on a teacher's answers, and on rules, into a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.errors import RulekdError
from kg.tables import fields
from rulekd.cli.choices import check_network, check_positive, check_scenes, check_share, check_weights
from rulekd.cli.completing import networks, run_folders
from rulekd.cli.given import check_settings, load_graph, load_scenes, refuse_existing, settings_of
from rulekd.cli.manners import JsonFlag, answer, log
from rulekd.cli.progress import counting, progress
from rulekd.run_files import CHECKPOINT

if TYPE_CHECKING:
    from kg import KnowledgeGraph
    from rulekd.distillation import Run
    from rulekd.distillation.transfers import Transfer
    from rulekd.scenes import SceneSet


def train(
    student: Annotated[
        str,
        typer.Option(
            help="A built-in network, a run directory to go on from, module:build or file.py:build.",
            autocompletion=networks,
        ),
    ],
    scenes: Annotated[Path, typer.Option(help="A file of scenes; its train part is learned from.")],
    out: Annotated[Path, typer.Option(help="The run directory to make; never an existing one.")],
    teacher: Annotated[
        str | None,
        typer.Option(help="A run directory, module:build or file.py:build.", autocompletion=run_folders),
    ] = None,
    kg: Annotated[Path | None, typer.Option(help="A graph file: its axioms are trained.")] = None,
    share: Annotated[
        float, typer.Option(help="Share of the train scenes that is labelled; only rules see the others.")
    ] = 1.0,
    temperature: Annotated[float | None, typer.Option(help="Of the teacher's soft labels.")] = None,
    labels_weight: Annotated[
        float | None, typer.Option(help="Weight of the labels: 1 without a teacher, none beside one, unless said.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the labelled scenes (40 unless said).")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps, in the place of epochs.")] = None,
    batch_size: Annotated[int, typer.Option(help="Scenes in a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate of AdamW.")] = 3e-3,
    seed: Annotated[int, typer.Option(help="Of first weights, shares and batches.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the training that an interrupt has left in --out.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train a network. Without --teacher and --kg: on labels alone."""
    refuse_existing(out, resume=resume)
    if temperature is not None and teacher is None:
        raise RulekdError(f"--temperature {temperature} without --teacher", hint="Soft labels come from a teacher.")
    check_settings(epochs, steps, batch_size, learning_rate, device)
    check_positive(temperature=temperature)
    check_weights(labels_weight=labels_weight)
    check_share(share)
    if teacher is None and labels_weight == 0:
        raise RulekdError(
            "there is nothing to learn the predicates from: no labels and no teacher",
            hint="Rules alone are satisfied by a network that says nothing; give --teacher or --labels-weight.",
        )
    check_scenes(scenes)
    check_network(student)
    if teacher is not None:
        check_network(teacher, trained=True)
    graph = None if kg is None else load_graph(kg)
    # training brings torch: what can be refused was refused before
    from rulekd.cli.networks import load_student, load_teacher
    from rulekd.distillation import distill
    from rulekd.distillation.run import leave_interrupted

    settings = settings_of(epochs, steps, batch_size, learning_rate, device)
    given = load_scenes(scenes)
    fingerprint = given.fingerprint
    transfers = _transfers(graph, teacher is not None, temperature, labels_weight)
    pupil = load_student(student, given, seed)
    master = None if teacher is None else load_teacher(teacher, pupil.scenes)
    labelled, others = _divided(pupil.scenes if master is None else master.scenes, share, seed)
    if others is not None and graph is None:
        log(f"note: without --kg the {len(others)} scenes outside the share are not used")
        others = None
    about: dict[str, Any] = {
        "scenes": str(scenes.resolve()),
        "scenes_fingerprint": fingerprint,
        "teacher": None if teacher is None else _lasting(teacher),
        "teacher_fingerprint": None if master is None else master.predictor.fingerprint,
        "share": share,
        "points": pupil.points,
    }
    try:
        with progress() as show:
            run = distill(
                None if master is None else master.predictor,
                pupil.predictor,
                labelled,
                transfers,
                unlabelled=others,
                seed=seed,
                training=settings,
                progress=counting(show, "training"),
                checkpoint=out / CHECKPOINT,
            )
    except KeyboardInterrupt:
        if (out / CHECKPOINT).exists():
            leave_interrupted(out, graph, about)
            log(f"checkpoint written: {out / CHECKPOINT}; the same command with --resume goes on with it")
        raise
    run.save(out, build=pupil.build, about=about)
    run.report(out / "report.html")
    log(f"written: {out}")
    answer(_result(run, out), _text(run, out), as_json=as_json)


def _transfers(
    graph: KnowledgeGraph | None, taught: bool, temperature: float | None, labels_weight: float | None
) -> list[Transfer]:
    # as above: training brings torch
    from rulekd.distillation import Labels, Rules, SoftLabels

    transfers: list[Transfer] = []
    weight = labels_weight if labels_weight is not None else 0.0 if taught else 1.0
    if weight:
        transfers.append(Labels(weight=weight))
    if taught:
        transfers.append(SoftLabels() if temperature is None else SoftLabels(temperature=temperature))
    assert transfers, "labels or a teacher: was checked"
    return [*transfers, Rules(graph)] if graph is not None else transfers


def _divided(scenes: SceneSet, share: float, seed: int) -> tuple[SceneSet, SceneSet | None]:
    """The scenes that are learned from, with the validate part for thresholds; and the other train scenes."""
    if share == 1:
        return scenes, None
    few, others = scenes.part("train").divide(share, seed)
    taught = set(few.scenes.names)
    kept = [name in taught or part == "validate" for name, part in zip(scenes.scenes.names, scenes.parts, strict=True)]
    places = [place for place, wanted in enumerate(kept) if wanted]
    return scenes.select(places), others if len(others) else None


def _lasting(word: str) -> str:
    """A network's word as it can be recorded: a folder or file by its whole path."""
    if Path(word).is_dir():
        return str(Path(word).resolve())
    module, colon, name = word.rpartition(":")
    return f"{Path(module).resolve()}:{name}" if colon and module.endswith(".py") else word


def _result(run: Run, out: Path) -> dict[str, Any]:
    last = run.history[-1]
    return {
        "run": out,
        "report": out / "report.html",
        "parameters": run.predictor.parameters,
        "epochs": len(run.history),
        "steps": last.step,
        "loss": last.loss,
        "terms": last.terms,
        "shares": last.shares,
        "warnings": run.warnings,
    }


def _text(run: Run, out: Path) -> str:
    last = run.history[-1]
    terms = [
        f"{name} {value:.4f} ({last.shares.get(name, 0):.0%} of the gradient)" for name, value in last.terms.items()
    ]
    lines = [
        ("run", str(out)),
        ("parameters", f"{run.predictor.parameters:,}"),
        ("steps", f"{last.step:,}"),
        ("loss", f"{last.loss:.4f}"),
        ("terms", "\n".join(terms)),
        ("report", str(out / "report.html")),
        ("warnings", "\n".join(run.warnings)),
        ("next", f"rulekd eval --run {out}"),
    ]
    return fields(lines)
