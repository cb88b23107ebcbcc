"""``distill``: a teacher, a student, scenes, and a list of ways to hand knowledge over."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from kg import Formula, RulekdError
from kg.formulas import Atom, walk
from rulekd.constraints import trainable
from rulekd.distillation.augmentation import Augmentation
from rulekd.distillation.calibration import Score, calibrate
from rulekd.distillation.checkpoints import Checkpoint
from rulekd.distillation.labels import Labels
from rulekd.distillation.material import Material
from rulekd.distillation.rules import Rules
from rulekd.distillation.run import Run, describe_transfer
from rulekd.distillation.soft_labels import SoftLabels
from rulekd.distillation.trainer import Training, train
from rulekd.distillation.transfers import Batch, Step, Targets, Transfer
from rulekd.distillation.watch import Watch
from rulekd.facts import Facts
from rulekd.predictor import Predictor, labels_as_facts
from rulekd.scenes import SceneSet


def distill(
    teacher: Predictor | None,
    student: Predictor,
    scenes: SceneSet,
    transfers: Sequence[Transfer] | None = None,
    *,
    unlabelled: SceneSet | None = None,
    seed: int = 0,
    training: Training | None = None,
    progress: Callable[[int, int], None] | None = None,
    checkpoint: Path | str | None = None,
) -> Run:
    """Train the student, in place, on what the transfers hand over.

    teacher: asked once about every scene; None for plain training on labels. scenes: only their train part is
    learned from, and thresholds are calibrated on their validate part (on the train part when that is empty).
    Plain training keeps the weights of the epoch that does best on the labels of the validate part; with a teacher
    the last weights are kept, so that students of different transfers compare at equal steps.
    transfers: ``SoftLabels()`` with a teacher and ``Labels()`` without, when unsaid. unlabelled: scenes that only
    rules see, also their train part.
    checkpoint: a file that the state of the training is written to every minute and on Ctrl-C (which then goes on as
    KeyboardInterrupt). The same call with the same file, and a student as fresh as then, goes on from there, on a CPU
    with the very result of a training that was never interrupted. The file stays: remove it when the run is saved.
    """
    given = list(transfers) if transfers is not None else [SoftLabels() if teacher is not None else Labels()]
    if not given:
        raise RulekdError("the list of transfers is empty", hint="Pass [SoftLabels(), Rules(graph)], say.")
    if not isinstance(scenes, SceneSet):
        raise RulekdError(f"scenes are a {type(scenes).__name__}", hint="Give a SceneSet: rulekd.SceneSet(scenes).")
    check(teacher, student, given)
    settings = training or Training()
    taught, held = part_of(scenes, "train"), part_of(scenes, "validate")
    if not len(taught):
        raise RulekdError(
            f"none of the {len(scenes)} scenes is in the train part", hint="Pass the whole set; it is split by group."
        )
    others = None if unlabelled is None else part_of(unlabelled, "train")
    for transfer in given:
        if isinstance(transfer, Rules):
            transfer.check_geometry(taught.scenes.select([0]))
    student.dry_run(taught)
    if teacher is not None:
        teacher.dry_run(taught)
    soft = None if teacher is None else teacher.facts(taught)
    if soft is not None:
        given = grouped(given, soft)
    labels = labels_of(taught, student) if any(isinstance(t, Labels) for t in given) else None
    material = Material.joined(
        taught.scenes,
        None if others is None else others.scenes,
        None if labels is None else Targets.of(labels),
        None if soft is None else Targets.of(soft),
    )
    alone = teacher is None and all(isinstance(t, Labels) for t in given)
    held_out = _held_out(student, held) if alone and len(held) else None
    about = {
        "training": asdict(settings),
        "seed": seed,
        "transfers": [describe_transfer(transfer) for transfer in given],
        "scenes": [taught.fingerprint, None if others is None else others.fingerprint],
        "networks": [student.fingerprint, None if teacher is None else teacher.fingerprint],
    }
    kept = None if checkpoint is None else Checkpoint(Path(checkpoint), about)
    watch = Watch.of(given, student, teacher, held if len(held) else taught)
    (entries,) = train(
        student, material, given, augmentations_of(given, student), settings, [seed], progress, held_out, kept, watch
    )
    calibrate_on(student, held if len(held) else taught, teacher, given)
    return Run(predictor=student, history=tuple(entries), seed=seed, training=settings, transfers=tuple(given))


def _held_out(student: Predictor, held: SceneSet) -> Callable[[], float] | None:
    """The loss on labels that are not learned from; it grows where noise begins to be learned by heart."""
    labels = labels_of(held, student)
    if labels is None:
        return None
    batch = Batch(held.scenes, torch.ones(len(held), dtype=torch.bool), Targets.of(labels), None)

    def loss() -> float:
        return float(Labels().loss(Step(batch, student.facts(held).values, 1.0)).sum())

    return loss


def calibrate_on(
    student: Predictor, scenes: SceneSet, teacher: Predictor | None, transfers: Sequence[Transfer] = ()
) -> None:
    """Set the student's thresholds to those that agree best with the teacher's decisions, or with the labels.

    Thresholds of predicates that a rule among the transfers maps onto each other are one.
    """
    decisions = teacher.facts(scenes) if teacher is not None else labels_of(scenes, student)
    if decisions is not None:
        score: Score = "accuracy" if teacher is None else "f1"
        student.thresholds = calibrate(student.facts(scenes), decisions, tying_laws(transfers), score)


def _refuse_same(teacher: Predictor, student: Predictor) -> None:
    """A teacher that changes with its student teaches nothing; a frozen part may be common to both."""
    taught_by = {id(weight) for weight in teacher.module.parameters()}
    for name, weight in student.module.named_parameters():
        if weight.requires_grad and id(weight) in taught_by:
            raise RulekdError(
                f"teacher and student share the trainable weights {name!r}",
                hint="Give the student weights of its own: student.with_module(copy.deepcopy(module)).",
            )


def grouped(transfers: Sequence[Transfer], answers: Facts) -> list[Transfer]:
    """The transfers, soft labels with the softmax groups that the teacher's answers declare."""
    return [replace(t, groups=answers.exclusive) if isinstance(t, SoftLabels) else t for t in transfers]


