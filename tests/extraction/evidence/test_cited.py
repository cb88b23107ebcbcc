"""What a rule cites is so in the worlds that its graph keeps, also where empty places lie between objects."""

from __future__ import annotations

import torch

from kg import Citation, KnowledgeGraph
from rulekd import Facts, mine


def gappy(count: int = 120, size: int = 7) -> Facts:
    """left_of and right_of by a number an object; some places are empty, and two facts in a hundred are forgotten."""
    generator = torch.Generator().manual_seed(4)
    x = torch.rand(count, size, generator=generator)
    mask = torch.rand(count, size, generator=generator) < 0.7
    mask[:, :3] = torch.tensor([False, True, True])  # no object ever stands at the first place
    remembered = torch.rand(count, size, size, generator=generator) > 0.02
    left = x[:, :, None] < x[:, None]
    return Facts({"left_of": left, "right_of": left.mT & remembered}, mask=mask)


def test_citations_hold_in_their_worlds() -> None:
    graph: KnowledgeGraph = mine(gappy())
    evidence = graph.rule("left_of(a, b) <-> right_of(b, a)").evidence
    assert evidence is not None

    def sides(citation: Citation) -> tuple[bool, bool]:
        assert citation.world is not None
        world, where = graph.worlds[citation.world], dict(citation.binding)
        a, b = where["a"], where["b"]
        assert max(a, b) < world.size
        return (a, b) in world.facts["left_of"], (b, a) in world.facts["right_of"]

    assert len(evidence.counterexamples) == 3
    assert [sides(citation) for citation in evidence.counterexamples] == [(True, False)] * 3
    assert evidence.examples
    assert all(left == right for left, right in map(sides, evidence.examples))
