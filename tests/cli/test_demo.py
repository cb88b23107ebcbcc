"""`rulekd demo`: the whole way, on a handful of rooms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from kg import KnowledgeGraph
from rulekd.cli.demo import _record, folder_for
from rulekd.demo import LAWS, Settings, _as_one, rooms_of
from rulekd.distillation.run import load_run
from rulekd.extraction import mine
from rulekd.predictor import labels_as_facts
from rulekd.run_files import read_record
from rulekd.scenes import rooms
from tests.cli.shell import Outcome, assert_refused, rulekd
from tests.report.made import ruled

STUDENTS = ["labels", "soft", "soft+rules"]


@pytest.fixture(scope="module")
def quick() -> Callable[..., Settings]:
    return partial(Settings, rooms=24, teacher_epochs=2, share=0.3, steps=4)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, quick: Callable[..., Settings]) -> tuple[Outcome, Path]:
    out = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rulekd.demo.Settings", quick)
        return rulekd("demo", "--out", out, "--json"), out


def test_prints_one_object(done: tuple[Outcome, Path]) -> None:
    outcome, out = done
    assert outcome.code == 0, outcome.err
    value = outcome.value
    assert list(value) == ["teacher", "students", "rules", "report"]
    assert list(value["teacher"]) == ["f1", "parameters"]
    assert list(value["students"]) == STUDENTS
    for measures in value["students"].values():
        assert list(measures) == ["f1", "violation", "fidelity", "parameters"]
        assert 0 <= measures["f1"] <= 1
        assert 10 * measures["parameters"] < value["teacher"]["parameters"]
    assert value["report"] == str(out / "report.html")
    assert "rulekd" not in outcome.out.replace(str(out), "")


def test_a_rule_is_told_with_its_evidence() -> None:
    rule = ruled("near(a, b) <-> near(b, a)", 0.05, 100, broken=2)
    record = _record(rule)
    assert list(record) == ["id", "name", "text", "confidence", "rate", "interval", "support"]
    assert record["text"] == "near(a, b) <-> near(b, a)"
    assert (record["confidence"], record["interval"], record["support"]) == (0.98, (0.0, 0.05), 100)


def test_leaves_what_it_made(done: tuple[Outcome, Path]) -> None:
    _, out = done
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    graph = KnowledgeGraph.load(out / "rooms.kg.json")
    assert graph.provenance.teacher == load_run(out / "teacher").fingerprint
    steps = {}
    for name in ("labels", "soft", "soft-rules"):
        record = read_record(out / f"student-{name}")
        steps[name] = json.loads((out / f"student-{name}" / "metrics.jsonl").read_text().splitlines()[-1])["step"]
        assert record["teacher"] == str((out / "teacher").resolve())
    assert set(steps.values()) == {4}
    kinds = {
        name: [t["kind"] for t in read_record(out / f"student-{name}")["transfers"]]
        for name in ("labels", "soft", "soft-rules")
    }
    assert kinds == {"labels": ["Labels"], "soft": ["SoftLabels"], "soft-rules": ["SoftLabels", "Rules"]}


def test_the_numbers_are_those_of_eval(done: tuple[Outcome, Path]) -> None:
    outcome, out = done
    again = rulekd("eval", "--run", out / "student-soft", "--kg", out / "rooms.kg.json", "--json").value
    told = outcome.value["students"]["soft"]
    assert {name: again[name] for name in told} == pytest.approx(told, abs=1e-6)


def test_the_students_see_no_boxes(quick: Callable[..., Settings], done: tuple[Outcome, Path]) -> None:
    """Whatever the boxes are, the answers are the same."""
    _, out = done
    student = load_run(out / "student-soft-rules")
    scenes = rooms_of(quick()).scenes
    assert scenes.center is not None
    moved = replace(
        scenes, center=scenes.center * 3 + 1, size=scenes.size, numbers={}, categories={}, category_names={}
    )
    one, other = student.logits(scenes), student.logits(moved)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_nothing_is_overwritten(done: tuple[Outcome, Path], tmp_path: Path) -> None:
    _, out = done
    before = (out / "report.html").read_bytes()
    assert_refused(rulekd("demo", "--out", out), "exists already", "--out")
    assert (out / "report.html").read_bytes() == before


def test_the_default_folder_is_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_for(None) == Path("demo-out")
    Path("demo-out").mkdir()
    assert folder_for(None) == Path("demo-out")
    (Path("demo-out") / "report.html").write_text("")
    assert folder_for(None) == Path("demo-out/1")
    Path("demo-out/1").mkdir()
    assert folder_for(None) == Path("demo-out/2")
    assert folder_for(Path("new")) == Path("new")


def test_for_a_person_there_is_a_table(
    tmp_path: Path, quick: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rulekd.demo.Settings", quick)
    shown = rulekd("demo", "--out", tmp_path / "out", "--seed", 2)
    assert shown.code == 0
    for name in ("teacher", "labels only", "soft labels", "soft labels + rules"):
        assert f"\n{name} " in shown.out
    assert shown.out.rstrip().endswith(f"report: {tmp_path / 'out' / 'report.html'}")


def test_progress_of_an_extraction_never_goes_back_nor_past_its_end() -> None:
    """The pieces of a real extraction, families and candidates among them, are told as one piece of work."""
    made = rooms.generate(60, seed=1, points=4)
    told: list[tuple[int, int]] = []
    mine(
        labels_as_facts(made, made.vocabulary),
        families=LAWS,
        progress=_as_one(lambda _, done, of: told.append((done, of)), "extracting rules"),
    )
    assert told
    assert told == sorted(told)
    assert all(done < of for done, of in told), "the last unit is the evidence"
