"""What is seen of the rules while a student trains: bodies that no longer hold, and breaches that nobody hears of."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

import rulekd
from kg import Vocabulary
from rulekd.distillation.ledger import Entry, State, warnings_of
from rulekd.distillation.watch import Watch
from rulekd.predictor import Predictor
from rulekd.run_files import METRICS
from rulekd.scenes import SceneSet, rooms

TRANSITIVE = "left_of(a, b) & left_of(b, c) -> left_of(a, c)"


class Table(torch.nn.Module):
    """Log-odds of one relation from how far apart two objects lie, along x: slope * (x_b - x_a) + offset."""

    def __init__(self, slope: float, offset: float) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(slope))
        self.offset = torch.nn.Parameter(torch.tensor(offset))

    def forward(self, centers: torch.Tensor) -> torch.Tensor:
        x = centers[..., 0]
        return self.slope * (x[:, None] - x[..., None]) + self.offset


def network(slope: float, offset: float) -> Predictor:
    return Predictor(
        Table(slope, offset),
        Vocabulary({"left_of": 2}),
        inputs=lambda s: (s.center,),
        outputs=lambda out: {"left_of": out},
    )


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    return SceneSet(rooms.generate(40, seed=0, points=8).scenes.with_labels({}))


def test_numbers_are_those_counted_one_by_one(scenes: SceneSet) -> None:
    """The student takes what is a little to the right for left as well, which breaks the law over three objects."""
    student, teacher = network(4.0, 0.93), network(5.0, -0.31)
    rules = rulekd.Rules([TRANSITIVE, "under mirror_x: left_of(a, b) <-> left_of(b, a)"], sharpness=3)
    watch = Watch.of([rulekd.SoftLabels(), rules], student, teacher, scenes)
    assert watch is not None
    live = {"student": 0, "teacher": 0}
    broken = silent = 0
    for scene in range(32):
        objects = int(scenes.scenes.mask[scene].sum())
        x = scenes.scenes.center[scene, :objects, 0].tolist()
        for a, b, c in itertools.permutations(x, 3):
            live["teacher"] += 5 * (b - a) - 0.31 > 0 and 5 * (c - b) - 0.31 > 0
            z = [4 * (b - a) + 0.93, 4 * (c - b) + 0.93, 4 * (c - a) + 0.93]
            live["student"] += z[0] > 0 and z[1] > 0
            if z[0] > 0 and z[1] > 0 and not z[2] > 0:
                broken += 1
                p = (3 * torch.tensor(z)).sigmoid()
                silent += bool(1 - p[0] + 1 - p[1] + p[2] >= 1)
    (state,) = watch().values()
    assert state == State(live["student"], live["teacher"], broken, silent)
    assert state.broken > state.silent > 5, "the counts are of something"


def test_without_rules_that_train_or_without_a_teacher_nothing_is_watched(scenes: SceneSet) -> None:
    student, teacher = network(1.0, 0.0), network(5.0, 0.0)
    assert Watch.of([rulekd.SoftLabels()], student, teacher, scenes) is None
    assert Watch.of([rulekd.Rules([TRANSITIVE])], student, None, scenes) is None
    assert Watch.of([rulekd.Rules([TRANSITIVE], weight=0)], student, teacher, scenes) is None
    assert (
        Watch.of([rulekd.Rules(["under mirror_x: left_of(a, b) <-> left_of(b, a)"])], student, teacher, scenes) is None
    )


def test_a_student_that_obeys_by_saying_nothing_is_found_out_while_it_trains(scenes: SceneSet, tmp_path: Path) -> None:
    """Transitivity alone, read as a product, erases the relation; beside soft labels of weight it does not."""
    training = rulekd.Training(steps=120, learning_rate=5e-2)
    rules = rulekd.Rules([TRANSITIVE], weight=20, semantics="product", ramp=0)
    teacher = network(5.0, -1.0)
    run = rulekd.distill(teacher, network(0.5, 0.5), scenes, [rulekd.SoftLabels(weight=1e-3), rules], training=training)
    first, last = (next(iter(entry.rules.values())) for entry in (run.history[0], run.history[-1]))
    assert last.taught > 100
    assert first.live > 0.8 * first.taught, "it begins by saying a lot"
    assert last.live < 0.3 * last.taught, "saw 0.18"
    (said,) = [warning for warning in run.warnings if "VACUOUS" in warning]
    assert "transitive(left_of)" in said
    assert 10 <= sum(bool(entry.rules) for entry in run.history) <= 14
    kept = [json.loads(line) for line in (run.save(tmp_path / "run", build="x:y") / METRICS).read_text().splitlines()]
    assert kept[-1]["rules"] == {"transitive(left_of)": list(last)}
    sound = rulekd.distill(teacher, network(0.5, 0.5), scenes, [rulekd.SoftLabels(), rulekd.Rules([TRANSITIVE])])
    assert not [warning for warning in sound.warnings if "VACUOUS" in warning]


def test_what_is_broken_in_silence_is_told_and_a_few_groundings_are_no_news() -> None:
    def said(state: State) -> list[str]:
        return warnings_of([Entry(0, 1, 0.0, {}, rules={"r": state})])

    assert said(State(100, 100, 50, 20)) == []
    (mute,) = said(State(100, 100, 50, 40))
    assert "40 give no gradient" in mute
    assert said(State(100, 100, 10, 10)) == []
    assert said(State(0, 10, 0, 0)) == []
    history = [Entry(e, e + 1, 0.0, {}, rules={"r": State(live, 100, 0, 0)}) for e, live in enumerate((10, 90, 50, 20))]
    (vacuous,) = warnings_of(history)
    assert "20% as many" in vacuous
    assert "since epoch 2" in vacuous
    back = Entry(**json.loads(json.dumps(asdict(history[0]))))
    assert back == history[0]