def augmentations_of(transfers: Sequence[Transfer], student: Predictor) -> list[Augmentation]:
    """How batches are transformed: by the laws of each transfer that knows some."""
    made = [t.augmentation(list(student.vocabulary)) for t in transfers if isinstance(t, Rules)]
    return [one for one in made if one is not None]


def tying_laws(transfers: Sequence[Transfer]) -> list[Formula]:
    """The laws that may tie thresholds: those that are trained."""
    return [rule.formula for t in transfers if isinstance(t, Rules) for rule in trainable(t.graph)]


def labels_of(scenes: SceneSet, student: Predictor) -> Facts | None:
    """The labels of the predicates that the student speaks; None when the scenes have none."""
    shared = [name for name in student.vocabulary if name in scenes.scenes.labels]
    return labels_as_facts(scenes).only(shared) if shared else None


def part_of(scenes: SceneSet, name: str) -> SceneSet:
    """A part that may be empty."""
    return scenes.select(torch.from_numpy(scenes.parts == name))


def check(teacher: Predictor | None, student: Predictor, transfers: Sequence[Transfer]) -> None:
    """What would fail, or teach nothing, after minutes of training, fails here."""
    for role, given in (("teacher", teacher), ("student", student)):
        if given is not None and not isinstance(given, Predictor):
            raise RulekdError(
                f"the {role} is a {type(given).__name__}",
                hint="Wrap it: rulekd.Predictor(network, vocabulary, inputs=...).",
            )
    for transfer in transfers:
        if not isinstance(transfer, Transfer):
            raise RulekdError(
                f"among the transfers is a {type(transfer).__name__}: {str(transfer)[:60]!r}",
                hint="Give transfers, such as [rulekd.SoftLabels(), rulekd.Rules(graph)].",
            )
        if not math.isfinite(transfer.weight):
            raise RulekdError(f"the weight of {transfer.name!r} is {transfer.weight}", hint="Give a finite number.")
    if teacher is not None:
        _refuse_same(teacher, student)
    if teacher is not None and not set(teacher.vocabulary) & set(student.vocabulary):
        raise RulekdError(
            f"teacher and student share no predicate: {', '.join(teacher.vocabulary)} and "
            f"{', '.join(student.vocabulary)}",
            hint="Give both the same vocabulary.",
        )
    if not any(transfer.weight for transfer in transfers):
        raise RulekdError("every transfer has the weight 0: nothing would be learned", hint="Give one a weight.")
    names = [transfer.name for transfer in transfers]
    if len(set(names)) < len(names):
        raise RulekdError(f"a transfer is given twice: {', '.join(names)}", hint="Give each once, with its weight.")
    for transfer in transfers:
        if isinstance(transfer, Rules):
            for rule in trainable(transfer.graph):
                for atom in walk(rule.formula):
                    if isinstance(atom, Atom):
                        student.vocabulary.find(atom.predicate, where=f"rule {rule.name!r} speaks of an ")
