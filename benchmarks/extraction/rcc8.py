"""The composition table of the eight region connections, from facts whose names say nothing.

Boxes with integer corners 0..5; each ordered pair stands in exactly one of p0..p7. The true table is listed from all
225 boxes. What is mined is the truth, or a teacher's decisions:

    flips       each ordered pair by itself is told a relation drawn from the other seven with probability 1 - accuracy
    network     a trained softmax network of two layers of 64 on the coordinates of the pair, as log-odds, stopped when
                its decisions are right often enough
    decisions   the same network's decisions, as bool

    python -m benchmarks.extraction.rcc8 --seeds 21 22 23

A cell (i, j) is read off the rules p_i(a, b) & p_j(b, c) -> heads over (a, c); without a rule it allows everything.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time

import torch
from torch import Tensor

import rulekd
from kg import KnowledgeGraph
from rulekd.facts import Facts

NAMES = tuple(f"p{place}" for place in range(8))
Table = dict[tuple[int, int], frozenset[int]]


def relation(a: Tensor, b: Tensor) -> Tensor:
    """(...) int64 from boxes (..., 4) as x0, y0, x1, y1: dc, ec, po, eq, tpp, ntpp, tppi, ntppi."""
    touch = ((a[..., :2] <= b[..., 2:]) & (b[..., :2] <= a[..., 2:])).all(-1)
    overlap = ((a[..., :2] < b[..., 2:]) & (b[..., :2] < a[..., 2:])).all(-1)
    within = ((a[..., :2] >= b[..., :2]) & (a[..., 2:] <= b[..., 2:])).all(-1)
    around = ((b[..., :2] >= a[..., :2]) & (b[..., 2:] <= a[..., 2:])).all(-1)
    inner = ((a[..., :2] > b[..., :2]) & (a[..., 2:] < b[..., 2:])).all(-1)
    outer = ((b[..., :2] > a[..., :2]) & (b[..., 2:] < a[..., 2:])).all(-1)
    result = torch.where(touch, 1, 0)
    result = torch.where(overlap, 2, result)
    for number, holds in ((4, within), (5, inner), (6, around), (7, outer), (3, within & around)):
        result = torch.where(holds, number, result)
    return result


def boxes() -> Tensor:
    spans = [(low, high) for low in range(6) for high in range(low + 1, 6)]
    return torch.tensor([(x[0], y[0], x[1], y[1]) for x in spans for y in spans])


def true_table() -> Table:
    every = boxes()
    told = relation(every[:, None], every[None])
    hot = torch.nn.functional.one_hot(told, 8).double()
    table = {}
    for i, j in itertools.product(range(8), repeat=2):
        paths = (hot[..., i] @ hot[..., j]) > 0
        table[i, j] = frozenset(k for k in range(8) if (paths & (told == k)).any())
    return table


def scenes_of(count: int, seed: int) -> Tensor:
    """(count, 10, 4): uniform boxes; every tenth scene holds the three that nest, each in the interior of the next.

    Uniform boxes alone show these in one of 26 sets of 600 scenes, and no table can hold what is not seen.
    """
    generator = torch.Generator().manual_seed(seed)
    made = boxes()[torch.randint(225, (count, 10), generator=generator)]
    nested = torch.rand(count, generator=generator) < 0.1
    made[nested, :3] = torch.tensor([(0, 0, 5, 5), (1, 1, 4, 4), (2, 2, 3, 3)])
    return made


def pairs_of(made: Tensor) -> Tensor:
    count, objects = made.shape[:2]
    shape = (count, objects, objects, 4)
    return torch.cat([made[:, :, None].expand(shape), made[:, None].expand(shape)], -1).float() / 5


def as_facts(told: Tensor) -> Facts:
    return Facts({name: told == place for place, name in enumerate(NAMES)})


def flips(told: Tensor, accuracy: float, seed: int) -> Facts:
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(told.shape, generator=generator) >= accuracy
    other = (told + torch.randint(1, 8, told.shape, generator=generator)) % 8
    return as_facts(torch.where(wrong, other, told))


def network(made: Tensor, accuracy: float, seed: int) -> tuple[Facts, float]:
    """The log-odds of a network that is trained until it is right about this share of the pairs of other scenes."""
    torch.manual_seed(seed)
    study = scenes_of(600, seed + 500_000)
    off = ~torch.eye(10, dtype=torch.bool)
    inputs = pairs_of(study)[:, off].flatten(0, 1)
    targets = relation(study[:, :, None], study[:, None])[:, off].flatten()
    module = torch.nn.Sequential(
        torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8)
    )
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    for step in range(30_000):
        rows = torch.randint(len(inputs), (512,))
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs[rows]), targets[rows]).backward()
        optimiser.step()
        if step % 100 == 99:
            with torch.no_grad():
                if float((module(inputs).argmax(1) == targets).double().mean()) >= accuracy:
                    break
    with torch.no_grad():
        logits = module(pairs_of(made))
    told = relation(made[:, :, None], made[:, None])
    right = float((logits.argmax(-1) == told)[:, off].double().mean())
    # log-odds of one class against all the others
    odds = torch.stack(
        [logits[..., k] - torch.cat([logits[..., :k], logits[..., k + 1 :]], -1).logsumexp(-1) for k in range(8)], -1
    )
    return Facts({name: odds[..., place] for place, name in enumerate(NAMES)}), right


def read(graph: KnowledgeGraph) -> Table:
    pattern = re.compile(r"^(p\d)\(a, b\) & (p\d)\(b, c\) -> (.*)$")
    table = dict.fromkeys(itertools.product(range(8), repeat=2), frozenset(range(8)))
    for rule in graph.rules():
        found = pattern.match(rule.text)
        if found:
            heads = re.findall(r"(p\d)\(a, c\)", found[3])
            if heads and found[3].count("(") == len(heads):
                cell = NAMES.index(found[1]), NAMES.index(found[2])
                table[cell] &= frozenset(NAMES.index(head) for head in heads)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracies", nargs="+", type=float, default=[0.95, 0.98, 0.995])
    parser.add_argument("--seeds", nargs="+", type=int, default=[21, 22, 23])
    parser.add_argument("--scenes", type=int, default=600)
    options = parser.parse_args()
    torch.set_num_threads(1)
    truth = true_table()
    entries = sum(map(len, truth.values()))
    print(f"{entries} entries in 64 cells\n")
    print(
        "| facts | right | seed | cells exact | entries: recall, precision | unsound cells | rules, axioms | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for seed in options.seeds:
        made = scenes_of(options.scenes, seed)
        told = relation(made[:, :, None], made[:, None])
        worlds = [("truth", as_facts(told), 1.0)]
        worlds += [("flips", flips(told, accuracy, seed), accuracy) for accuracy in options.accuracies]
        for accuracy in options.accuracies:
            answers, right = network(made, accuracy, seed)
            odds = torch.stack([answers.values[name] for name in NAMES])
            worlds += [("network", answers, right), ("decisions", as_facts(odds.argmax(0)), right)]
        for name, facts, right in worlds:
            started = time.perf_counter()
            graph = rulekd.mine(facts)
            seconds = time.perf_counter() - started
            table = read(graph)
            exact = sum(table[cell] == truth[cell] for cell in truth)
            kept = sum(len(table[cell] & truth[cell]) for cell in truth)
            unsound = sum(not truth[cell] <= table[cell] for cell in truth)
            given = sum(map(len, table.values()))
            print(
                f"| {name} | {right:.2%} | {seed} | {exact} | {kept / entries:.3f}, {kept / given:.3f} | {unsound} | "
                f"{len(graph)}, {len(graph.axioms())} | {seconds:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
