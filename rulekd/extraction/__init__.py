"""From what a network says to the laws that it obeys. Layer: above grounding, beside constraints."""

from rulekd.extraction.extract import extract, mine
from rulekd.extraction.families import FAMILIES
from rulekd.extraction.probing.counterexamples import Effort, Hunted, hunt, hunted
from rulekd.extraction.probing.probes import Probed, probe, probed

__all__ = ["FAMILIES", "Effort", "Hunted", "Probed", "extract", "hunt", "hunted", "mine", "probe", "probed"]
