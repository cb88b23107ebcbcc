"""Teacher and students side by side: a line an arm, mean and interval over its seeds."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.distillation.measures import Measures
from rulekd.report.contents import Arm
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.spread import spread
from rulekd.report.wording import percent

#: The columns: heading, what it means, which measure.
COLUMNS = (
    ("macro-F1", "mean over predicates, at calibrated thresholds", "f1"),
    ("at 0.5", "the same, every threshold at one half", "f1_at_half"),
    ("average precision", "of the ranking, no threshold", "average_precision"),
    ("rules violated", "share of live groundings that break a rule, mean over the same axioms (less is better)", "violation"),
    ("fidelity", "share of groundings decided as the teacher decides", "fidelity"),
)  # fmt: skip


def networks(arms: Sequence[Arm]) -> Markup:
    """The table, and what its columns mean."""
    heads = [tag("th", "network", scope="col"), tag("th", "parameters", scope="col", class_="number")]
    heads += [tag("th", head, scope="col", class_="number") for head, _, _ in COLUMNS]
    several = max((len(arm.measures) for arm in arms), default=0)
    said = f"Means over {several} seeds, with their 95 % intervals." if several > 1 else "One network a line."
    rows = [tag("tr", _name(arm), *_cells(arm.measures)) for arm in arms]
    table = tag("table", tag("caption", said), tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    meanings = "; ".join(f"{head}: {meaning}" for head, meaning, _ in COLUMNS)
    return joined(tag("div", table, class_="wide"), tag("p", f"{meanings}.", class_="faint"))


def _name(arm: Arm) -> Markup:
    about = tag("span", arm.about, class_="faint") if arm.about else None
    return tag("th", arm.name, about, scope="row")


def _cells(measures: Sequence[Measures]) -> list[Markup]:
    if not measures:
        return [tag("td", "–", class_="number") for _ in range(len(COLUMNS) + 1)]
    sizes = sorted({one.parameters for one in measures})
    size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    return [tag("td", size, class_="number")] + [
        _share([getattr(one, measure) for one in measures]) for _, _, measure in COLUMNS
    ]


def _share(values: Sequence[float | None]) -> Markup:
    """A fraction, its interval over seeds, and a bar under it."""
    found = spread(values)
    if found is None:
        return tag("td", "–", class_="number")
    over = None
    if found.interval is not None:
        # what is a fraction has an interval of fractions
        low, high = (percent(min(max(end, 0.0), 1.0)) for end in found.interval)
        over = tag("span", f"{low} to {high}".replace("\u00a0% to", " to"), class_="spread")
    bar = tag("span", tag("i", style=f"width:{100 * found.mean:.1f}%"), class_="bar", aria_hidden="true")
    return tag("td", percent(found.mean), over, bar, class_="number")
