"""`rulekd eval`: measures, defaults from the run, gates."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kg import KnowledgeGraph
from rulekd.distillation import evaluate
from rulekd.distillation.run import load_run
from rulekd.scenes import SceneSet
from tests.cli.conftest import Trained
from tests.cli.shell import assert_refused, rulekd

KEYS = ["f1", "f1_at_half", "average_precision", "violation", "fidelity", "parameters"]


def test_what_the_run_knows_need_not_be_said(trained: Trained) -> None:
    done = rulekd("eval", "--run", trained.student, "--json")
    assert done.code == 0
    assert list(done.value) == KEYS
    scenes = SceneSet.load(trained.bare).with_points()
    truth = evaluate(
        load_run(trained.student), scenes.part("test"), KnowledgeGraph.load(trained.graph), load_run(trained.teacher)
    )
    assert done.value == pytest.approx({key: getattr(truth, key) for key in KEYS})
    assert None not in done.value.values()
    assert "note" not in done.err


def test_what_is_said_counts_before_what_the_run_knows(trained: Trained, tmp_path: Path) -> None:
    usual = rulekd("eval", "--run", trained.student, "--json").value
    other = tmp_path / "g.kg.json"
    KnowledgeGraph.of(["near(a, b) <-> near(b, a)"]).save(other)
    assert rulekd("eval", "--run", trained.student, "--kg", other, "--json").value["violation"] != usual["violation"]
    part = rulekd("eval", "--run", trained.student, "--part", "validate", "--json").value
    assert part["f1"] != usual["f1"]
    whole = rulekd("eval", "--run", trained.student, "--teacher", trained.student, "--json").value
    assert whole["fidelity"] == 1.0


def test_a_run_without_teacher_and_graph_has_no_fidelity(trained: Trained) -> None:
    done = rulekd("eval", "--run", trained.teacher, "--json")
    assert (done.value["fidelity"], done.value["violation"]) == (None, None)
    text = rulekd("eval", "--run", trained.teacher).out
    assert "fidelity to teacher  -" in text


@pytest.mark.parametrize(
    ("gates", "code", "said"),
    [
        (["--fail-below", "f1=0.01", "--fail-above", "violation=0.999"], 0, ""),
        (["--fail-below", "f1=1"], 1, "gate missed: f1 is"),
        (["--fail-above", "parameters=100"], 1, "gate missed: parameters is"),
        (["--fail-below", "fidelity=1", "--fail-above", "violation=0"], 1, "gate missed: violation is"),
    ],
)
def test_gates(trained: Trained, gates: list[str], code: int, said: str) -> None:
    done = rulekd("eval", "--run", trained.student, *gates, "--json")
    assert done.code == code
    assert list(done.value) == KEYS  # the result is there, whatever the gates say
    assert said in done.err
    assert ("gate missed" in done.err) == (code == 1)


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["--fail-below", "fidelty=0.9"], "unknown measure 'fidelty'", "Did you mean 'fidelity'?"),
        (["--fail-below", "f1"], "--fail-below 'f1'", "f1=0.9"),
        (["--fail-below", "f1=high"], "'high' is no number", "fractions"),
        (["--fail-below", "f1=90"], "90 is no fraction", "0.9"),
        (["--part", "tets"], "unknown part 'tets'", "Did you mean 'test'?"),
        (["--scenes", "none.jsonl"], "no file of scenes 'none.jsonl'", ""),
        (["--kg", "none.kg.json"], "no graph 'none.kg.json'", ""),
        (["--run", "nowhere"], "nowhere is no run directory", "--out"),
    ],
)
def test_what_is_refused(trained: Trained, words: list[str], error: str, hint: str) -> None:
    assert_refused(rulekd("eval", "--run", trained.student, *words), error, hint)


def test_a_gate_on_what_cannot_be_measured_is_no_pass(trained: Trained) -> None:
    done = rulekd("eval", "--run", trained.teacher, "--fail-above", "violation=0.5")
    assert done.code == 2
    assert "violation, which could not be measured" in done.err


def test_a_part_without_scenes(trained: Trained, tmp_path: Path) -> None:
    SceneSet.load(trained.bare).part("train").save(tmp_path / "train.jsonl")
    assert_refused(rulekd("eval", "--run", trained.teacher, "--scenes", tmp_path / "train.jsonl"), "part test")


def test_scenes_that_are_gone_or_changed(trained: Trained, tmp_path: Path) -> None:
    scenes = tmp_path / "rooms.jsonl"
    shutil.copy(trained.bare, scenes)
    words = ["train", "--student", "room-transformer", "--scenes", scenes, "--steps", 2, "--out", tmp_path / "x"]
    assert rulekd(*words, "--device", "cpu").code == 0
    SceneSet.load(trained.bare)[5:].save(tmp_path / "other.jsonl")
    shutil.copy(tmp_path / "other.jsonl", scenes)
    changed = rulekd("eval", "--run", tmp_path / "x")
    assert changed.code == 0
    assert "the file of scenes has changed since the training" in changed.err
    scenes.unlink()
    assert_refused(rulekd("eval", "--run", tmp_path / "x"), "which is not there", "--scenes")
    assert rulekd("eval", "--run", tmp_path / "x", "--scenes", trained.bare).code == 0


def test_a_run_that_is_damaged(trained: Trained, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(trained.teacher, broken)
    weights = broken / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert_refused(rulekd("eval", "--run", broken), "weights.safetensors cannot be loaded", "Train again")
    (broken / "run.json").write_text('{"version": 1')
    assert_refused(rulekd("eval", "--run", broken), "run.json cannot be read", "train again")
