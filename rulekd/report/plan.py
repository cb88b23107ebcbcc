"""Which backend trains each rule and why, and what is not trained."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.constraints.plan import Backend, Planned
from rulekd.report.markup import Markup, tag

#: Up to so many names a line are shown without a click.
OPEN = 6


def plan(planned: Sequence[Planned]) -> Markup | None:
    """A table: what is not trained first, then by the number of rules; None where nothing was planned."""
    if not planned:
        return None
    groups: dict[tuple[Backend, str], list[str]] = {}
    for one in planned:
        groups.setdefault((one.backend, one.why), []).append(one.rule.name)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0] is not Backend.NONE, -len(group[1])))
    rows = [
        tag(
            "tr",
            tag("th", backend.value, scope="row"),
            tag("td", why),
            tag("td", f"{len(names):,}", class_="number"),
            tag("td", _names(names)),
        )
        for (backend, why), names in ordered
    ]
    heads = [tag("th", head, scope="col") for head in ("trained by", "why")]
    heads += [tag("th", "rules", scope="col", class_="number"), tag("th", "which", scope="col")]
    untrained = sum(one.backend is Backend.NONE for one in planned)
    told = f"{len(planned) - untrained:,} of {len(planned):,} rules train the student"
    verb = "is" if untrained == 1 else "are"
    told += f"; {untrained:,} {verb} judged and not trained, for the reason given." if untrained else "."
    table = tag("table", tag("caption", told), tag("thead", tag("tr", *heads)), tag("tbody", *rows))
    return tag("div", table, class_="wide plan")


def _names(names: Sequence[str]) -> Markup:
    listed = tag("ul", *(tag("li", tag("code", name)) for name in names), class_="names")
    return listed if len(names) <= OPEN else tag("details", tag("summary", f"all {len(names):,}"), listed)
