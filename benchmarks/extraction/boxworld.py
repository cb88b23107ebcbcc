"""The box world: which of its laws are found, which false ones, how they are ranked, and how long it takes.

3,008 candidates of at most two body atoms: a predicate over (a, c) follows from one atom over a, c, from two of them,
or from two chained through b. A candidate is true when 4,000 fresh scenes of 12 boxes put it to the test at least 20
times and never break it. The facts that are mined are

    clean       the relations themselves,
    noise       a true fact is forgotten with probability 2 %, a false one added with 2 % of the predicate's base rate,
    teacher     the log-odds of a trained network of two layers of 64 on the coordinates of the pair,
    crisp       the same network's decisions, as bool.

A candidate counts as found when the confirmed rules entail it. Precision is taken over all candidates found. Rules are
ranked by ``evidence.excess``: how much oftener than errors explain they are broken, by estimate. A candidate takes the
rank of its own rule, or of the last of the first rules that entail it; average precision is over this ranking.

    python -m benchmarks.extraction.boxworld --worlds clean noise teacher crisp --scenes 200 1000 --seeds 11 12 13
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

import rulekd
from kg import And, Atom, Formula, Iff, Implies, KnowledgeGraph, Not, Rule, parse
from kg.grounding import Theory, statement
from rulekd.extraction.counting.candidates import matrices, oriented_atoms
from rulekd.facts import Facts
from rulekd.grounding import View, count
from tests.extraction.boxworld import PLANTED, box_world, facts_of, noisy


@dataclass(frozen=True)
class Candidate:
    """A rule of the space, with its live and broken groundings in fresh scenes of the clean world."""

    formula: Formula
    live: int
    broken: int

    @property
    def true(self) -> bool:
        return self.live >= 20 and not self.broken


def candidates(fresh: Facts) -> list[Candidate]:
    """All 3,008 rules, counted by batched products."""
    atoms = oriented_atoms(fresh, 2)
    x, _ = matrices(fresh, atoms)
    flat, size = x.flatten(2), len(atoms)
    heads = range(size // 2)
    moved = [Atom(a.predicate, tuple("ac"["ab".index(v)] for v in a.arguments)) for a in atoms]
    second = [Atom(a.predicate, tuple("bc"["ab".index(v)] for v in a.arguments)) for a in atoms]
    found = []

    def add(body: Formula, truths: Tensor, others: Sequence[int]) -> None:
        live = int(truths.double().sum())
        hits = (truths.flatten(1)[:, None] @ flat[:, list(others)].transpose(1, 2)).double().sum((0, 1)).tolist()
        found.extend(
            Candidate(Implies(body, moved[head]), live, live - int(hit)) for head, hit in zip(others, hits, strict=True)
        )

    for i in range(size):
        add(moved[i], x[:, i], [head for head in heads if head != i])
        for j in range(i):
            add(And((moved[i], moved[j])), x[:, i] * x[:, j], [head for head in heads if head not in (i, j)])
    distinct = 1 - torch.eye(x.shape[-1])
    for i, j in itertools.product(range(size), repeat=2):
        add(And((atoms[i], second[j])), (x[:, i] @ x[:, j]) * distinct, list(heads))
    return found


def pairs_of(boxes: Tensor) -> Tensor:
    """(B, N, N, 8): the coordinates of both boxes."""
    scenes, objects = boxes.shape[:2]
    shape = (scenes, objects, objects, 4)
    return torch.cat([boxes[:, :, None].expand(shape), boxes[:, None].expand(shape)], -1).float()


def teacher(seed: int, scenes: int = 2000, steps: int = 12000) -> torch.nn.Module:
    """A network that learned the eight relations from scenes of its own."""
    torch.manual_seed(seed)
    boxes = box_world(scenes, seed=50_000 + seed)
    off = ~torch.eye(boxes.shape[1], dtype=torch.bool)
    inputs = pairs_of(boxes)[:, off].flatten(0, 1)
    targets = torch.stack(list(facts_of(boxes).values.values()), -1)[:, off].flatten(0, 1).float()
    network = torch.nn.Sequential(
        torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8)
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(steps):
        rows = torch.randint(len(inputs), (1024,))
        optimiser.zero_grad()
        loss_of(network(inputs[rows]), targets[rows]).backward()
        optimiser.step()
        schedule.step()
    return network


def answers(network: torch.nn.Module, boxes: Tensor) -> Facts:
    with torch.no_grad():
        logits = network(pairs_of(boxes))
    return Facts({name: logits[..., place] for place, name in enumerate(facts_of(boxes[:1]).values)})


def crisp(facts: Facts) -> Facts:
    return replace(facts, values={name: facts.crisp(name) for name in facts.values})


def accuracy(told: Facts, truth: Facts) -> tuple[float, float]:
    """Least and greatest over predicates, of the decisions about pairs."""
    off = ~torch.eye(truth.objects.shape[1], dtype=torch.bool)
    shares = [float((told.crisp(n) == truth.crisp(n))[:, off].double().mean()) for n in truth.values]
    return min(shares), max(shares)


class Entailment:
    """Which candidates follow from some of the rules of a graph."""

    def __init__(self, rules: Sequence[Formula], goals: Sequence[Formula]) -> None:
        self.rules, self.goals = rules, goals
        statements = [statement(formula) for formula in (*rules, *goals)]
        self.sizes = [len(one.names) for one in statements]
        self.theories = {size: Theory(statements, size) for size in set(self.sizes[len(rules) :])}

    def follows(self, goal: int, premises: Sequence[int]) -> bool:
        place = len(self.rules) + goal
        return self.theories[self.sizes[place]].core(place, premises) is not None

    def rank(self, goal: int, order: Sequence[int]) -> int:
        """How many rules of the order are needed until the goal follows; one more than there are if it never does."""
        if not self.follows(goal, order):
            return len(order) + 1
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            if self.follows(goal, order[:middle]):
                high = middle
            else:
                low = middle + 1
        return low


@dataclass(frozen=True)
class Score:
    """What a graph is worth. loose: axioms that some fresh scene breaks, with the share of 1,000 that do.

    horn: Horn rules among the axioms, an inverse counted as two; the others are exclusions, which follow from no Horn
    rules.
    """

    planted: int
    axioms: int
    horn: int
    loose: list[tuple[str, float]]
    precision: float
    recall: float
    average_precision: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def judge(graph: KnowledgeGraph, space: Sequence[Candidate], fresh: Facts) -> Score:
    confirmed = [rule for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed]
    order = sorted(range(len(confirmed)), key=lambda place: _excess(confirmed[place]))
    goals = [one for one in space if one.live >= 20]
    known = Entailment([rule.formula for rule in confirmed], [one.formula for one in goals])
    listed = {
        implication.id: place + 1
        for place, rule in reversed([*enumerate(confirmed[i] for i in order)])
        for implication in implications(rule)
    }
    ranks = [
        min(known.rank(place, order), listed.get(Rule(one.formula).id, math.inf)) for place, one in enumerate(goals)
    ]
    found = [rank <= len(order) for rank in ranks]
    right = sum(one.true for one, hit in zip(goals, found, strict=True) if hit)
    planted = [parse(text) for text in PLANTED]
    axioms = [rule for rule in confirmed if not rule.entailed_by]
    taught = Entailment([rule.formula for rule in axioms], planted)
    view = View(fresh.select(torch.arange(1000)))
    loose = []
    for rule in axioms:
        broken = float((count(rule.formula, view)[1] > 0).double().mean())
        if broken:
            loose.append((str(rule.formula), broken))
    return Score(
        planted=sum(taught.follows(place, range(len(axioms))) for place in range(len(planted))),
        axioms=len(axioms),
        horn=len({each.id for rule in axioms if not isinstance(rule.formula, Not) for each in implications(rule)}),
        loose=loose,
        precision=right / max(1, sum(found)),
        recall=right / sum(one.true for one in goals),
        average_precision=float(
            average_precision_score([one.true for one in goals], [-min(rank, 10_000) for rank in ranks])
        ),
    )


def implications(rule: Rule) -> list[Rule]:
    """The rule, or the two that an equivalence stands for."""
    law = rule.formula
    if isinstance(law, Iff):
        return [Rule(Implies(law.left, law.right)), Rule(Implies(law.right, law.left))]
    return [rule]


def _excess(rule: Rule) -> float:
    assert rule.evidence is not None
    return rule.evidence.excess


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=["clean", "noise", "teacher", "crisp"])
    parser.add_argument("--scenes", nargs="+", type=int, default=[200, 1000])
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--list", action="store_true", help="print the axioms that fresh scenes break")
    options = parser.parse_args()
    torch.set_num_threads(1)
    fresh = facts_of(box_world(4000, seed=987_654))
    space = candidates(fresh)
    print(f"{len(space):,} candidates, {sum(one.true for one in space)} true\n")
    print(
        "| world | scenes | seed | planted of 27 | axioms (Horn rules) | broken in fresh scenes (worst) "
        "| F1 (precision, recall) | average precision | accuracy of the facts | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    networks = {seed: teacher(seed) for seed in options.seeds} if {"teacher", "crisp"} & {*options.worlds} else {}
    for world, scenes, seed in itertools.product(options.worlds, options.scenes, options.seeds):
        boxes = box_world(scenes, seed=1000 * seed + scenes)
        truth = facts_of(boxes)
        match world:
            case "clean":
                facts = truth
            case "noise":
                facts = noisy(truth, seed)
            case "teacher":
                facts = answers(networks[seed], boxes)
            case _:
                facts = crisp(answers(networks[seed], boxes))
        started = time.perf_counter()
        graph = rulekd.mine(facts)
        seconds = time.perf_counter() - started
        score = judge(graph, space, fresh)
        low, high = accuracy(facts, truth)
        worst = max((share for _, share in score.loose), default=0.0)
        print(
            f"| {world} | {scenes:,} | {seed} | {score.planted} | {score.axioms} ({score.horn}) | "
            f"{len(score.loose)} ({worst:.1%}) | {score.f1:.3f} ({score.precision:.3f}, {score.recall:.3f}) | "
            f"{score.average_precision:.3f} | {low:.2%} to {high:.2%} | {seconds:.2f} |",
            flush=True,
        )
        if options.list:
            for text, share in sorted(score.loose, key=lambda one: -one[1]):
                print(f"|   | | | | | {share:.1%} `{text}` | | | | |")


if __name__ == "__main__":
    main()
