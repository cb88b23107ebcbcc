"""Rows of a table: each is a scene of one object. A network for breast cancer is read, corrected and made small.

The 569 rows of scikit-learn's breast cancer data have 30 numbers each and a diagnosis. A network of two layers learns it.
Beside its diagnosis it speaks a few words that are given by thresholds, such as ``large(a)``: worst radius above 16.8.
The rules that it obeys are read out, a doctor's objection strikes out one of them, and a linear student learns from the
network's soft answers to 40 rows, and from the rules on all the others.

Run it (seconds on one core):  python examples/table.py [folder for graph and report]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import kg
import rulekd

CLASSES = ("malignant", "benign")
#: Words for what can be seen on the slide, in the units of the table.
WORDS: Mapping[str, tuple[str, Callable[[Tensor, float], Tensor], float]] = {
    "large": ("worst radius", torch.gt, 16.8),
    "small": ("worst radius", torch.le, 14.0),
    "indented": ("worst concave points", torch.gt, 0.15),
    "smooth": ("worst concave points", torch.le, 0.09),
    "grainy": ("worst texture", torch.gt, 26.0),
}


def rows() -> rulekd.SceneSet:
    """The table as scenes: numbers by column name for the rules, and two tensors for networks."""
    data = load_breast_cancer()
    columns = dict(zip(data.feature_names, torch.from_numpy(data.data).float().unbind(-1), strict=True))
    words = {word: compare(columns[name], threshold)[:, None] for word, (name, compare, threshold) in WORDS.items()}
    table = torch.stack([(column - column.mean()) / column.std() for column in columns.values()], -1)
    scenes = rulekd.Scenes(
        mask=torch.ones(len(table), 1, dtype=torch.bool),
        numbers={name.replace(" ", "_"): column[:, None] for name, column in columns.items()},
        tensors={"table": table[:, None], "words": torch.stack([*words.values()], -1).float()},
        labels={name: torch.from_numpy(data.target == number)[:, None] for number, name in enumerate(CLASSES)} | words,
        names=tuple(f"patient {number}" for number in range(len(table))),
    )
    return rulekd.SceneSet(scenes, source="breast cancer, scikit-learn")


class Speaking(nn.Module):
    """A network of two scores and the words that are given: log-odds (B, 1) by name, 20 for what is certain."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, table: Tensor, words: Tensor) -> dict[str, Tensor]:
        """The scores by class, and the words beside them."""
        scores = dict(zip(CLASSES, self.network(table).unbind(-1), strict=True))
        return scores | dict(zip(WORDS, (40 * words - 20).unbind(-1), strict=True))


def wired(network: nn.Module) -> rulekd.Predictor:
    """A network of two scores, of which one holds, as a predictor."""
    words = kg.Vocabulary(dict.fromkeys([*CLASSES, *WORDS], 1))
    return rulekd.Predictor(
        Speaking(network), words, inputs=lambda s: (s["table"], s["words"]), groups={"diagnosis": CLASSES}
    )


def train_teacher(scenes: rulekd.SceneSet) -> nn.Module:
    """A network of two layers, by a loop of its own, on the rows that are neither test nor validate."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    held = scenes.part("train").scenes
    table, wanted = held["table"][:, 0], (~held.labels["malignant"][:, 0]).long()
    for _ in range(60):
        for chosen in torch.randperm(len(table)).split(32):
            optimiser.zero_grad()
            cross_entropy(network(table[chosen]), wanted[chosen]).backward()
            optimiser.step()
    return network.eval()


def main(folder: Path, steps: int = 400) -> dict[str, rulekd.Measures]:
    """The whole way; the measures of teacher and students on the test rows."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = rows()
    teacher = wired(train_teacher(scenes))

    graph = rulekd.extract(teacher, scenes)
    print(graph)
    return {}


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "table-out"))
