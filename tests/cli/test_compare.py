"""`rulekd compare`: from words to a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg import KnowledgeGraph
from rulekd.run_files import FINISHED
from tests.cli.conftest import Trained
from tests.cli.shell import Outcome, assert_refused, rulekd

ARMS = ["labels", "soft", "soft+shuffled", "all"]


def words(files: Trained, out: Path, *more: object) -> list[object]:
    """Two seeds of a few steps."""
    named = ["--teacher", files.teacher, "--student", "point-student", "--scenes", files.scenes, "--kg", files.graph]
    return ["compare", *named, "--out", out, "--seeds", 2, "--steps", 4, "--device", "cpu", "--json", *more]


@pytest.fixture(scope="module")
def done(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A comparison and its folder."""
    out = tmp_path_factory.mktemp("compared") / "c"
    return out, rulekd(*words(trained, out, "--share", 0.5))


def test_the_verdict_and_all_numbers_are_on_stdout(done: tuple[Path, Outcome]) -> None:
    out, outcome = done
    assert outcome.code == 0, outcome.err
    value = outcome.value
    assert value["verdict"] in ("INCONCLUSIVE", "LOSES"), "two seeds never beat"
    assert list(value["arms"]) == ARMS
    assert value["seeds"] == [0, 1]
    for arm in value["arms"].values():
        assert len(arm["f1"]["values"]) == 2
        assert arm["f1"]["mean"] == pytest.approx(sum(arm["f1"]["values"]) / 2)
    assert any("no law under a transform" in note for note in value["notes"])
    assert value["report"] == str(out / "report.html")


def test_the_directory_holds_report_graph_and_every_student(done: tuple[Path, Outcome], trained: Trained) -> None:
    out, outcome = done
    assert {path.name for path in out.iterdir()} == {"run.json", "graph.kg.json", "report.html", FINISHED}
    record = json.loads((out / "run.json").read_text())
    assert (record["kind"], record["status"]) == ("comparison", "finished")
    assert record["differences"] == outcome.value["differences"]
    assert len((out / FINISHED).read_text().splitlines()) == 1 + 2 * len(ARMS)
    rules = {rule.id for rule in KnowledgeGraph.load(out / "graph.kg.json").rules()}
    assert rules == {rule.id for rule in KnowledgeGraph.load(trained.graph).rules()}
    assert outcome.value["verdict"] in (out / "report.html").read_text()


def test_a_finished_comparison_is_not_overwritten(done: tuple[Path, Outcome], trained: Trained) -> None:
    before = {path: path.read_bytes() for path in done[0].iterdir()}
    assert_refused(rulekd(*words(trained, done[0])), "exists already, and nothing is overwritten")
    assert {path: path.read_bytes() for path in done[0].iterdir()} == before


def test_an_interrupted_comparison_goes_on(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rulekd.distillation import lesson  # the thing that is made to stop

    out, calibrate = tmp_path / "c", lesson.calibrate
    left = iter(range(3))

    def stop(*given: object) -> dict[str, float]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return calibrate(*given)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(lesson, "calibrate", stop)
    broken = rulekd(*words(trained, out))
    assert broken.code == 130
    assert "with --resume goes on" in broken.err
    assert len((out / FINISHED).read_text().splitlines()) == 1 + 3
    monkeypatch.undo()
    assert_refused(rulekd(*words(trained, out)), "an interrupted command has left", "--resume")
    other = rulekd(*words(trained, out, "--resume", "--learning-rate", 0.5))
    assert_refused(other, "students of another comparison", "same scenes, networks and options")
    resumed = rulekd(*words(trained, out, "--resume"))
    assert resumed.code == 0, resumed.err
    assert len((out / FINISHED).read_text().splitlines()) == 1 + 2 * len(ARMS)
    assert_refused(rulekd(*words(trained, out, "--resume")), "exists already")
    assert_refused(rulekd(*words(trained, tmp_path / "none", "--resume")), "there is no students.jsonl")


def test_without_a_graph_the_rules_are_read_out_of_the_teacher(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And without a directory to write to, a numbered one is made in runs."""
    named = ["--teacher", trained.teacher, "--student", "point-student", "--scenes", trained.scenes]
    given = ["compare", *named, "--seeds", 1, "--steps", 2, "--device", "cpu", "--json"]
    monkeypatch.chdir(tmp_path)
    first, second = rulekd(*given), rulekd(*given)
    assert (first.code, second.code) == (0, 0), first.err
    assert [first.value["report"], second.value["report"]] == [f"runs/compare-{n}/report.html" for n in (1, 2)]
    assert KnowledgeGraph.load("runs/compare-1/graph.kg.json").provenance.source != "by hand"
    assert_refused(rulekd(*given, "--resume"), "--resume without --out")


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (["--seeds", 0], "--seeds is 0"),
        (["--share", 0], "--share is 0"),
        (["--epochs", 3], "--epochs 3 and --steps 4"),
        (["--student", "point-studnt"], "unknown network 'point-studnt'"),
        (["--kg", "none.kg.json"], "there is no graph 'none.kg.json'"),
        (["--teacher", "room-transformer"], "is untrained"),
        (["--temperature", "nan"], "temperature is nan"),
    ],
)
def test_bad_words_are_refused_and_nothing_is_written(
    trained: Trained, tmp_path: Path, more: list[object], error: str
) -> None:
    out = tmp_path / "c"
    assert_refused(rulekd(*words(trained, out, *more)), error)
    assert not out.exists()


def test_a_trained_student_is_no_student_of_many_seeds(trained: Trained, tmp_path: Path) -> None:
    outcome = rulekd(*words(trained, tmp_path / "c", "--student", trained.student))
    assert_refused(outcome, "every seed would start from its weights")
