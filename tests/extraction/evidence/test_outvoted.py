"""What the other laws say about the facts that break a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import rulekd
from kg import Evidence, KnowledgeGraph, Ledger, Rule, entails, parse
from kg.formulas import Atom
from kg.grounding import statement
from rulekd.extraction.counting.source import Source
from rulekd.extraction.evidence.outvoted import borne_out, outvoted, pull
from rulekd.facts import Facts
from rulekd.grounding import View, count
from tests.extraction.boxworld import PLANTED, box_world, facts_of, noisy

#: Laws of every shape that has a vote; each is one clause, or two that are never broken together.
VOTERS = (
    "p(a, b) & p(b, c) -> p(a, c)",
    "p(a, b) <-> q(b, a)",
    "~(p(a, b) & q(a, b))",
    "p(a, b) | q(b, a)",
    "c(a) & p(a, b) -> d(b)",
    "c(a) & d(b) -> c(b) | q(a, c)",
    "c(a) -> d(a)",
    "p(a, b) & q(b, c) -> p(a, c) | q(a, c)",
)
NEAR = parse("inside(a, b) & contains(b, c) -> near(a, c)")


def random_facts(seed: int) -> Facts:
    """Two scenes of up to four objects, some places empty, some groundings not to be asked."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, share: float = 0.5) -> Tensor:
        return torch.rand(*shape, generator=generator) < share

    values = {"p": drawn(2, 4, 4), "q": drawn(2, 4, 4), "c": drawn(2, 4), "d": drawn(2, 4)}
    return Facts(values, mask=drawn(2, 4, share=0.8), valid={"p": drawn(2, 4, 4, share=0.8) & ~torch.eye(4).bool()})


def pulled(text: str, facts: Facts) -> dict[str, Tensor]:
    said = statement(parse(text)).clauses
    assert said is not None
    clauses = [tuple((one.positive, one.fact) for one in clause if isinstance(one.fact, Atom)) for clause in said]
    return pull(clauses, facts)


@settings(max_examples=30, deadline=None)
@given(text=st.sampled_from(VOTERS), seed=st.integers(0, 1000))
def test_the_pull_on_a_fact_is_what_flipping_it_changes(text: str, seed: int) -> None:
    facts = random_facts(seed)
    before = count(parse(text), View(facts))[1]
    found = pulled(text, facts)
    for name, change in found.items():
        for where in facts.groundings(facts.values[name].dim() - 1).nonzero().tolist():
            place = tuple(where)
            if not facts.validity(name)[place]:
                continue
            flipped = {**facts.values, name: facts.values[name].clone()}
            flipped[name][place] = ~flipped[name][place]
            after = count(parse(text), View(replace(facts, values=flipped)))[1]
            sign = -1 if facts.values[name][place] else 1
            assert sign * int(change[place]) == int((after - before).sum()), (name, place)


def source_of(facts: Facts) -> Source:
    view = View(facts)
    return Source(view, view, view)


def confirmed(text: str) -> Rule:
    return Rule(parse(text), evidence=Evidence(Ledger(1, 0, 1, 0.0, (0.0, 1.0)), confirmed=True))


def test_facts_that_the_laws_outvote_are_nearly_all_wrong_and_a_third_of_the_wrong_ones() -> None:
    truth = facts_of(box_world(100, seed=4))
    told = noisy(truth, 4)
    heard = borne_out([parse(text) for text in PLANTED], source_of(told)).facts
    wrong = right = missed = 0
    for name in ("left_of", "right_of", "above", "below", "inside", "contains"):
        false = told.values[name] != truth.values[name]
        silenced = told.validity(name) & ~heard.validity(name)
        wrong += int((silenced & false).sum())
        right += int((silenced & ~false).sum())
        missed += int((false & ~silenced).sum())
    assert wrong > 9 * right
    assert wrong > missed / 2


def test_laws_without_a_vote_silence_no_fact() -> None:
    told = source_of(random_facts(1))
    mute = [parse("p(a, b) & p(b, c) & p(c, d) -> p(a, d)"), parse("left_edge(a) < 2"), parse("p(a, a)")]
    for formula in mute:
        assert borne_out([formula], told) is told.trusted


def test_a_rule_that_nobody_speaks_about_is_not_dropped_for_its_exceptions() -> None:
    generator = torch.Generator().manual_seed(0)
    order = torch.rand(300, 6, generator=generator).argsort(1)
    less = (order[:, :, None] < order[:, None]) ^ (torch.rand(300, 6, 6, generator=generator) < 0.02)
    assert outvoted([confirmed("p(a, b) & p(b, c) -> p(a, c)")], source_of(Facts({"p": less}))) == []


def test_nor_is_one_of_whose_facts_the_laws_of_other_predicates_do_not_speak() -> None:
    """An order with its inverse has many laws, and its wrong facts are outvoted; those of q stand, right or wrong."""
    generator = torch.Generator().manual_seed(0)

    def drawn(share: float) -> Tensor:
        return torch.rand(400, 8, 8, generator=generator) < share

    x = torch.rand(400, 8, generator=generator)
    off = ~torch.eye(8, dtype=torch.bool)
    less = x[:, :, None] < x[:, None]
    p, c = drawn(0.3) & off, torch.rand(400, 8, generator=generator) < 0.5
    truth = {"less": less, "more": less.transpose(1, 2), "p": p, "c": c, "q": (p & c[:, :, None]) | (drawn(0.2) & off)}
    told = source_of(Facts({n: value ^ (drawn(0.01) & off) if n not in "pc" else value for n, value in truth.items()}))
    order = ("less(a, b) <-> more(b, a)", "~(less(a, b) & more(a, b))", "less(a, b) | more(a, b)")
    chains = ("less(a, b) & less(b, c) -> less(a, c)", "more(a, b) & less(c, b) -> more(a, c)")
    guarded = "c(a) & p(a, b) -> q(a, b)"
    assert int(count(parse(guarded), told.view)[1].sum()) > 30
    assert outvoted([confirmed(text) for text in (*order, *chains, guarded)], told) == []


@pytest.fixture(scope="module")
def mined() -> KnowledgeGraph:
    return rulekd.mine(noisy(facts_of(box_world(1000, seed=13_000)), 12))


def test_a_near_rule_is_told_from_the_laws_by_its_exceptions(mined: KnowledgeGraph) -> None:
    laws = [rule.formula for rule in mined.rules() if rule.evidence and rule.evidence.confirmed]
    assert all(entails(laws, parse(text)) for text in PLANTED)
    assert not entails(laws, NEAR)
    fresh = View(facts_of(box_world(4000, seed=987_654)))
    live, broken = count(NEAR, fresh)
    assert 0 < int(broken.sum()) < 0.01 * int(live.sum())  # so near
    (note,) = (note for note in mined.notes if "are not listed" in note)
    assert "near(a, c)" in note


def test_padding_and_the_order_of_objects_change_nothing_about_who_is_dropped(mined: KnowledgeGraph) -> None:
    told = noisy(facts_of(box_world(1000, seed=13_000)), 12)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    values = {
        name: torch.nn.functional.pad(value[:, order][:, :, order], (0, 2, 0, 2)) for name, value in told.values.items()
    }
    mask = torch.arange(14).expand(1000, 14) < 12
    again = rulekd.mine(Facts(values, mask=mask))
    assert [rule.formula for rule in again.rules()] == [rule.formula for rule in mined.rules()]
    assert again.notes == mined.notes
