"""Rules that were fitted to all scenes: what the discovery part alone gives in their place is tested for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kg import Evidence, Formula, Provenance, Rule
from rulekd.extraction.counting.source import Source
from rulekd.extraction.evidence.confirmation import Bar, confirm


def tested_in_place(
    rules: Sequence[Rule], fitted: Mapping[Formula, Formula | None], source: Source, data: Source | None, bar: Bar
) -> list[Rule]:
    """The rules, of which those that were fitted to all scenes are confirmed only by what the discovery part gives.

    fitted: from such a rule to the stricter one that the discovery part alone gives in its place. What keeps that one
    keeps the other, so that its tests are valid for both, and the p-values of both are its own.
    """
    stricter = [one for rule in rules if (one := fitted.get(rule.formula)) is not None]
    # Its exceptions refute it, and are none of the other's: the level alone counts, as where somebody names it.
    alone = confirm(
        stricter, source, data, replace(bar, stated=True), dict.fromkeys(stricter, Provenance()), keep=stricter
    )
    tested = {rule.formula: rule.evidence for rule in alone.rules}
    return [
        replace(rule, evidence=_in_place(rule.evidence, fitted[rule.formula], tested))
        if rule.evidence is not None and rule.formula in fitted
        else rule
        for rule in rules
    ]


def _in_place(evidence: Evidence, stricter: Formula | None, tested: Mapping[Formula, Evidence | None]) -> Evidence:
    """The evidence of a fitted rule, as far as that of the stricter one goes."""
    if stricter is None:
        missed = evidence.missed or "it was fitted to all scenes, and none are left to confirm it"
        return replace(evidence, confirmed=False, missed=missed)
    found = tested.get(stricter)
    if found is not None and found.confirmed:
        return replace(evidence, level_p=found.level_p, chance_p=found.chance_p)
    why = "its relation may be chance" if found is None else found.missed
    missed = f"it was fitted to all scenes; the discovery part alone gives '{stricter}', and {why}"
    return replace(evidence, confirmed=False, missed=evidence.missed or missed)
