"""``run.report(path)``: a training told as a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg import RulekdError
from rulekd.distillation import Labels, Rules, Run, Training, distill, evaluate
from rulekd.networks import build
from rulekd.scenes import SceneSet
from rulekd.scenes.rooms import generate
from tests.report.made import Page, graph, ruled


@pytest.fixture(scope="module")
def rooms() -> SceneSet:
    made = generate(24, seed=1, objects=(4, 5), points=6)
    return SceneSet(
        made.scenes.with_labels({name: made.scenes.labels[name] for name in ("left_of", "right_of", "near")})
    )


@pytest.fixture(scope="module")
def run(rooms: SceneSet) -> Run:
    rules = graph([ruled("left_of(a, b) <-> right_of(b, a)", 0.02), ruled("near(a, b) <-> near(b, a)", 0.03)])
    student = build("point-student", rooms, seed=0)
    return distill(
        None, student, rooms, [Labels(), Rules(rules)], training=Training(steps=6, batch_size=8, device="cpu")
    )


def test_a_run_tells_of_itself(run: Run, tmp_path: Path) -> None:
    page = Page(run.report(tmp_path / "r.html").read_text())
    assert "on labels, rules." in page.text
    assert "6 steps" in page.text
    assert "Not measured" in page.text
    assert "A is near b exactly when b is near a." in page.text
    assert run.predictor.fingerprint in page.text


def test_with_scenes_it_is_measured_on_their_test_part(run: Run, rooms: SceneSet, tmp_path: Path) -> None:
    page = Page(run.report(tmp_path / "r.html", rooms, run.predictor).read_text())
    truth = evaluate(run.predictor, rooms.part("test"), run.graph)
    assert truth.f1 is not None
    assert f"{100 * truth.f1:.1f} %" in page.text
    assert "100 %" in page.text  # fidelity to itself
    assert rooms.fingerprint in page.text
    assert "teacher" in page.text


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("mine")
    with pytest.raises(RulekdError, match="exists already"):
        run.report(path)
    assert path.read_text() == "mine"
