"""The words that a definition may compare: categories that are known where it is fitted, and those that scenes name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from rulekd.scenes import Scenes


def worded(
    scenes: Scenes, scene: Tensor, objects: Tensor
) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """The categories of objects, and of scenes, that are known at all of some groundings, with their words.

    scene: (n,) numbers of scenes. objects: (k, n), one row a variable.
    """
    of_objects = {
        name: words
        for name, words in scenes.category_names.items()
        if all(bool((scenes.categories[name][scene, each] >= 0).all()) for each in objects)
    }
    of_scenes = {
        name: words
        for name, words in scenes.scene_category_names.items()
        if bool((scenes.scene_categories[name][scene] >= 0).all())
    }
    return of_objects, of_scenes


def shared_words(scenes: Scenes) -> Iterator[tuple[str, str]]:
    """(attribute of objects, attribute of the scene) where a scene names a kind of object: most words are the same."""
    for name, words in scenes.category_names.items():
        for named, others in scenes.scene_category_names.items():
            if 2 * len(set(words) & set(others)) >= max(1, len(others)):
                yield name, named
