"""Finished students of a comparison, kept on disk so that an interrupted one goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kg import FileFormatError
from rulekd.distillation.comparison import Student
from rulekd.distillation.ledger import Entry
from rulekd.distillation.measures import Measures
from rulekd.run_files import key_of


class Finished:
    """Students by arm and seed; with a path each is appended to a file of JSON lines as soon as it is added.

    path: None = kept in memory only. key: what the comparison is made with; the file of another is refused.
    """

    def __init__(self, path: Path | str | None, key: Mapping[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.key = key_of(key)
        self.students: dict[tuple[str, int], Student] = {}
        if self.path is None:
            return
        if self.path.exists():
            self._read(self.path)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._append({"comparison": self.key})

    def __contains__(self, which: tuple[str, int]) -> bool:
        return which in self.students

    def __getitem__(self, which: tuple[str, int]) -> Student:
        return self.students[which]

    def add(self, student: Student) -> None:
        """Keep one more."""
        self.students[student.arm, student.seed] = student
        if self.path is not None:
            self._append({**asdict(student), "history": [asdict(entry) for entry in student.history]})

    def _append(self, line: Mapping[str, Any]) -> None:
        assert self.path is not None
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _read(self, path: Path) -> None:
        """Every whole line; a last one that was cut off is dropped from the file, and its student trained again."""
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()
            path.write_text("".join(lines), encoding="utf-8")
        try:
            first, *rest = [json.loads(line) for line in lines]
            students = [_student(line) for line in rest]
            known = first["comparison"] == self.key
        except (ValueError, KeyError, TypeError) as wrong:
            raise FileFormatError(f"{path} cannot be read: {wrong}", hint="Remove it to start anew.") from wrong
        if not known:
            raise FileFormatError(
                f"{path} holds students of another comparison",
                hint="Give the same scenes, networks and options as then, or remove it to start anew.",
            )
        self.students = {(student.arm, student.seed): student for student in students}


def _student(line: Mapping[str, Any]) -> Student:
    return Student(
        line["arm"],
        line["seed"],
        Measures(**line["measures"]),
        tuple(Entry(**entry) for entry in line["history"]),
    )
