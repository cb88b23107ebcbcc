"""What things are called and which are round, wherever scenes are drawn."""

from __future__ import annotations

#: Categories that things are coloured and named by, in order of preference.
NAMING = ("category", "shape", "label", "class")
#: Shapes that are discs in plan, and in elevation.
ROUND = {"sphere": (True, True), "cylinder": (True, False)}
