"""The notes under a graph: what was found, what limited it, what to do; each once, and true of what is listed."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import rulekd
from kg import KnowledgeGraph
from rulekd.extraction.account import limits
from rulekd.extraction.discovery import Proposals
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts


def ordered(scenes: int) -> Facts:
    """``less`` is the order of 6 objects, ``more`` its inverse, ``coin`` is thrown."""
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(scenes, 6, generator=generator)
    less = x[:, :, None] < x[:, None, :]
    return Facts({"less": less, "more": less.mT, "coin": torch.rand(scenes, 6, 6, generator=generator) < 0.5})


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return rulekd.mine(ordered(200))


def test_the_first_note_counts_what_is_confirmed(graph: KnowledgeGraph) -> None:
    confirmed = [rule for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed]
    assert confirmed
    assert graph.notes[0].startswith(f"{len(confirmed)} of {len(graph)} rules are confirmed, on ")


def test_the_families_add_up_to_the_whole(graph: KnowledgeGraph) -> None:
    whole, _, families = graph.notes[1].partition(": ")
    said = re.fullmatch(r"([\d,]+) of ([\d,]+) candidates were proposed", whole)
    assert said is not None
    parts = [re.fullmatch(r"\w+ ([\d,]+) of ([\d,]+)", part) for part in families.split(", ")]
    for place in (1, 2):
        counts = [int(part[place].replace(",", "")) for part in parts if part is not None]
        assert len(counts) == len(parts)
        assert sum(counts) == int(said[place].replace(",", ""))
    assert " 0 of 0" not in families


def test_no_note_stands_twice(graph: KnowledgeGraph) -> None:
    assert len(set(graph.notes)) == len(graph.notes)


def test_what_two_ledgers_leave_out_is_said_once() -> None:
    left_out = [(f"bodies of three: {n} candidates not examined", "pairs: none") for n in (100, 104)]
    both = Proposals((), 7, notes=left_out[0]) + Proposals((), 7, notes=left_out[1])
    assert limits([("conjunctions", both)], Watch(), 0) == list(left_out[0])


def test_of_nothing_it_says_the_nearest_miss_with_its_test_and_what_would_settle_it() -> None:
    coin = rulekd.mine(ordered(200).only(["coin"]), families=["algebra"])
    assert coin.rules() == ()
    assert coin.notes[0].startswith("nothing was confirmed, on ")
    few = rulekd.mine(ordered(9))
    assert few.notes[0].startswith("nothing can be confirmed on 9 scenes in 9 independent units")
    assert few.notes[-2].startswith("to confirm one law") or few.notes[-1].startswith("to confirm one law")
    misses = [note for note in few.notes if note.startswith("nearest miss, of those not listed: ")]
    for miss in misses:
        text = miss.split("'")[1]
        assert text not in few
        assert "its level is not shown" in miss or "chance" in miss or "more than errors explain" in miss


def test_where_nothing_is_confirmed_the_nearest_of_those_listed_says_which_test_it_missed() -> None:
    """A definition with as many exceptions as the tolerance allows is listed, and cannot be confirmed."""
    generator = torch.Generator().manual_seed(0)
    place = torch.rand(150, 6, generator=generator)
    first = torch.nn.functional.one_hot(place.argmin(1), 6).bool()
    other = torch.nn.functional.one_hot(place.argmax(1), 6).bool()
    picked = torch.where(torch.rand(150, 1, generator=generator) < 0.05, other, first)
    graph = rulekd.mine(Facts({"first": picked, "before": place[:, :, None] < place[:, None]}), families=["referring"])
    (rule,) = graph.rules()
    assert rule.evidence is not None
    assert not rule.evidence.confirmed
    (note,) = [note for note in graph.notes if note.startswith("nearest of those listed: ")]
    assert f"'{rule.text}': {rule.evidence.violations} of {rule.evidence.support} live groundings break it" in note
    assert f"p {rule.evidence.level_p:.2g} that more than 10.0 % do" in note


def notes_of(places: int, **rest: torch.Tensor) -> tuple[str, ...]:
    """Of 80 scenes of so many objects, in five places, and one relation."""
    return rulekd.mine(
        Facts({"less": torch.ones(80, 5, 5).triu(1) > 0, **rest}, mask=(torch.arange(5) < places).expand(80, 5))
    ).notes


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (0, "less: about 2 objects, and no scene has an object: every place is masked"),
        (1, "less: about 2 objects, and every scene has one object at most"),
    ],
)
def test_relations_of_scenes_without_pairs_are_named_and_no_more_scenes_asked_for(places: int, said: str) -> None:
    notes = notes_of(places)
    assert notes[0] == "nothing can be confirmed: there is nothing to ask about in any scene"
    assert said in notes
    assert not any("independent units" in note for note in notes)


def test_what_can_be_asked_about_is_examined_beside_what_cannot() -> None:
    red = torch.rand(80, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    notes = notes_of(1, red=red, big=red)
    assert notes[0].endswith("on 48 scenes in 48 independent units")
    assert "less: about 2 objects, and every scene has one object at most" in notes
    between = notes_of(2, between=torch.zeros(80, 5, 5, 5, dtype=torch.bool))
    assert "between: about 3 objects, and no scene has more than 2" in between
    assert not any(note.startswith("less: about") for note in between)


def test_no_scenes_are_named() -> None:
    assert "there are no scenes" in rulekd.mine(ordered(200).select(torch.arange(0))).notes


def test_units_are_asked_for_only_where_there_are_too_few() -> None:
    """Of 100 scenes 60 confirm, where 36 are needed at least: nothing is missing but laws."""
    coin = rulekd.mine(ordered(100).only(["coin"]))
    assert coin.notes[0].startswith("nothing was confirmed, on ")
    assert not any(note.startswith("to confirm one law") for note in coin.notes)


def test_gradients_and_arrays_of_units_are_taken_as_they_are() -> None:
    """A warning is an error here: torch warns where a number with a gradient becomes Python's."""
    facts = ordered(80)
    odds = {name: torch.where(value, 4.0, -4.0) for name, value in facts.values.items()}
    open_odds = {name: value.clone().requires_grad_() for name, value in odds.items()}
    group = [number // 2 for number in range(80)]
    given = rulekd.mine(Facts(open_odds, group=np.array(group)), Facts(open_odds, group=np.array(group)))
    usual = rulekd.mine(Facts(odds, group=torch.tensor(group)), Facts(odds, group=torch.tensor(group)))
    assert [rule.evidence for rule in given.rules()] == [rule.evidence for rule in usual.rules()]
    assert given.rules()
    with pytest.raises(rulekd.RulekdError, match="group has 3 entries for 80 scenes"):
        Facts(odds, group=np.arange(3))
    with pytest.raises(rulekd.RulekdError, match=r"group has .* for scene 0"):
        Facts(odds, group=np.zeros((80, 2)))
