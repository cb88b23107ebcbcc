"""Are the rules still put to the test? What is looked at while a student trains, so that an empty success is seen.

A rule is obeyed in vain when its body is hardly ever said to be true any more: *live* groundings fall behind the
teacher's (vacuity). A rule is broken in silence when no gradient comes of it: at low sharpness doubt costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kg.formulas import predicates
from rulekd.constraints import Constraints
from rulekd.constraints.plan import Backend
from rulekd.distillation.ledger import State
from rulekd.distillation.rules import Rules
from rulekd.distillation.transfers import Transfer
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet

#: Scenes that are looked at, spread over those that there are: rules over three objects are counted in them.
SCENES = 32


@dataclass(frozen=True)
class Watch:
    """Called after an epoch, it asks the student about some scenes.

    live: of each rule the groundings that are live for the teacher there, at a threshold of one half.
    """

    constraints: Constraints
    student: Predictor
    scenes: SceneSet
    live: dict[str, int]

    @classmethod
    def of(
        cls, transfers: Sequence[Transfer], student: Predictor, teacher: Predictor | None, scenes: SceneSet
    ) -> Watch | None:
        """Over the rules that train; None where there are none, or no teacher to hold them against."""
        rules = next((t for t in transfers if isinstance(t, Rules) and t.weight), None)
        if rules is None or teacher is None:
            return None
        spoken = set(teacher.vocabulary) & set(student.vocabulary)
        others = [
            one.rule.id
            for one in rules.constraints.planned
            if one.backend in (Backend.NONE, Backend.TWO_PASSES) or not set(predicates(one.rule.formula)) <= spoken
        ]
        constraints = rules.constraints.drop(*others)
        if not constraints.rules:
            return None
        spread = torch.linspace(0, len(scenes) - 1, min(SCENES, len(scenes))).round().long()
        some = scenes.select(spread)
        reading = constraints(teacher.facts(some).values, mask=some.scenes.mask, scenes=some.scenes, views={})
        return cls(constraints, student, some, {rule: one.live for rule, one in reading.items()})

    def __call__(self) -> dict[str, State]:
        """By rule name."""
        answers = self.student.facts(self.scenes).values
        reading = self.constraints(answers, mask=self.scenes.scenes.mask, scenes=self.scenes.scenes, views={})
        found = {}
        for rule, one in reading.items():
            broken = round((one.strict or 0.0) * one.live)
            found[one.rule.name] = State(one.live, self.live[rule], broken, one.silent if broken else 0)
        return found
