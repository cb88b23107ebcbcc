"""A budget of time is kept, and what it did not suffice for is named."""

from __future__ import annotations

import importlib
import math
import time
from functools import partial
from pathlib import Path

import pytest
import torch

import rulekd
from kg import KnowledgeGraph, RulekdError
from rulekd.extraction.counting import candidates
from rulekd.extraction.counting.candidates import count_chains
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet, rooms
from tests.extraction.boxworld import box_world, facts_of, noisy


@pytest.fixture(scope="module")
def facts() -> Facts:
    """400 scenes of 12 boxes."""
    return facts_of(box_world(400, seed=1))


def test_a_tiny_budget_gives_a_graph_and_says_what_is_missing(facts: Facts, tmp_path: Path) -> None:
    started = time.perf_counter()
    graph = rulekd.mine(facts, budget_seconds=0.001)
    seconds = time.perf_counter() - started
    assert seconds < 5, "saw 0.1: twins and near-laws are looked for before the clock is asked"
    missing = [note for note in graph.notes if "the time was used up" in note]
    assert any("2,048 candidates" in note for note in missing), "16 x 16 bodies, 8 heads"
    assert any(note.startswith("definitions: its candidates not examined") for note in missing)
    graph.save(tmp_path / "nothing.kg.json")
    assert KnowledgeGraph.load(tmp_path / "nothing.kg.json").notes == graph.notes
    assert not graph.rules(), "nothing was counted"


def test_a_trial_that_the_time_does_not_suffice_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "left", property(lambda self: 0.0))
    monkeypatch.setattr(importlib.import_module("rulekd.extraction.mining"), "affordable", lambda asked, *_: len(asked))
    graph = rulekd.mine(noisy(facts_of(box_world(100, objects=8, seed=3)), 3), budget_seconds=600)
    assert any(rule.evidence is not None and rule.evidence.confirmed for rule in graph.rules())
    (note,) = (note for note in graph.notes if note.startswith("the trial of rules before the other laws"))
    assert note.endswith("the time was used up")


def test_a_large_budget_changes_nothing(facts: Facts) -> None:
    free, bounded = rulekd.mine(facts), rulekd.mine(facts, budget_seconds=600)
    assert [rule.id for rule in free.rules()] == [rule.id for rule in bounded.rules()]
    assert not any("time was used up" in note for note in bounded.notes)


def test_judged_candidates_keep_full_statistics(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time lasts for a few candidates only, those are judged on everything, and the others are counted."""
    free = rulekd.mine(facts)
    monkeypatch.setattr(importlib.import_module("rulekd.extraction.mining"), "affordable", lambda *_: 30)
    graph = rulekd.mine(facts)
    assert 0 < len(graph.rules()) <= 30
    assert any("proposed candidates, the last of them, were not judged" in note for note in graph.notes)
    for rule in graph.rules():
        whole = free.rule(rule.id).evidence
        assert rule.evidence is not None
        assert whole is not None
        assert rule.evidence.teacher == whole.teacher


def test_chains_are_counted_on_the_scenes_that_were_reached(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is up when some scenes are done: the counts are those of these scenes alone."""
    monkeypatch.setattr(candidates, "WORK", 2**26)
    told: list[int] = []
    step = 2**26 // (16 * 12**2 * 8 * (12 + 16))  # scenes in a part

    class Short(Watch):
        @property
        def over(self) -> bool:
            return len(told) > 3

    watch = Short(lambda _, done, __: told.append(done))
    counts = count_chains(facts, watch)
    reached = watch.missed["compositions"].reached
    assert reached is not None
    scenes = round(reached * math.ceil(400 / step)) * step
    alone = count_chains(facts.select(torch.arange(scenes)))
    assert 0 < scenes < 400
    assert torch.equal(counts.live, alone.live)
    assert torch.equal(counts.hits, alone.hits)
    assert watch.begun("compositions")


def test_progress_names_the_candidates_before_they_are_counted(facts: Facts) -> None:
    told: list[tuple[str, int, int]] = []
    rulekd.mine(facts, progress=lambda what, done, of: told.append((what, done, of)))
    chains = [(done, of) for what, done, of in told if what == "candidates: compositions"]
    assert chains[0] == (0, 2048)
    assert chains[-1] == (2048, 2048)
    assert told[-1][0] == "families"


def test_a_budget_counts_the_asking() -> None:
    scenes = rooms.generate(60, seed=3, points=4)

    class Slow(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(50.0))

        def forward(self, center: torch.Tensor) -> dict[str, torch.Tensor]:
            time.sleep(0.2)
            return {"left_of": self.scale * (center[:, None, :, 0] - center[:, :, None, 0])}

    teacher = Predictor(Slow(), {"left_of": 2}, inputs=lambda s: s["center"])
    graph = rulekd.extract(teacher, SceneSet(scenes.scenes.with_labels({})), budget_seconds=0.1)
    assert sum("not asked, the time was used up" in note for note in graph.notes) == 8


def test_pieces_are_named_where_no_more_are_begun() -> None:
    class Short(Watch):
        @property
        def over(self) -> bool:
            return len(done) == 2

    done: list[str] = []

    def work(name: str) -> str:
        done.append(name)
        return name

    watch = Short()
    names = ["low", "high", "odd", "even"]
    assert list(watch.each("decisions", {name: partial(work, name) for name in names})) == ["low", "high"], "both kept"
    assert done == ["low", "high"], "nothing is begun after the time"
    list(watch.each("decisions", {"win()": partial(work, "win()")}))
    assert str(watch.missed["decisions"]) == "decisions of odd, even, win(): not examined, the time was used up"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_budgets_are_refused(facts: Facts, seconds: float) -> None:
    with pytest.raises(RulekdError, match="budget"):
        rulekd.mine(facts, budget_seconds=seconds)
