"""What made scenes tell of a rule: hunts for counterexamples, and probes, in words."""

from __future__ import annotations

from kg import Counterexample, Hunt, Probes
from rulekd.report.wording import interval_words, percent


def hunt_words(hunt: Hunt) -> tuple[str, ...]:
    """How many made scenes break a rule, how they were looked for, and what could not be done.

    >>> from kg.rules import Tried
    >>> print(*hunt_words(Hunt(Tried(2000, 0), Tried(500, 3), worst=1.25, note="views stay")), sep="; ")
    3 of 2,500 made scenes break it; at random 0 of 2,000, by gradient 3 of 500; worst by 1.2 log-odds; views stay
    """
    tried = (("at random", hunt.random), ("by gradient", hunt.gradient))
    ways = ", ".join(
        f"{way} {one.broken:,} of {one.asked:,}" if one.asked else f"{way} not tried" for way, one in tried
    )
    if hunt.worst is not None:
        ways += f"; worst by {hunt.worst:.1f} log-odds" if hunt.worst > 0 else f"; held by {-hunt.worst:.1f} log-odds"
    return tuple(filter(None, (f"{hunt.broken:,} of {hunt.asked:,} made scenes break it", ways, hunt.note)))


def probe_words(probes: Probes) -> tuple[str, ...]:
    """How often a rule was live in scenes made for that, and how often it was broken there."""
    total = probes.total
    if not total.support:
        return tuple(filter(None, (f"never live in {probes.asked:,} made scenes", probes.note)))
    broken = f"{total.violations:,} of {total.support:,} live groundings break it, in {probes.asked:,} made scenes"
    rate = f"violation rate {percent(total.rate)}; 95 %: {interval_words(total.interval)}"
    return tuple(filter(None, (broken, rate, probes.note)))


def found_words(found: Counterexample) -> tuple[str, str]:
    """Who is wrong in a made scene, and how it was made."""
    way = "at random" if found.by == "random" else "by gradient"
    moved = f"things moved by up to {found.moved:.2g} m" if found.moved else "made anew"
    return (
        f"{found.verdict.value}: {found.reason}",
        f"found {way}, {moved}; {found.persists:.0%} of near copies break it",
    )
