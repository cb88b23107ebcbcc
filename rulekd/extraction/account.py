"""What is said under the table: what was examined, on how much, and of an empty result what would settle it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from kg import Rule
from kg.tables import percent
from rulekd.extraction.counting.source import Source
from rulekd.extraction.discovery import Proposals
from rulekd.extraction.evidence import betting
from rulekd.extraction.evidence.confirmation import LEVEL, MIN_UNITS, Bar, Judged
from rulekd.extraction.evidence.outvoted import Outvoted
from rulekd.extraction.evidence.refutation import unreliable
from rulekd.extraction.fitting.questions import MOST_UNKNOWN, UNKNOWN, unknown_of
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts
from rulekd.scenes import Scenes
from rulekd.scenes.parts import DISCOVER

#: Share of what is given that confirms; the rest proposes.
CONFIRM: Final = 1 - DISCOVER


def settled(facts: Facts) -> list[str]:
    """Predicates that the network always answers alike: a rule about them is kept, or broken, by that alone."""
    notes = []
    for name in facts.values:
        said = facts.crisp(name)[facts.validity(name)]
        if len(said) and bool((said == said[0]).all()):
            word = "always" if said[0] else "never"
            notes.append(f"{name}: {word} true in the network's answers about {len(said):,} groundings")
    return notes


def misread(facts: Facts) -> list[str]:
    """What was given in a form that hardly anybody means, or that no family reads."""
    notes = []
    for name, value in facts.values.items():
        if value.dim() == 4:
            notes.append(
                f"{name}: relations of 3 objects tell classes of scenes and referents, and are read no further"
            )
        elif value.dim() > 4:
            notes.append(f"{name}: relations of {value.dim() - 1} objects are read by no family")
        said = value[facts.validity(name)] if value.is_floating_point() else value.new_zeros(0)
        if len(said) and float(said.min()) >= 0 and float(said.max()) <= 1 and bool(((said > 0) & (said < 1)).any()):
            notes.append(
                f"{name}: all values lie between 0 and 1 and are read as log-odds, so that all are true; "
                "probabilities p are given as torch.logit(p)"
            )
    return notes


def lacking(scenes: Scenes | None) -> list[str]:
    """Numbers and categories that are unknown of something in the scenes that definitions are fitted to."""
    if scenes is None:
        return []
    found = [(name, lost[scenes.mask], "objects") for name, lost in unknown_of(scenes.numbers, scenes.categories)]
    found += [(name, lost, "scenes") for name, lost in unknown_of(scenes.scene_numbers, scenes.scene_categories)]
    return [
        f"{name}: unknown of {int(lost.sum()):,} of {len(lost):,} {what}; what reads it is not asked about these. "
        f"Definitions read it where that leaves out {percent(UNKNOWN)} at most, or, of what nothing else tells, "
        f"{percent(MOST_UNKNOWN)}: give the values"
        for name, lost, what in found
        if bool(lost.any())
    ]


def unpopulated(facts: Facts) -> list[str]:
    """What no scene has objects enough for."""
    if not len(facts):
        return ["there are no scenes"]
    most = int(facts.objects.sum(1).max()) if facts.objects.shape[1] else 0
    lacking = {value.dim() - 1 for value in facts.values.values() if value.dim() - 1 > most}
    has = ("no scene has an object: every place is masked", "every scene has one object at most")
    return [
        f"{_listed(name for name, value in facts.values.items() if value.dim() - 1 == arity)}: about {arity} "
        f"object{'s' * (arity > 1)}, and {has[most] if most < 2 else f'no scene has more than {most}'}"
        for arity in sorted(lacking)
    ]


def _listed(names: Iterable[str]) -> str:
    """Up to six names, and how many there are more."""
    every = list(names)
    return ", ".join(every[:6]) + (f" and {len(every) - 6} more" if len(every) > 6 else "")


def doubts(source: Source) -> list[str]:
    """The predicates about which the network alone is not believed, however well its answers obey a rule."""
    found = ", ".join(f"{percent(source.errors[name])} of {name}" for name in sorted(unreliable(source)))
    if not found:
        return []
    return [
        f"the network is estimated to err in {found}; rules about these predicates are judged by clean labels, under a "
        "transform or as a whole table, or not listed"
    ]


def account(found: Sequence[str], limits: Sequence[str], advice: Sequence[str]) -> tuple[str, ...]:
    """The notes in the order of reading: what was found, what limited it, what to do; each said once.

    >>> account(["confirmed on 9 scenes"], ["near: never true", "near: never true"], [])
    ('confirmed on 9 scenes', 'near: never true')
    """
    return tuple(dict.fromkeys((*found, *limits, *advice)))


def outcome(
    counted: Sequence[tuple[str, Proposals]], judged: Judged, dropped: Sequence[Outvoted], facts: Facts, bar: Bar
) -> list[str]:
    """What was confirmed, on how much, out of how many candidates; where nothing was, the nearest miss.

    dropped: rules that passed the tests, and that the other laws do not bear out.
    """
    confirmed = judged.confirmed
    notes = []
    if not bool(facts.populated.any()):
        notes.append("nothing can be confirmed: there is nothing to ask about in any scene")
    elif bar.exploring:
        notes.append(
            f"nothing can be confirmed on {int(facts.populated.sum()):,} scenes in {facts.independent():,} independent "
            "units: listed is what is not there by chance, counted on the scenes that proposed it"
        )
    else:
        scenes, units = int((bar.held_out & facts.populated).sum()), facts.independent(bar.held_out)
        said = f"{confirmed:,} of {len(judged.rules):,} rules are confirmed" if confirmed else "nothing was confirmed"
        notes.append(f"{said}, on {scenes:,} scenes in {units:,} independent units")
        notes += _unconfirmed(judged.rules)
    if dropped:
        worst = max(dropped, key=lambda one: one.live)
        notes.append(
            f"{len(dropped):,} more passed and are not listed: by the other laws, the facts that break them stand; "
            f"such as {worst}"
        )
    looked = {name: proposals for name, proposals in counted if proposals.examined}
    each = ", ".join(f"{name} {len(one.formulas):,} of {one.examined:,}" for name, one in looked.items())
    examined = sum(one.examined for one in looked.values())
    proposed = sum(len(one.formulas) for one in looked.values())
    notes.append(f"{proposed:,} of {examined:,} candidates were proposed" + (f": {each}" if each else ""))
    if not confirmed and judged.rules and not bar.exploring:
        notes.append(f"nearest of those listed: {_nearest(judged.rules)}")
    if not confirmed and judged.nearest:
        notes.append(f"nearest miss, of those not listed: {judged.nearest}")
    return notes


def _unconfirmed(rules: Sequence[Rule]) -> list[str]:
    """Why listed rules are not confirmed: how many for each first reason; each rule's evidence says it in full."""
    missed = [rule.evidence.missed for rule in rules if rule.evidence is not None and rule.evidence.missed]
    reasons = Counter(re.split("[,;]", one)[0] for one in missed)
    if len(missed) == len(rules) or not missed:
        return []
    return ["listed and not confirmed: " + ", ".join(f"{count:,} as {why}" for why, count in reasons.most_common())]


