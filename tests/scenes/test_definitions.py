"""Labels from definitions are what the plain meaning says, formula by formula."""

from __future__ import annotations

import itertools

import pytest
import torch

from kg.errors import FormulaError, RulekdError
from kg.formulas import Formula, Iff
from kg.text import parse
from kg.worlds import holds
from rulekd.scenes import Scenes, SceneSet, definitions
from rulekd.scenes.definitions import check_definitions, relabelled
from tests.scenes.made import random_scenes, world_of

TEXTS = {
    "left_of": "left_of(a, b) <-> x(b) - x(a) > 0.2",
    "wide": "wide(a) <-> width(a) > depth(a) | volume(a) < 0.5",
    "leftmost": "leftmost(a) <-> (forall b: left_of(a, b) | x(a) <= x(b))",
    "next_to": "next_to(a, b) <-> distance(a, b) < 2 & ~(exists c: distance(a, c) < distance(a, b))",
    "crowded": "crowded() <-> exists a, b: distance(a, b) < 1",
    "amid": "amid(a, b, c) <-> exactly_one(left_of(a, b) & left_of(b, c), left_of(c, b) & left_of(b, a))",
    "one_side": "one_side(b, a) <-> at_most_one(left_of(a, b), x(a) > x(b)) -> (wide(a) <-> wide(b))",
    "other": "other(a, b) <-> a != b & chair(a)",
}


def parsed(texts: dict[str, str]) -> dict[str, Formula]:
    return {name: parse(text) for name, text in texts.items()}


@pytest.mark.parametrize("name", TEXTS)
def test_labels_are_the_plain_meaning(name: str) -> None:
    scenes = random_scenes(5, most=4, seed=4)
    labelled = relabelled(scenes, parsed(TEXTS))
    given = scenes.with_labels({**labelled.labels, "chair": scenes.labels["chair"]})
    formula = parse(TEXTS[name])
    assert isinstance(formula, Iff)
    arguments = formula.left.arguments  # type: ignore[attr-defined] # an atom
    for number in range(len(scenes)):
        world = world_of(given, number)
        for objects in itertools.permutations(range(world.size), len(arguments)):
            binding = dict(zip(arguments, objects, strict=True))
            expected = holds(formula.right, world, binding)
            assert bool(labelled.labels[name][(number, *objects)]) == expected, binding


def test_every_definition_labels_something_and_not_all() -> None:
    labelled = relabelled(random_scenes(30, most=4, seed=4), parsed(TEXTS))
    for name, labels in labelled.labels.items():
        assert 0 < labels.sum() < labels.numel(), name


def test_a_label_that_reads_what_is_unknown_is_unknown() -> None:
    scenes = random_scenes(6, most=4, seed=4)  # the first weight of each scene is unknown
    texts = {
        "heavy": "heavy(a) <-> weight(a) > 0",
        "light": "light(a) <-> ~heavy(a) & x(a) > -9",
        "ball": 'ball(a) <-> shape(a) = "ball"',
        "beside": "beside(a) <-> exists b: heavy(b)",
        "left": "left(a) <-> x(a) < 0",
    }
    labelled = relabelled(scenes, parsed(texts))
    known, worded = ~scenes.numbers["weight"].isnan(), scenes.categories["shape"] >= 0
    assert set(labelled.label_valid) == {"heavy", "light", "ball"}
    assert torch.equal(labelled.label_valid["heavy"], known)
    assert torch.equal(labelled.label_valid["light"], known)
    assert torch.equal(labelled.label_valid["ball"] & scenes.mask, worded & scenes.mask)
    heavy = (scenes.numbers["weight"] > 0) & scenes.mask
    others = (heavy.sum(1, keepdim=True) - heavy.long()) > 0
    assert torch.equal(labelled.labels["beside"], others & scenes.mask), "what is unknown is no witness"
    again = relabelled(scenes, parsed({"twice": "twice(a) <-> heavy(a)"}), given=labelled)
    assert torch.equal(again.label_valid["twice"], known)


def test_padding_and_the_diagonal_are_false() -> None:
    scenes = random_scenes(4, most=5, seed=9)
    labels = relabelled(scenes, parsed({"any": "any(a, b) <-> distance(a, b) >= 0"})).labels["any"]
    expected = scenes.mask[:, :, None] & scenes.mask[:, None] & ~torch.eye(5, dtype=torch.bool)
    assert torch.equal(labels, expected)


def test_parts_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = random_scenes(7, most=4, seed=4)
    whole = relabelled(scenes, parsed(TEXTS)).labels
    monkeypatch.setattr(definitions, "BLOCK", 1)
    parts = relabelled(scenes, parsed(TEXTS)).labels
    assert all(torch.equal(whole[name], parts[name]) for name in TEXTS)


def test_labels_keep_the_order_of_the_definitions() -> None:
    texts = {name: TEXTS[name] for name in reversed(TEXTS)}
    assert list(relabelled(random_scenes(), parsed(texts)).labels) == list(texts)


def test_permuting_objects_permutes_the_labels() -> None:
    scenes = random_scenes(3, most=4, seed=1)
    order = torch.tensor([[1, 3, 0, 2]]).expand(3, 4)
    moved = relabelled(scenes.permute(order), parsed(TEXTS)).labels
    labels = scenes.with_labels(relabelled(scenes, parsed(TEXTS)).labels).permute(order).labels
    assert all(torch.equal(moved[name], labels[name]) for name in TEXTS)


def test_a_scene_set_drops_what_is_not_defined() -> None:
    scenes = SceneSet(random_scenes(), definitions=parsed({"left_of": TEXTS["left_of"]}))
    assert list(scenes.relabel(scenes.scenes).labels) == ["left_of"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"p": "p(a) -> x(a) > 1"}, "the predicate on the left"),
        ({"p": "q(a) <-> x(a) > 1"}, "definition of 'p'"),
        ({"p": "p(a) <-> x(b) > 1"}, "Bind further variables"),
        ({"p": "p(a, a) <-> x(a) > 1"}, "repeats a variable"),
        ({"p": "p(a) <-> q(a)", "q": "q(a) <-> p(a)"}, "p, q go round in a circle"),
    ],
)
def test_wrong_definitions_are_refused(texts: dict[str, str], message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        check_definitions(parsed(texts))


def test_a_definition_by_a_label_that_is_not_there() -> None:
    scenes = Scenes.from_objects([[{"center": (0, 0, 0)}]])
    with pytest.raises(RulekdError, match="unknown label 'chair'"):
        relabelled(scenes, parsed({"seat": "seat(a) <-> chair(a)"}))


def test_padding_is_nothing_unknown() -> None:
    mask = torch.tensor([[True, True], [True, False]])
    scenes = Scenes(
        mask=mask, categories={"kind": torch.tensor([[0, 1], [1, -1]])}, category_names={"kind": ("u", "v")}
    )
    told = relabelled(scenes, {"same": parse("same(a, b) <-> kind(a) = kind(b)"), "u": parse('u(a) <-> kind(a) = "u"')})
    assert not told.label_valid
    assert told.labels["u"].tolist() == [[True, False], [False, False]]
