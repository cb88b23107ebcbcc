"""A full disk, a kill in the middle of writing, Ctrl-C in the middle of training: nothing whole is lost.

The disk is full in that the system refuses to write more than a few thousand bytes to a file; the kill is SIGKILL.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kg import FileFormatError, KnowledgeGraph, Status
from rulekd.distillation.run import load_run
from tests.cli.conftest import Trained
from tests.cli.damaged import MARK, OWN
from tests.cli.shell import Outcome, rulekd


def rulekd_after(preparation: str, *words: object, **environment: str) -> Outcome:
    """Run a command in a process of its own, after some Python has made the moment a bad one."""
    code = f"import sys\n{preparation}\nfrom rulekd.cli.app import app\nfrom rulekd.cli.manners import run\n"
    code += f"sys.exit(run(app, {[str(word) for word in words]!r}))"
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env=variables
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def full_disk(after: int) -> str:
    """Every file may hold so many bytes and no more."""
    return f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({after}, {after}))"


def killed_at(function: str, call: int = 1) -> str:
    """The process is killed when it calls this function of os for the nth time."""
    return f"""
import itertools, os, signal
real, calls = os.{function}, itertools.count(1)
os.{function} = lambda *given: os.kill(os.getpid(), signal.SIGKILL) if next(calls) == {call} else real(*given)"""


def train(files: Trained, out: Path, *words: object) -> list[object]:
    common = ["train", "--scenes", files.bare, "--out", out, "--device", "cpu", "--steps", 4]
    return [*common, "--student", "point-student", *words]


@pytest.fixture
def graph(trained: Trained, tmp_path: Path) -> Path:
    path = tmp_path / "g.kg.json"
    path.write_bytes(trained.graph.read_bytes())
    return path


# ------------------------------------------------------------------ a full disk


def assert_full(done: Outcome, *names: object) -> None:
    lines = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    assert (done.code, done.out) == (2, ""), done.err
    assert len(lines) == 2
    assert all(str(name) in lines[0] for name in names)
    assert "File too large" in lines[0]
    assert "make room" in lines[1].lower()


def test_a_full_disk_keeps_the_graph(graph: Path) -> None:
    before = graph.read_bytes()
    done = rulekd_after(full_disk(1000), "kg", "reject", graph, "symmetric(near)", "--reason", "x")
    assert_full(done, graph)
    assert graph.read_bytes() == before
    assert list(graph.parent.iterdir()) == [graph]


def test_a_full_disk_leaves_no_half_scenes(tmp_path: Path) -> None:
    done = rulekd_after(full_disk(5000), "scenes", "generate", "--count", 5, "--out", tmp_path / "r.jsonl")
    assert_full(done, tmp_path / "r.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_half_run(trained: Trained, tmp_path: Path) -> None:
    """run.json fits, the weights do not."""
    done = rulekd_after(full_disk(4000), *train(trained, tmp_path / "runs" / "x"))
    assert done.code == 2, done.err
    lines = done.err.splitlines()[-2:]
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    assert "fault of rulekd" not in lines[1]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# ------------------------------------------------------------------ a kill


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_kill_while_writing_keeps_the_old_graph_whole(graph: Path, function: str) -> None:
    before = graph.read_bytes()
    done = rulekd_after(killed_at(function), "kg", "reject", graph, "symmetric(near)")
    assert done.code == -9
    assert graph.read_bytes() == before
    # and what the killed one has left beside it is in nobody's way
    assert rulekd("kg", "reject", graph, "symmetric(near)").code == 0
    assert KnowledgeGraph.load(graph).rule("symmetric(near)").status is Status.REJECTED


def test_a_kill_while_a_training_is_written_loses_nothing(trained: Trained, tmp_path: Path) -> None:
    """At the checkpoint, at its replacement by the run, and between the two: each time one can go on."""
    runs = tmp_path / "runs"
    # the checkpoint's draft is in nobody's way
    assert rulekd_after(killed_at("replace", 1), *train(trained, runs / "x")).code == -9
    assert rulekd(*train(trained, runs / "x")).code == 0
    # the checkpoint is there
    assert rulekd_after(killed_at("replace", 2), *train(trained, runs / "y")).code == -9
    found = {Path(run["run"]).name: run for run in rulekd("runs", "list", runs, "--json").value["runs"]}
    assert found["y"]["state"] == "interrupted"
    assert rulekd(*train(trained, runs / "y", "--resume")).code == 0
    # the run is there, under the name of its draft
    assert rulekd_after(killed_at("replace", 3), *train(trained, runs / "z")).code == -9
    assert not (runs / "z").exists()
    (draft,) = (path for path in runs.iterdir() if path.name.startswith(".z"))
    assert load_run(draft / "run").fingerprint == load_run(runs / "y").fingerprint
    assert f"{draft} was left by a training that was killed while it wrote" in rulekd("runs", "list", runs).out


# ------------------------------------------------------------------ weights that are something else


def test_weights_are_never_unpickled(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very file that torch.load would have run, in both of its forms."""

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (MARK,)

    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "metrics.jsonl"):
        (run / name).write_bytes((trained.teacher / name).read_bytes())
    for write in (
        lambda: torch.save(Payload(), run / "weights.safetensors"),
        lambda: (run / "weights.safetensors").write_bytes(pickle.dumps(Payload())),
    ):
        write()
        with pytest.raises(FileFormatError, match=r"weights\.safetensors cannot be loaded"):
            load_run(run)
        assert "cannot be read" in rulekd("runs", "list", tmp_path).out
        assert not (tmp_path / MARK).exists()
    # the payload is a real one
    pickle.loads((run / "weights.safetensors").read_bytes())
    assert (tmp_path / MARK).exists()


