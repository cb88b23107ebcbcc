"""A teacher trains a student. Layer: above extraction and constraints; below report and cli."""

from rulekd.distillation.compare import compare
from rulekd.distillation.comparison import Comparison
from rulekd.distillation.distill import distill
from rulekd.distillation.labels import Labels
from rulekd.distillation.measures import Measures, evaluate
from rulekd.distillation.rules import Rules
from rulekd.distillation.run import Run
from rulekd.distillation.soft_labels import SoftLabels
from rulekd.distillation.trainer import Training

__all__ = [
    "Comparison",
    "Labels",
    "Measures",
    "Rules",
    "Run",
    "SoftLabels",
    "Training",
    "compare",
    "distill",
    "evaluate",
]
