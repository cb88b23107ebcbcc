"""Reports: what was asked, what came out and what speaks for it, as one HTML file.

Layer: above ``distillation``; below ``demo`` and the command line.
"""

from rulekd.report.comparisons import of_comparison
from rulekd.report.contents import Arm, Report
from rulekd.report.page import render, write
from rulekd.report.runs import of_run
from rulekd.report.strongest import strongest

__all__ = ["Arm", "Report", "of_comparison", "of_run", "render", "strongest", "write"]
