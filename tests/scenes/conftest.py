"""Scenes that several tests read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rulekd.scenes import SceneSet
from rulekd.scenes.rooms import generate
from tests.scenes.made import clevr_file


@pytest.fixture(scope="session")
def made_clevr(tmp_path_factory: pytest.TempPathFactory) -> SceneSet:
    path: Path = tmp_path_factory.mktemp("clevr") / "made.json"
    path.write_text(json.dumps(clevr_file(40)))
    return SceneSet.load(path)


@pytest.fixture(scope="session")
def rooms() -> SceneSet:
    return generate(120, seed=7)
