"""Generated rooms: things stand where things can stand, labels are what the definitions say, seeds decide all."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from kg.errors import RulekdError
from kg.worlds import count
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.furniture import GRID, KINDS, RELATIONS
from rulekd.scenes.rooms import definitions, generate, vocabulary
from tests.scenes.made import world_of


def faces(scenes: Scenes) -> tuple[Tensor, Tensor]:
    """(B, N, 3) each: least and greatest corners of the hulls."""
    half = scenes.extents_in_view() / 2
    return scenes["center"] - half, scenes["center"] + half


def kinds(scenes: Scenes, row: int) -> list[str]:
    return [scenes.category_names["category"][n] for n in scenes["category"][row].tolist() if n >= 0]


def test_faces_lie_on_the_grid(rooms: SceneSet) -> None:
    for side in faces(rooms.scenes):
        units = (side / GRID)[rooms.scenes.mask]
        torch.testing.assert_close(units, units.round(), atol=1e-3, rtol=0)


def test_nothing_is_where_another_thing_is() -> None:
    scenes = generate(1000, seed=5, objects=(10, 14), points=None).scenes
    low, high = faces(scenes)
    common = torch.minimum(high[:, :, None], high[:, None]) - torch.maximum(low[:, :, None], low[:, None])
    meet = (common > 1e-3).all(-1) & scenes.mask[:, :, None] & scenes.mask[:, None]
    meet &= ~torch.eye(scenes.mask.shape[1], dtype=torch.bool)
    within = scenes.labels["inside"] | scenes.labels["contains"]
    assert not (meet & ~within).any()
    assert within.any()


def test_everything_stands_on_something_that_can_carry_or_hold_it(rooms: SceneSet) -> None:
    scenes = rooms.scenes
    low, high = faces(scenes)
    for row in range(len(scenes)):
        names = kinds(scenes, row)
        for place, name in enumerate(names):
            carriers = scenes.labels["on"][row, place].nonzero()[:, 0].tolist()
            holders = scenes.labels["inside"][row, place].nonzero()[:, 0].tolist()
            floor = abs(float(low[row, place, 2])) < 1e-6
            assert floor + len(carriers) >= 1 or holders
            for other in carriers:
                assert name in KINDS[names[other]].carries or (names[other], name) == ("rug", "table")
                assert bool((low[row, place, :2] > low[row, other, :2] - 1e-3).all())
                assert bool((high[row, place, :2] < high[row, other, :2] + 1e-3).all())
            for other in holders:
                assert KINDS[names[other]].holds or names[other] == "rug", (name, names[other])
            if floor:
                assert KINDS[name].place or holders, name


def test_contacts_are_exact_up_to_rounding(rooms: SceneSet) -> None:
    low, high = faces(rooms.scenes)
    apart = (low[:, :, None, 2] - high[:, None, :, 2])[rooms.scenes.labels["on"]]
    assert len(apart) > 100
    assert apart.abs().max() < 1e-5


def test_chairs_stand_at_desks_and_tables(rooms: SceneSet) -> None:
    scenes = rooms.scenes
    low, high = faces(scenes)
    for row in range(len(scenes)):
        names = kinds(scenes, row)
        for place, name in enumerate(names):
            if name != "chair":
                continue
            hosts = [n for n, other in enumerate(names) if other in ("desk", "table")]
            gaps = [
                torch.maximum(low[row, n] - high[row, place], low[row, place] - high[row, n]).clamp_min(0).norm()
                for n in hosts
            ]
            assert min(float(gap) for gap in gaps) < 0.11


def test_rooms_are_of_the_size_that_is_asked_for() -> None:
    few = generate(30, objects=(3, 5), points=None)
    sizes = few.scenes.mask.sum(1)
    assert set(sizes.tolist()) == {3, 4, 5}
    assert few.scenes.points is None
    assert set(generate(60, seed=1, points=None).scenes.mask.sum(1).tolist()) == set(range(6, 15))


def test_one_seed_one_set_and_the_first_of_a_larger_one(rooms: SceneSet) -> None:
    assert generate(120, seed=7).fingerprint == rooms.fingerprint
    assert generate(9, seed=7).scenes.equals(rooms[:9].scenes.trim())
    assert generate(9, seed=8).fingerprint != rooms[:9].fingerprint


@pytest.mark.parametrize("name", list(definitions()))
def test_labels_are_the_plain_meaning_of_their_definitions(rooms: SceneSet, name: str) -> None:
    for row in range(4):
        result = count(rooms.definitions[name], world_of(rooms.scenes, row))
        assert (result.violations, result.groundings > 0) == (0, True)


def test_every_predicate_is_true_of_some_and_false_of_others(rooms: SceneSet) -> None:
    assert list(rooms.vocabulary) == [*RELATIONS, *KINDS] == list(vocabulary())
    for name, labels in rooms.scenes.labels.items():
        share = labels.float().mean().item()
        assert 0 < share < 0.5, name


def chained(one: Tensor, other: Tensor) -> Tensor:
    """(B, N, N): is there a b with one(a, b) and other(b, c)?"""
    return (one.float() @ other.float()) > 0


def test_laws_of_the_vocabulary_hold(rooms: SceneSet) -> None:
    labels = rooms.scenes.labels
    inverse = [("left_of", "right_of"), ("in_front_of", "behind"), ("above", "below"), ("on", "supports")]
    for one, other in [*inverse, ("inside", "contains"), ("bigger", "smaller"), ("near", "near"), ("touching",) * 2]:
        assert torch.equal(labels[one], labels[other].transpose(1, 2)), (one, other)
    for name in ("left_of", "right_of", "in_front_of", "behind", "above", "below", "inside", "contains", "bigger"):
        assert not (chained(labels[name], labels[name]) & ~labels[name]).any(), name
        assert not (labels[name] & labels[name].transpose(1, 2)).any(), name
    for part, whole in (("on", "above"), ("on", "touching"), ("inside", "smaller")):
        assert not (labels[part] & ~labels[whole]).any()
    for name in ("left_of", "right_of", "in_front_of", "behind", "above", "below"):
        assert not (chained(labels["inside"], labels[name]) & ~labels[name]).any(), name
    exactly = torch.stack([labels[kind] for kind in KINDS]).sum(0)
    assert torch.equal(exactly, rooms.scenes.mask.long())


def test_points_lie_on_the_faces_that_are_seen() -> None:
    scenes = generate(10, seed=3, noise=0.0, points=16).scenes
    low, high = faces(scenes)
    points = scenes["points"][..., :3]
    away = torch.minimum((points - low[:, :, None]).abs(), (points - high[:, :, None]).abs()).min(-1).values
    within = ((points > low[:, :, None] - 1e-4) & (points < high[:, :, None] + 1e-4)).all(-1)
    seen = (scenes["visible"] > 0) & scenes.mask
    assert away[seen].max() < 1e-4
    assert bool(within[seen].all())
    # nobody sees the bottom of what stands on the floor, nor the back of what the camera is in front of
    bottom = ((points[..., 2] - low[:, :, None, 2]).abs() < 1e-5) & (points[..., :2] - low[:, :, None, :2] > 1e-3).all(
        -1
    )
    assert bottom[seen].float().mean() < 0.05


def test_what_is_hidden_is_zero_and_marked(rooms: SceneSet) -> None:
    scenes = rooms.scenes
    hidden = (scenes["visible"] == 0) & scenes.mask
    assert 0.01 < hidden.float().sum() / scenes.mask.sum() < 0.3
    assert not scenes["points"][hidden].any()
    assert bool(torch.isfinite(scenes["points"]).all())
    cabinets = scenes.labels["inside"] & scenes.labels["cabinet"][:, None]
    assert bool(hidden[cabinets.any(-1)].all())
    shelves = scenes.labels["inside"] & scenes.labels["shelf"][:, None]
    assert (~hidden[shelves.any(-1)]).float().mean() > 0.4


def test_noise_is_what_was_asked_for() -> None:
    clean, noisy = (generate(5, seed=2, points=64, noise=noise).scenes["points"] for noise in (0.0, 0.03))
    moved = (noisy - clean)[..., :3][clean.abs().sum(-1) > 0]
    assert moved.std().item() == pytest.approx(0.03, rel=0.05)


def test_parts_are_whole_rooms_and_disjoint(rooms: SceneSet) -> None:
    assert len(set(rooms.scenes.group)) == len(rooms)
    parts = [set(rooms.part(name).scenes.names) for name in ("train", "validate", "test")]
    assert not any(one & other for one, other in itertools.combinations(parts, 2))
    assert sum(map(len, parts)) == len(rooms)


def test_wrong_requests_are_refused() -> None:
    for options in ({"count": 0}, {"objects": (8, 6)}, {"points": 0}, {"noise": -1.0}, {"objects": (1, 2)}):
        with pytest.raises(RulekdError, match="Give 1 or more rooms"):
            generate(**{"count": 2, **options})  # type: ignore[arg-type] # one option is wrong on purpose
