"""Decisions of networks about rows of tables: laws that are known exactly, and fidelity beside other rule learners.

A table becomes scenes of one object with attributes; a small network learns its classes and is then read. Laws known
to hold without exception (balance scale, tic-tac-toe, MONK-1) are to come back in words; on the other tables the
printed rules are compared with other learners (``table_peers``), all of which learn the same network's answers about
the same rows.

    python -m benchmarks.extraction.tables --seeds 5 --first 10

Fidelity is the share of test rows (a third of all, never seen by network or rules) whose class the rules tell as the
network does. The data lie in the folder that RULEKD_DATA names; tables that are missing are skipped, and said so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_wine
from torch import Tensor, nn

import kg
import rulekd
from benchmarks.extraction.table_peers import Split, Told, peers
from kg.formulas import Iff, Or
from rulekd.facts import Facts
from rulekd.grounding import View
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.data import data_file
from rulekd.truth import truth


@dataclass(frozen=True)
class Table:
    """Rows by column name, texts or numbers, and the class of each row."""

    rows: list[dict[str, str | float]]
    classes: list[str]


def read_arff(path: Path, target: str, skip: Sequence[str] = ()) -> Table:
    """A table in ARFF; columns whose values are all numbers are numeric."""
    names: list[str] = []
    rows: list[list[str]] = []
    data = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if text.lower().startswith("@attribute"):
            names.append(text.split()[1].strip("'\"").replace("-", "_").replace(" ", "_"))
        elif text.lower().startswith("@data"):
            data = True
        elif data:
            rows.append([field.strip().strip("'\"") for field in text.split(",")])
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    classes = columns.pop(target)
    made: list[dict[str, str | float]] = [{} for _ in rows]
    for name, values in columns.items():
        if name in skip:
            continue
        numeric = all(_is_number(value) for value in values)
        for row, value in zip(made, values, strict=True):
            row[name] = float(value) if numeric else value
    return Table(made, classes)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def of_sklearn(load: Callable[[], Any]) -> Table:
    """One of scikit-learn's own tables."""
    loaded = load()
    names = [str(name).replace(" ", "_").replace("/", "_per_") for name in loaded.feature_names]
    rows: list[dict[str, str | float]] = [dict(zip(names, map(float, row), strict=True)) for row in loaded.data]
    return Table(rows, [str(loaded.target_names[number]) for number in loaded.target])


class RowNetwork(nn.Module):
    """Two layers on standardised numbers and one-hot words; one score a class."""

    def __init__(self, inputs: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, classes)
        )
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("spread", torch.ones(inputs))

    def forward(self, rows: Tensor) -> Tensor:
        """(B, 1, D) -> (B, 1, C)."""
        scores: Tensor = self.layers((rows - self.get_buffer("mean")) / self.get_buffer("spread"))
        return scores


def encoded(scenes: Scenes) -> Tensor:
    """(B, 1, D): numbers as they are, words one-hot."""
    parts = [values[..., None].float() for values in scenes.numbers.values()]
    for name, values in scenes.categories.items():
        parts.append(nn.functional.one_hot(values.clamp_min(0), len(scenes.category_names[name])).float())
    return torch.cat(parts, -1)


def teacher_of(scenes: SceneSet, names: Sequence[str], seed: int, steps: int) -> rulekd.Predictor:
    """A network trained on the labels of the scenes; one predicate a class, of which exactly one holds."""
    torch.manual_seed(seed)
    rows = encoded(scenes.scenes)
    target = torch.stack([scenes.scenes.labels[name] for name in names], -1).float().argmax(-1)[:, 0]
    network = RowNetwork(rows.shape[-1], len(names))
    network.mean.copy_(rows.mean((0, 1)))  # type: ignore[operator] # a buffer
    network.spread.copy_(rows.std((0, 1)).clamp_min(1e-6))  # type: ignore[operator] # a buffer
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        index = torch.randint(len(rows), (128,), generator=generator)
        loss = nn.functional.cross_entropy(network(rows[index])[:, 0], target[index])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        optimiser.step()
    words = kg.Vocabulary(dict.fromkeys(names, 1))
    return rulekd.Predictor(
        network,
        words,
        inputs=encoded,
        outputs=lambda out: {name: out[..., place] for place, name in enumerate(names)},
        groups={"class": list(names)},
    )


