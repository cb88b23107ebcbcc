"""Teacher and students side by side: a line an arm, mean and interval over its seeds."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.distillation.ledger import VACUOUS
from rulekd.distillation.verdict import interval
from rulekd.report.contents import Arm
from rulekd.report.markup import Markup, joined, tag
from rulekd.report.wording import percent, share_between

#: The columns: heading, what it means, which measure.
COLUMNS = (
    ("macro-F1", "mean over predicates, at calibrated thresholds", "f1"),
    ("at 0.5", "the same, every threshold at one half", "f1_at_half"),
    ("average precision", "of the ranking, no threshold", "average_precision"),
    ("rules violated", "share of live groundings that break a rule, mean over axioms; less is better", "violation"),
    ("fidelity", "share of groundings decided as the teacher decides", "fidelity"),
)  # fmt: skip


#: Shown where it is known.
LIVE = ("live", "groundings that put the rules to the test, as a share of the teacher's, mean over rules")


def networks(arms: Sequence[Arm]) -> Markup:
    """The table, and what its columns mean."""
    columns = [(head, meaning) for head, meaning, _ in COLUMNS]
    lively = any(arm.liveliness is not None for arm in arms)
    columns += [LIVE] if lively else []
    heads = [tag("th", "network", scope="col")]
    heads += [tag("th", head, scope="col", class_="number") for head in (*dict(columns), "parameters")]
    several = max((len(arm.measures) for arm in arms), default=0)
    said = f"Means over {several} seeds, with their 95 % intervals." if several > 1 else "One network a line."
    rows = [tag("tr", _name(arm), *_cells(arm, lively)) for arm in arms]
    table = tag("table", tag("caption", said), tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    meanings = "; ".join(f"{head}: {meaning}" for head, meaning in columns)
    wide = tag("div", table, class_="wide", role="region", aria_label="Networks", tabindex="0")
    return joined(wide, tag("p", f"{meanings}.", class_="faint"))


def _name(arm: Arm) -> Markup:
    about = tag("span", arm.about, class_="faint") if arm.about else None
    return tag("th", arm.name, about, scope="row")


def _cells(arm: Arm, lively: bool) -> list[Markup]:
    cells = [_share([getattr(one, measure) for one in arm.measures]) for _, _, measure in COLUMNS]
    if lively:
        empty = None if arm.liveliness is None or arm.liveliness >= VACUOUS else tag("b", "VACUOUS", class_="warning")
        share = "–" if arm.liveliness is None else f"{100 * arm.liveliness:.0f}\u00a0%"
        cells.append(tag("td", share, empty, class_="number"))
    sizes = sorted({one.parameters for one in arm.measures})
    size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}" if sizes else "–"
    return [*cells, tag("td", size, class_="number")]


def _share(values: Sequence[float | None]) -> Markup:
    """A fraction, the mean over seeds, its interval, and a bar under it."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return tag("td", "–", class_="number")
    mean, found = sum(known) / len(known), interval(known)
    between = share_between(found).strip(" ()")
    over = tag("span", between, class_="spread") if between else None
    bar = tag("span", tag("i", style=f"width:{100 * mean:.1f}%"), class_="bar", aria_hidden="true")
    return tag("td", percent(mean), over, bar, class_="number")
