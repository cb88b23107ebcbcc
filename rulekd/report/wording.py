"""Numbers and evidence as people read them."""

from __future__ import annotations

from kg import Ledger
from kg.tables import rate_text


def percent(fraction: float | None) -> str:
    r"""A fraction in per cent, with one digit after the point; what is less than a twentieth of a per cent shows more.

    The space before the sign does not break.

    >>> [percent(value).replace("\u00a0", " ") for value in (0.9312, 0.00012, 0.0, 1.0, None)]
    ['93.1 %', '0.012 %', '0 %', '100 %', '–']
    """
    if fraction is None:
        return "–"
    if fraction in (0, 1):
        return f"{100 * fraction:.0f}\u00a0%"
    return f"{100 * fraction:.1f}\u00a0%" if 0.0005 <= fraction <= 0.9995 else f"{100 * fraction:.3f}\u00a0%"


def ledger_words(ledger: Ledger | None) -> tuple[str, str]:
    r"""How often a rule was broken, and how often it is at most: counts, then rate and interval.

    >>> ledger_words(Ledger(support=1200, violations=3, units=40, rate=0.002, interval=(0.0, 0.03)))
    ('3 of 1,200 live groundings break it, in 40 units', 'violation rate 0.2\xa0%; 95 %: 0.00 to 3.00\xa0%')
    """
    if ledger is None:
        return "not tested: no labels", ""
    if not ledger.support:
        return "never put to the test", ""
    broken = f"{ledger.violations:,} of {ledger.support:,} live groundings break it, in {ledger.units:,} units"
    return broken, f"violation rate {percent(ledger.rate)}; 95 %: {interval_words(ledger.interval)}"


def interval_words(interval: tuple[float, float] | None) -> str:
    """``rate_text``, kept on one line."""
    return rate_text(interval).replace(" %", "\u00a0%")


def points(difference: float) -> str:
    r"""A difference of fractions in points, with its sign.

    >>> points(0.0351), points(-0.2), points(0.0)
    ('+3.5', '\u221220.0', '0.0')
    """
    rounded = round(100 * difference, 1)
    return f"{rounded:+.1f}".replace("-", "\u2212") if rounded else "0.0"


def points_between(interval: tuple[float, float] | None) -> str:
    r"""`` [+3.7, +5.8]``, or nothing where there is no interval.

    >>> points_between((0.037, 0.058)), points_between(None)
    (' [+3.7, +5.8]', '')
    """
    return "" if interval is None else f" [{points(interval[0])}, {points(interval[1])}]"


def share_between(interval: tuple[float, float] | None) -> str:
    r"""An interval of a fraction, cut at 0 and 1; nothing where there is none.

    >>> share_between((0.812, 1.04)).replace("\u00a0", " ")
    ' (81.2 to 100 %)'
    """
    if interval is None:
        return ""
    low, high = (percent(min(max(end, 0.0), 1.0)) for end in interval)
    return f" ({low.removesuffix(chr(0xA0) + '%')} to {high})"
