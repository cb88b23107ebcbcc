"""Rules become losses. Layer: above grounding, beside extraction; imports neither extraction nor distillation."""

from rulekd.constraints.constraints import Constraints, Reading, RuleReading, compile, trainable

__all__ = ["Constraints", "Reading", "RuleReading", "compile", "trainable"]
