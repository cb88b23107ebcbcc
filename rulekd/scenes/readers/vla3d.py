"""Homes of VLA-3D: oriented boxes as CSV beside a graph of relations as JSON, a scene for each region of the home.

In NAME_scene_graph.json each relation lists, by its *anchor*, the objects that stand in it: j in the list of i is the
label r(j, i). ``between`` lists pairs of anchors by the object that lies between them. Boxes and headings come from
NAME_object_result.csv, extents of the regions from NAME_region_result.csv. Objects that the graph leaves out are kept,
with unknown labels; objects of no region (-1) belong to no scene. ``closest`` and ``farthest`` are listed only where no
other of the category comes near: whether one that is not listed holds is unknown. Relations have no viewpoint: there
is no left or right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kg.errors import FileFormatError, unknown
from kg.formulas import Formula
from kg.predicates import Predicate, Vocabulary
from kg.text import parse
from rulekd.scenes.definitions import relabelled
from rulekd.scenes.readers import boxes
from rulekd.scenes.readers.content import Content, json_of, text_of
from rulekd.scenes.scenes import Scenes
from rulekd.truth import along

#: Endings of the three files of a home, each perhaps with .gz.
GRAPH, OBJECTS, REGIONS = "_scene_graph.json", "_object_result.csv", "_region_result.csv"

#: The relations that are read unless the caller names others, as the file calls them, and as rules do.
RELATIONS: dict[str, str] = {
    "above": "above",
    "below": "below",
    "on": "on",
    "in": "inside",
    "hanging_on": "hanging_on",
    "near": "near",
    "beside": "beside",
    "closest": "closest",
    "farthest": "farthest",
}

#: Further relations of the file. ``between`` is about three objects, which takes memory.
MORE = ("second_closest", "third_closest", "second_farthest", "third_farthest", "between")

#: What is exact in these files, where it is known. What the others mean is not stated anywhere.
TEXTS: dict[str, str] = {
    name: f"{name}(a, b) <-> (exists c: category(c) = category(a))"
    f" & (forall c: category(c) = category(a) -> distance(a, b) {sign} distance(c, b))"
    for name, sign in (("closest", "<="), ("farthest", ">="))
}

#: Columns of boxes that become attributes, and what they are called.
ATTRIBUTES = {"category": "category", "raw_label": "raw_label", "object_color_scheme1": "color"}

NO_REGION = "-1"


def read(path: Path, relations: Sequence[str] | None = None) -> Content:
    """The regions of one home, each its own group. path: of its scene graph; the CSV files lie beside it.

    relations: as the file calls them; those of ``RELATIONS`` that it holds, unless said.
    Scene numbers: region_width, region_depth, region_height in metres and region_volume; category: region.
    """
    home, graph = _home(path), json_of(text_of(path), path)
    regions = graph.get("regions") if isinstance(graph, Mapping) else None
    if not isinstance(regions, Mapping) or not regions:
        raise FileFormatError(f"{path}: holds no 'regions'", hint="Give the scene graph of a VLA-3D home.")
    made = boxes.read(_beside(path, OBJECTS), columns={"scene": "region_id", "category": "nyu_label"})
    scenes = made.scenes
    left_out = _without_region(scenes)
    scenes = scenes.select([n for n, name in enumerate(scenes.names) if name != NO_REGION]).trim()
    for name in scenes.names:
        if name not in regions:
            raise FileFormatError(
                f"{path}: has no region {name!r}, in which {_beside(path, OBJECTS).name} puts objects",
                hint="Are both of the same home?",
            )
    labels, valid = _labels(regions, scenes, _wanted(relations, regions, path), path)
    scenes = _with_regions(scenes, regions, _beside(path, REGIONS))
    titles = tuple(f"{home} {name}" for name in scenes.names)
    scenes = replace(
        scenes,
        names=titles,
        group=titles,
        numbers={},
        categories={new: scenes.categories[old] for old, new in ATTRIBUTES.items() if old in scenes.categories},
        category_names={n: scenes.category_names[o] for o, n in ATTRIBUTES.items() if o in scenes.categories},
        labels=labels,
    )
    meant = {name: formula for name, formula in definitions().items() if name in labels}
    for name, true in relabelled(scenes, meant).labels.items():
        valid[name] = valid.get(name, torch.ones_like(true)) & ~(true & ~labels[name])
    scenes = replace(scenes, label_valid=valid)
    words = Vocabulary({name: Predicate(name, value.dim() - 1) for name, value in labels.items()})
    source = path.name + (f", without {left_out} objects of no region" if left_out else "")
    return Content(scenes, words, meant, source)


def definitions() -> dict[str, Formula]:
    """What closest and farthest mean: among the things of the target's category, of which there is another."""
    return {name: parse(text) for name, text in TEXTS.items()}


def _home(path: Path) -> str:
    plain = path.name.removesuffix(".gz")
    if not plain.endswith(GRAPH):
        raise FileFormatError(f"{path}: is no scene graph of VLA-3D", hint=f"Give the file that ends in {GRAPH}.")
    return plain.removesuffix(GRAPH)


