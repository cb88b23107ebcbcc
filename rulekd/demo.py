"""The whole way on generated rooms: teach, extract, train three students, compare, report.

Layer: above report; below the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from kg import KnowledgeGraph, Vocabulary
from rulekd.distillation import Labels, Measures, Rules, Run, SoftLabels, Training, distill, evaluate
from rulekd.distillation.measures import liveliness
from rulekd.distillation.transfers import Transfer
from rulekd.extraction import extract
from rulekd.extraction.families.transforms import DEFAULT_TRANSFORMS
from rulekd.extraction.stopwatch import CANDIDATES
from rulekd.networks import build
from rulekd.report import Arm, Report
from rulekd.report.provenance import augmented, mined, settings, surroundings
from rulekd.report.wording import percent
from rulekd.scenes import SceneSet
from rulekd.scenes.furniture import RELATIONS
from rulekd.scenes.rooms import generate

#: show(what, done, of)
Show: TypeAlias = Callable[[str, int, int], None]
#: The families that are read: laws between relations. A definition in geometry would label the rooms by their boxes,
#: and what laws alone are worth to a student that sees points could not be told any more.
LAWS = ("algebra", "pairs", "compositions", "transforms")
#: What an extraction calls its work on families.
FAMILIES_PIECE = "families"


@dataclass(frozen=True)
class Settings:
    """How large the demonstration is.

    rooms: generated. teacher_epochs: over the rooms that are not test. share: of the train part, how many rooms the
    students are told about. steps: of each student. temperature: of soft labels. seed: of everything.
    """

    rooms: int = 600
    teacher_epochs: int = 20
    share: float = 0.05
    steps: int = 1500
    temperature: float = 2.0
    seed: int = 0


@dataclass(frozen=True)
class Demonstration:
    """What came out. students: labels, soft, soft+rules, each with its measures on the test part."""

    settings: Settings
    scenes: SceneSet
    told: int
    graph: KnowledgeGraph
    teaching: Run
    teacher: Measures
    runs: Mapping[str, Run]
    students: Mapping[str, Measures]


#: What the students are called in tables.
TITLES: Mapping[str, str] = MappingProxyType(
    {"labels": "labels only", "soft": "soft labels", "soft+rules": "soft labels + rules"}
)


def demonstrate(settings: Settings, show: Show) -> Demonstration:
    """Teach, extract, train and compare."""
    seed = settings.seed
    show("generating rooms", 0, 1)
    scenes = rooms_of(settings)
    show("generating rooms", 1, 1)
    teacher = build("room-transformer", scenes, seed=seed)
    teaching = distill(
        None,
        teacher,
        scenes,
        seed=seed,
        training=Training(epochs=settings.teacher_epochs, device="cpu"),
        progress=lambda done, of: show("teaching the teacher", done, of),
    )
    graph = extract(teacher, scenes, families=LAWS, seed=seed, progress=_as_one(show, "extracting rules"))
    units = 2 + len(DEFAULT_TRANSFORMS) + len(LAWS)
    show("extracting rules", units, units)
    # no told rooms to validate on: every student keeps its last weights, after equally many steps
    told, others = scenes.part("train").divide(settings.share, seed)
    runs: dict[str, Run] = {}
    for name, transfers in _arms(graph, settings.temperature).items():
        what = f"student: {TITLES[name]}"
        runs[name] = distill(
            None if name == "labels" else teacher,
            build("point-student", scenes, seed=seed),
            told,
            transfers,
            unlabelled=others if name == "soft+rules" else None,
            seed=seed,
            training=Training(steps=settings.steps, device="cpu"),
            progress=lambda done, of, what=what: show(what, done, of),  # type: ignore[misc] # binds what now
        )
    test = scenes.part("test")
    measured = {name: evaluate(run.predictor, test, graph, teacher) for name, run in runs.items()}
    return Demonstration(settings, scenes, len(told), graph, teaching, evaluate(teacher, test, graph), runs, measured)


def rooms_of(settings: Settings) -> SceneSet:
    """The rooms, with the labels of the relations alone: what a thing is cannot be told from a few of its points."""
    made = generate(settings.rooms, settings.seed)
    words = Vocabulary({name: made.vocabulary[name] for name in RELATIONS}, tolerance=made.vocabulary.tolerance)
    labels = {name: made.scenes.labels[name] for name in RELATIONS}
    meaning = {name: made.definitions[name] for name in RELATIONS}
    return replace(made, scenes=made.scenes.with_labels(labels), vocabulary=words, definitions=meaning)


def _arms(graph: KnowledgeGraph, temperature: float) -> dict[str, Sequence[Transfer]]:
    return {
        "labels": [Labels()],
        "soft": [SoftLabels(temperature)],
        "soft+rules": [SoftLabels(temperature), Rules(graph)],
    }


def _as_one(show: Show, what: str) -> Show:
    """Reports on the pieces of an extraction as one: questions about each image of the scenes, then each family."""
    questions = 1 + len(DEFAULT_TRANSFORMS)
    asked: list[str] = []

    def report(piece: str, done: int, of: int) -> None:
        if piece.startswith(CANDIDATES):  # a part of a family
            return
        if piece != FAMILIES_PIECE and done == of:
            asked.append(piece)
        # the last unit is the evidence, which is gathered when all families have spoken
        counted = len(asked) if piece != FAMILIES_PIECE else questions + done
        show(what, counted, questions + len(LAWS) + 1)

    return report


def report_of(found: Demonstration) -> Report:
    """The page about it."""
    given, test = found.settings, found.scenes.part("test")
    best, soft, labels = (found.students[name] for name in ("soft+rules", "soft", "labels"))
    size = found.teacher.parameters / best.parameters
    lines = (
        (
            "Asked",
            f"Can a network {size:.0f} times smaller, which sees raw points and is told about {found.told} of "
            f"{len(found.scenes.part('train'))} rooms, be better with the rules that were read out of its teacher?",
        ),
        (
            "Came out",
            f"Macro-F1 {percent(best.f1)} with rules, {percent(soft.f1)} on soft labels alone, {percent(labels.f1)} on "
            f"labels alone; rules violated {percent(best.violation)}, {percent(soft.violation)}, "
            f"{percent(labels.violation)}.",
        ),
        ("Judged on", f"{len(test)} rooms that neither teacher nor students learned from; one seed, {given.seed}."),
    )
    arms = [Arm("teacher", (found.teacher,), (found.teaching.history,), tuple(found.teaching.warnings), "sees boxes")]
    arms += [
        Arm(
            TITLES[name],
            (found.students[name],),
            (run.history,),
            tuple(run.warnings),
            "sees points",
            liveliness(found.students[name], found.teacher),
        )
        for name, run in found.runs.items()
    ]
    ruled = found.runs["soft+rules"]
    return Report(
        title="Rules from a teacher, for a student",
        lines=lines,
        arms=tuple(arms),
        graph=found.graph,
        plan=tuple(one for t in ruled.transfers if isinstance(t, Rules) for one in t.constraints.planned),
        facts=(
            ("rooms", f"{len(found.scenes)}, {found.scenes.source}, fingerprint {found.scenes.fingerprint}"),
            ("teacher", f"fingerprint {found.teaching.predictor.fingerprint}; {settings(found.teaching.training)}"),
            *mined(found.graph),
            ("students", f"soft labels at temperature {given.temperature:g}; {settings(ruled.training)}"),
            ("seed", str(given.seed)),
            *surroundings(),
        ),
        notes=(
            "Every student is told about the same rooms and trained for the same number of steps; its thresholds are "
            "chosen on those rooms. Only rules see the others.",
            *augmented(ruled.transfers),
        ),
    )
