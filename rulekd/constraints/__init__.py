"""Rules become losses. Layer: above grounding, beside extraction; imports neither extraction nor distillation."""

from rulekd.constraints.constraints import Constraints, compile, trainable
from rulekd.constraints.degrees import Degrees
from rulekd.constraints.frequency import Frequency
from rulekd.constraints.reading import Reading, RuleReading
from rulekd.constraints.semantics import Semantics

__all__ = ["Constraints", "Degrees", "Frequency", "Reading", "RuleReading", "Semantics", "compile", "trainable"]
