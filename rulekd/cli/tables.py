"""Named values and shares as text; tables of rows are ``kg.tables.aligned``."""

from __future__ import annotations

from collections.abc import Sequence


def fields(values: Sequence[tuple[str, str]]) -> str:
    """One named value a line; values of several lines are indented under the first.

    >>> print(fields([("name", "near"), ("rate", "2 %")]))
    name  near
    rate  2 %
    """
    width = max((len(name) for name, _ in values), default=0)
    return "\n".join(
        f"{name:{width}}  " + value.replace("\n", "\n" + " " * (width + 2)) for name, value in values if value
    )


def percent(fraction: float | None) -> str:
    """A fraction in per cent, with as many digits as it needs; a dash where it is unknown.

    >>> percent(0.0123), percent(0.00004), percent(None), percent(1.0), percent(0.0)
    ('1.2 %', '0.004 %', '-', '100 %', '0 %')
    """
    if fraction is None:
        return "-"
    if fraction in (0, 1):
        return f"{100 * fraction:.0f} %"
    return f"{100 * fraction:.3g} %" if fraction < 0.0005 else f"{100 * fraction:.1f} %"
