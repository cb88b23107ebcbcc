"""Sets of which exactly one holds: one of each set of synonyms, no more than can be looked at, the rest is told."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor

import rulekd
from kg import parse
from kg.reasoning import entails
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families import pairs as module
from rulekd.extraction.families.pairs import pairs
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts

WORDS = ("chair", "seat", "stool")


def kinds(count: int, scenes: int = 100) -> tuple[Tensor, dict[str, Tensor]]:
    """(B, 8) which kind each thing is, and a word for each kind."""
    code = torch.randint(count, (scenes, 8), generator=torch.Generator().manual_seed(0))
    return code, {f"chair{kind}": code == kind for kind in range(count)}


def exactly_one(facts: Facts) -> list[str]:
    return [str(law) for law in pairs(Discovery(facts)).formulas if str(law).startswith("exactly_one")]


def test_thirteen_kinds_with_three_names_each_are_one_set_and_not_3_to_the_13() -> None:
    code, _ = kinds(13, 300)
    facts = Facts({f"{word}{kind}": code == kind for kind in range(13) for word in WORDS})
    started = time.perf_counter()
    graph = rulekd.mine(facts, families=["pairs"])
    assert time.perf_counter() - started < 10, "saw 0.8"
    axioms = [rule.formula for rule in graph.axioms()]
    for word in WORDS:
        wanted = parse(f"exactly_one({', '.join(f'{word}{kind}(a)' for kind in range(13))})")
        assert entails(axioms, wanted)
    assert len(exactly_one(facts)) == 1


def test_of_equal_words_the_one_that_fits_into_the_set_is_taken() -> None:
    """Each kind has a word that is said of a tenth more things too, and one that is said of a twentieth fewer."""
    code, values = kinds(4)
    odd = torch.rand(code.shape, generator=torch.Generator().manual_seed(1))
    for kind in range(4):
        values[f"broad{kind}"] = (code == kind) | (odd < 0.03)
        values[f"narrow{kind}"] = (code == kind) & (odd < 0.95)
    assert exactly_one(Facts(values)) == ["exactly_one(chair0(a), chair1(a), chair2(a), chair3(a))"]


def test_of_equal_words_none_is_taken_that_does_not_exclude_the_others() -> None:
    """``broad`` is equal to ``left`` within the slack, and too often true beside ``right``."""
    x = torch.rand(60, 6, generator=torch.Generator().manual_seed(0))
    ahead = x[:, :, None] - x[:, None, :]
    assert exactly_one(Facts({"left": ahead < 0, "right": ahead > 0, "broad": ahead < 0.08})) == [
        "exactly_one(left(a, b), right(a, b))"
    ]


def test_more_sets_than_can_be_looked_at_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two words of each of six kinds, true of nine tenths of it, are different: 2^6 sets exclude each other."""
    code, _ = kinds(6, 400)
    random = torch.Generator().manual_seed(1)
    values = {
        f"{word}{kind}": (code == kind) & (torch.rand(code.shape, generator=random) < 0.9)
        for kind in range(6)
        for word in ("chair", "seat")
    }
    seen = pairs(Discovery(Facts(values)))
    assert seen.notes == ()
    monkeypatch.setattr(module, "MOST_SETS", 60)
    few = pairs(Discovery(Facts(values)))
    assert seen.examined - few.examined == 2**6 - 60
    assert few.notes == (
        "sets of which exactly one holds of an object: more than 60 sets exclude each other, and the others were not "
        "examined",
    )
    assert few.notes[0] in rulekd.mine(Facts(values), families=["pairs"]).notes


def test_sets_are_examined_while_there_is_time() -> None:
    _, values = kinds(5)
    discovery = Discovery(Facts(values), watch=Watch())
    counts = discovery.counts(1)
    assert len(module.exactly_one_laws(discovery, counts, 1).formulas) == 1
    late = Discovery(Facts(values), watch=Watch(propose_until=0.0))
    assert module.exactly_one_laws(late, counts, 1).formulas == ()
    assert [str(one) for one in late.watch.missed.values()] == [
        "sets of which exactly one holds of an object: its candidates not examined, the time was used up"
    ]
    discovery.watch.propose_until = 0.0
    assert module.exclusive_sets(discovery, 1) == [tuple(values)], "what was found in time stays"
