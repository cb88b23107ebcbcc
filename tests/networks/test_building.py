"""Every built-in network: the shared laws, the description and the way back, and what it refuses."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from kg import ArityError, FileFormatError, RulekdError, UnknownNameError, Vocabulary
from rulekd.networks import NETWORKS, build, describe, from_spec
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet
from tests.networks import laws

ALL = pytest.mark.parametrize("name", list(NETWORKS))


def fresh(name: str, scenes: SceneSet, seed: int = 0) -> Predictor:
    """A network whose layers all speak: right after building, some start as the identity."""
    predictor = build(name, scenes, seed=seed)
    draw = torch.Generator().manual_seed(seed)
    for parameter in predictor.module.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=draw)
    return predictor


@ALL
def test_keeps_the_shared_laws(name: str) -> None:
    rooms = laws.rooms()
    predictor = fresh(name, rooms)
    laws.assert_permutation_equivariant(predictor, rooms.scenes)
    laws.assert_padding_invariant(predictor, rooms.scenes)
    laws.assert_one_by_one(predictor, rooms.scenes)
    laws.assert_gradients_reach_everything(predictor, rooms.scenes)


@ALL
def test_answers_every_word_with_its_shape(name: str) -> None:
    rooms = laws.rooms()
    predictor = build(name, rooms)
    predictor.dry_run(rooms)
    shapes = {word: tuple(value.shape) for word, value in predictor.logits(rooms.scenes).items()}
    assert shapes == {"left_of": (6, 5, 5), "near": (6, 5, 5), "tall": (6, 5), "crowded": (6,)}


@ALL
def test_is_rebuilt_from_its_description_alone(name: str) -> None:
    rooms = laws.rooms()
    predictor = fresh(name, rooms)
    predictor.thresholds["near"] = 0.3
    again = from_spec(json.loads(json.dumps(describe(predictor))))
    assert again.vocabulary == predictor.vocabulary
    assert again.thresholds == {"near": 0.3}
    assert again.fingerprint != predictor.fingerprint
    again.module.load_state_dict(predictor.module.state_dict())
    assert again.fingerprint == predictor.fingerprint
    laws.assert_same(again.logits(rooms.scenes), predictor.logits(rooms.scenes), within=0.0)


@ALL
def test_a_seed_fixes_the_weights_and_leaves_the_callers_random_state(name: str) -> None:
    rooms = laws.rooms()
    before = torch.get_rng_state()
    assert build(name, rooms, seed=3).fingerprint == build(name, rooms, seed=3).fingerprint
    assert build(name, rooms, seed=3).fingerprint != build(name, rooms, seed=4).fingerprint
    assert torch.equal(torch.get_rng_state(), before)


@ALL
def test_a_scene_of_padding_alone_is_finite(name: str) -> None:
    rooms = laws.rooms()
    predictor = fresh(name, rooms)
    empty = replace(rooms.scenes, mask=torch.zeros_like(rooms.scenes.mask), object_ids=None)
    answers = predictor.logits(empty)
    assert all(bool(value.isfinite().all()) for value in answers.values())
    sum(value.sum() for value in answers.values()).backward()
    assert all(bool(p.grad.isfinite().all()) for p in predictor.module.parameters() if p.grad is not None)


@ALL
def test_translation_in_plan_changes_nothing(name: str) -> None:
    rooms = laws.rooms()
    predictor = fresh(name, rooms)
    shift = torch.tensor([30.0, -20.0, 0.0])
    assert rooms.scenes.center is not None
    assert rooms.scenes.points is not None
    points = rooms.scenes.points.clone()
    points[..., :3] += shift
    moved = replace(rooms.scenes, center=rooms.scenes.center + shift, points=points)
    mask = moved.mask
    laws.assert_same(
        laws.real(predictor.logits(moved), mask), laws.real(predictor.logits(rooms.scenes), mask), within=1e-3
    )


@ALL
def test_is_fast_enough_to_train_on_two_cores(name: str) -> None:
    torch.set_num_threads(1)
    rooms = laws.rooms(count=16, objects=10).with_points(count=24)
    predictor = build(name, rooms)
    best = float("inf")
    for _ in range(8):
        begun = time.perf_counter()
        sum(value.mean() for value in predictor.logits(rooms.scenes).values()).backward()
        best = min(best, time.perf_counter() - begun)
    assert best < 0.2, (
        f"a step took {best * 1000:.0f} ms"
    )  # seen: 5 ms (student), 14 ms (teacher); slack for busy machines


def test_names_options_and_settings_are_checked() -> None:
    rooms = laws.rooms()
    with pytest.raises(UnknownNameError, match="unknown network 'room-transfomer'") as wrong:
        build("room-transfomer", rooms)
    assert wrong.value.hint == "Did you mean 'room-transformer'?"
    with pytest.raises(UnknownNameError, match=r"network 'point-student': unknown option 'with'"):
        build("point-student", rooms, **{"with": 3})
    with pytest.raises(RulekdError, match="option 'width' is 0"):
        build("point-student", rooms, width=0)
    with pytest.raises(RulekdError, match="width 30 is not a multiple of 4 heads"):
        build("room-transformer", rooms, width=30)
    with pytest.raises(ArityError, match="'between' has arity 3"):
        build("room-transformer", replace(rooms, vocabulary=Vocabulary({"between": 3})))
    with pytest.raises(RulekdError, match="no predicates"):
        build("room-transformer", SceneSet(Scenes.from_objects([[{"center": (0, 0, 0)}]])))


def test_options_change_the_size() -> None:
    rooms = laws.rooms()
    small, large = build("room-transformer", rooms, width=16, layers=1), build("room-transformer", rooms)
    assert small.parameters < large.parameters
    assert from_spec(describe(small)).parameters == small.parameters


def test_a_network_of_ones_own_has_no_description() -> None:
    with pytest.raises(RulekdError, match="Linear is none of the built-in networks"):
        describe(Predictor(nn.Linear(1, 1), {"p": 1}, inputs=lambda scenes: scenes["size"]))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 99}, "has version 99"),
        ({"vocabulary": None}, "cannot be read"),
        ({"layout": {}}, "cannot be read"),
        ({"options": 3}, "cannot be read"),
    ],
)
def test_a_damaged_description_is_refused(change: dict[str, object], complaint: str) -> None:
    spec = describe(build("point-student", laws.rooms())) | change
    with pytest.raises(FileFormatError, match=complaint):
        from_spec(spec)
