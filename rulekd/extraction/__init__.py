"""From what a network says to the laws that it obeys. Layer: above grounding, beside constraints."""

from rulekd.extraction.extract import FAMILIES, extract, mine

__all__ = ["FAMILIES", "extract", "mine"]
