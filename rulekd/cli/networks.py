"""From a word to a network: a run directory, ``module:build`` (or ``file.py:build``), or a built-in name."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kg.errors import RulekdError, unknown
from rulekd.cli.choices import check_network
from rulekd.cli.manners import log
from rulekd.distillation.run import load_run, load_weights, network_of
from rulekd.networks import NETWORKS, build
from rulekd.networks.layout import ReadPoints
from rulekd.predictor import Predictor
from rulekd.run_files import read_record
from rulekd.scenes import SceneSet

#: How points are sampled for a network that needs them where the scenes have none; a run records it.
POINTS: dict[str, float | int] = {"count": 24, "noise": 0.05, "jitter": 0.10, "seed": 0}


@dataclass(frozen=True)
class Loaded:
    """A network and the scenes as it can read them.

    build: how it is made, ``module:function``, None for a built-in one. points: how points were sampled for it, None
    where it needs none or the scenes have their own.
    """

    predictor: Predictor
    scenes: SceneSet
    build: str | None = None
    points: dict[str, float | int] | None = None


def load_teacher(word: str, scenes: SceneSet) -> Loaded:
    """A trained network. A built-in name is refused: it has learned nothing."""
    check_network(word, trained=True)
    return _load(word, scenes, seed=0)


def load_student(word: str, scenes: SceneSet, seed: int) -> Loaded:
    """A network to train. A built-in name gives a fresh one; a run directory goes on from its weights."""
    return _load(word, scenes, seed)


def load_trained(folder: Path, scenes: SceneSet) -> Loaded:
    """The student of a run directory, and the scenes with points sampled as they were for its training."""
    record = read_record(folder)
    network, points = network_of(record, folder), record.get("points")
    if points is not None and scenes.scenes.points is None:
        scenes = scenes.with_points(**points)
    if "build" not in network:
        loaded = _with_points(lambda given: load_run(folder), None, scenes)
    else:
        loaded = _with_points(_caller(network["build"]), network["build"], scenes)
        load_weights(loaded.predictor, folder)
        loaded.predictor.thresholds = dict(network["thresholds"])
    return loaded if points is None else Loaded(loaded.predictor, loaded.scenes, loaded.build, points)


def _load(word: str, scenes: SceneSet, seed: int) -> Loaded:
    check_network(word)
    if Path(word).is_dir():
        return load_trained(Path(word), scenes)
    if word in NETWORKS:
        needs = NETWORKS[word].reads is ReadPoints and scenes.scenes.points is None
        scenes, points = _sampled(scenes, word) if needs else (scenes, None)
        return Loaded(build(word, scenes, seed=seed), scenes, points=points)
    return _with_points(_caller(word), _lasting(word), scenes)


def _with_points(make: Callable[[SceneSet], Predictor], build: str | None, scenes: SceneSet) -> Loaded:
    """The network on the scenes as they are; where it cannot read them for want of points, with sampled points."""
    samples = scenes.scenes.points is None and scenes.scenes.center is not None and scenes.scenes.size is not None
    try:
        predictor = make(scenes)
        predictor.dry_run(scenes)
        return Loaded(predictor, scenes, build)
    except RulekdError as error:
        if not samples or "points" not in error.message:
            raise
    scenes, points = _sampled(scenes, build or "the network")
    predictor = make(scenes)
    predictor.dry_run(scenes)
    return Loaded(predictor, scenes, build, points)


def _sampled(scenes: SceneSet, network: str) -> tuple[SceneSet, dict[str, float | int]]:
    log(
        f"note: {network} reads points and the scenes have none: sampled {POINTS['count']} an object, "
        f"noise {POINTS['noise']} m, jitter {POINTS['jitter']:.2f} m, seed {POINTS['seed']}"
    )
    made = scenes.with_points(
        int(POINTS["count"]), float(POINTS["noise"]), float(POINTS["jitter"]), seed=int(POINTS["seed"])
    )
    return made, dict(POINTS)


# --------------------------------------------------------------------------- a person's own function


def _caller(word: str) -> Callable[[SceneSet], Predictor]:
    """The function that ``module:name`` or ``file.py:name`` names, as one of the scenes."""
    module, _, name = word.rpartition(":")
    found = getattr(_module(module, word), name, None)
    if found is None:
        functions = [n for n, value in vars(_module(module, word)).items() if inspect.isfunction(value)]
        raise unknown("function", name, functions, where=f"{module}: ")
    if not callable(found):
        raise RulekdError(f"{word} is a {type(found).__name__}, no function", hint="Name one that returns a Predictor.")
    wants = _wants_scenes(found, word)

    def made(scenes: SceneSet) -> Predictor:
        result = _guarded(lambda: found(scenes) if wants else found(), word)
        if not isinstance(result, Predictor):
            raise RulekdError(
                f"{word} returned a {type(result).__name__}, not a Predictor",
                hint="End it with: return rulekd.Predictor(module, vocabulary, inputs=...).",
            )
        return result

    return made


def _wants_scenes(function: Callable[..., Any], word: str) -> bool:
    places = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
    ]
    if sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in places) > 1:
        raise RulekdError(
            f"{word} takes {len(places)} arguments", hint="It may take none, or one: the scenes (a rulekd.SceneSet)."
        )
    return bool(places)


def _module(name: str, word: str) -> ModuleType:
    if not name.endswith(".py"):
        module: ModuleType = _guarded(lambda: importlib.import_module(name), word, missing=name)
        return module
    path = Path(name).resolve()
    known = sys.modules.get(_file_module(path))
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(_file_module(path), path)
    assert spec is not None
    assert spec.loader is not None
    made, loader = importlib.util.module_from_spec(spec), spec.loader
    sys.modules[spec.name] = made
    try:
        _guarded(lambda: loader.exec_module(made), word)
    except RulekdError:
        del sys.modules[spec.name]
        raise
    return made


def _file_module(path: Path) -> str:
    return "rulekd_given_" + "".join(c if c.isalnum() else "_" for c in str(path))


def _guarded(act: Callable[[], Any], word: str, missing: str | None = None) -> Any:
    """The result of a person's code; what it raises is told with the place that it came from."""
    try:
        return act()
    except RulekdError:
        raise
    except ModuleNotFoundError as error:
        if missing is not None and error.name is not None and (missing + ".").startswith(error.name + "."):
            raise RulekdError(
                f"there is no module {error.name!r}, asked for by {word!r}",
                hint="Run from its folder, install it, or name the file: file.py:build.",
            ) from error
        raise RulekdError(
            f"{word} imports {error.name!r}, which is not installed", hint="Install it beside rulekd."
        ) from error
    except Exception as error:
        raise RulekdError(
            f"{word} raised {type(error).__name__}: {error}", hint="--debug shows where; the fault lies in that code."
        ) from error


def _lasting(word: str) -> str:
    """The word as it can be recorded: a file by its whole path, so that it is found from any folder."""
    module, _, name = word.rpartition(":")
    return f"{Path(module).resolve()}:{name}" if module.endswith(".py") else word
