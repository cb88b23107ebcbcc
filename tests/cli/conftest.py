"""What the tests of training commands share: small rooms on disk, a teacher and a student of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kg import KnowledgeGraph
from rulekd.scenes import SceneSet
from rulekd.scenes.rooms import generate
from tests.cli.shell import rulekd

WORDS = ("left_of", "right_of", "near")
RULES = (
    "left_of(a, b) <-> right_of(b, a)",
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    "near(a, b) <-> near(b, a)",
)


@dataclass(frozen=True)
class Trained:
    """Files. bare: the scenes without points. graph: rules by hand. teacher, student: run directories."""

    folder: Path
    scenes: Path
    bare: Path
    graph: Path
    teacher: Path
    student: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    files = Trained(folder, *(folder / name for name in ("r.jsonl", "bare.jsonl", "g.kg.json", "teacher", "student")))
    rooms = generate(40, seed=3, objects=(4, 6), points=8)
    labels = {name: rooms.scenes.labels[name] for name in WORDS}
    few = SceneSet(rooms.scenes.with_labels(labels), definitions={name: rooms.definitions[name] for name in WORDS})
    few.save(files.scenes)
    replace(few, scenes=replace(few.scenes, points=None)).save(files.bare)
    KnowledgeGraph.of(RULES).save(files.graph)
    quick = ("--batch-size", 8, "--device", "cpu", "--json")
    teacher = ("--student", "room-transformer", "--scenes", files.bare, "--out", files.teacher, "--steps", 60)
    assert rulekd("train", *teacher, *quick).code == 0
    student = ("--student", "point-student", "--scenes", files.bare, "--out", files.student, "--steps", 30)
    assert rulekd("train", *student, "--teacher", files.teacher, "--kg", files.graph, *quick).code == 0
    return files
