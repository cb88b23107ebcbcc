"""`rulekd compare`: do the rules help? Controls, seeds, a verdict and a report."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

import typer

from kg.errors import RulekdError
from rulekd.cli.choices import check_network, check_positive, check_scenes, check_share, check_weights
from rulekd.cli.completing import networks, run_folders
from rulekd.cli.given import check_settings, load_graph, load_scenes, refuse_existing, settings_of
from rulekd.cli.manners import JsonFlag, answer, log
from rulekd.cli.progress import progress
from rulekd.run_files import FINISHED


def compare(
    teacher: Annotated[
        str, typer.Option(help="A run directory, module:build or file.py:build.", autocompletion=run_folders)
    ],
    student: Annotated[
        str, typer.Option(help="A built-in network, module:build or file.py:build.", autocompletion=networks)
    ],
    scenes: Annotated[Path, typer.Option(help="A file of scenes; the test part judges.")],
    kg: Annotated[
        Path | None,
        typer.Option(
            help="A graph file: its axioms are trained, and judge every arm; read out of the teacher if unsaid."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The directory to make; a new numbered one in runs unless said.", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Students an arm; under 10 none is said to beat another.")] = 10,
    share: Annotated[
        float, typer.Option(help="Share of the train scenes that is labelled; only rules see the others.")
    ] = 1.0,
    temperature: Annotated[float, typer.Option(help="Of the teacher's soft labels.")] = 1.0,
    labels_weight: Annotated[float, typer.Option(help="Of the labels beside the soft ones, in the judged arm.")] = 0.0,
    rules_weight: Annotated[float, typer.Option(help="Of the rules.")] = 1.0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the train scenes (40 unless said).")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of every student, in the place of epochs.")] = None,
    batch_size: Annotated[int, typer.Option(help="Scenes in a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate of AdamW.")] = 3e-3,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what an interrupt has left in --out.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Train a student in several ways with several seeds, and say whether the rules help.

    The arms: labels only; soft labels only; soft labels with law augmentation alone; shuffled rules; everything. All
    take equal steps and are paired by seed; everything is held against each control, and against the teacher.
    """
    folder = folder_for(out, resume)
    refuse_existing(folder, resume=resume, left=FINISHED)
    if seeds < 1:
        raise RulekdError(f"--seeds is {seeds}", hint="Give 1 or more; 10 for a verdict.")
    if Path(student).is_dir():
        raise RulekdError(
            f"--student {student} is a run directory: every seed would start from its weights",
            hint="Name a built-in network, or module:build.",
        )
    check_settings(epochs, steps, batch_size, learning_rate, device)
    check_positive(temperature=temperature)
    check_weights(labels_weight=labels_weight, rules_weight=rules_weight)
    check_share(share)
    check_scenes(scenes)
    check_network(student)
    check_network(teacher, trained=True)
    graph = None if kg is None else load_graph(kg)
    # training brings torch: what can be refused was refused before
    from rulekd.cli.networks import load_student, load_teacher
    from rulekd.distillation import Labels, Rules, SoftLabels
    from rulekd.distillation import compare as compare_students
    from rulekd.extraction import extract
    from rulekd.predictor import Predictor

    settings = settings_of(epochs, steps, batch_size, learning_rate, device)
    beside = [SoftLabels(temperature), *([Labels(labels_weight)] if labels_weight else [])]
    pupil = load_student(student, load_scenes(scenes), 0)
    master = load_teacher(teacher, pupil.scenes)

    def build(seed: int) -> Predictor:
        return load_student(student, master.scenes, seed).predictor

    try:
        with progress() as show:
            if graph is None:
                graph = extract(master.predictor, master.scenes, progress=show)
            found = compare_students(
                master.predictor,
                build,
                master.scenes,
                [*beside, Rules(graph, weight=rules_weight)],
                seeds=seeds,
                share=share,
                training=settings,
                progress=show,
                finished=folder / FINISHED,
            )
    except KeyboardInterrupt:
        if (folder / FINISHED).exists():
            log(f"finished students are kept in {folder / FINISHED}; the same command with --resume goes on with them")
        raise
    found.save(folder)
    log(f"written: {folder}")
    report = folder / "report.html"
    answer({**found.to_dict(), "report": report}, f"{found}\nreport: {report}", as_json=as_json)


def folder_for(out: Path | None, resume: bool) -> Path:
    """The folder that is named, or runs/compare-1, -2, ..."""
    if out is not None:
        return out
    if resume:
        raise RulekdError("--resume without --out", hint="Name the directory that the interrupted comparison has left.")
    return next(folder for n in itertools.count(1) if not (folder := Path(f"runs/compare-{n}")).exists())
