"""What errors explain, put to the test by the rules themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kg import parse
from rulekd.extraction.refutation import explained, refutations, refuted
from rulekd.extraction.source import Source
from rulekd.extraction.tally import Tally
from rulekd.facts import Facts
from rulekd.grounding import View

LAWS = tuple(parse(f"p{i}(a, b) & p{j}(b, c) -> p{i}(a, c)") for i in range(4) for j in range(4))


def source() -> Source:
    view = View(Facts({f"p{i}": torch.zeros(400, 3, 3, dtype=torch.bool) for i in range(4)}))
    return Source(view, view, view, blamed={f"p{i}": 0.08 for i in range(4)})


def broken_in(units: int) -> Tally:
    """400 units of 20 live groundings, of which one is broken in some units."""
    return Tally(np.full(400, 20), np.where(np.arange(400) < units, 1, 0))


def test_one_rule_that_is_broken_as_often_as_errors_might_is_refuted_among_laws_that_hardly_are() -> None:
    told = source()
    assert explained(LAWS[0], told) == pytest.approx(3 * (0.04**2 + 0.05 * 0.08))
    odd = broken_in(120)  # a rate of 1.5 %, under the 1.7 % that errors explain
    assert not refuted(LAWS[0], odd, told)
    counted = [odd, *(broken_in(4) for _ in LAWS[1:])]
    assert refutations(LAWS, counted, told) == [True, *(False for _ in LAWS[1:])]


def test_where_errors_break_most_rules_as_often_as_they_may_none_is_refuted_for_that() -> None:
    assert not any(refutations(LAWS, [broken_in(120) for _ in LAWS], source()))


def test_rules_that_nothing_ever_breaks_say_nothing_about_errors() -> None:
    counted = [broken_in(60), *(broken_in(0) for _ in LAWS[1:])]
    assert not any(refutations(LAWS, counted, source()))


def test_facts_without_errors_allow_one_exception_in_a_thousand() -> None:
    told = source()
    clean = Source(told.view, told.view, told.view)
    assert not refuted(LAWS[0], broken_in(8), clean), "8 of 8,000"
    assert refuted(LAWS[0], broken_in(9), clean)
