"""Classes of whole scenes: who has won at tic-tac-toe, read off boards of nine cells, and one rule of Zendo.

    python -m benchmarks.extraction.boards

The data lie in the folder that RULEKD_DATA names; what is missing is skipped, and said so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import torch

import kg
from benchmarks.extraction.tables import read_arff
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.decisions import decisions
from rulekd.facts import Facts
from rulekd.grounding import View, count
from rulekd.scenes import Scenes
from rulekd.scenes.data import data_file

#: One literal longer than what is found, and as true of the forty Zendo scenes: they do not tell the two apart.
LONGER = "zendo() <-> exists a, b: blue(a) & size(a) <= 3 & contact(a, b) & red(b)"


def main() -> None:
    """Print what is found, and how many labels it breaks."""
    torch.set_num_threads(1)
    print("| scenes | sentence | labels broken |\n| --- | --- | --- |")
    table, facts, examples = (
        data_file("tabular", "tic-tac-toe.arff"),
        data_file("zendo", "bk.pl"),
        data_file("zendo", "exs.pl"),
    )
    if table is None:
        print("| tic-tac-toe | skipped: not here (RULEKD_DATA) | |")
    else:
        show("tic-tac-toe, boards of nine cells", *boards(table))
    if facts is None or examples is None:
        print("| Zendo | skipped: not here (RULEKD_DATA) | |")
    else:
        known, scenes = zendo(facts, examples)
        show("Zendo", known, scenes)
        print(f"| | longer: `{LONGER}` | {broken(kg.parse(LONGER), known, scenes)} of {len(scenes)} |")


def show(name: str, known: Facts, scenes: Scenes) -> None:
    """Lines of the table: every sentence that is proposed, and the shorter ones that tell less."""
    proposed = decisions(Discovery(known, scenes=scenes))
    for formula in proposed.formulas:
        wrong = broken(formula, known, scenes)
        print(f"| {name}, {len(scenes)} | `{formula}` | {wrong} of {len(scenes)} |")
        for choice in proposed.definitions[formula].front:
            print(f"| | {choice.literals}: `{choice.text}` | F1 {choice.fidelity:.3f} |")


def broken(formula: kg.Formula, known: Facts, scenes: Scenes) -> int:
    """Scenes that a sentence tells otherwise than their label."""
    return int(count(formula, View(known, scenes))[1].sum())


def boards(path: Path) -> tuple[Facts, Scenes]:
    """Every third of the endgames: nine cells each, with a mark, a column and a row."""
    table = read_arff(path, "Class")
    marks = {"b": 0, "x": 1, "o": 2}
    rows, classes = table.rows[::3], table.classes[::3]
    place = torch.arange(9)
    scenes = Scenes(
        mask=torch.ones(len(rows), 9, dtype=torch.bool),
        numbers={
            "column": (place % 3).double().expand(len(rows), 9),
            "row": (place // 3).double().expand(len(rows), 9),
        },
        categories={"mark": torch.tensor([[marks[str(mark)] for mark in row.values()] for row in rows])},
        category_names={"mark": ("blank", "x", "o")},
    )
    return Facts({"win": torch.tensor([word == "positive" for word in classes])}, mask=scenes.mask), scenes


def zendo(facts: Path, examples: Path) -> tuple[Facts, Scenes]:
    """Scenes of some pieces each, from Prolog facts: colours and ways to lie as predicates, size as a number."""
    told: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name, inside in re.findall(r"^(\w+)\(([^()]*)\)\.", facts.read_text(encoding="utf-8"), re.MULTILINE):
        told[name].append(tuple(each.strip() for each in inside.split(",")))
    answers = {number: word for word, number in re.findall(r"(pos|neg)\(zendo\((\d+)\)\)", examples.read_text("utf-8"))}
    pieces: dict[str, list[str]] = defaultdict(list)
    for scene, piece in told["piece"]:
        pieces[scene].append(piece)
    names = sorted(answers, key=int)
    where = {piece: (n, place) for n, name in enumerate(names) for place, piece in enumerate(pieces[name])}
    width = max(len(pieces[name]) for name in names)
    mask = torch.zeros(len(names), width, dtype=torch.bool)
    for scene, place in where.values():
        mask[scene, place] = True
    values: dict[str, torch.Tensor] = {"zendo": torch.tensor([answers[name] == "pos" for name in names])}
    for word in ("red", "green", "blue", "lhs", "rhs", "upright", "strange"):
        values[word] = torch.zeros(mask.shape, dtype=torch.bool)
        for (piece,) in told[word]:
            values[word][where[piece]] = True
    values["contact"] = torch.zeros(len(names), width, width, dtype=torch.bool)
    for one, other in told["contact"]:
        values["contact"][where[one][0], where[one][1], where[other][1]] = True
    numbers = {name: torch.zeros(mask.shape, dtype=torch.float64) for name in ("size", "coord1", "coord2")}
    for name, read in numbers.items():
        for piece, value in told[name]:
            read[where[piece]] = float(value)
    return Facts(values, mask=mask), Scenes(mask=mask, numbers=numbers)


if __name__ == "__main__":
    main()
