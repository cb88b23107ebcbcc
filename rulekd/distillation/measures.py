"""How good is a network, how obedient, and how like its teacher?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from kg import Rule, RulekdError
from kg.formulas import Atom, Transform, Under, walk
from rulekd.constraints import trainable
from rulekd.constraints.constraints import Rules
from rulekd.facts import Facts
from rulekd.grounding import View, count
from rulekd.predictor import Predictor, labels_as_facts
from rulekd.scenes import SceneSet
from rulekd.scenes.transforms import unacted


@dataclass(frozen=True)
class Measures:
    """Fractions 0..1, macro means over predicates or rules; None where there is nothing to measure against.

    f1: at calibrated thresholds. f1_at_half: at one half. average_precision: of the ranking, no threshold.
    violation: strict share of live groundings that break a rule, mean over rules. violations: the same by rule name.
    fidelity: share of groundings in which network and teacher decide alike. parameters: trainable ones.
    """

    f1: float | None
    f1_at_half: float | None
    average_precision: float | None
    violation: float | None
    fidelity: float | None
    parameters: int
    violations: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        """The measures as plain data."""
        return asdict(self)


def evaluate(
    predictor: Predictor, scenes: SceneSet, graph: Rules | None = None, teacher: Predictor | None = None
) -> Measures:
    """Measure a network on scenes; pass ``scenes.part("test")`` for numbers to report.

    graph: its axioms are judged, the same for every network that is compared. A law under a transform asks the
    network about the transformed scenes too, and is left out where a transform cannot act on what they hold.
    """
    if not len(scenes):
        raise RulekdError("there are no scenes to evaluate on", hint="Check the file and the part.")
    answers = predictor.facts(scenes)
    shared = [name for name in predictor.vocabulary if name in scenes.scenes.labels]
    f1 = at_half = precision = None
    if shared:
        truth = labels_as_facts(scenes).only(shared)
        f1 = macro(shared, lambda name: _f1(answers, truth, name))
        half = replace(answers, thresholds={})
        at_half = macro(shared, lambda name: _f1(half, truth, name))
        precision = macro(shared, lambda name: _average_precision(answers, truth, name))
    by_rule = {} if graph is None else violations(predictor, scenes, trainable(graph), answers)
    return Measures(
        f1=f1,
        f1_at_half=at_half,
        average_precision=precision,
        violation=float(np.mean(list(by_rule.values()))) if by_rule else None,
        fidelity=None if teacher is None else fidelity(answers, teacher.facts(scenes)),
        parameters=predictor.parameters,
        violations=by_rule,
    )


def violations(
    predictor: Predictor, scenes: SceneSet, rules: Sequence[Rule], answers: Facts | None = None
) -> dict[str, float]:
    """Strict violation by rule name; rules without live groundings, or about unknown predicates, are left out."""
    view = View(predictor.facts(scenes) if answers is None else answers, scenes.scenes)
    images: dict[str, View] = {}
    found = {}
    for rule in rules:
        spoken = {atom.predicate for atom in walk(rule.formula) if isinstance(atom, Atom)}
        if not spoken <= set(predictor.vocabulary):
            continue
        if isinstance(rule.formula, Under):
            transform = rule.formula.transform
            if unacted(transform, scenes.scenes):
                continue
            if str(transform) not in images:
                images[str(transform)] = View(predictor.facts(image_of(scenes, transform)))
        live, broken = count(rule.formula, view, images)
        if int(live.sum()):
            found[rule.name] = float(broken.sum() / live.sum())
    return found


def image_of(scenes: SceneSet, transform: Transform) -> SceneSet:
    """The scenes under a transform; the random ones are drawn with seed 0, so that all networks see the same."""
    return scenes.transformed(transform, seed=0)


def fidelity(student: Facts, teacher: Facts) -> float | None:
    """Share of valid groundings in which both decide alike, macro over the predicates that both speak."""
    shared = [name for name in student.values if name in teacher.values]

    def agreement(name: str) -> float | None:
        valid = student.validity(name) & teacher.validity(name)
        same = (student.crisp(name) == teacher.crisp(name)) & valid
        return float(same.sum() / valid.sum()) if bool(valid.any()) else None

    return macro(shared, agreement)


def macro(names: Sequence[str], measure: Callable[[str], float | None]) -> float | None:
    """Mean of a measure over predicates; those for which it is undefined (None) do not count."""
    values = [value for name in names if (value := measure(name)) is not None]
    return float(np.mean(values)) if values else None


def _f1(answers: Facts, truth: Facts, name: str) -> float | None:
    """F1 of one predicate; None where the labels never hold."""
    valid = answers.validity(name) & truth.validity(name)
    true, said = truth.crisp(name)[valid].numpy(), answers.crisp(name)[valid].numpy()
    return float(f1_score(true, said, zero_division=0.0)) if true.any() else None


def _average_precision(answers: Facts, truth: Facts, name: str) -> float | None:
    valid = answers.validity(name) & truth.validity(name)
    true = truth.crisp(name)[valid].numpy()
    if not true.any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a ranking of equal answers divides 0 by 0 inside
        return float(average_precision_score(true, answers.values[name][valid].double().numpy()))
