"""The order of rules: those that are more likely laws come first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy.stats import binomtest

import rulekd
from kg import Evidence, KnowledgeGraph, Ledger, Rule
from kg.formulas import Iff
from rulekd.grounding import View, count
from tests.extraction.boxworld import box_world, facts_of, noisy


def evidence(rule: Rule) -> Evidence:
    assert rule.evidence is not None
    return rule.evidence


@pytest.mark.parametrize(("units", "broken"), [(5, 0), (40, 0), (40, 1), (300, 12)])
def test_the_excess_is_the_middle_of_the_wilson_interval(units: int, broken: int) -> None:
    told = Ledger(units, broken, units, broken / units)
    low, high = binomtest(broken, units).proportion_ci(0.95, method="wilson")
    assert Evidence(told).excess == pytest.approx((low + high) / 2, rel=0.04)
    assert Evidence(Ledger(units, units, units, 1.0), undoubted=told).excess == Evidence(told).excess
    assert Evidence(told, explained=0.01).excess == Evidence(told).excess - 0.01


@pytest.fixture(scope="module")
def mined() -> KnowledgeGraph:
    return rulekd.mine(noisy(facts_of(box_world(1000, seed=3000)), 2))


def test_near_rules_that_facts_do_not_refute_come_after_the_laws(mined: KnowledgeGraph) -> None:
    """Which are laws 4,000 scenes without errors say."""
    fresh = View(facts_of(box_world(4000, seed=987_654)))
    laws, near = list[Evidence](), list[Evidence]()
    for rule in mined.rules():
        live, broken = (int(part.sum()) for part in count(rule.formula, fresh))
        if evidence(rule).confirmed and live >= 20:
            (near if broken else laws).append(evidence(rule))
    assert len(near) >= 4

    def after(key: Callable[[Evidence], float]) -> float:
        """The share of pairs of a law and a near-rule in which the law comes first."""
        order = torch.tensor([key(told) for told in laws])[:, None] < torch.tensor([key(told) for told in near])
        return float(order.double().mean())

    assert after(lambda told: told.excess) > 0.8
    assert after(lambda told: told.excess) > after(surely_above)


def surely_above(told: Evidence) -> float:
    """How far the upper end of the rate lies above what is tolerated."""
    assert told.undoubted is not None
    assert told.undoubted.interval is not None
    return told.undoubted.interval[1] - told.tolerance


def test_what_errors_explain_is_what_they_do_to_laws_that_are_counted_with_them(mined: KnowledgeGraph) -> None:
    """2 % of the true facts are forgotten, so that 4 % of an equivalence is broken, and as many are added."""
    twins = [evidence(rule) for rule in mined.rules() if isinstance(rule.formula, Iff)]
    assert len(twins) >= 3
    for told in twins:
        assert told.undoubted is not None
        assert told.undoubted.rate is not None
        assert told.explained == pytest.approx(0.08, abs=0.025)
        assert told.undoubted.rate == pytest.approx(told.explained, abs=0.025)
    joined = [evidence(rule) for rule in mined.rules() if len(rule.text.split("&")) > 1 and "->" in rule.text]
    assert {told.explained for told in joined} == {0.0}