def scenes_of(table: Table, prefix: str = "") -> tuple[SceneSet, list[str]]:
    """Each row a scene of one object, each class a predicate."""
    names = [f"{prefix}{name}" if not name[0].isdigit() else f"class_{name}" for name in sorted(set(table.classes))]
    by_class = dict(zip(sorted(set(table.classes)), names, strict=True))
    given = [
        {"objects": [row], "labels": {name: [(0,)] if by_class[label] == name else [] for name in names}}
        for row, label in zip(table.rows, table.classes, strict=True)
    ]
    return SceneSet(Scenes.from_objects(given)), names


def told_classes(found: Mapping[str, kg.Rule], scenes: Scenes, names: Sequence[str], usual: int) -> NDArray[np.int64]:
    """(B,) the class whose rule holds, the most faithful rule first; the most frequent class where none does."""
    nothing = View(Facts({"_": torch.zeros(scenes.mask.shape, dtype=torch.bool)}, mask=scenes.mask), scenes)
    told = np.full(len(scenes), usual, dtype=np.int64)

    def trust(name: str) -> float:
        known = found[name].evidence.definition if found[name].evidence else None  # type: ignore[union-attr] # asked first
        return known.fidelity or 0.0 if known else 0.0

    for name in sorted(found, key=lambda name: (trust(name), name)):
        formula = found[name].formula
        assert isinstance(formula, Iff)
        holds = truth(formula.right, ("a",), nothing).expand(scenes.mask.shape)[:, 0].numpy()
        told[holds] = names.index(name)
    return told


def conjunctions(formula: kg.Formula) -> int:
    """How many rules a definition is: the parts of its disjunction."""
    return len(formula.parts) if isinstance(formula, Or) else 1


LAWS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "balance scale": ("balance.scale.arff", "class", ()),
    "tic-tac-toe": ("tic-tac-toe.arff", "Class", ()),
    "MONK-1": ("monks-1.test", "class", ("Id",)),
}