# ------------------------------------------------------------------ Ctrl-C


def test_an_interrupted_training_leaves_a_checkpoint_and_goes_on(trained: Trained, tmp_path: Path) -> None:
    """SIGINT at the 40th step; resumed, the student is the one of a training that was never interrupted, to the bit."""
    own = tmp_path / "own.py"
    own.write_text(OWN)
    rules = tmp_path / "left.kg.json"
    KnowledgeGraph.of(["left_of(a, b) & left_of(b, c) -> left_of(a, c)"]).save(rules)
    common = ["train", "--scenes", trained.bare, "--student", f"{own}:build", "--kg", rules, "--labels-weight", 1]
    common += ["--steps", 120, "--device", "cpu", "--out"]
    stopped = rulekd_after("", *common, tmp_path / "x", INTERRUPT_AT="40")
    assert (stopped.code, stopped.out) == (130, ""), stopped.err
    assert "Traceback" not in stopped.err
    assert f"checkpoint written: {tmp_path / 'x' / 'checkpoint.safetensors'}" in stopped.err
    assert "interrupted" in stopped.err.splitlines()[-1]
    assert KnowledgeGraph.load(tmp_path / "x/graph.kg.json") == KnowledgeGraph.load(rules)
    assert json.loads((tmp_path / "x/run.json").read_text())["status"] == "interrupted"
    (listed,) = rulekd("runs", "list", tmp_path, "--json").value["runs"]
    assert (listed["state"], listed["problems"]) == ("interrupted", [])
    # what is half done is not used by mistake
    assert rulekd("eval", "--run", tmp_path / "x").code == 2
    assert "--resume goes on" in rulekd_after("", *common, tmp_path / "x").err

    resumed = rulekd_after("", *common, tmp_path / "x", "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.value["steps"] == 120
    assert not (tmp_path / "x/checkpoint.safetensors").exists()
    whole = rulekd_after("", *common, tmp_path / "y", "--json")
    assert whole.value["loss"] == resumed.value["loss"]
    one, other = (load_file(tmp_path / name / "weights.safetensors") for name in ("x", "y"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
