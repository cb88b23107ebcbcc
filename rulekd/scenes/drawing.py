"""Pictures of scenes: the plan, seen from above, beside the elevation, seen from the viewer's place."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from kg.errors import RulekdError
from rulekd.scenes.appearance import NAMING, ROUND
from rulekd.scenes.scenes import Scenes

SUFFIXES = (".png", ".svg")
#: Extent by which an object without a size is drawn, metres; size of the text, points; extent of a drawing, points.
POINT, FONT, AXES_POINTS = 0.1, 8, 370
INK, FAINT = "#26282b", "#8a9099"


@dataclass(frozen=True)
class Box:
    """One object as it is drawn, in the frame of the view, metres.

    plan, elevation: (4, 2) corners; yaw shows in plan. near: where it begins, seen from the viewer, so that nearer
    things are drawn over farther ones. top: its highest place. round: is it a disc in plan, and in elevation?
    """

    name: str
    kind: str
    plan: np.ndarray
    elevation: np.ndarray
    near: float
    top: float
    round: tuple[bool, bool] = (False, False)


def draw(scenes: Scenes, index: int, path: str | Path, *, marked: Sequence[int] = (), title: str | None = None) -> Path:
    """Draw scene number ``index`` to a PNG or SVG file, by the file's suffix.

    marked: numbers of objects with a bold outline (those of a rule's grounding, say). title: the scene's name, unless
    given.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise RulekdError(f"{path}: pictures are {' or '.join(SUFFIXES)}", hint="Name the file so.")
    figure = picture(scenes, index, marked=marked, title=title)
    if path.suffix.lower() == ".svg":
        figure.set_canvas(FigureCanvasSVG(figure))
        # without a date and with ids that are no random numbers, the same scene gives the same file
        with rc_context({"svg.hashsalt": "scene"}):
            figure.savefig(path, metadata={"Date": None})
    else:
        figure.set_canvas(FigureCanvasAgg(figure))
        figure.savefig(path)
    return path


def picture(scenes: Scenes, index: int, *, marked: Sequence[int] = (), title: str | None = None) -> Figure:
    """The figure that ``draw`` writes."""
    if not 0 <= index < len(scenes):
        raise RulekdError(f"scene number {index} is to be drawn; there are {len(scenes)}", hint="Count from 0.")
    boxes = _boxes(scenes.select([index]).trim())
    colors = _colors(sorted({box.kind for box in boxes}))
    figure = Figure(dpi=110, layout="constrained")
    plan, elevation = figure.subplots(1, 2)
    plan.set_anchor("S"), elevation.set_anchor("S")
    # from below, and from the far side: what is drawn later covers what is drawn earlier
    _view(plan, boxes, sorted(range(len(boxes)), key=lambda n: boxes[n].top), "plan", colors, marked)
    _view(elevation, boxes, sorted(range(len(boxes)), key=lambda n: -boxes[n].near), "elevation", colors, marked)
    shares = [float(np.ptp(axes.get_ylim()) / np.ptp(axes.get_xlim())) for axes in (plan, elevation)]
    figure.set_size_inches(12, 1.0 + AXES_POINTS / 72 * max(shares))
    plan.set_title("from above", fontsize=10, color=FAINT)
    elevation.set_title("from the front", fontsize=10, color=FAINT)
    plan.set_xlabel("right (m)"), plan.set_ylabel("away (m)")
    elevation.set_xlabel("right (m)"), elevation.set_ylabel("up (m)")
    figure.suptitle(scenes.names[index] if title is None else title, fontsize=12, color=INK)
    return figure


def _boxes(scenes: Scenes) -> list[Box]:
    """The real objects of a batch of one scene."""
    center = scenes.centers_in_view()[0].double().cpu().numpy()
    if scenes.size is None:
        own = np.full((center.shape[0], 3), POINT)
        extent = own
    else:
        own = scenes.size[0].double().cpu().numpy()
        extent = scenes.extents_in_view()[0].double().cpu().numpy()
    yaw = scenes.headings()[0].double().cpu().numpy()
    axes = scenes.axes()[0].double().cpu().numpy()
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    ids = scenes.object_ids[0] if scenes.object_ids is not None else None
    made = []
    for count, place in enumerate(scenes.mask[0].nonzero()[:, 0].tolist()):
        kind = _kind(scenes, place)
        name = ids[count] if ids is not None and not ids[count].isdigit() else f"{kind} {place}".strip()
        turn = np.array([[np.cos(yaw[place]), -np.sin(yaw[place])], [np.sin(yaw[place]), np.cos(yaw[place])]])
        flat = np.zeros((4, 3))
        flat[:, :2] = corners * own[place, :2] @ turn.T
        plan = center[place, :2] + (flat @ axes.T)[:, :2]
        discs = ROUND.get(_word(scenes, "shape", place), (False, False))
        # what is round is as wide as it is, however it is turned
        wide = own[place, 0] if discs[0] else extent[place, 0]
        elevation = center[place, [0, 2]] + corners * np.array([wide, extent[place, 2]])
        near, top = center[place, 1] - extent[place, 1] / 2, center[place, 2] + extent[place, 2] / 2
        made.append(Box(name, kind, plan, elevation, float(near), float(top), discs))
    return made


def _kind(scenes: Scenes, place: int) -> str:
    known = [attribute for attribute in NAMING if attribute in scenes.categories]
    return _word(scenes, known[0], place) if known else ""


def _word(scenes: Scenes, attribute: str, place: int) -> str:
    if attribute not in scenes.categories:
        return ""
    number = int(scenes.categories[attribute][0, place])
    return scenes.category_names[attribute][number] if number >= 0 else ""


def _disc(corners: np.ndarray) -> np.ndarray:
    """The ellipse that touches the four sides of a box in their middles."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    across, along = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(corners.mean(0) + np.outer(np.cos(angle), across) + np.outer(np.sin(angle), along))


def _colors(kinds: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Hues spread evenly over the kinds, in two lightnesses so that neighbours differ."""
    count = max(1, len(kinds))
    return {k: colorsys.hls_to_rgb(n / count, 0.62 if n % 2 else 0.74, 0.55) for n, k in enumerate(kinds)}


def _view(
    axes: Axes,
    boxes: Sequence[Box],
    order: Sequence[int],
    side: str,
    colors: Mapping[str, tuple[float, float, float]],
    marked: Sequence[int],
) -> None:
    """One of the two drawings: boxes from the back to the front, then their names where there is room."""
    shapes = [box.plan if side == "plan" else box.elevation for box in boxes]
    _frame(axes, shapes, _reach(boxes))
    for rank, number in enumerate(order):
        color, bold = colors[boxes[number].kind], number in marked
        edge = INK if bold else tuple(0.55 * part for part in color)
        patch = Polygon(
            _disc(shapes[number]) if boxes[number].round[side != "plan"] else shapes[number],
            closed=True,
            facecolor=(*color, 0.72),
            edgecolor=edge,
            linewidth=2.6 if bold else 1,
        )
        patch.set_zorder(2 + rank / (1 + len(order)))
        axes.add_patch(patch)
    _write_names(axes, [box.name for box in boxes], shapes)


def _reach(boxes: Sequence[Box]) -> float:
    """Half the width of both drawings, metres: wide enough that neither becomes much higher than wide."""
    corners = np.concatenate([box.plan for box in boxes])
    across, along = (corners.max(0) - corners.min(0)) / 2
    return max(float(across), float(along) / 1.2, 0.5)


def _frame(axes: Axes, shapes: Sequence[np.ndarray], reach: float) -> None:
    """The same scale on both axes and in both drawings, a quiet grid. reach: half the width, metres."""
    corners = np.concatenate(shapes)
    low, high = corners.min(0), corners.max(0)
    middle = (low + high) / 2
    pad = 0.12 * reach
    axes.set_xlim(middle[0] - reach - pad, middle[0] + reach + pad)
    axes.set_ylim(low[1] - pad, max(high[1], low[1] + 0.4 * reach) + pad)
    axes.set_aspect("equal")
    axes.grid(color="#e4e7ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=FAINT, labelsize=8)
    axes.xaxis.label.set(color=FAINT, size=8)
    axes.yaxis.label.set(color=FAINT, size=8)
    for spine in axes.spines.values():
        spine.set_color("#d0d4d8")


@dataclass(frozen=True)
class Room:
    """A rectangle of text, metres: middle and half extents."""

    middle: np.ndarray
    half: np.ndarray

    def common(self, other: Room) -> float:
        """The area that two rectangles share, square metres."""
        sides = self.half + other.half - np.abs(self.middle - other.middle)
        limits = 2 * np.minimum(self.half, other.half)
        return float(np.prod(np.clip(np.minimum(sides, limits), 0, None)))


def _write_names(axes: Axes, names: Sequence[str], shapes: Sequence[np.ndarray]) -> None:
    """Each name where it meets the least of other names and of smaller boxes: in its box if it can, else near it."""
    low_x, high_x = axes.get_xlim()
    low_y, high_y = axes.get_ylim()
    scale = AXES_POINTS / (high_x - low_x)  # points of the page to a metre
    hulls = [Room((s.max(0) + s.min(0)) / 2, (s.max(0) - s.min(0)) / 2) for s in shapes]
    frame = Room(np.array([low_x + high_x, low_y + high_y]) / 2, np.array([high_x - low_x, high_y - low_y]) / 2)
    placed: list[Room] = []
    # small boxes choose first: they have the least room for their names
    for number in sorted(range(len(names)), key=lambda n: float(np.prod(hulls[n].half))):
        half = np.array([0.29 * FONT * (len(names[number]) + 0.6), 0.62 * FONT]) / scale
        hull = hulls[number]
        others = [other for n, other in enumerate(hulls) if n != number and np.prod(other.half) <= np.prod(hull.half)]
        best = min(
            (Room(spot, half) for spot in _spots(hull, half)),
            key=lambda room: _cost(room, hull, placed, others, frame),
        )
        placed.append(best)
        away = bool((np.abs(best.middle - hull.middle) > hull.half).any())
        if away:
            axes.plot(*hull.middle, marker="o", markersize=2, color=INK, zorder=4)
        axes.annotate(
            names[number],
            xy=(float(hull.middle[0]), float(hull.middle[1])),
            xytext=(float(best.middle[0]), float(best.middle[1])),
            ha="center",
            va="center",
            fontsize=FONT,
            color=INK,
            zorder=5,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
            if away
            else None,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": (1, 1, 1, 0.72), "edgecolor": "none"},
        )


def _spots(hull: Room, half: np.ndarray) -> list[np.ndarray]:
    """Where a name may stand: in a lattice over its box, and on rings around it."""
    inside = [
        hull.middle + hull.half * np.array([x, y]) * 0.8 for x in (0, -0.5, 0.5, -1, 1) for y in (0, -0.5, 0.5, -1, 1)
    ]
    around = []
    for ring in (1.2, 2.4, 4.0, 6.0):
        reach = hull.half + half * np.array([0.6, 1.0]) * ring
        around += [hull.middle + reach * np.array([np.cos(t), np.sin(t)]) for t in np.linspace(0, 2 * np.pi, 16, False)]
    return inside + around


def _cost(room: Room, own: Room, placed: Sequence[Room], others: Sequence[Room], frame: Room) -> float:
    """How ill a name would stand here: over other names, over boxes that it would hide, off the picture, far away."""
    area = 4 * float(np.prod(room.half))
    over_names = sum(room.common(other) for other in placed) / area
    hidden = sum(room.common(other) / max(4 * float(np.prod(other.half)), 0.3 * area) for other in others)
    hidden += max(0.0, room.common(own) / max(4 * float(np.prod(own.half)), 1e-9) - 0.6)
    outside = 1 - room.common(frame) / area
    astride = min(room.common(own), area - room.common(own)) / area
    away = float(np.linalg.norm(np.clip(np.abs(room.middle - own.middle) - own.half, 0, None))) / float(room.half[1])
    return 9 * over_names + 2.5 * hidden + 20 * outside + 0.8 * astride + 0.15 * away
