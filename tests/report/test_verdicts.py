"""The word on top of the page: which, by how much, against whom."""

from __future__ import annotations

import numpy as np
from scipy import stats

from rulekd.report.verdicts import verdicts
from tests.report.made import Picture, compared, measures

UP = [0.0013 * n for n in range(10)]


def cards(*, soft: float, augmented: float, ours: float, teacher: float = 0.95, seeds: int = 10) -> list[str]:
    """What the cards say of arms with these means; seeds differ, differences hardly."""
    f1 = {
        "soft": [soft + up for up in UP[:seeds]],
        "soft+augmentation": [augmented + 2 * up for up in UP[:seeds]],
        "all": [ours + up for up in UP[:seeds]],
    }
    drawn = Picture(verdicts(compared(f1, teacher=measures(teacher, 0.02))))
    return [drawn.text(card) for card in drawn.every("li")]


def test_beats_every_control_by_its_least_advantage() -> None:
    control, teacher, broken, _ = cards(soft=0.7, augmented=0.8, ours=0.9, teacher=0.85)
    difference = 100 * (0.1 - np.array(UP))
    ends = stats.ttest_1samp(difference, 0.0).confidence_interval(0.95)
    assert control.startswith("macro-F1BEATS")
    assert "every control" in control
    assert f"{difference.mean():+.1f} points [{ends.low:+.1f}, {ends.high:+.1f}]" in control
    assert "against the closest, soft labels, law augmentation alone; 10 of 10 seeds better" in control
    assert teacher.startswith("macro-F1BEATS")
    assert "its teacher" in teacher
    assert broken.startswith("rules violated (less is better)")


def test_loses_to_a_named_control() -> None:
    control, teacher, *_ = cards(soft=0.7, augmented=0.9, ours=0.8)
    assert control.startswith("macro-F1LOSES")
    assert "to soft labels, law augmentation alone" in control
    assert "0 of 10 seeds better; 1 of 2 controls beaten" in control
    assert teacher.startswith("macro-F1LOSES")
    assert "to its teacher" in teacher


def test_inconclusive_names_those_against_whom() -> None:
    # the difference to augmentation is 0.0058 less 0 to 0.0117: its interval holds 0
    control, *_ = cards(soft=0.7, augmented=0.8, ours=0.8058)
    assert control.startswith("macro-F1INCONCLUSIVE")
    assert "against soft labels, law augmentation alone" in control
    assert "soft labels only" not in control


def test_few_seeds_beat_nothing_and_say_so() -> None:
    control, *_ = cards(soft=0.7, augmented=0.8, ours=0.9, seeds=5)
    assert control.startswith("macro-F1INCONCLUSIVE")
    assert "5 of 5 seeds better; under 10 seeds nothing is said to beat anything" in control


def test_one_seed() -> None:
    drawn = Picture(verdicts(compared({"soft": [0.8], "all": [0.9]})))
    assert drawn.text(drawn.every("p", "amount")[0]) == "+10.0 points"
    assert [card.get("class") for card in drawn.every("li")] == ["card verdict inconclusive"] * 4
