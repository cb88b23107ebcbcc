"""How good is a network, how obedient, and how like its teacher?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from kg import Rule, RulekdError
from kg.formulas import Transform, Under, predicates
from kg.tables import fields, percent
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
    live: live groundings by rule name. fidelity: share of groundings in which network and teacher decide alike.
    parameters: trainable ones.
    """

    f1: float | None
    f1_at_half: float | None
    average_precision: float | None
    violation: float | None
    fidelity: float | None
    parameters: int
    violations: Mapping[str, float]
    live: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """The measures as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        """A line a measure, in per cent.

        >>> print(Measures(0.931, 0.92, 0.97, 0.021, None, 5123, {}))
        macro-F1           93.1 %
        macro-F1 at 0.5    92.0 %
        average precision  97.0 %
        rules violated     2.1 %
        parameters         5,123
        """
        return fields([(title, text) for title, text in self.titled if text != "-"])

    @property
    def titled(self) -> list[tuple[str, str]]:
        """Each measure in words, by its title; a dash where there is none."""
        shares = (
            ("macro-F1", self.f1),
            ("macro-F1 at 0.5", self.f1_at_half),
            ("average precision", self.average_precision),
            ("rules violated", self.violation),
            ("fidelity to teacher", self.fidelity),
        )
        return [*((title, percent(value)) for title, value in shares), ("parameters", f"{self.parameters:,}")]


def liveliness(measures: Measures, teacher: Measures) -> float | None:
    """Live groundings of a network as a share of its teacher's, the mean over rules; None without rules.

    A share above 1 counts as 1: who says more does not make up for rules that are never put to the test.
    """
    shares = [min(1.0, measures.live.get(rule, 0) / count) for rule, count in teacher.live.items() if count]
    return float(np.mean(shares)) if shares else None


def evaluate(
    predictor: Predictor, scenes: SceneSet, graph: Rules | None = None, teacher: Predictor | None = None
) -> Measures:
    """Measure a network on scenes; pass ``scenes.part("test")`` for numbers to report.

    graph: its axioms are judged, the same for every network that is compared. A law under a transform asks the
    network about the transformed scenes too, and is left out where a transform cannot act on what they hold.
    """
    return Examination(scenes, () if graph is None else trainable(graph), teacher).of(predictor)


class Examination:
    """The same questions for several networks; what does not depend on the network is worked out once.

    rules: judged in the order given. teacher: whose decisions fidelity is held against.
    """

    def __init__(self, scenes: SceneSet, rules: Sequence[Rule] = (), teacher: Predictor | None = None) -> None:
        if not len(scenes):
            raise RulekdError("there are no scenes to evaluate on", hint="Check the file and the part.")
        self.scenes = scenes
        self.rules = tuple(rules)
        self.decisions = None if teacher is None else teacher.facts(scenes)
        self._images: dict[Transform, SceneSet] = {}

    def of(self, predictor: Predictor) -> Measures:
        """What one network measures."""
        answers = predictor.facts(self.scenes)
        shared = [name for name in predictor.vocabulary if name in self.scenes.scenes.labels]
        f1 = at_half = precision = None
        if shared:
            truth = self._labels.only(shared)
            f1 = macro(shared, lambda name: _f1(answers, truth, name))
            half = replace(answers, thresholds={})
            at_half = macro(shared, lambda name: _f1(half, truth, name))
            precision = macro(shared, lambda name: _average_precision(answers, truth, name))
        counts = self._counts(predictor, answers)
        by_rule = {name: broken / live for name, (live, broken) in counts.items() if live}
        return Measures(
            f1=f1,
            f1_at_half=at_half,
            average_precision=precision,
            violation=float(np.mean(list(by_rule.values()))) if by_rule else None,
            fidelity=None if self.decisions is None else fidelity(answers, self.decisions),
            parameters=predictor.parameters,
            violations=by_rule,
            live={name: live for name, (live, _) in counts.items()},
        )

    def _counts(self, predictor: Predictor, answers: Facts) -> dict[str, tuple[int, int]]:
        """(live, broken) by rule name; rules about unknown predicates, or that cannot be tested, are left out."""
        view = View(answers, self.scenes.scenes)
        images: dict[str, View] = {}
        found = {}
        for rule in self.rules:
            spoken = set(predicates(rule.formula))
            if not spoken <= set(predictor.vocabulary):
                continue
            if isinstance(rule.formula, Under):
                transform = rule.formula.transform
                if unacted(transform, self.scenes.scenes):
                    continue
                if str(transform) not in images:
                    images[str(transform)] = View(predictor.facts(self._image(transform)))
            live, broken = count(rule.formula, view, images)
            found[rule.name] = int(live.sum()), int(broken.sum())
        return found

    @cached_property
    def _labels(self) -> Facts:
        return labels_as_facts(self.scenes)

    def _image(self, transform: Transform) -> SceneSet:
        """The scenes under a transform; the random ones are drawn with seed 0, so that all networks see the same."""
        if transform not in self._images:
            self._images[transform] = self.scenes.transformed(transform, seed=0)
        return self._images[transform]


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
