"""Networks by name: built on scenes, described as JSON, rebuilt from the description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from kg.errors import FileFormatError, RulekdError, unknown
from kg.predicates import Predicate, Vocabulary
from rulekd.networks.layout import Layout, ReadColumns, ReadPoints
from rulekd.networks.network import Network
from rulekd.networks.points import PointOptions, PointStudent
from rulekd.networks.room import RoomOptions, RoomTransformer
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet

SPEC_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One built-in network: its module, the options that this is made with, and what it reads of scenes."""

    module: Callable[[Vocabulary, Layout, Any], Network]
    options: type[RoomOptions] | type[PointOptions]
    reads: Callable[[Layout], ReadColumns | ReadPoints]


#: Every built-in network; a new one is a file and a line here.
NETWORKS: dict[str, Entry] = {
    "room-transformer": Entry(RoomTransformer, RoomOptions, ReadColumns),
    "point-student": Entry(PointStudent, PointOptions, ReadPoints),
}


def build(name: str, scenes: SceneSet, *, seed: int | None = None, **options: int) -> Predictor:
    """A fresh, untrained network that speaks the words of the labels of ``scenes``.

    name: a key of ``NETWORKS``. seed: of its first weights; None = torch's global random state.
    options: the fields of the network's options, such as ``width``.
    """
    entry = _entry(name)
    layout = Layout.of(scenes.scenes)
    predictor = _assemble(entry, scenes.vocabulary, layout, _options(name, entry, options), seed)
    assert isinstance(predictor.module, Network)
    predictor.module.measure_(scenes.scenes, layout)
    return predictor


def describe(predictor: Predictor) -> dict[str, Any]:
    """The JSON-able description of a built-in network, without its weights: ``from_spec`` takes it back."""
    name = next((name for name, entry in NETWORKS.items() if entry.module is type(predictor.module)), None)
    if name is None or not isinstance(predictor.module, Network):
        raise RulekdError(
            f"{type(predictor.module).__name__} is none of the built-in networks ({', '.join(NETWORKS)})",
            hint="Name a network of your own by 'module:build', a function that returns a Predictor.",
        )
    assert isinstance(predictor.inputs, ReadColumns | ReadPoints)
    words = predictor.vocabulary
    return {
        "version": SPEC_VERSION,
        "network": name,
        "vocabulary": {
            "predicates": [asdict(words[word]) for word in words],
            "frame": words.frame,
            "tolerance": words.tolerance,
        },
        "layout": predictor.inputs.layout.to_dict(),
        "options": asdict(predictor.module.options),
        "thresholds": dict(predictor.thresholds),
    }


def from_spec(spec: Mapping[str, Any]) -> Predictor:
    """The network that ``describe`` described, with fresh weights: load the trained ones into its ``module``."""
    try:
        if spec["version"] > SPEC_VERSION:
            raise FileFormatError(
                f"the network's description has version {spec['version']}; this program reads up to {SPEC_VERSION}",
                hint="Use a newer rulekd.",
            )
        entry = _entry(spec["network"])
        given = spec["vocabulary"]
        words = Vocabulary(
            {p["name"]: Predicate(**{**p, "arguments": tuple(p["arguments"])}) for p in given["predicates"]},
            frame=given["frame"],
            tolerance=given["tolerance"],
        )
        layout = Layout.from_dict(spec["layout"])
        options = _options(spec["network"], entry, spec["options"])
        predictor = _assemble(entry, words, layout, options, seed=None)
        predictor.thresholds.update(spec["thresholds"])
    except (KeyError, TypeError, AttributeError) as wrong:
        raise FileFormatError(
            f"the network's description cannot be read: {type(wrong).__name__} {wrong}",
            hint="It is written by rulekd.networks.describe; restore the file.",
        ) from wrong
    return predictor


def _entry(name: str) -> Entry:
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]


def _options(name: str, entry: Entry, given: Mapping[str, Any]) -> RoomOptions | PointOptions:
    known = [field.name for field in fields(entry.options)]
    for option, value in given.items():
        if option not in known:
            raise unknown("option", option, known, where=f"network {name!r}: ")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise RulekdError(
                f"network {name!r}: option {option!r} is {value!r}", hint="Give a whole number, 1 or more."
            )
    return entry.options(**given)


def _assemble(
    entry: Entry, vocabulary: Vocabulary, layout: Layout, options: RoomOptions | PointOptions, seed: int | None
) -> Predictor:
    if len(vocabulary) == 0:
        raise RulekdError("the network has nothing to say: no predicates", hint="Use scenes with labels.")
    # with a seed of its own the network leaves the caller's random state alone
    with torch.random.fork_rng(enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        module = entry.module(vocabulary, layout, options)
    return Predictor(module, vocabulary, inputs=entry.reads(layout))
