"""Thresholds: at which probability a predicate counts as true.

Against a teacher's decisions, that with the best F1. Against labels, that with the best accuracy: labels may be
flipped, and then F1 is best when everything is called true, while accuracy, q + (1 - 2 q) x the accuracy against the
truth where a share q is flipped, is best at the same place as without flips.

Predicates that a law maps onto each other get one threshold together: left_of at 0.4 and right_of at 0.6 would break
left_of(a, b) <-> right_of(b, a) by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from kg import Formula
from kg.formulas import Atom, Iff, Under
from rulekd.facts import Facts

Score: TypeAlias = Literal["f1", "accuracy"]


def calibrate(answers: Facts, decisions: Facts, laws: Sequence[Formula] = (), score: Score = "f1") -> dict[str, float]:
    """Threshold by predicate, probabilities in (0, 1).

    answers: log-odds. decisions: what they are held against, the same scenes. laws: equalities that tie thresholds.
    score: "f1" against decisions, "accuracy" against labels. A predicate that is never (or always) true in the
    decisions keeps one half.
    """
    names = [name for name in answers.values if name in decisions.values]
    thresholds = {}
    for group in tied(names, laws):
        logits = np.concatenate([_valid(answers, decisions, name)[0] for name in group])
        truths = np.concatenate([_valid(answers, decisions, name)[1] for name in group])
        best = best_threshold(logits, truths, score)
        thresholds.update(dict.fromkeys(group, best))
    return thresholds


def tied(names: Sequence[str], laws: Sequence[Formula]) -> list[list[str]]:
    """Sets of predicates that equalities map onto each other."""
    graph = nx.Graph()
    graph.add_nodes_from(names)
    for law in laws:
        match law:
            case Iff(Atom(p), Atom(q)) | Under(_, Iff(Atom(p), Atom(q))) if p in graph and q in graph:
                graph.add_edge(p, q)
            case _:
                pass
    return [sorted(group) for group in nx.connected_components(graph)]


def best_threshold(logits: NDArray[np.float64], truths: NDArray[np.bool_], score: Score = "f1") -> float:
    """The probability between two answers at which the score is largest.

    With the k surest answers called true, of which h are: F1 = 2 h / (k + true), accuracy = (2 h - k) / n + constant.

    >>> round(best_threshold(np.array([-2.0, -1.0, -0.5, 1.0]), np.array([False, False, True, True])), 3)
    0.321
    """
    true = int(truths.sum())
    if true in (0, len(truths)):
        return 0.5
    order = np.argsort(-logits, kind="stable")
    ranked = logits[order]
    hits, called = np.cumsum(truths[order]), np.arange(1, len(ranked) + 1)
    scores = 2 * hits / (called + true) if score == "f1" else (2 * hits - called) / len(ranked)
    scores[:-1][ranked[:-1] == ranked[1:]] = -np.inf  # equal answers fall on one side together
    last = int(scores.argmax())
    middle = (ranked[last] + ranked[min(last + 1, len(ranked) - 1)]) / 2
    return float(np.clip(expit(middle), 1e-6, 1 - 1e-6))


def _valid(answers: Facts, decisions: Facts, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    valid = answers.validity(name) & decisions.validity(name)
    return answers.values[name][valid].double().numpy(), decisions.crisp(name)[valid].numpy()