def _beside(path: Path, ending: str) -> Path:
    """The file of the same home with another ending, packed or not."""
    plain = path.with_name(_home(path) + ending)
    for candidate in (plain, plain.with_name(plain.name + ".gz")):
        if candidate.is_file():
            return candidate
    raise FileFormatError(f"{plain}: there is no such file", hint=f"It belongs beside {path.name}.")


def _without_region(scenes: Scenes) -> int:
    return sum(int(scenes.mask[n].sum()) for n, name in enumerate(scenes.names) if name == NO_REGION)


def _wanted(relations: Sequence[str] | None, regions: Mapping[str, Any], path: Path) -> list[str]:
    """The relations to read, by their names in the file; of those that are not named, what some region lists."""
    for name in relations or ():
        if name not in (*RELATIONS, *MORE):
            raise unknown("relation", name, (*RELATIONS, *MORE), where=f"{path}: ")
    if relations is not None:
        return list(relations)
    return [name for name in RELATIONS if any(_listed(region, name) for region in regions.values())]


def _listed(region: Any, relation: str) -> Mapping[str, Any]:
    """The lists of one relation in one region, by anchor; none where the file has none."""
    held = region.get("relationships") if isinstance(region, Mapping) else None
    found = held.get(relation) if isinstance(held, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _labels(
    regions: Mapping[str, Any], scenes: Scenes, wanted: Sequence[str], path: Path
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Labels by predicate, and where they are known: among the objects that the graph holds."""
    count, width = scenes.mask.shape
    assert scenes.object_ids is not None  # the CSV has a column of ids
    known = torch.zeros(count, width, dtype=torch.bool)
    labels = {name: torch.zeros((count,) + (width,) * _arity(name), dtype=torch.bool) for name in wanted}
    for number, name in enumerate(scenes.names):
        place = {title: index for index, title in enumerate(scenes.object_ids[number])}
        where = f"{path}, region {name!r}"
        for item in regions[name].get("objects", ()):
            title = str(item.get("object_id")) if isinstance(item, Mapping) else str(item)
            known[number, _place(title, place, where)] = True
        for relation in wanted:
            for anchor, targets in _listed(regions[name], relation).items():
                first = _place(anchor, place, f"{where}, relation {relation!r}")
                if not isinstance(targets, list):
                    raise FileFormatError(f"{where}, relation {relation!r}: lists {str(targets)[:60]}")
                for target in targets:
                    others = target if isinstance(target, list) else [target]
                    places = [_place(other, place, f"{where}, relation {relation!r}") for other in others]
                    if len(places) + 1 != _arity(relation):
                        raise FileFormatError(f"{where}, relation {relation!r}: lists {target!r} beside {anchor!r}")
                    _set_(labels[relation][number], first, places)
    valid = {}
    for relation in wanted:
        allowed = torch.ones((count,) + (1,) * _arity(relation), dtype=torch.bool)
        for axis in range(_arity(relation)):
            allowed = allowed & along(known, axis, _arity(relation))
        valid[RELATIONS.get(relation, relation)] = allowed
    return {RELATIONS.get(name, name): value for name, value in labels.items()}, valid


def _arity(relation: str) -> int:
    return 3 if relation == "between" else 2


def _set_(label: Tensor, first: int, places: Sequence[int]) -> None:
    """r(target, anchor); between(what lies there, one anchor, the other), in either order of the anchors."""
    if len(places) == 1:
        label[places[0], first] = True
    else:
        label[first, places[0], places[1]] = label[first, places[1], places[0]] = True


def _place(title: Any, place: Mapping[str, int], where: str) -> int:
    if not isinstance(title, str) or title not in place:
        raise FileFormatError(
            f"{where}: speaks of object {title!r}, which the CSV does not put there", hint="Are both of the same home?"
        )
    return place[title]


def _with_regions(scenes: Scenes, regions: Mapping[str, Any], path: Path) -> Scenes:
    """The scenes with the extents and the kind of each region."""
    made = boxes.read(
        path,
        columns={
            "scene": "region_id",
            **{axis: f"region_bbox_c{axis}" for axis in "xyz"},
            "width": "region_bbox_xlength",
            "depth": "region_bbox_ylength",
            "height": "region_bbox_zlength",
            "yaw": "region_bbox_heading",
        },
    ).scenes
    rows = []
    for name in scenes.names:
        if name not in made.names:
            raise FileFormatError(f"{path}: has no region {name!r}", hint="Are all files of the same home?")
        rows.append(made.names.index(name))
    size = made["size"][rows, 0]
    numbers = {f"region_{name}": size[:, axis] for axis, name in enumerate(("width", "depth", "height"))}
    kinds = [str(regions[name].get("region_name", "")) for name in scenes.names]
    known = tuple(sorted(set(kinds)))
    return replace(
        scenes,
        scene_numbers={**numbers, "region_volume": size.prod(-1)},
        scene_categories={"region": torch.tensor([known.index(kind) for kind in kinds])},
        scene_category_names={"region": known},
    )
