"""What is said under the table: what was examined, on how much, and of an empty result what would settle it."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.extraction import betting
from rulekd.extraction.discovery import Proposals
from rulekd.extraction.evidence import LEVEL, MIN_UNITS, Bar, Judged
from rulekd.extraction.refutation import unreliable
from rulekd.extraction.source import Source
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts


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
        if value.dim() > 3:
            notes.append(f"{name}: relations of {value.dim() - 1} objects are read by no family")
        said = value[facts.validity(name)] if value.is_floating_point() else value.new_zeros(0)
        if len(said) and float(said.min()) >= 0 and float(said.max()) <= 1 and bool(((said > 0) & (said < 1)).any()):
            notes.append(
                f"{name}: all values lie between 0 and 1 and are read as log-odds, so that all are true; "
                "probabilities p are given as torch.logit(p)"
            )
    return notes


def doubts(source: Source) -> list[str]:
    """Predicates about which the network errs so often that few rules of them are listed."""
    return [
        f"{name}: the network is estimated to err in {source.errors[name]:.1%} of the groundings, too often for rules "
        "by itself; listed of it is what clean labels, tables or transforms bear out"
        for name in sorted(unreliable(source))
    ]


def account(
    counted: Sequence[tuple[str, Proposals]], judged: Judged, facts: Facts, bar: Bar, watch: Watch, unjudged: int
) -> list[str]:
    """What was examined, on how much; and of an empty result the nearest miss, and what would settle it.

    unjudged: proposed candidates for which there was no time.
    """
    of_each = [f"{name} {one.examined:,} ({len(one.formulas):,})" for name, one in counted if one.examined]
    proposed = sum(len(one.formulas) for _, one in counted)
    notes = [f"{bar.examined:,} candidates examined ({proposed:,} proposed): {', '.join(of_each) or 'none'}"]
    notes += dict.fromkeys(note for _, proposals in counted for note in proposals.notes)
    notes += [str(missed) for missed in watch.missed.values() if missed.candidates != 0]
    if unjudged:
        notes.append(f"{unjudged:,} proposed candidates, the last of them, were not judged: the time was used up")
    if bar.exploring:
        notes.append(
            f"{int(facts.populated.sum()):,} scenes in {facts.independent():,} independent units are too few to "
            "confirm a level: listed is what is not there by chance, proposed and counted on the same scenes"
        )
    else:
        scenes = int((bar.held_out & facts.populated).sum())
        notes.append(f"tested on {scenes:,} scenes in {facts.independent(bar.held_out):,} independent units")
    if any(rule.evidence is not None and rule.evidence.confirmed for rule in judged.rules):
        return notes
    if judged.nearest:
        notes.append(f"nothing was confirmed; nearest miss: {judged.nearest}")
    elif not judged.rules:
        notes.append("nothing was confirmed: no candidate was proposed")
    needed = max(MIN_UNITS, betting.units_needed(bar.tolerance, LEVEL))
    notes.append(
        f"at a tolerance of {bar.tolerance:.2%} a single law without a violation needs {needed} independent units on "
        "the confirmation part (60 % of what is given), and more where many candidates are tested"
    )
    return notes
