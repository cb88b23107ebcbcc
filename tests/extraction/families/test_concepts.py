"""Concept triples: shares that recompute by hand, kept in graphs and files; what is no more than usual is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import kg
import rulekd
from kg import FileFormatError, KnowledgeGraph, RulekdError, Triple, Vocabulary
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.concepts import concepts, measured
from rulekd.facts import Facts
from rulekd.scenes import Scenes

MONITOR, DESK, CUP = 0, 1, 2


def made(count: int = 200, seed: int = 0) -> tuple[Facts, Scenes]:
    """Rooms of two monitors, two desks and two cups; four of five monitors stand on a desk, cups anywhere."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.tensor([MONITOR, MONITOR, DESK, DESK, CUP, CUP]).expand(count, 6).clone()
    on = torch.zeros(count, 6, 6, dtype=torch.bool)
    for scene in range(count):
        for monitor in (0, 1):
            if torch.rand(1, generator=generator).item() < 0.8:
                on[scene, monitor, 2 + int(torch.randint(2, (1,), generator=generator))] = True
        for cup in (4, 5):
            if torch.rand(1, generator=generator).item() < 0.1:
                on[scene, cup, 2] = True
    mask = torch.ones(count, 6, dtype=torch.bool)
    scenes = Scenes(mask=mask, categories={"category": codes}, category_names={"category": ("monitor", "desk", "cup")})
    return Facts({"on": on}, mask=mask), scenes


def test_a_triple_is_found_with_its_share() -> None:
    facts, scenes = made()
    proposed = concepts(Discovery(facts, scenes=scenes))
    (triple,) = measured(proposed.triples, facts, scenes)
    assert triple.key == ("monitor", "on", "desk")
    stands = facts.values["on"][:, :2, 2:4].any(2)
    assert triple.share == pytest.approx(float(stands.double().mean(1).mean()))
    assert triple.support == 400
    assert triple.units == 200
    assert triple.interval[0] < 0.8 < triple.interval[1]
    assert triple.base == pytest.approx(float(facts.values["on"][:, :, 2:4].any(2).double().mean()))


def test_what_is_no_more_than_usual_is_no_triple() -> None:
    facts, scenes = made()
    anywhere = torch.rand(200, 6, 6, generator=torch.Generator().manual_seed(1)) < 0.3
    random = Facts({"near": anywhere & ~torch.eye(6, dtype=torch.bool)}, mask=facts.mask)
    proposed = concepts(Discovery(random, scenes=scenes))
    assert measured(proposed.triples, random, scenes) == []


def test_predicates_of_one_object_are_categories_too() -> None:
    facts, scenes = made()
    codes = scenes.categories["category"]
    words = {"monitor": codes == MONITOR, "desk": codes == DESK, "cup": codes == CUP}
    graph = rulekd.mine(Facts({**facts.values, **words}, mask=facts.mask), families=["concepts"])
    assert [triple.key for triple in graph.triples] == [("monitor", "on", "desk")]
    assert "monitor on desk: " in str(graph)


def test_triples_survive_a_file_and_every_change(tmp_path: Path) -> None:
    graph = KnowledgeGraph(
        Vocabulary({"on": 2}),
        KnowledgeGraph.of(["on(a, b) -> ~on(b, a)"]).rules(),
        triples=[
            Triple("cup", "on", 'desk "A"', 0.4, (0.3, 0.5), 0.1, 30, 20),
            Triple("monitor", "on", 'desk "A"', 0.83, (0.71, 0.91), 0.1, 240, 80),
        ],
    )
    path = tmp_path / "graph.kg.json"
    graph.save(path)
    assert KnowledgeGraph.load(path) == graph
    assert [triple.subject for triple in graph.triples] == ["monitor", "cup"], "surest first"
    changed = graph.reject("asymmetric(on)", reason="round table").with_notes("seen").with_entailment()
    assert changed.triples == graph.triples
    edges = [data for *_, data in graph.to_networkx().edges(data=True) if data["type"] == "triple"]
    assert {edge["relation"] for edge in edges} == {"on"}


def test_a_file_with_a_broken_triple_is_refused(tmp_path: Path) -> None:
    graph = KnowledgeGraph(Vocabulary({"on": 2}), triples=[Triple("cup", "on", "desk", 0.4, (0.3, 0.5), 0.1, 30, 20)])
    path = tmp_path / "graph.kg.json"
    graph.save(path)
    path.write_text(path.read_text().replace("0.4", "4.0"))
    with pytest.raises(FileFormatError, match="share"):
        KnowledgeGraph.load(path)


def test_shares_are_fractions() -> None:
    with pytest.raises(RulekdError, match="fractions"):
        kg.Triple("cup", "on", "desk", 40.0, (0.3, 0.5), 0.1, 30, 20)
