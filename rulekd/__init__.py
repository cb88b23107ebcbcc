"""rulekd: read the laws that a trained network knows, edit them, and train a small network on them.

The neural half. Everything here loads when it is first used, so that ``rulekd kg list`` never waits for torch.

>>> import rulekd
>>> constraints = rulekd.compile(["left_of(a, b) -> right_of(b, a)"])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kg import RulekdError
    from rulekd.constraints import Constraints, Reading, compile
    from rulekd.distillation import (
        Comparison,
        Labels,
        Measures,
        Rules,
        Run,
        SoftLabels,
        Training,
        compare,
        distill,
        evaluate,
    )
    from rulekd.extraction import Effort, extract, hunt, mine, probe
    from rulekd.facts import Facts
    from rulekd.networks import build
    from rulekd.predictor import Predictor
    from rulekd.scenes import Scenes, SceneSet

_HOMES = {
    "Comparison": "rulekd.distillation",
    "Constraints": "rulekd.constraints",
    "Effort": "rulekd.extraction",
    "Facts": "rulekd.facts",
    "Labels": "rulekd.distillation",
    "Measures": "rulekd.distillation",
    "Predictor": "rulekd.predictor",
    "Reading": "rulekd.constraints",
    "RulekdError": "kg",
    "Rules": "rulekd.distillation",
    "Run": "rulekd.distillation",
    "SceneSet": "rulekd.scenes",
    "Scenes": "rulekd.scenes",
    "SoftLabels": "rulekd.distillation",
    "Training": "rulekd.distillation",
    "build": "rulekd.networks",
    "compare": "rulekd.distillation",
    "compile": "rulekd.constraints",
    "distill": "rulekd.distillation",
    "evaluate": "rulekd.distillation",
    "extract": "rulekd.extraction",
    "hunt": "rulekd.extraction",
    "mine": "rulekd.extraction",
    "probe": "rulekd.extraction",
}

__all__ = [
    "Comparison",
    "Constraints",
    "Effort",
    "Facts",
    "Labels",
    "Measures",
    "Predictor",
    "Reading",
    "RulekdError",
    "Rules",
    "Run",
    "SceneSet",
    "Scenes",
    "SoftLabels",
    "Training",
    "build",
    "compare",
    "compile",
    "distill",
    "evaluate",
    "extract",
    "hunt",
    "mine",
    "probe",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rulekd' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
