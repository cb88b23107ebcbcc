"""Doubt does not depend on how many scenes are looked at together."""

from __future__ import annotations

import pytest
import torch

from rulekd.extraction import counting
from rulekd.extraction.doubt import blame, suspicions
from rulekd.facts import Facts
from tests.extraction.boxworld import box_world, facts_of


def test_blame_in_parts_is_blame_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clean = facts_of(box_world(60, seed=2))
    generator = torch.Generator().manual_seed(0)
    facts = Facts({n: v ^ (torch.rand(v.shape, generator=generator) < 0.01) for n, v in clean.values.items()})
    laws = suspicions(facts).laws
    whole = blame(facts, laws)
    monkeypatch.setattr(counting, "BLOCK", 40_000)
    parts = blame(facts, laws)
    assert len(laws) > 10
    assert whole.wrong == pytest.approx(parts.wrong)
    assert min(whole.wrong.values()) > 0
    assert whole.doubted.keys() == parts.doubted.keys()
    assert all(torch.equal(whole.doubted[name], parts.doubted[name]) for name in whole.doubted)
