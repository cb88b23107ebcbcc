"""A picture of concept triples: a node for each category, an arrow for each relation, thicker for a larger share."""

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

#: Colours that people who see no red or green can tell apart (Okabe and Ito 2008), one a relation, in turns.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def draw(triples: Sequence[Triple], path: str | Path) -> None:
    """Write the picture; the ending of the path says how (.svg, .png).

    Categories that stand in many relations lie near each other; each arrow leads from what stands in the relation to
    what it stands in it to, and carries its share in per cent. What a category does to its own kind stands below its
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
        bends: dict[frozenset[str], int] = {}
        own: dict[str, int] = {}
        for triple in triples:
            colour = COLOURS[relations.index(triple.relation) % len(COLOURS)]
            words = f"{triple.relation} {triple.share:.0%}".replace("%", " %")
            if triple.subject == triple.object:
                own[triple.subject] = own.get(triple.subject, 0) + 1
                axes.annotate(
                    f"{words} of its kind", where[triple.subject], xytext=(0, -9 - 11 * own[triple.subject]),
                    textcoords="offset points", color=colour, fontsize=8, ha="center", va="center",
                )  # fmt: skip
                continue
            pair = frozenset((triple.subject, triple.object))
            bends[pair] = bends.get(pair, 0) + 1
            bend = 0.12 * (2 * bends[pair] - 1)
            start, end = where[triple.subject], where[triple.object]
            axes.add_patch(
                FancyArrowPatch(
                    start, end, arrowstyle="-|>", mutation_scale=14, color=colour, shrinkA=22, shrinkB=22,
                    linewidth=0.6 + 2.4 * triple.share, connectionstyle=f"arc3,rad={bend}",
                )
            )  # fmt: skip
            # The middle of the bow: its control point lies bend times the way off to the right, seen from the start.
            middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
            off = (bend / 2 * (end[1] - start[1]), -bend / 2 * (end[0] - start[0]))
            axes.text(
                middle[0] + off[0], middle[1] + off[1], words,
                color=colour, fontsize=8, ha="center", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip
        for name, (x, y) in where.items():
            box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "#444444"}
            axes.text(x, y, name, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
            axes.plot([x], [y], alpha=0)  # so that the axes reach to it
        made = BytesIO()
        kind = path.suffix.lower()[1:]
        figure.savefig(made, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_atomically(path, made.getvalue())


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
