"""Comparing students: the arms that a claim needs, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn

import rulekd
from kg import FileFormatError, KnowledgeGraph, RulekdError
from rulekd.distillation.comparison import SUBJECT, Comparison
from rulekd.distillation.lesson import Lesson
from rulekd.distillation.measures import Measures, liveliness
from rulekd.distillation.transfers import Transfer
from rulekd.grounding import View, count
from rulekd.predictor import Predictor, labels_as_facts
from rulekd.scenes import SceneSet, rooms

#: The module, which the function of its name stands before.
module = import_module("rulekd.distillation.compare")

LAWS = [
    "left_of(a, b) <-> right_of(b, a)",
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    "~(left_of(a, b) & left_of(b, a))",
    "under mirror_x: left_of(a, b) <-> right_of(a, b)",
    "under mirror_x: right_of(a, b) <-> left_of(a, b)",
]
ARMS = ("labels", "soft", "soft+augmentation", "soft+shuffled", SUBJECT)
FEW = rulekd.Training(steps=6, batch_size=8, device="cpu")
SHARE = 0.25


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    """Sixty rooms and three words about pairs."""
    made = rooms.generate(60, seed=4, points=6)
    words = ("left_of", "right_of", "near")
    scenes = made.scenes.with_labels({name: made.scenes.labels[name] for name in words})
    return SceneSet(scenes, definitions={name: made.definitions[name] for name in words})


@pytest.fixture(scope="module")
def teacher(scenes: SceneSet) -> Predictor:
    """A teacher that has learned something."""
    made = rulekd.build("room-transformer", scenes, seed=0, width=16, layers=1, pair_width=16)
    rulekd.distill(None, made, scenes, training=rulekd.Training(epochs=10, batch_size=8, learning_rate=1e-2))
    return made


@pytest.fixture(scope="module")
def graph(scenes: SceneSet) -> KnowledgeGraph:
    """The laws as a graph."""
    return KnowledgeGraph.of(LAWS, scenes.vocabulary)


def builder(scenes: SceneSet) -> Callable[[int], Predictor]:
    """Small students."""
    return lambda seed: rulekd.build("point-student", scenes, seed=seed, width=8, pair_width=8)


def transfers(graph: KnowledgeGraph) -> list[Transfer]:
    """What is judged."""
    return [rulekd.SoftLabels(2), rulekd.Rules(graph)]


@pytest.fixture(scope="module")
def compared(teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph) -> Comparison:
    """Three seeds of all arms."""
    return rulekd.compare(teacher, builder(scenes), scenes, transfers(graph), seeds=3, share=SHARE, training=FEW)


def test_every_arm_has_every_seed_and_equal_steps(compared: Comparison) -> None:
    assert compared.arms == ARMS
    assert compared.seeds == (0, 1, 2)
    for arm in ARMS:
        assert [student.seed for student in compared.of(arm)] == [0, 1, 2]
        assert {student.history[-1].step for student in compared.of(arm)} == {6}
    terms = {arm: set(compared.of(arm)[0].history[-1].terms) for arm in ARMS}
    assert terms == {
        "labels": {"labels"},
        "soft": {"soft labels"},
        "soft+augmentation": {"soft labels"},
        "soft+shuffled": {"soft labels", "rules"},
        SUBJECT: {"soft labels", "rules"},
    }


def test_an_arm_is_what_distilling_gives(
    compared: Comparison, teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph
) -> None:
    """The subject of seed 1, trained by ``distill`` on the same scenes, measures the same."""
    student = builder(scenes)(1)
    few, others = scenes.part("train").divide(SHARE, 1)
    rulekd.distill(teacher, student, few, transfers(graph), unlabelled=others, seed=1, training=FEW)
    lesson = Lesson.of(teacher, student, scenes, transfers(graph), SHARE, FEW)
    lesson.calibrate_(student, lesson.arms[-1], 1)
    wanted = rulekd.evaluate(student, scenes.part("test"), graph, teacher)
    found = compared.of(SUBJECT)[1].measures
    assert found.f1 == pytest.approx(wanted.f1, abs=1e-3)
    assert found.average_precision == pytest.approx(wanted.average_precision, abs=1e-3)
    assert found.violation == pytest.approx(wanted.violation, abs=1e-3)


def test_seeds_side_by_side_measure_what_they_measure_apart(
    teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for together in (True, False):
        monkeypatch.setattr(module, "_faster_together", lambda *_, together=together: together)
        one = rulekd.compare(teacher, builder(scenes), scenes, transfers(graph), seeds=2, share=SHARE, training=FEW)
        found.append([student.measures.average_precision for student in one.students])
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_the_trial_of_what_is_faster_trains_nobody(
    compared: Comparison, teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph
) -> None:
    again = rulekd.compare(teacher, builder(scenes), scenes, transfers(graph), seeds=3, share=SHARE, training=FEW)
    for one, other in zip(compared.students, again.students, strict=True):
        assert one.measures.f1 == pytest.approx(other.measures.f1, abs=1e-3)


def test_shuffled_rules_are_broken_by_the_truth_and_differ_by_seed(
    teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph
) -> None:
    lesson = Lesson.of(teacher, builder(scenes)(0), scenes, transfers(graph), SHARE, FEW)
    arm = next(arm for arm in lesson.arms if arm.name == "soft+shuffled")
    train = scenes.part("train")
    view, drawn = View(labels_as_facts(train), train.scenes), []
    for seed in (0, 1):
        rules = next(t for t in arm.of(seed) if isinstance(t, rulekd.Rules))
        assert len(rules.constraints.rules) == len(LAWS)
        drawn.append({rule.id for rule in rules.constraints.rules})
        for rule in rules.constraints.rules:
            if not rule.text.startswith("under"):
                live, broken = count(rule.formula, view)
                assert float(broken.sum() / live.sum()) > 0.1, rule.text
    assert drawn[0] != drawn[1]


def test_numbers_are_those_of_the_students(compared: Comparison) -> None:
    ours = [student.measures.f1 or 0.0 for student in compared.of(SUBJECT)]
    theirs = [student.measures.f1 or 0.0 for student in compared.of("soft")]
    difference = compared.difference("soft")
    assert difference is not None
    assert difference.values == pytest.approx([a - b for a, b in zip(ours, theirs, strict=True)])
    against_teacher = compared.difference("teacher")
    assert against_teacher is not None
    assert against_teacher.values == pytest.approx([a - (compared.teacher.f1 or 0.0) for a in ours])
    plain = compared.to_dict()
    assert plain["arms"][SUBJECT]["f1"]["mean"] == pytest.approx(sum(ours) / 3)
    assert plain["verdict"] in ("INCONCLUSIVE", "LOSES"), "three seeds never beat"
    bases = [one["base"] for one in plain["differences"] if one["measure"] == "f1"]
    assert bases == ["labels", "soft", "soft+augmentation", "soft+shuffled", "teacher"]
    assert "verdict, everything against every control" in str(compared)


def test_finished_students_are_found_again(
    teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "students.jsonl"
    asked = 0

    def stop(what: str, done: int, of: int) -> None:
        nonlocal asked
        asked += 1
        if "augmentation" in what:
            raise KeyboardInterrupt

    def again(progress: Callable[[str, int, int], None] | None = None, seeds: int = 2) -> Comparison:
        return rulekd.compare(
            teacher,
            builder(scenes),
            scenes,
            transfers(graph),
            seeds=seeds,
            share=SHARE,
            training=FEW,
            progress=progress,
            finished=path,
        )

    with pytest.raises(KeyboardInterrupt):
        again(stop)
    before = path.read_text().splitlines()
    assert len(before) == 1 + 4, "two arms of two seeds are finished"
    with path.open("a") as file:
        file.write('{"arm": "soft+augmen')  # cut off in the middle of a line
    seen: list[str] = []
    found = again(lambda what, done, of: seen.append(what))
    assert path.read_text().splitlines()[:5] == before
    assert not {"labels only", "soft labels only"} & set(seen)
    whole = rulekd.compare(teacher, builder(scenes), scenes, transfers(graph), seeds=2, share=SHARE, training=FEW)
    for one, other in zip(found.students, whole.students, strict=True):
        assert one.measures.average_precision == pytest.approx(other.measures.average_precision, abs=1e-3)
        assert one.history[-1].step == other.history[-1].step
    more = again(seeds=3)
    assert [s.measures for s in more.students if s.seed < 2] == [s.measures for s in found.students]
    with pytest.raises(FileFormatError, match="another comparison"):
        rulekd.compare(teacher, builder(scenes), scenes, transfers(graph), seeds=2, training=FEW, finished=path)


def test_without_labels_it_is_about_the_teacher(teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph) -> None:
    bare = replace(scenes, scenes=scenes.scenes.with_labels({}), definitions={})
    found = rulekd.compare(teacher, builder(scenes), bare, transfers(graph), seeds=1, training=FEW)
    assert found.arms == ("soft", "soft+augmentation", SUBJECT)
    assert found.measure == "fidelity"
    assert any("no labels" in note for note in found.notes)
    assert found.verdict.value == "INCONCLUSIVE"
    assert "one seed" in str(found)


def test_controls_that_cannot_be_made_are_told(teacher: Predictor, scenes: SceneSet) -> None:
    plain = [rulekd.SoftLabels(), rulekd.Rules(LAWS[:1])]
    found = rulekd.compare(teacher, builder(scenes), scenes, plain, seeds=1, training=FEW)
    assert "soft+augmentation" not in found.arms
    assert any("no law under a transform" in note for note in found.notes)
    only = rulekd.compare(teacher, builder(scenes), scenes, [rulekd.SoftLabels()], seeds=1, training=FEW)
    assert only.arms == ("labels", "soft", SUBJECT)
    assert any("no rules" in note for note in only.notes)


def test_saying_nothing_is_called_vacuous() -> None:
    def measures(live: dict[str, int]) -> Measures:
        return Measures(None, None, None, 0.0, None, 1, {}, live)

    teacher = measures({"p": 100, "q": 50, "r": 0})
    assert liveliness(measures({"p": 100, "q": 50, "r": 9}), teacher) == 1
    assert liveliness(measures({"p": 300, "q": 0}), teacher) == 0.5, "much of one does not make up for none of another"
    assert liveliness(measures({}), teacher) == 0
    assert liveliness(measures({"p": 1}), measures({})) is None


class Same:
    """Hands out one network again and again."""

    def __init__(self, one: Predictor) -> None:
        self.one = one

    def __call__(self, seed: int) -> Predictor:
        return self.one


def test_seeds_decide_first_weights_of_networks_that_do_not_ask_for_them(scenes: SceneSet) -> None:
    def build(seed: int) -> Predictor:
        return Predictor(nn.Linear(3, 3), scenes.vocabulary, lambda s: s["center"])

    torch.manual_seed(9)
    before = torch.rand(2)
    torch.manual_seed(9)
    assert module.fresh(build, 0).fingerprint != module.fresh(build, 1).fingerprint
    assert module.fresh(build, 0).fingerprint == module.fresh(build, 0).fingerprint
    assert torch.equal(torch.rand(2), before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": 0}, "seeds are 0"),
        ({"seeds": [1, 1]}, r"seeds are \[1, 1\]"),
        ({"share": 0.0}, "a share of 0.0"),
        ({"share": 1.5}, "a share of 1.5"),
        ({"transfers": []}, "list of transfers is empty"),
        ({"build_student": lambda seed: nn.Linear(1, 1)}, r"build_student\(0\) returned a Linear"),
        ({"transfers": [rulekd.Rules(["lef_of(a, b) -> near(a, b)"])]}, "Did you mean 'left_of'"),
    ],
)
def test_bad_calls_are_told_so(
    teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph, change: dict[str, object], said: str
) -> None:
    given: dict[str, object] = {
        "teacher": teacher,
        "build_student": builder(scenes),
        "scenes": scenes,
        "transfers": transfers(graph),
        "seeds": 2,
        "training": FEW,
    }
    with pytest.raises(RulekdError, match=said):
        rulekd.compare(**{**given, **change})  # type: ignore[arg-type] # wrong on purpose


def test_one_network_for_all_seeds_is_refused(teacher: Predictor, scenes: SceneSet, graph: KnowledgeGraph) -> None:
    with pytest.raises(RulekdError, match="one network for several seeds"):
        rulekd.compare(teacher, Same(builder(scenes)(0)), scenes, transfers(graph), seeds=2, training=FEW)
