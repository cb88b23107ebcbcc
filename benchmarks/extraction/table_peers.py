"""Other learners of rules, given the same rows and the same network's answers; each is skipped where not installed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeClassifier

#: Training steps of the network that torch-explain reads.
STEPS = 1000

#: Literals of one case and cases of one formula: with its own limits (1000 each) torch-explain does not end here.
TERMS, CASES = 5, 10


@dataclass(frozen=True, eq=False)
class Split:
    """x, x_test: (n, D) rows. said: (n,) the class that the network names for each of x. seed: of the learner."""

    x: NDArray[Any]
    said: NDArray[np.int64]
    x_test: NDArray[Any]
    seed: int


@dataclass(frozen=True, eq=False)
class Told:
    """What a learner says of the test rows, (m,), with how many rules, in how many seconds; or why it was skipped."""

    learner: str
    answers: NDArray[np.int64] | None
    rules: int = 0
    seconds: float = 0.0
    why: str = ""


def peers(split: Split) -> Iterator[Told]:
    """Trees of at most ten leaves and of any number, imodels, torch-explain."""
    for leaves in (10, None):
        started = time.monotonic()
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=split.seed).fit(split.x, split.said)
        learner = f"scikit-learn tree, at most {leaves} leaves" if leaves else "scikit-learn tree"
        yield Told(learner, tree.predict(split.x_test), int(tree.get_n_leaves()), time.monotonic() - started)
    yield from _imodels(split)
    yield _torch_explain(split)


def _imodels(split: Split) -> Iterator[Told]:
    try:
        from imodels import FIGSClassifier, GreedyRuleListClassifier  # a peer for comparison, often not installed
    except ImportError:
        yield Told("imodels", None, why="not installed")
        return
    for learner, make in (("imodels FIGS", FIGSClassifier), ("imodels rule list", GreedyRuleListClassifier)):
        if make is GreedyRuleListClassifier and len(set(split.said.tolist())) > 2:
            yield Told(learner, None, why="it knows two classes only")
            continue
        started = time.monotonic()
        model = make(max_rules=10) if make is FIGSClassifier else make()
        model.fit(split.x, split.said)
        answers = np.asarray(model.predict(split.x_test)).astype(np.int64)
        count = getattr(model, "complexity_", 0) or len(getattr(model, "rules_", ()))
        yield Told(learner, answers, int(count), time.monotonic() - started)


def _torch_explain(split: Split) -> Told:
    """Entropy networks on whether each column lies above its median; of the classes' formulas the first one decides."""
    name = "torch-explain, entropy network"
    try:
        import torch_explain  # a peer for comparison, often not installed
        from torch_explain.logic.metrics import test_explanation
        from torch_explain.logic.nn import entropy
    except ImportError:
        return Told(name, None, why="not installed")
    started = time.monotonic()
    bins = KBinsDiscretizer(2, encode="ordinal", strategy="quantile", quantile_method="averaged_inverted_cdf")
    x = torch.tensor(bins.fit_transform(split.x), dtype=torch.float32)
    x_test = torch.tensor(bins.transform(split.x_test), dtype=torch.float32)
    classes = int(split.said.max()) + 1
    target = torch.nn.functional.one_hot(torch.from_numpy(split.said), classes).float()
    torch.manual_seed(split.seed)
    network = torch.nn.Sequential(
        torch_explain.nn.EntropyLinear(x.shape[1], 20, n_classes=classes),
        torch.nn.LeakyReLU(),
        torch.nn.Linear(20, 10),
        torch.nn.LeakyReLU(),
        torch.nn.Linear(10, 1),
    )
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x).squeeze(-1), target)
        loss = loss + 1e-4 * torch_explain.nn.functional.entropy_logic_loss(network)
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        optimiser.step()
    every = torch.ones(len(x), dtype=torch.bool)
    found, _ = entropy.explain_classes(
        network, x, target, every, every, every, max_minterm_complexity=TERMS, topk_explanations=CASES
    )
    answers, count = np.full(len(x_test), int(np.bincount(split.said).argmax()), dtype=np.int64), 0
    empty = torch.zeros(len(x_test), classes)
    for place in reversed(range(classes)):
        formula = (found.get(str(place)) or {}).get("explanation")
        if formula and formula not in ("True", "False"):
            _, holds = test_explanation(formula, x_test, empty, place, torch.ones(len(x_test), dtype=torch.bool))
            answers[holds.numpy().astype(bool)] = place
            count += formula.count("|") + 1
    return Told(name, answers, count, time.monotonic() - started)