def main() -> None:
    """Print one table of laws and one of fidelities."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="splits, each with a network of its own")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=2000, help="training steps of each network")
    parser.add_argument("--only", default="", help="one table by name")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, (file, target, skip) in LAWS.items():
        path = data_file("tabular", file)
        if options.only not in ("", name):
            continue
        if path is None:
            print(f"{name}: skipped, the data are not here (RULEKD_DATA)")
            continue
        show_law(name, read_arff(path, target, skip), options.steps)
    lines: list[Line] = []
    tables: dict[str, Callable[[], Table]] = {
        "breast cancer": lambda: of_sklearn(load_breast_cancer),
        "wine": lambda: of_sklearn(load_wine),
    }
    zoo = data_file("tabular", "zoo.arff")
    if zoo is not None:
        tables["Zoo"] = lambda: read_arff(zoo, "type", ("animal",))
    for name, load in tables.items():
        if options.only in ("", name):
            for seed in range(options.first, options.first + options.seeds):
                lines += compare(name, load(), seed, options.steps)
    print("\n".join(summary(lines)))


def show_law(name: str, table: Table, steps: int) -> None:
    """Extract from a network that learnt the whole table, and print the definitions."""
    scenes, names = scenes_of(table)
    teacher = teacher_of(scenes, names, 0, steps)
    started = time.monotonic()
    graph = rulekd.extract(teacher, scenes, families=["decisions"])
    print(f"## {name} ({len(scenes)} rows, {time.monotonic() - started:.1f} s)")
    whole = View(rulekd.predictor.labels_as_facts(scenes), scenes.scenes)
    for rule in graph.rules():
        if isinstance(rule.formula, Iff) and rule.evidence and rule.evidence.definition:
            wrong = truth(rule.formula, ("a",), whole).logical_not().sum().item()
            known = rule.evidence.definition
            print(f"{rule.text}\n    breaks {wrong} of {len(scenes)} labels; fidelity {known.fidelity:.4f}")
    print("\n".join(f"    note: {note}" for note in graph.notes))


@dataclass(frozen=True)
class Line:
    """One learner on one split: fidelity to the network, accuracy on the labels; or why it was skipped."""

    table: str
    seed: int
    learner: str
    rules: int = 0
    fidelity: float = 0.0
    accuracy: float = 0.0
    seconds: float = 0.0
    why: str = ""


def summary(lines: Sequence[Line]) -> list[str]:
    """A row for each learner of each table: means over splits, and the standard deviation of the fidelity."""
    rows = [
        "| table | learner | splits | rules | fidelity | its spread | accuracy | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for table, learner in dict.fromkeys((line.table, line.learner) for line in lines):
        mine = [line for line in lines if (line.table, line.learner) == (table, learner)]
        if mine[0].why:
            rows.append(f"| {table} | {learner} | skipped: {mine[0].why} | | | | | |")
            continue
        rules, faithful, right, seconds = np.array([[x.rules, x.fidelity, x.accuracy, x.seconds] for x in mine]).T
        rows.append(
            f"| {table} | {learner} | {len(mine)} | {rules.mean():.1f} | {faithful.mean():.4f} "
            f"| {faithful.std(ddof=1) if len(mine) > 1 else 0:.4f} | {right.mean():.4f} | {seconds.mean():.1f} |"
        )
    return rows


def compare(name: str, table: Table, seed: int, steps: int) -> list[Line]:
    """Every learner on one split."""
    scenes, names = scenes_of(table)
    order = torch.randperm(len(scenes), generator=torch.Generator().manual_seed(seed))
    test, train = scenes.select(order[: len(scenes) // 3]), scenes.select(order[len(scenes) // 3 :])
    teacher = teacher_of(train, names, seed, steps)
    x, said = (encoded(train.scenes)[:, 0].numpy(), _answers(teacher, train, names))
    x_test, said_test = (encoded(test.scenes)[:, 0].numpy(), _answers(teacher, test, names))
    labels = torch.stack([test.scenes.labels[each] for each in names], -1).float().argmax(-1)[:, 0].numpy()
    usual = int(np.bincount(said).argmax())
    lines: list[Line] = []

    def add(told: Told) -> None:
        if told.answers is None:
            lines.append(Line(name, seed, told.learner, why=told.why))
            return
        faithful, right = (float((told.answers == wanted).mean()) for wanted in (said_test, labels))
        lines.append(Line(name, seed, told.learner, told.rules, faithful, right, told.seconds))

    started = time.monotonic()
    graph = rulekd.extract(teacher, train, families=["decisions"])
    found = {
        rule.formula.left.predicate: rule
        for rule in reversed(graph.rules())
        if isinstance(rule.formula, Iff) and isinstance(rule.formula.left, kg.Atom)
    }
    told = told_classes(found, test.scenes, names, usual)
    count = sum(conjunctions(rule.formula.right) for rule in found.values() if isinstance(rule.formula, Iff))
    add(Told("rulekd", told, count, time.monotonic() - started))
    for peer in peers(Split(x, said, x_test, seed)):
        add(peer)
    return lines


def _answers(teacher: rulekd.Predictor, scenes: SceneSet, names: Sequence[str]) -> NDArray[np.int64]:
    facts = teacher.facts(scenes)
    return np.asarray(torch.stack([facts.values[name][:, 0] for name in names], -1).argmax(-1).numpy())


if __name__ == "__main__":
    main()
