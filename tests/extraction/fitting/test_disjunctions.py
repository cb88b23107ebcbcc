"""The best cut at one place is the best of all there are, listed in full; a first look by groups misses none."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from rulekd.extraction.fitting.disjunctions import MARGIN, PER_FEATURE, SCREENED, Cut, Sample, cuts, promising
from rulekd.extraction.fitting.growth import front


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


@pytest.mark.parametrize("share", [0.05, 0.4, 0.7, 1.0])
def test_the_chosen_sites_come_in_the_order_of_each_column(share: float) -> None:
    """Few are sorted, of many the others are left out: both ways the same order, ties by number of the site."""
    known = sample(4, 500, seed=2, rounded=1)
    chosen = np.random.default_rng(3).random(500) < share
    columns = np.array([0, 2, 3])
    wanted = [
        sorted(chosen.nonzero()[0].tolist(), key=lambda site, values=known.values[column]: (values[site], site))
        for column in columns
    ]
    assert known.ordered(columns, chosen).tolist() == wanted


def test_of_very_many_columns_those_that_tell_most_are_tried_and_every_plain_number() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(SCREENED + 200, 600))
    truth = values[-1] + 0.3 * generator.normal(size=600) > 0.5
    sizes = np.full(len(values), 2)
    sizes[:20] = 1
    known = Sample(values, truth, 1.0, 1.0, sizes)
    nothing = np.zeros(600, dtype=np.bool_)
    tried = promising(known, nothing, pure=False)
    assert tried is not None
    assert {*range(20), len(values) - 1} <= set(tried.tolist())
    assert SCREENED <= len(tried) <= SCREENED + 20
    assert promising(replace(known, values=values[:SCREENED], sizes=sizes[:SCREENED]), nothing, pure=False) is None


@pytest.mark.parametrize("seed", [0, 3])
def test_a_disjunction_is_not_grown_by_cases_that_save_less_than_they_cost(seed: int) -> None:
    """Two cases and 6 % of flipped truths: what else could be said of the flipped ones is not worth its literals."""
    generator = np.random.default_rng(seed)
    values = generator.random((12, 400))
    law = (values[0] > 0.6) & (values[1] > 0.4) | (values[2] > 0.8)
    known = Sample(values, law ^ (generator.random(400) < 0.06), 1.0, 1.0, np.ones(12, dtype=np.int64))
    found = front(known, 30, 10)
    assert max(one.literals for one in found) <= 12, "saw 11 and 10; 14 and 17 where each case that wins is added"
    assert found[-1].score > 0.94, "saw 0.954 and 0.948"


def test_columns_that_are_added_change_nothing_but_their_number() -> None:
    whole = sample(9, 300, seed=6, rounded=1)
    part = replace(whole, values=whole.values[:5], sizes=whole.sizes[:5])
    assert front(part, 3, 2), "what is found out about the columns is found out"
    more = part.and_columns(whole.values[5:], whole.sizes[5:])
    assert [(one.formula, one.score) for one in front(more, 3, 2)] == [
        (one.formula, one.score) for one in front(whole, 3, 2)
    ]
    assert "order" in more.__dict__
    assert np.array_equal(more.order, whole.order)
