"""``compare``: does it help? The same student taught in several ways, with the controls that such a claim needs.

Every arm takes the same number of steps, with as many labelled scenes a step, from the same first weights and with
the same scenes labelled, seed by seed:

- *labels*: the labels of the told scenes, nobody else;
- *soft*: the teacher's soft labels alone;
- *soft+augmentation*: the same, inputs transformed and targets carried along by the laws under transforms: what a good
  engineer would do by hand;
- *soft+shuffled*: the same recipe with shuffled rules, as many and of the same shapes, each broken by the truth;
- *all*: the transfers as they are given.

Thresholds of all arms are calibrated on the teacher's decisions on the validate part; measures are taken on the test
part, which nobody has learned from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from kg import KnowledgeGraph, RulekdError
from rulekd.constraints import trainable
from rulekd.constraints.constraints import Rules as Given
from rulekd.distillation.comparison import Comparison, Student
from rulekd.distillation.distill import augmentations_of, check
from rulekd.distillation.finished import Finished
from rulekd.distillation.ledger import Entry
from rulekd.distillation.lesson import Arm, Lesson
from rulekd.distillation.measures import Examination
from rulekd.distillation.rules import Rules
from rulekd.distillation.stack import Stack, why_apart
from rulekd.distillation.trainer import Training, train
from rulekd.distillation.transfers import Transfer
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet

Report = Callable[[str, int, int], None]
"""progress(what, done, of): called while the work goes on."""

#: Steps by which it is tried out whether seeds train faster side by side.
TRIAL = 4


def compare(
    teacher: Predictor,
    build_student: Callable[[int], Predictor],
    scenes: SceneSet,
    transfers: Sequence[Transfer],
    *,
    seeds: int | Sequence[int] = 10,
    share: float = 1.0,
    training: Training | None = None,
    judged: Given | None = None,
    progress: Report | None = None,
    finished: Path | str | None = None,
) -> Comparison:
    """Train the student in every arm with every seed, and say what came of it.

    build_student: a fresh student for a seed, which decides its first weights. scenes: the train part is learned from,
    thresholds are chosen on the validate part, measures are taken on the test part. transfers: of the arm that is
    judged, such as ``[SoftLabels(), Rules(graph)]``. seeds: how many (0, 1, ...), or which. share: of the train
    scenes, those that students are told about, drawn anew for each seed; the others are seen by rules only.
    training: of every arm; a batch holds ``batch_size`` scenes, half of them without targets when there are such, and
    arms without rules see the first half only. judged: rules that the violations of every arm are counted by; those
    that the subject is trained on, when unsaid. finished: a file that keeps each finished student; the same call finds
    them there again.

    Students of several seeds train side by side where a trial shows that to be faster (see ``stack``): on a GPU, and
    for small networks and batches on a CPU. They learn what they would learn apart, up to rounding.
    """
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not numbers or len(set(numbers)) < len(numbers):
        raise RulekdError(f"seeds are {seeds!r}", hint="Give how many, 10 or more, or different numbers.")
    students = [fresh(build_student, seed) for seed in numbers]
    lesson = Lesson.of(teacher, students[0], scenes, transfers, share, training or Training())
    exam = Examination(lesson.test, lesson.rules if judged is None else trainable(judged), teacher)
    notes = [*lesson.notes, *_of_first_weights(students)]
    reason = _why_apart(students, lesson)
    kept = Finished(finished, {**lesson.key(students[0]), "judged": [rule.id for rule in exam.rules]})
    for arm in lesson.arms:
        missing = [seed for seed in numbers if (arm.name, seed) not in kept]
        apart = bool(reason) or arm.own or not _faster_together(build_student, arm, missing, lesson)
        for done, group in enumerate([[seed] for seed in missing] if apart else [missing] if missing else []):
            taught = [fresh(build_student, seed) for seed in group]
            ledgers = teach(taught, arm, group, lesson, _shown(progress, arm, done, len(missing) if apart else 1))
            for student, seed, entries in zip(taught, group, ledgers, strict=True):
                lesson.calibrate_(student, arm, seed)
                kept.add(Student(arm.name, seed, exam.of(student), tuple(entries)))
    return Comparison(
        teacher=exam.of(teacher),
        students=tuple(kept[arm.name, seed] for arm in lesson.arms for seed in numbers),
        graph=next((t.graph for t in transfers if isinstance(t, Rules) and isinstance(t.graph, KnowledgeGraph)), None),
        transfers=tuple(transfers),
        training=lesson.training,
        share=share,
        told=len(lesson.rows(numbers[0]).taught),
        trained=len(lesson.train),
        tested=len(lesson.test),
        about=lesson.about(),
        notes=tuple(notes),
    )


def teach(
    students: Sequence[Predictor],
    arm: Arm,
    seeds: Sequence[int],
    lesson: Lesson,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[Entry]]:
    """Train the students of some seeds in place, side by side when there are several; the ledger of each."""
    transfers = list(arm.of(seeds[0]))
    for student in students:
        check(lesson.teacher, student, transfers)
    material, training = lesson.material(arm, seeds), lesson.training_of(arm)
    learner = students[0] if len(students) == 1 else students[0].with_module(Stack([s.module for s in students]))
    ledgers = train(learner, material, transfers, augmentations_of(transfers, learner), training, seeds, progress)
    if isinstance(learner.module, Stack):
        learner.module.unstack_([student.module for student in students])
        for student in students:
            student.module.eval()
    return ledgers


def fresh(build_student: Callable[[int], Predictor], seed: int) -> Predictor:
    """The student of a seed; torch's random state is set by the seed meanwhile, and put back."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        student = build_student(seed)
    if not isinstance(student, Predictor):
        raise RulekdError(
            f"build_student({seed}) returned a {type(student).__name__}",
            hint="Return a fresh rulekd.Predictor: lambda seed: rulekd.build('point-student', scenes, seed=seed).",
        )
    return student


