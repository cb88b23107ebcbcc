"""Scene sets: batches cover all, parts are stable and disjoint, files give everything back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kg.errors import ArityError, RulekdError, UnknownNameError
from kg.predicates import Predicate, Vocabulary
from rulekd.scenes import Scenes, SceneSet
from tests.scenes.made import LABELS, random_scenes


def many(count: int = 400) -> SceneSet:
    """Scenes in groups of two."""
    names = tuple(f"s{n}" for n in range(count))
    scenes = Scenes(
        torch.ones(count, 2, dtype=torch.bool), names=names, group=tuple(f"g{n // 2}" for n in range(count))
    )
    return SceneSet(scenes)


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_every_scene_once(shuffle: bool) -> None:
    scenes = SceneSet(random_scenes(23, most=6))
    batches = list(scenes.batches(5, shuffle, torch.Generator().manual_seed(0)))
    names = [name for batch in batches for name in batch.names]
    assert Counter(names) == Counter(scenes.scenes.names)
    assert (names == list(scenes.scenes.names)) is not shuffle
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    for batch in batches:
        assert bool(batch.mask.any(0).all())  # padded to its own longest
        row = scenes.scenes.names.index(batch.names[0])
        assert torch.equal(batch["center"][0], scenes.scenes["center"][row, : batch.mask.shape[1]])


def test_shuffling_follows_the_generator() -> None:
    scenes = many()
    orders = [
        [name for b in scenes.batches(32, True, torch.Generator().manual_seed(seed)) for name in b.names]
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_parts_are_disjoint_cover_all_and_never_split_a_group() -> None:
    scenes = many()
    parts = {name: set(scenes.part(name).scenes.names) for name in ("train", "validate", "test", "discover", "confirm")}
    assert sum(len(parts[name]) for name in ("train", "validate", "test")) == 400
    assert parts["train"] | parts["validate"] | parts["test"] == set(scenes.scenes.names)
    assert parts["discover"] | parts["confirm"] == parts["train"] | parts["validate"]
    assert not parts["discover"] & parts["confirm"]
    assert set(scenes.part("train", "validate").scenes.names) == parts["discover"] | parts["confirm"]
    for pair in range(200):
        assert len({scenes.parts[2 * pair], scenes.parts[2 * pair + 1]}) == 1


def test_parts_have_about_their_shares() -> None:
    scenes = many(8000)
    assert (scenes.parts == "test").mean() == pytest.approx(0.25, abs=0.03)
    assert (scenes.parts == "validate").mean() == pytest.approx(0.15, abs=0.03)
    kept = scenes.evidence_parts[scenes.parts != "test"]
    assert (kept == "discover").mean() == pytest.approx(0.40, abs=0.03)
    assert set(scenes.evidence_parts[scenes.parts == "test"]) == {""}
    # the two ways to divide are independent
    trained = scenes.evidence_parts[scenes.parts == "train"]
    assert (trained == "discover").mean() == pytest.approx(0.40, abs=0.03)


def test_parts_are_those_of_other_days() -> None:
    # sha256sum of these names begins with 0380, eecd, ce7e, 3171 and 5746, which is 0.01, 0.93, 0.81, 0.19 and 0.34
    # of 2^16; a change would let old test scenes into new training
    groups = ("room 1", "room 2", "room 3", "kitchen", "room 9")
    scenes = Scenes(torch.ones(5, 1, dtype=torch.bool), group=groups)
    assert SceneSet(scenes).parts.tolist() == ["test", "train", "train", "test", "validate"]


def test_parts_stay_in_subsets() -> None:
    scenes = many()
    for subset in (scenes[100:], scenes.select([7, 3, 250]), scenes.part("train")):
        for name, part in zip(subset.scenes.names, subset.parts, strict=True):
            assert scenes.parts[scenes.scenes.names.index(name)] == part


def test_an_empty_or_unknown_part_is_an_error() -> None:
    scenes = many()
    with pytest.raises(UnknownNameError, match="Did you mean 'validate'"):
        scenes.part("valid")
    with pytest.raises(RulekdError, match="no scene is in the part test"):
        scenes.part("train").part("test")


def test_shares_are_nested_and_divide() -> None:
    scenes = many()
    small, large = scenes.share(0.1, seed=3), scenes.share(0.5, seed=3)
    assert (len(small), len(large)) == (40, 200)
    assert set(small.scenes.names) < set(large.scenes.names)
    assert set(small.scenes.names) != set(scenes.share(0.1, seed=4).scenes.names)
    kept, rest = scenes.divide(0.1, seed=3)
    assert set(kept.scenes.names) == set(small.scenes.names)
    assert set(kept.scenes.names) | set(rest.scenes.names) == set(scenes.scenes.names)
    assert len(scenes.share(1e-6)) == 1
    with pytest.raises(RulekdError, match="a share of 2"):
        scenes.share(2)


def test_slices_and_numbers() -> None:
    scenes = many(10)
    assert scenes[2:4].scenes.names == ("s2", "s3")
    assert scenes[-1].scenes.names == ("s9",)
    assert len(scenes.select([])) == 0


def test_the_vocabulary_is_that_of_the_labels() -> None:
    scenes = SceneSet(random_scenes())
    assert {name: word.arity for name, word in scenes.vocabulary.items()} == LABELS
    said = Vocabulary({"near": Predicate("near", 2, ("what", "of what")), "win": 0})
    words = SceneSet(random_scenes(), vocabulary=said).vocabulary
    assert words["near"].arguments == ("what", "of what")
    assert list(words) == ["near", "win", "chair", "between"]
    with pytest.raises(ArityError, match="'near' have arity 2; the vocabulary says 1"):
        SceneSet(random_scenes(), vocabulary=Vocabulary({"near": 1}))


def test_names_twice_are_refused() -> None:
    with pytest.raises(RulekdError, match="two scenes are named 'a'"):
        SceneSet(Scenes(torch.ones(2, 1, dtype=torch.bool), names=("a", "a")))


def test_the_fingerprint_sees_values_and_not_padding() -> None:
    scenes = random_scenes()
    own = SceneSet(scenes).fingerprint
    assert own == SceneSet(scenes.pad(9)).fingerprint == SceneSet(random_scenes()).fingerprint
    changed = scenes["center"].clone()
    changed[0, 0, 0] += 1e-12
    labels = {**scenes.labels, "near": ~scenes.labels["near"]}
    others = [
        replace(scenes, center=changed),
        replace(scenes, labels=labels),
        replace(scenes, names=("x", *scenes.names[1:])),
        replace(scenes, category_names={"shape": ("ball", "cube", "cone")}),
    ]
    assert len({own, *(SceneSet(other).fingerprint for other in others)}) == 5


def test_loading_by_name_of_the_format(tmp_path: Path) -> None:
    scenes = SceneSet(random_scenes(), source="random")
    scenes.save(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").rename(tmp_path / "b.txt")
    assert SceneSet.load(tmp_path / "b.txt", format="jsonl").fingerprint == scenes.fingerprint
    with pytest.raises(RulekdError, match=r"no reader for files that end in '\.txt'"):
        SceneSet.load(tmp_path / "b.txt")
    with pytest.raises(UnknownNameError, match="Did you mean 'jsonl'"):
        SceneSet.load(tmp_path / "b.txt", format="json")
    with pytest.raises(RulekdError, match="no such file"):
        SceneSet.load(tmp_path / "c.jsonl")
    with pytest.raises(RulekdError, match="written as JSON lines"):
        scenes.save(tmp_path / "c.csv")
