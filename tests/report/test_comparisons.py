"""The report of a comparison: every arm, the verdict in a sentence, and where it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from kg import KnowledgeGraph, RulekdError
from rulekd.report import of_comparison, render
from rulekd.scenes.rooms import generate
from tests.report.made import Page, compared, measures

ARMS = {
    "labels": [0.70 + 0.001 * n for n in range(10)],
    "soft": [0.80 + 0.001 * n for n in range(10)],
    "all": [0.90 + 0.0022 * n for n in range(10)],
}


def ends(values: np.ndarray, sign: str) -> list[str]:
    """The 95 % interval of a mean, by another library."""
    found = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return [f"{end:{sign}.1f}" for end in (found.low, found.high)]


def test_all_arms_and_the_verdict_are_told() -> None:
    whole = of_comparison(compared(ARMS))
    assert [arm.name for arm in whole.arms] == ["teacher", "labels only", "soft labels only", "everything"]
    assert [len(arm.measures) for arm in whole.arms] == [1, 10, 10, 10]
    asked, came_out, judged = (text for _, text in whole.lines)
    assert "5,000 parameters" in asked
    assert "150,000 parameters" in asked
    level = 100 * np.array(ARMS["all"])
    least = level - 100 * np.array(ARMS["soft"])
    reached = f"It reaches {level.mean():.1f} % ({' to '.join(ends(level, ''))} %) macro-F1"
    assert reached in came_out.replace("\u00a0", " ")
    assert f"It BEATS every control, {least.mean():+.1f} points [{', '.join(ends(least, '+'))}]" in came_out
    assert "against soft labels only. It LOSES to its teacher, −4.0 points" in came_out
    assert "70 scenes that nobody learned from; 10 seeds. Each seed is told about 9 of 180 scenes" in judged


def test_where_it_comes_from() -> None:
    text = Page(render(of_comparison(compared(ARMS)))).text
    for said in (
        "fingerprint 0123456789ab", "fingerprint ba9876543210", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "steps 30",
        "temperature 2", "torch", "a share of 0.05", "command", "compared cup", "train the student by augmentation",
    ):  # fmt: skip
        assert said in text, said


def test_the_plan_is_that_of_the_rules() -> None:
    whole = of_comparison(compared(ARMS))
    assert {one.rule.id for one in whole.plan} == {rule.id for rule in whole.graph or KnowledgeGraph.of([])}


def test_vacuous_arms_are_called_so() -> None:
    whole = of_comparison(compared(ARMS, live={"all": 70, "soft": 90}))
    assert "VACUOUS: under 80% of the teacher's groundings" in whole.lines[1][1]
    assert [arm.liveliness for arm in whole.arms] == [None, *map(pytest.approx, (1.0, 0.9, 0.7))]
    assert "70 % VACUOUS" in Page(render(whole)).text


def test_without_labels_it_is_about_fidelity() -> None:
    found = compared({"soft": [0.8] * 3, "all": [0.82, 0.83, 0.84]}, teacher=measures(0.9))
    bare = replace(
        found,
        teacher=replace(found.teacher, f1=None, f1_at_half=None, average_precision=None, fidelity=1.0),
        students=tuple(
            replace(s, measures=replace(s.measures, f1=None, f1_at_half=None, average_precision=None))
            for s in found.students
        ),
    )
    text = Page(render(of_comparison(bare))).text
    assert "everything less each control: fidelity, in points" in text
    assert "macro-F1 –" not in text


def test_other_scenes_are_refused() -> None:
    rooms = generate(8, seed=3, objects=(3, 4), points=4)
    with pytest.raises(RulekdError, match=rooms.fingerprint):
        of_comparison(compared(ARMS), rooms)
    mine = replace(compared(ARMS), about={"scenes": f"rooms, fingerprint {rooms.fingerprint}"})
    facts = dict(of_comparison(mine, rooms).facts)
    counts = {name: int((rooms.parts == name).sum()) for name in ("train", "validate", "test")}
    assert facts["parts"] == ", ".join(f"{count} {name}" for name, count in counts.items())
    assert sum(counts.values()) == 8