def _why_apart(students: Sequence[Predictor], lesson: Lesson) -> str:
    """Why students cannot train side by side; empty when they can."""
    if len(students) == 1:
        return "there is one"
    # two scenes a run, in one padding, as a stack sees them
    index = torch.arange(2 * len(students)) % len(lesson.train)
    few = lesson.train.scenes.select(index)

    def ask(module: torch.nn.Module, run: int) -> dict[str, torch.Tensor]:
        some = few if run < 0 else few.select(range(2 * run, 2 * run + 2))
        return students[max(run, 0)].with_module(module).answers(some)

    return why_apart([student.module for student in students], ask)


def _faster_together(build_student: Callable[[int], Predictor], arm: Arm, seeds: Sequence[int], lesson: Lesson) -> bool:
    """Does a step of all seeds side by side take less time than a step of each? Measured, on students thrown away."""
    if len(seeds) < 2:
        return False
    short = replace(lesson, training=replace(lesson.training, steps=TRIAL))

    def seconds(group: Sequence[int]) -> float:
        best = math.inf
        for _ in range(2):  # the first time warms up
            students = [fresh(build_student, seed) for seed in group]
            started = time.perf_counter()
            teach(students, arm, group, short)
            best = min(best, time.perf_counter() - started)
        return best

    return seconds(seeds) < len(seeds) * seconds(seeds[:1])


def _of_first_weights(students: Sequence[Predictor]) -> list[str]:
    """What is odd about the students of different seeds; one network for all of them is refused."""
    if len({id(student.module) for student in students}) < len(students):
        raise RulekdError(
            "build_student returned one network for several seeds: each would go on from where the last one ended",
            hint="Build the module inside the function.",
        )
    if len(students) > 1 and len({student.fingerprint for student in students}) == 1:
        return [
            "build_student gives the same first weights for every seed: seeds differ by their scenes and order only"
        ]
    return []


def _shown(progress: Report | None, arm: Arm, done: int, of: int) -> Callable[[int, int], None] | None:
    """One bar for an arm, whatever its seeds do one after the other."""
    if progress is None:
        return None
    return lambda step, steps: progress(arm.title, done * steps + step, of * steps)
