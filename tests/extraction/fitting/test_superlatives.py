"""A superlative's column is what its printed formula says in the plain world, and planted ones come back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kg import Iff, parse
from kg.formulas import Atom, Formula
from kg.worlds import holds
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.definitions import choose, fronts, questions
from rulekd.extraction.fitting.columns import Sites
from rulekd.extraction.fitting.questions import sites_of, told
from rulekd.extraction.fitting.superlatives import superlatives
from rulekd.facts import Facts
from rulekd.grounding import View, world
from rulekd.scenes import Scenes
from rulekd.scenes.definitions import relabelled


def rooms(count: int, objects: int = 5, seed: int = 0) -> Scenes:
    """Boxes of three kinds, some kinds unknown, some places empty."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(count, objects, generator=generator) < 0.9
    mask[:, :3] = True
    return Scenes(
        mask=mask,
        center=torch.rand(count, objects, 3, generator=generator) * 4,
        size=0.2 + torch.rand(count, objects, 3, generator=generator),
        categories={"category": torch.randint(-1, 3, (count, objects), generator=generator)},
        category_names={"category": ("chair", "table", "lamp")},
        numbers={"price": torch.randint(0, 5, (count, objects), generator=generator).double()},
    )


def sites(scenes: Scenes, variables: tuple[str, ...]) -> tuple[Facts, Sites]:
    """All groundings."""
    shape = (*scenes.mask.shape, scenes.mask.shape[1])[: len(variables) + 1]
    facts = Facts({"p": torch.ones(shape, dtype=torch.bool)}, mask=scenes.mask)
    return facts, sites_of(facts, scenes, variables)


@pytest.mark.parametrize("variables", [("a",), ("a", "b")])
def test_a_column_is_what_its_formula_says(variables: tuple[str, ...]) -> None:
    scenes = rooms(12)
    _, places = sites(scenes, variables)
    columns = list(superlatives(places))
    assert len(columns) > 10
    for column in columns:
        assert isinstance(column.left, Formula)
        assert parse(str(column.left)) == column.left
        assert (told(column.left, places) == (column.values > 0)).all(), str(column.left)


def test_a_column_is_what_the_plain_world_says() -> None:
    scenes = rooms(4, seed=1)
    # A plain world holds what is known only.
    scenes = replace(
        scenes,
        mask=torch.ones_like(scenes.mask),
        categories={"category": scenes["category"].clamp_min(0)},
    )
    facts, places = sites(scenes, ("a", "b"))
    view = View(facts, scenes)
    worlds = [world(view, number) for number in range(4)]
    for column in superlatives(places):
        assert isinstance(column.left, Formula)
        for place in range(0, len(places.scene), 3):
            binding = {"a": int(places.objects[0, place]), "b": int(places.objects[1, place])}
            plain = worlds[int(places.scene[place])]
            # As part of a definition of p(a, b), which is true of all: what is bound is neither a nor b.
            defined = Iff(Atom("p", ("a", "b")), column.left)
            assert holds(defined, plain, binding) == bool(column.values[place]), str(column.left)


@pytest.mark.parametrize(
    "text",
    [
        "p(a, b) <-> (exists c: category(c) = category(a))"
        " & (forall c: category(c) = category(a) -> distance(a, b) <= distance(c, b))",
        "p(a, b) <-> (forall c: gap(a, b) >= gap(a, c))",
        "p(a) <-> (forall c: category(c) = category(a) -> x(a) <= x(c)) & height(a) >= 0.7",
        "p(a) <-> (forall c: volume(a) >= volume(c))",
    ],
)
def test_a_planted_superlative_comes_back(text: str) -> None:
    scenes = rooms(250, seed=2)
    planted = parse(text)
    assert isinstance(planted, Iff)
    assert isinstance(planted.left, Atom)
    facts = Facts(relabelled(scenes, {"p": planted}).labels, mask=scenes.mask)
    ((question, columns),) = list(questions(Discovery(facts, scenes=scenes)))
    chosen, _ = choose(question, fronts(question, columns), len(columns))
    assert chosen.fidelity > 0.995, f"{chosen.body}"
    assert "forall c" in str(chosen.body)
    assert chosen.literals <= 2


def test_rooms_too_large_to_judge_a_formula_in_have_none() -> None:
    few = rooms(3)
    wide = few.pad(300)
    _, places = sites(wide, ("a", "b"))
    assert list(superlatives(places)) == []
    alone = replace(few.select([0]), mask=torch.tensor([[True, False, False, False, False]]))
    assert not list(superlatives(sites(alone, ("a",))[1])), "the only thing is the largest of all: nothing is told"