def _nearest(rules: Sequence[Rule]) -> str:
    """The rule of which the level is nearest to being shown, and the p-values of its tests."""

    def level(rule: Rule) -> float:
        return 1.0 if rule.evidence is None or rule.evidence.level_p is None else rule.evidence.level_p

    rule = min(rules, key=level)
    assert rule.evidence is not None
    broken, live = rule.evidence.violations, rule.evidence.support
    over, chance = percent(rule.evidence.tolerance), rule.evidence.chance_p
    tests = [f"p {level(rule):.2g} that more than {over} do", *([] if chance is None else [f"{chance:.2g} by chance"])]
    return f"'{rule.text}': {broken:,} of {live:,} live groundings break it; {', '.join(tests)}, before correction"


def limits(counted: Sequence[tuple[str, Proposals]], watch: Watch, unjudged: int) -> list[str]:
    """What was not examined, and why; network and labels are proposed from alike, and what both lack is said once.

    unjudged: proposed candidates for which there was no time.
    """
    about: dict[str, str] = {}
    for _, proposals in counted:
        for note in proposals.notes:
            about.setdefault(note.partition(": ")[0], note)
    notes = [*about.values(), *(str(missed) for missed in watch.missed.values() if missed.candidates != 0)]
    if unjudged:
        notes.append(f"{unjudged:,} proposed candidates, the last of them, were not judged: the time was used up")
    return notes


def advice(bar: Bar, facts: Facts) -> list[str]:
    """Where there is too little to confirm anything, how much would settle it."""
    needed = max(MIN_UNITS, betting.units_needed(bar.tolerance, LEVEL))
    if not (bar.exploring and bool(facts.populated.any())):
        return []
    return [
        f"to confirm one law without a violation at a tolerance of {bar.tolerance:.2%}, give about "
        f"{math.ceil(needed / CONFIRM):,} independent units: "
        f"{needed:,} must fall to confirmation, more where many candidates are tested"
    ]
