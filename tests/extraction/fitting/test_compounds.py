"""Sums, products and quotients: planted ones come back as they stand, and no others are made than what is meant."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kg import Iff, parse
from kg.formulas import Arithmetic, Atom, Feature, Formula, Term
from kg.terms import TERMS
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.definitions import choose, fronts, questions
from rulekd.extraction.fitting.columns import bases
from rulekd.extraction.fitting.compounds import compound_columns, read_at
from rulekd.extraction.fitting.offered import MAX_ATTRIBUTES
from rulekd.extraction.fitting.questions import sites_of, told
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.scenes.definitions import relabelled


def things(count: int, objects: int = 5, further: int = 0, seed: int = 0) -> Scenes:
    """Boxes in a room of 4 x 4 x 2 metres, with a mass of 1 to 10, a charge of -2 to 2, and further numbers."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(count, objects, *shape, generator=generator)

    numbers = {"mass": 1 + 9 * drawn(), "charge": 4 * drawn() - 2}
    numbers |= {f"n{place}": drawn() for place in range(further)}
    return Scenes(
        mask=torch.ones(count, objects, dtype=torch.bool),
        center=drawn(3) * torch.tensor([4.0, 4.0, 2.0]),
        size=0.2 + drawn(3),
        numbers=numbers,
    )


def chosen(scenes: Scenes, text: str, flipped: float = 0.0) -> Formula:
    """The definition that is chosen for labels made by a formula, of which a share is told wrong."""
    planted = parse(text)
    assert isinstance(planted, Iff)
    assert isinstance(planted.left, Atom)
    labels = relabelled(scenes, {"p": planted}).labels["p"]
    wrong = torch.rand(labels.shape, generator=torch.Generator().manual_seed(1)) < flipped
    # As a network says it: given facts would be taken at their word.
    said = torch.where(labels ^ wrong, 8.0, -8.0)
    ((question, columns),) = list(questions(Discovery(Facts({"p": said}, mask=scenes.mask), scenes=scenes)))
    return choose(question, fronts(question, columns), len(columns))[0].body


PLANTED = [
    ("charge(a) * charge(b) < 0", "charge(a) * charge(b) <= 0"),
    ("mass(a) * mass(b) >= 30", "mass(a) * mass(b) >= 30"),
    ("mass(a) * charge(b) >= 3", "mass(a) * charge(b) >= 3"),
    ("mass(a) + mass(b) >= 12", "mass(a) + mass(b) >= 12"),
    ("width(a) * depth(a) >= 0.6", "width(a) * depth(a) >= 0.6"),
    ("height(a) * width(b) > width(a) * height(b)", "width(a) * height(b) <= height(a) * width(b)"),
    ("mass(a) * volume(b) > mass(b) * volume(a)", "mass(a) * volume(b) >= volume(a) * mass(b)"),
    ("mass(a) * mass(b) >= 20 * distance(a, b)", "mass(a) * mass(b) >= 20 * distance(a, b)"),
    ("distance(a, b) <= 0.2 * (mass(a) + mass(b))", "distance(a, b) <= 0.2 * (mass(a) + mass(b))"),
]


@pytest.mark.parametrize(("planted", "wanted"), PLANTED)
def test_a_planted_compound_comes_back(planted: str, wanted: str) -> None:
    assert str(chosen(things(250), f"p(a, b) <-> {planted}")) == wanted


@pytest.mark.parametrize(("planted", "wanted"), PLANTED[:4])
def test_also_where_answers_are_wrong_and_most_numbers_say_nothing(planted: str, wanted: str) -> None:
    assert str(chosen(things(250, further=MAX_ATTRIBUTES + 2), f"p(a, b) <-> {planted}", flipped=0.03)) == wanted


def test_a_compound_stands_beside_other_literals() -> None:
    body = chosen(things(250), "p(a, b) <-> charge(a) * charge(b) < 0 & distance(a, b) <= 1.5")
    assert str(body) == "distance(a, b) <= 1.5 & charge(a) * charge(b) <= 0"


def test_the_density_of_one_object() -> None:
    assert str(chosen(things(250), "p(a) <-> mass(a) >= 20 * volume(a)")) == "mass(a) >= 20 * volume(a)"


def test_what_is_told_by_less_stays_as_it_is() -> None:
    for plain in ("mass(a) >= 3 * mass(b)", "mass(a) >= 4 & charge(b) <= 1", "x(a) - x(b) >= 0.5"):
        assert str(chosen(things(250), f"p(a, b) <-> {plain}")) == plain
        assert str(chosen(things(250), f"p(a, b) <-> {plain}", flipped=0.03)).count("*") == plain.count("*")


def test_a_compound_has_the_values_of_its_text_wherever_it_is_read() -> None:
    scenes = things(12)
    sites = sites_of(Facts({"p": torch.ones(12, 5, 5, dtype=torch.bool)}, mask=scenes.mask), scenes, ("a", "b"))
    few = sites.at(np.arange(0, len(sites.scene), 7))
    for column in compound_columns(bases(few), few.read(scenes.numbers["mass"][:, :, None]) > 5)[::5]:
        everywhere = read_at(column, sites)
        np.testing.assert_allclose(everywhere.values[::7], column.values, rtol=1e-4, atol=1e-5)
        ranked = np.unique(everywhere.values)
        threshold = float(ranked[len(ranked) // 2 : len(ranked) // 2 + 2].mean())
        assert (told(column.literal(True, threshold), sites) == (everywhere.values >= threshold)).all()


def kind(side: Term) -> str:
    """What a term measures: products are products of what their factors measure, and only like is added to like."""
    match side:
        case Feature(name, _):
            return TERMS[name].dimension if name in TERMS else "attribute"
        case Arithmetic("*", left, right):
            return " ".join(sorted((kind(left), kind(right))))
        case Arithmetic("+" | "-", left, right):
            assert kind(left) == kind(right), f"{side}"
            return kind(left)
    raise AssertionError(side)


def test_only_what_is_commensurate_is_added_and_no_position_is_multiplied() -> None:
    scenes = things(6, further=2)
    for variables in (("a",), ("a", "b")):
        shape = (6,) + (5,) * len(variables)
        sites = sites_of(Facts({"p": torch.ones(shape, dtype=torch.bool)}, mask=scenes.mask), scenes, variables)
        made = compound_columns(bases(sites), np.arange(len(sites.scene)) % 2 == 0)
        for column in made:
            sides = [side for side in (column.left, column.right) if side is not None]
            assert not any("along" in kind(side) for side in sides if not isinstance(side, Formula))
            if column.form == "difference":
                assert column.left != column.right
                assert len({kind(side) for side in sides if not isinstance(side, Formula)}) == 1
        assert len({(column.form, str(column.left), str(column.right)) for column in made}) == len(made)


def test_of_many_numbers_each_is_joined_with_itself_and_few_with_each_other() -> None:
    counts = []
    for further in (MAX_ATTRIBUTES - 2, 2 * MAX_ATTRIBUTES):
        scenes = things(6, further=further)
        sites = sites_of(Facts({"p": torch.ones(6, 5, 5, dtype=torch.bool)}, mask=scenes.mask), scenes, ("a", "b"))
        made = compound_columns(bases(sites), sites.read(scenes.numbers["mass"][:, :, None]) > 5)
        texts = {str(column.left) for column in made}
        assert all({f"{name}(a) * {name}(b)", f"{name}(a) + {name}(b)"} <= texts for name in scenes.numbers)
        counts.append(len(made))
    assert counts[1] < 1.1 * counts[0], "saw the same but for two a number"
