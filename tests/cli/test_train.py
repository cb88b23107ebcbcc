"""`rulekd train`: from words to a run directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rulekd.distillation.run import load_run
from rulekd.run_files import read_record
from rulekd.scenes import SceneSet
from tests.cli.conftest import Trained
from tests.cli.shell import assert_refused, rulekd

OWN = '''
"""A network of one weight."""
import torch
import rulekd

class Left(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, center):
        return {"left_of": self.scale * (center[:, None, :, 0] - center[:, :, None, 0])}

def build():
    return rulekd.Predictor(Left(), {"left_of": 2}, inputs=lambda s: s["center"])

def by_points(scenes):
    return rulekd.Predictor(Left(), {"left_of": 2}, inputs=lambda s: s["points"][..., :3].mean(2))

def wrong():
    return 7

def broken():
    raise ValueError("no weights here")

def greedy(one, two):
    return build()
'''


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "net.py"
    path.write_text(OWN)
    return path


def train(files: Trained, out: Path, *words: object) -> list[object]:
    return ["train", "--scenes", files.bare, "--out", out, "--device", "cpu", "--steps", 4, "--json", *words]


def test_plain_training_learns_from_labels(trained: Trained) -> None:
    record = read_record(trained.teacher)
    assert [transfer["kind"] for transfer in record["transfers"]] == ["Labels"]
    assert record["scenes"] == str(trained.bare.resolve())
    assert record["scenes_fingerprint"] == SceneSet.load(trained.bare).fingerprint
    assert (record["teacher"], record["points"]) == (None, None)
    losses = [json.loads(line)["loss"] for line in (trained.teacher / "metrics.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.6 * losses[0]


def test_a_teacher_and_a_graph_bring_their_transfers(trained: Trained) -> None:
    record = read_record(trained.student)
    assert [transfer["kind"] for transfer in record["transfers"]] == ["SoftLabels", "Rules"]
    assert record["teacher"] == str(trained.teacher.resolve())
    assert record["teacher_fingerprint"] == load_run(trained.teacher).fingerprint
    assert (trained.student / "graph.kg.json").read_text() == trained.graph.read_text()
    assert "on soft labels, rules." in (trained.student / "report.html").read_text()


def test_points_are_sampled_said_and_recorded(trained: Trained, tmp_path: Path) -> None:
    done = rulekd(*train(trained, tmp_path / "x", "--student", "point-student"))
    assert done.code == 0
    assert "note: point-student reads points and the scenes have none: sampled 24 an object" in done.err
    assert read_record(tmp_path / "x")["points"] == {"count": 24, "noise": 0.05, "jitter": 0.1, "seed": 0}
    assert done.value["parameters"] == load_run(tmp_path / "x").parameters


def test_scenes_with_points_keep_theirs(trained: Trained, tmp_path: Path) -> None:
    words = ["train", "--scenes", trained.scenes, "--out", tmp_path / "x", "--steps", 2, "--student", "point-student"]
    done = rulekd(*words, "--device", "cpu")
    assert done.code == 0
    assert "sampled" not in done.err
    assert read_record(tmp_path / "x")["points"] is None


def test_the_same_seed_trains_the_same_student(trained: Trained, tmp_path: Path) -> None:
    for name in ("x", "y"):
        assert rulekd(*train(trained, tmp_path / name, "--student", "point-student", "--seed", 5)).code == 0
    one, other = (load_run(tmp_path / name) for name in ("x", "y"))
    assert one.fingerprint == other.fingerprint


def test_a_share_leaves_the_others_to_the_rules(trained: Trained, tmp_path: Path) -> None:
    words = train(trained, tmp_path / "x", "--student", "point-student", "--share", 0.2, "--labels-weight", 0.5)
    alone = rulekd(*words)
    scenes = SceneSet.load(trained.bare)
    others = int((scenes.parts == "train").sum()) - len(scenes.part("train").share(0.2))
    assert f"without --kg the {others} scenes outside the share are not used" in alone.err
    words = train(trained, tmp_path / "y", "--student", "point-student", "--share", 0.2, "--kg", trained.graph)
    assert rulekd(*words).code == 0
    assert read_record(tmp_path / "y")["share"] == 0.2
    assert [t["kind"] for t in read_record(tmp_path / "y")["transfers"]] == ["Labels", "Rules"]


def test_options_reach_the_transfers(trained: Trained, tmp_path: Path) -> None:
    words = ["--student", "point-student", "--teacher", trained.teacher, "--temperature", 3, "--labels-weight", 0.5]
    done = rulekd(*train(trained, tmp_path / "x", *words, "--learning-rate", 0.01, "--batch-size", 4))
    assert done.code == 0
    record = read_record(tmp_path / "x")
    assert {t["kind"]: t.get("temperature") for t in record["transfers"]} == {"Labels": None, "SoftLabels": 3.0}
    assert record["transfers"][0]["weight"] == 0.5
    assert (record["training"]["learning_rate"], record["training"]["batch_size"]) == (0.01, 4)
    assert set(done.value["terms"]) == {"labels", "soft labels"}


def test_a_network_of_ones_own_by_file(trained: Trained, own: Path, tmp_path: Path) -> None:
    done = rulekd(*train(trained, tmp_path / "x", "--student", f"{own}:build"))
    assert done.code == 0
    assert done.value["parameters"] == 1
    assert read_record(tmp_path / "x")["network"]["build"] == f"{own.resolve()}:build"
    again = rulekd("eval", "--run", tmp_path / "x", "--json")
    assert again.value["f1"] > 0.7  # 0.77 was seen; a rule on centres alone cannot do better on left_of
    # and it can teach
    taught = train(trained, tmp_path / "y", "--student", f"{own}:by_points", "--teacher", tmp_path / "x")
    done = rulekd(*taught)
    assert done.code == 0
    assert "reads points" in done.err


def test_a_network_of_ones_own_by_module(
    trained: Trained, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own.parent)
    assert rulekd(*train(trained, tmp_path / "x", "--student", "net:build")).code == 0
    assert read_record(tmp_path / "x")["network"]["build"] == "net:build"


def test_going_on_from_a_run(trained: Trained, tmp_path: Path) -> None:
    before = load_run(trained.teacher).module.state_dict()
    done = rulekd(*train(trained, tmp_path / "x", "--student", trained.teacher, "--learning-rate", 1e-9))
    assert done.code == 0
    after = load_run(tmp_path / "x").module.state_dict()
    assert all(torch.allclose(before[name], after[name], atol=1e-5) for name in before)


def test_nothing_is_overwritten(trained: Trained) -> None:
    before = (trained.teacher / "weights.safetensors").read_bytes()
    words = train(trained, trained.teacher, "--student", "room-transformer")
    assert_refused(rulekd(*words), "exists already", "--out")
    assert (trained.teacher / "weights.safetensors").read_bytes() == before
