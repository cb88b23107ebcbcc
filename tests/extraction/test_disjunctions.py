"""The best cut at one place is the best of all there are, listed in full; a first look by groups misses none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from rulekd.extraction.disjunctions import MARGIN, PER_FEATURE, Cut, Sample, cuts
from rulekd.extraction.growth import front


def sample(columns: int, sites: int, seed: int, bags: int = 0, rounded: int = 6) -> Sample:
    """Random numbers; the truth hangs on the first two of them, and on noise."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(columns, sites)).round(rounded)
    truth = (values[0] + 0.5 * values[min(1, columns - 1)] + generator.normal(size=sites)) > 0.5
    bag = None
    if bags:
        bag = np.sort(generator.integers(bags, size=sites))
        bag = np.unique(bag, return_inverse=True)[1]
        truth = np.bincount(bag, weights=truth) > 1
    return Sample(values, truth, 1.0, 1.0, np.ones(columns, dtype=np.int64), bag=bag)


def listed(known: Sample, open_sites: NDArray[np.bool_], covered: NDArray[np.bool_], column: int) -> float:
    """The best macro-F1 (scikit-learn's) of all thresholds of a column that leave some open site on either side."""
    numbers = np.unique(known.values[column][open_sites])
    scores = [0.0]
    for low, high in itertools.pairwise(numbers.tolist()):
        for above in (True, False):
            sites = open_sites & Cut(column, above, low, high).holds(known.values[column])
            said = covered | known.gathered(sites)
            scores.append(float(f1_score(known.truth, said, average="macro", zero_division=0)))
    return max(scores)


@pytest.mark.parametrize("bags", [0, 25])
@pytest.mark.parametrize("seed", range(4))
def test_a_cut_is_the_best_of_all(bags: int, seed: int) -> None:
    known = sample(3, 60, seed, bags, rounded=1)
    generator = np.random.default_rng(seed)
    open_sites = generator.random(60) < 0.7
    covered = generator.random(len(known.truth)) < 0.1
    if bags == 0:
        open_sites &= ~covered
    found = cuts(known, open_sites, covered)
    for column in range(3):
        free = open_sites if known.bag is None else open_sites & ~covered[known.bag]
        # Scores are in single precision, and tell how wide the gap is by up to MARGIN.
        assert found.score[:, column].max() == pytest.approx(listed(known, free, covered, column), abs=2 * MARGIN)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pure", [False, True])
def test_a_first_look_by_groups_finds_the_same_cut(seed: int, pure: bool) -> None:
    known = sample(80, 3000, seed)
    open_sites, covered = known.values[5] > -1, np.zeros(3000, dtype=np.bool_)
    exact = next(cuts(known, open_sites, covered, pure).best(1))
    quick = next(cuts(known, open_sites, covered, pure, wanted=1).best(1))
    assert quick == exact


def test_numbers_that_differ_by_rounding_are_not_cut_apart() -> None:
    values = np.array([[0.0, 1e-8, 2e-8, 1.0, 1.0 + 1e-8, 3.0]])
    truth = np.array([False, True, True, True, True, True])
    known = Sample(values, truth, 1.0, 1.0, np.ones(1, dtype=np.int64))
    everywhere = np.ones(6, dtype=np.bool_)
    ((_, cut),) = cuts(known, everywhere, ~everywhere).best(1)
    assert (cut.low, cut.high) == (2e-8, 1.0)


@pytest.mark.parametrize(
    ("numbers", "gap"), [([0, 1, 1.5, 8, 9.5, 10], (8, 9.5)), ([0, 1, 3, 8, 9.5, 10], (1, 3))], ids=["right", "left"]
)
def test_of_equally_good_cuts_the_one_in_the_widest_gap_is_taken(
    numbers: list[float], gap: tuple[float, float]
) -> None:
    values, truth = np.array([numbers]), np.array([False, False, True, False, True, True])
    known = Sample(values, truth, 1.0, 1.0, np.ones(1, dtype=np.int64))
    everywhere = np.ones(6, dtype=np.bool_)
    ((score, cut),) = cuts(known, everywhere, ~everywhere).best(1)
    assert (cut.low, cut.high) == gap
    for threshold in (1.2, 9.0):  # one error each, of one kind and of the other
        assert f1_score(truth, values[0] > threshold, average="macro") == pytest.approx(score, abs=2 * MARGIN)


def test_a_column_that_reads_more_must_be_better() -> None:
    values = np.stack([np.arange(10.0), np.arange(10.0)])
    known = Sample(values, values[0] > 4, 1.0, 1.0, np.array([3, 1]))
    everywhere = np.ones(10, dtype=np.bool_)
    found = cuts(known, everywhere, ~everywhere)
    assert next(found.best(1))[1].column == 1
    assert found.score.max(0) == pytest.approx([1 - 2 * PER_FEATURE, 1], abs=2 * MARGIN)


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.filterwarnings("error")
def test_nothing_tells_what_does_not_vary(always: bool) -> None:
    values = np.arange(12.0).reshape(1, 12)
    for bag in (None, np.arange(12) // 2):
        truth = np.full(6 if bag is not None else 12, always)
        assert front(Sample(values, truth, 1.0, 1.0, np.ones(1, dtype=np.int64), bag=bag), 3, 2) == []
