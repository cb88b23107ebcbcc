"""Rows of a table: each is a scene of one object. A network for breast cancer is read, corrected and made small.

The 569 rows of scikit-learn's breast cancer data hold 30 numbers each and a diagnosis. A network of two layers learns
the diagnosis; beside that it speaks a few words that thresholds give, such as ``large(a)``: worst radius above 16.8.
The rules that it obeys are read out, one is struck out and one accepted, and a student, linear in the numbers, learns
from the network's soft answers about 20 rows, and from the rules on all the others.

Run it (a minute on one core, most of it spent on decisions):  python examples/table.py [folder for graph and report]
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import kg
import rulekd
from kg.formulas import Atom, walk
from rulekd.distillation.transfers import Transfer

CLASSES = ("malignant", "benign")
#: Words for what can be seen on the slide, in the units of the table.
WORDS: Mapping[str, tuple[str, Callable[[Tensor, float], Tensor], float]] = {
    "large": ("worst_radius", torch.gt, 16.8),
    "small": ("worst_radius", torch.le, 14.0),
    "indented": ("worst_concave_points", torch.gt, 0.15),
    "smooth": ("worst_concave_points", torch.le, 0.09),
    "grainy": ("worst_texture", torch.gt, 26.0),
}


def words_of(scenes: rulekd.Scenes) -> dict[str, Tensor]:
    """The words about each row, (B, 1) bool."""
    return {word: compare(scenes[column], threshold) for word, (column, compare, threshold) in WORDS.items()}


def rows() -> rulekd.SceneSet:
    """The table as scenes of one object with 30 numbers."""
    data = load_breast_cancer()
    table = torch.from_numpy(data.data).float()
    bare = rulekd.Scenes(
        mask=torch.ones(len(table), 1, dtype=torch.bool),
        numbers={name.replace(" ", "_"): table[:, [place]] for place, name in enumerate(data.feature_names)},
        names=tuple(f"patient {number}" for number in range(len(table))),
    )
    classes = {name: torch.from_numpy(data.target == number)[:, None] for number, name in enumerate(CLASSES)}
    return rulekd.SceneSet(bare.with_labels(classes | words_of(bare)), source="breast cancer, scikit-learn")


class Network(nn.Module):
    """Rows of the table, (B, 1, 30), in units -> two scores (B, 1, 2)."""

    def __init__(self, table: Tensor, *widths: int) -> None:
        super().__init__()
        self.register_buffer("middle", table.mean((0, 1)))
        self.register_buffer("spread", table.std((0, 1)))
        sizes = (30, *widths, 2)
        layers: list[nn.Module] = []
        for size, following in itertools.pairwise(sizes):
            layers += [nn.Linear(size, following), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, table: Tensor) -> Tensor:
        """The scores."""
        scores: Tensor = self.layers((table - self.middle) / self.spread)
        return scores


class Speaking(nn.Module):
    """A network, and beside its scores the words that are given: log-odds by name, 20 for what is certain."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, table: Tensor, words: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(B, 1) by name."""
        scores = dict(zip(CLASSES, self.network(table).unbind(-1), strict=True))
        return scores | {word: torch.where(said, 20.0, -20.0) for word, said in words.items()}


def table_of(scenes: rulekd.Scenes) -> Tensor:
    """(B, 1, 30): the numbers as one tensor."""
    return torch.stack([*scenes.numbers.values()], -1)


def wired(network: nn.Module) -> rulekd.Predictor:
    """A network of two scores, of which one holds, as a predictor."""
    vocabulary = kg.Vocabulary(dict.fromkeys([*CLASSES, *WORDS], 1))
    return rulekd.Predictor(
        Speaking(network), vocabulary, inputs=lambda s: (table_of(s), words_of(s)), groups={"diagnosis": CLASSES}
    )


def train_teacher(scenes: rulekd.SceneSet) -> Network:
    """Two layers, by a loop of its own, on the rows of the train part."""
    torch.manual_seed(0)
    held = scenes.part("train").scenes
    table, wanted = table_of(held), held.labels["benign"][:, 0].long()
    network = Network(table, 32, 32)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-2)
    for _ in range(60):
        for chosen in torch.randperm(len(table)).split(32):
            optimiser.zero_grad()
            cross_entropy(network(table[chosen])[:, 0], wanted[chosen]).backward()
            optimiser.step()
    return network.eval()


def edited(graph: kg.KnowledgeGraph) -> kg.KnowledgeGraph:
    """What a doctor makes of the rules; those that the labels break more often than the network are called habits."""
    for rule in graph.rules():
        words = {part.predicate for part in walk(rule.formula) if isinstance(part, Atom)}
        if "small" in words and words & {*CLASSES}:
            graph = graph.reject(rule.id, reason="a small tumour may be malignant: not from size alone")
        elif rule.kind is kg.Kind.HABIT and words & {*CLASSES}:
            graph = graph.accept(rule.id, reason="the labels know exceptions; a doctor would still say so")
    return graph.with_entailment()


def accuracy(predictor: rulekd.Predictor, scenes: rulekd.SceneSet) -> float:
    """Share of the rows whose diagnosis is right; the words that are given do not count."""
    said = predictor.facts(scenes).values["malignant"] > 0
    return float((said == scenes.scenes.labels["malignant"]).float().mean())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main(
    folder: Path, steps: int = 300, seeds: int = 5, families: Sequence[str] | None = None
) -> dict[str, tuple[float, float]]:
    """The whole way; accuracy and share of broken rules on the test rows, means over the seeds.

    families: of rules that are looked for, all unless said.
    """
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    scenes = rows()
    teacher = wired(train_teacher(scenes))
    graph = edited(rulekd.extract(teacher, scenes, families=families, transforms=()))
    graph.save(folder / "tumours.kg.json")
    print(graph)

    test, table = scenes.part("test"), table_of(scenes.part("train").scenes)
    soft = rulekd.SoftLabels()
    ways: dict[str, Sequence[Transfer]] = {"soft labels": [soft], "soft labels and rules": [soft, rulekd.Rules(graph)]}
    found = {"teacher": [(accuracy(teacher, test), rulekd.evaluate(teacher, test, graph).violation or 0.0)]}
    for title, transfers in ways.items():
        for seed in range(seeds):
            torch.manual_seed(seed)
            student = wired(Network(table))
            few, others = scenes.part("train").divide(20 / len(table), seed)
            settings = rulekd.Training(steps=steps, batch_size=16 * len(transfers), learning_rate=0.01, device="cpu")
            unlabelled = others if len(transfers) > 1 else None
            run = rulekd.distill(teacher, student, few, transfers, unlabelled=unlabelled, seed=seed, training=settings)
            measured = rulekd.evaluate(student, test, graph, teacher)
            found.setdefault(title, []).append((accuracy(student, test), measured.violation or 0.0))
    report = run.report(folder / "report.html", scenes, teacher)

    means = {
        title: (_mean([right for right, _ in each]), _mean([broken for _, broken in each]))
        for title, each in found.items()
    }
    print(f"\n{'on the test rows':<24} diagnosis right  rules violated  (mean of {seeds} students, 20 rows told)")
    for title, (right, broken) in means.items():
        print(f"{title:<24} {right:>15.1%}  {broken:>14.2%}")
    print(f"\nreport: {report}")
    return means


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "table-out"))
