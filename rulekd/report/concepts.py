"""A picture of concept triples: a node for each category, an arrow for what one does to another, shares beside it."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import networkx as nx
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from kg import RulekdError, Triple
from kg.files import write_atomically
from rulekd.scenes.drawing import SUFFIXES

#: Inches for a picture of few categories, and the most that it grows to.
SMALL, LARGE = 6.0, 14.0

#: How far an arrow bends off, as a share of its way; its colour; points between lines of words.
BEND, ARROW, LINE = 0.12, "#888888", 11.0

#: Colours that people who see no red or green can tell apart (Okabe and Ito 2008), one a relation, in turns.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def draw(triples: Sequence[Triple], path: str | Path) -> None:
    """Write the picture; the ending of the path says how (.svg, .png).

    Categories that stand in many relations lie near each other; each arrow leads from what stands in relations to what
    it stands in them to, and carries their shares in per cent. What a category does to its own kind stands below its
    name. Raises RulekdError where there are no triples, or the ending is of no picture.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise RulekdError(f"{path}: pictures are {' or '.join(SUFFIXES)}", hint="Name the file so.")
    if not triples:
        raise RulekdError("there are no concept triples to draw", hint="Extract them: families=['concepts'].")
    plain = nx.Graph()
    for triple in triples:
        plain.add_edge(triple.subject, triple.object)
    where = _laid_out(plain)
    side = min(LARGE, SMALL + 0.35 * len(plain))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "rulekd"}):  # words stay words, files stay the same
        figure = Figure((1.4 * side, side))
        axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
        axes.set_axis_off()
        axes.margins(0.12)
        relations = sorted({triple.relation for triple in triples})
        for (subject, other), group in _by_ends(triples).items():
            start, end = where[subject], where[other]
            middle, lowest = start, -20.0 - LINE * (len(group) - 1)  # of its own kind: below its name
            if subject != other:
                axes.add_patch(
                    FancyArrowPatch(
                        start, end, arrowstyle="-|>", mutation_scale=14, color=ARROW, shrinkA=22, shrinkB=22,
                        linewidth=0.6 + 2.4 * max(triple.share for triple in group),
                        connectionstyle=f"arc3,rad={BEND}",
                    )
                )  # fmt: skip
                # The middle of the bow: its control point lies BEND times the way off to the right.
                middle = (
                    (start[0] + end[0] + BEND * (end[1] - start[1])) / 2,
                    (start[1] + end[1] - BEND * (end[0] - start[0])) / 2,
                )
                lowest = -LINE * (len(group) - 1) / 2
            for place, triple in enumerate(reversed(group)):
                kind = " of its kind" if subject == other else ""
                axes.annotate(
                    f"{triple.relation} {triple.share:.0%}{kind}".replace("%", " %"), middle,
                    xytext=(0, lowest + LINE * place), textcoords="offset points",
                    color=COLOURS[relations.index(triple.relation) % len(COLOURS)], fontsize=8, ha="center",
                    va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
                )  # fmt: skip
        for name, (x, y) in where.items():
            box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "#444444"}
            axes.text(x, y, name, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
            axes.plot([x], [y], alpha=0)  # so that the axes reach to it
        made = BytesIO()
        ending = path.suffix.lower()[1:]
        figure.savefig(made, format=ending, metadata={"Date": None} if ending == "svg" else None)
    write_atomically(path, made.getvalue())


def _by_ends(triples: Sequence[Triple]) -> dict[tuple[str, str], list[Triple]]:
    """The triples of each ordered pair of categories, which share an arrow."""
    found: dict[tuple[str, str], list[Triple]] = {}
    for triple in triples:
        found.setdefault((triple.subject, triple.object), []).append(triple)
    return found


def _laid_out(plain: nx.Graph) -> dict[str, tuple[float, float]]:
    """Where each category lies: groups that nothing joins side by side, each by its distances in steps."""
    where: dict[str, tuple[float, float]] = {}
    left = 0.0
    for group in sorted(nx.connected_components(plain), key=lambda group: (-len(group), min(group))):
        part = plain.subgraph(sorted(group))
        width = float(len(part)) ** 0.5
        for name, (x, y) in nx.kamada_kawai_layout(part).items():
            where[name] = (left + width * (float(x) + 1), width * float(y))
        left += 2 * width + 0.6
    return where
