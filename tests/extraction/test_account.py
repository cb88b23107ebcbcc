"""The notes under a graph: what was found, what limited it, what to do; each once, and true of what is listed."""

from __future__ import annotations

import re

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
