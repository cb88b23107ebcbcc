"""Doubt does not depend on how many scenes are looked at together."""

from __future__ import annotations

import pytest
import torch

import rulekd
from rulekd.extraction.counting import candidates
from rulekd.extraction.evidence.doubt import MARGIN, UNSURE, Twin, blame, own_errors, suspicions, twins, unsure
from rulekd.facts import Facts
from tests.extraction.boxworld import box_world, facts_of


def test_blame_in_parts_is_blame_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = facts_of(box_world(60, seed=2))
    generator = torch.Generator().manual_seed(0)
    facts = Facts({n: v ^ (torch.rand(v.shape, generator=generator) < 0.01) for n, v in clean.values.items()})
    laws = suspicions(facts).laws
    whole = blame(facts, laws)
    monkeypatch.setattr(candidates, "BLOCK", 40_000)
    parts = blame(facts, laws)
    assert len(laws) > 10
    assert whole.wrong == pytest.approx(parts.wrong)
    assert min(whole.wrong.values()) > 0
    assert whole.doubted.keys() == parts.doubted.keys()
    assert all(torch.equal(whole.doubted[name], parts.doubted[name]) for name in whole.doubted)


def ordered(seed: int = 0) -> torch.Tensor:
    """(200, 8, 8) bool: a < b on a line."""
    x = torch.rand(200, 8, generator=torch.Generator().manual_seed(seed))
    return x[:, :, None] < x[:, None, :]


def test_relations_that_differ_one_way_only_are_no_twins() -> None:
    """What is much larger is larger, and not the other way round; errors would make them differ both ways."""
    before = ordered()
    generator = torch.Generator().manual_seed(1)
    within = before & (torch.rand(before.shape, generator=generator) > 0.08)
    flipped = before ^ (torch.rand(before.shape, generator=generator) < 0.02)
    assert inverses(Facts({"after": before.transpose(1, 2), "within": within})) == set()
    assert inverses(Facts({"after": before.transpose(1, 2), "flipped": flipped})) == {"after", "flipped"}
    said = {"after": before.transpose(1, 2), "within": within}
    network = {name: torch.where(value, 3.0, -3.0) for name, value in said.items()}
    assert inverses(Facts(network)) == {"after", "within"}, "a network may err in one of the two only"
    half = before & (torch.rand(before.shape, generator=generator) > 0.2)
    assert inverses(Facts({**network, "within": torch.where(half, 3.0, -3.0)})) == set(), "but not in a fifth of all"


def inverses(facts: Facts) -> set[str]:
    """The predicates that have a turned reading of the same meaning."""
    return {name for name, some in twins(facts).items() if not all(twin.opposite for twin in some)}


def test_an_order_is_the_opposite_of_itself_turned() -> None:
    """Errors make both ways true as often as neither; ties make neither true alone, and are no errors."""
    before = ordered()
    off = ~torch.eye(8, dtype=torch.bool)
    generator = torch.Generator().manual_seed(1)
    flipped = (before ^ (torch.rand(before.shape, generator=generator) < 0.02)) & off
    told = Facts({"before": flipped})
    assert twins(told) == {"before": (Twin("before", "before", opposite=True),)}
    doubt = suspicions(told).about(told)
    wrong = (flipped != before) & off
    assert doubt.errors["before"] == pytest.approx(float(wrong.sum()) / float(off.sum() * 200), rel=0.05)
    assert doubt.twinned == {"before"}
    # one of the two is wrong where both are true and where neither is: both ways are doubted there
    disagree = (flipped == flipped.transpose(1, 2)) & off
    assert torch.equal(doubt.doubted["before"], disagree)
    x = torch.rand(200, 8, generator=generator)
    ties = Facts({"before": x[:, :, None] < x[:, None] - 0.02})
    assert twins(ties) == {}


def test_where_nothing_has_a_twin_a_network_says_itself_how_often_it_is_wrong() -> None:
    """Log-odds as sure as they may be: three times the share of true facts that are wrong, none where twins tell."""
    generator = torch.Generator().manual_seed(0)
    said = 4 * torch.randn(400, 8, 8, generator=generator)
    off = ~torch.eye(8, dtype=torch.bool)
    facts = Facts({"p": said - 4})
    truth = torch.rand(said.shape, generator=generator) < torch.sigmoid(said - 4)
    wrong = float(((facts.values["p"] > 0) != truth)[:, off].sum()) / facts.told("p")
    assert MARGIN * wrong > UNSURE
    assert own_errors(facts) == {"p": UNSURE}
    surer = Facts({"p": 60 * said})
    share = float(torch.sigmoid(-60 * said.abs())[:, off].double().sum()) / surer.told("p")
    assert own_errors(surer)["p"] == pytest.approx(MARGIN * share, rel=1e-4)
    assert suspicions(surer).about(surer).own(surer) == own_errors(surer)
    given = Facts({"p": said > 0})
    assert own_errors(given) == {}
    twinned = Facts({"p": 60 * said, "q": (60 * said).transpose(1, 2)})
    assert suspicions(twinned).about(twinned).own(twinned) == {}


def test_of_log_odds_that_are_equally_near_all_are_doubted_or_none() -> None:
    clipped = torch.where(ordered(), 4.0, -4.0)
    assert not unsure(Facts({"before": clipped}), "before", 0.03).any()
    nearer = clipped.clone()
    nearer[:3] /= 2
    found = unsure(Facts({"before": nearer}), "before", 0.03)
    assert found[:3].sum() == 3 * 8 * 7
    assert not found[3:].any()


def test_what_is_nearly_equal_but_implied_one_way_is_an_implication() -> None:
    before = ordered()
    within = before & (torch.rand(before.shape, generator=torch.Generator().manual_seed(1)) > 0.08)
    graph = rulekd.mine(Facts({"after": before.transpose(1, 2), "within": within}))
    told = {rule.text: rule for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed}
    assert "within(a, b) -> after(b, a)" in told
    assert not [text for text in told if "<->" in text]
