"""`rulekd runs`: what was trained is listed as it is, what is broken is listed with the reason."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rulekd.distillation.run import load_run
from rulekd.run_files import inspect
from tests.cli.conftest import Trained
from tests.cli.shell import assert_refused, fresh_rulekd, rulekd


@pytest.fixture
def runs(trained: Trained, tmp_path: Path) -> Path:
    """Two runs, one of them in a folder of its own."""
    folder = tmp_path / "runs"
    shutil.copytree(trained.teacher, folder / "teacher")
    shutil.copytree(trained.student, folder / "students" / "first")
    return folder


def test_lists_what_was_trained(runs: Path, trained: Trained) -> None:
    found = {Path(run["run"]).name: run for run in rulekd("runs", "list", runs, "--json").value["runs"]}
    assert set(found) == {"teacher", "first"}
    first = found["first"]
    assert (first["kind"], first["student"]) == ("SoftLabels + Rules", "point-student")
    assert first["parameters"] == load_run(trained.student).parameters
    lines = [json.loads(line) for line in (trained.student / "metrics.jsonl").read_text().splitlines()]
    assert (first["steps"], first["loss"], first["seed"]) == (30, lines[-1]["loss"], 0)
    assert (first["measures"], first["problems"]) == (None, [])
    text = rulekd("runs", "list", runs).out
    row = next(line for line in text.splitlines() if "students/first" in line)
    assert f"{lines[-1]['loss']:.4f}" in row
    assert "SoftLabels + Rules" in row


def test_shows_everything(runs: Path) -> None:
    shown = rulekd("runs", "show", runs / "students/first", "--json").value
    record = json.loads((runs / "students/first/run.json").read_text())
    assert shown["record"] == record
    assert [entry["step"] for entry in shown["ledger"]][-1] == 30
    assert shown["files"]["weights.safetensors"] == os.path.getsize(runs / "students/first/weights.safetensors")
    assert set(shown["files"]) >= {"run.json", "metrics.jsonl", "graph.kg.json", "report.html"}
    text = rulekd("runs", "show", runs / "students/first").out
    for said in (record["fingerprint"], record["scenes"], "learning_rate 0.003", "soft labels", "report.html"):
        assert said in text


def test_says_when_what_it_was_made_from_is_gone(runs: Path) -> None:
    path = runs / "teacher/run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"scenes": "/no/such/rooms.jsonl"}))
    assert "/no/such/rooms.jsonl" in (text := rulekd("runs", "show", runs / "teacher").out)
    assert "not there any more" in text


def cut(name: str, to: int) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:to])


def change(**entries: object) -> Callable[[Path], object]:
    def act(run: Path) -> None:
        record = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(record | entries))

    return act


BROKEN: list[tuple[str, Callable[[Path], object], str]] = [
    ("record cut", cut("run.json", 200), "run.json cannot be read"),
    ("no record", lambda run: (run / "run.json").unlink(), "it has no run.json"),
    ("record of the future", change(version=99), "has version 99; this program reads up to 1"),
    ("record of something else", change(network="a string"), "cannot be used: its network is 'a string'"),
    ("weights missing", lambda run: (run / "weights.safetensors").unlink(), "weights.safetensors is not there"),
    ("weights cut", cut("weights.safetensors", 1000), "weights.safetensors cannot be read"),
    ("weights no tensors", lambda run: (run / "weights.safetensors").write_bytes(b"\x80\x04."), "cannot be read"),
    ("ledger cut", cut("metrics.jsonl", 150), "metrics.jsonl, line 1: is cut or is not JSON"),
    ("ledger of something else", lambda run: (run / "metrics.jsonl").write_text("[]\n"), "is no entry of a ledger"),
    ("graph cut", cut("graph.kg.json", 300), "first/graph.kg.json: "),
]


@pytest.mark.parametrize(("break_it", "reason"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_is_broken_is_listed_with_the_reason(runs: Path, break_it: Callable[[Path], object], reason: str) -> None:
    break_it(runs / "students/first")
    done = rulekd("runs", "list", runs)
    assert done.code == 0
    assert f"broken: {runs / 'students/first'}" in done.out
    assert reason in done.out
    listed = rulekd("runs", "list", runs, "--json").value["runs"]
    assert len(listed) == 2  # never dropped
    assert any(reason in problem for run in listed for problem in run["problems"])


def test_a_draft_of_a_killed_training_is_listed(runs: Path) -> None:
    (runs / ".second-abc" / "run").mkdir(parents=True)
    assert "was left by a training that was killed while it wrote" in rulekd("runs", "list", runs).out
    (runs / ".git").mkdir()
    assert ".git" not in rulekd("runs", "list", runs).out


def test_what_was_interrupted_is_told_apart(runs: Path) -> None:
    (runs / "left").mkdir()
    shutil.copy(runs / "teacher/weights.safetensors", runs / "left/checkpoint.safetensors")
    record = json.loads((runs / "teacher/run.json").read_text())
    kept = {name: record[name] for name in ("version", "command", "environment", "time", "scenes")}
    (runs / "left/run.json").write_text(json.dumps(kept | {"status": "interrupted"}))
    (runs / "comparing").mkdir()
    (runs / "comparing/students.jsonl").write_text("{}\n")
    done = {**kept, "status": "finished", "kind": "comparison", "verdict": "BEATS", "transfers": [{"kind": "Rules"}]}
    (runs / "compared").mkdir()
    (runs / "compared/run.json").write_text(json.dumps(done))
    found = {Path(run["run"]).name: run for run in rulekd("runs", "list", runs, "--json").value["runs"]}
    states = {name: run["state"] for name, run in found.items()}
    assert states == {
        "compared": "finished",
        "comparing": "interrupted",
        "left": "interrupted",
        "teacher": "finished",
        "first": "finished",
    }
    assert (found["compared"]["kind"], found["compared"]["verdict"]) == ("comparison Rules", "BEATS")
    for name in states.keys() - {"first"}:
        assert rulekd("runs", "show", runs / name).code == 0
    (runs / "left/checkpoint.safetensors").write_bytes(b"")
    assert "checkpoint.safetensors cannot be read" in rulekd("runs", "list", runs).out


def test_listing_reads_and_never_writes(runs: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
    assert rulekd("runs", "list", runs).code == 0
    assert rulekd("runs", "show", runs / "teacher").code == 0
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*")} == before


def test_what_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_refused(rulekd("runs", "list", tmp_path / "none"), "none' is not there", "runs list FOLDER")
    assert_refused(rulekd("runs", "list", tmp_path / "file"), "file' is no folder", "runs list FOLDER")
    assert_refused(rulekd("runs", "show", tmp_path / "none"), "none' is not there", "runs list FOLDER")
    assert_refused(rulekd("runs", "show", tmp_path), "it has no run.json", "runs list FOLDER")
    assert rulekd("runs", "list", tmp_path).out == f"no runs in {tmp_path}\n"


def test_loads_no_torch(runs: Path) -> None:
    code = "import json\nprint(json.dumps([m for m in sys.modules if '.' not in m]), file=sys.stderr)"
    listed = fresh_rulekd("runs", "list", runs, after=code)
    assert listed.code == 0
    assert {"torch", "sklearn", "matplotlib"} & set(json.loads(listed.err)) == set()


def test_a_whole_run_has_no_problems(trained: Trained) -> None:
    assert inspect(trained.student).problems == ()
