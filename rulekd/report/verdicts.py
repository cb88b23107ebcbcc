"""The verdict of a comparison: the word, the paired difference that decides it, and against whom."""

from __future__ import annotations

from collections.abc import Sequence

from rulekd.distillation.comparison import TITLES, Comparison
from rulekd.distillation.verdict import ENOUGH, LESS_IS_BETTER, Difference, Verdict, together
from rulekd.report.markup import Markup, tag
from rulekd.report.wording import points, points_between

#: What the measures are called in a sentence.
MEASURED = {
    "f1": "macro-F1",
    "f1_at_half": "macro-F1 at 0.5",
    "average_precision": "average precision",
    "violation": "rules violated",
    "fidelity": "fidelity",
}


def verdicts(comparison: Comparison) -> Markup:
    """A card each: against every control and against the teacher, in the main measure and in rules violated."""
    cards = []
    for measure in dict.fromkeys((comparison.measure, "violation")):
        found = comparison.differences(measure)
        controls = [one for one in found if one.base != "teacher"]
        if controls:
            word = together([one.verdict for one in controls])
            cards.append(_card(word, decisive(word, controls), controls))
        cards += [_card(one.verdict, one, ()) for one in found if one.base == "teacher"]
    return tag("ul", *cards, class_="verdicts", aria_label="Verdicts")


def decisive(word: Verdict, controls: Sequence[Difference]) -> Difference:
    """Of the differences that have this verdict the least favourable one: it decides for all."""
    return min((one for one in controls if one.verdict is word), key=advantage)


def advantage(one: Difference) -> float:
    """How much better the arm is, above 0 when it is."""
    return -one.mean if one.measure in LESS_IS_BETTER else one.mean


def _card(word: Verdict, one: Difference, controls: Sequence[Difference]) -> Markup:
    """controls: the differences that the word is about, of which ``one`` decides; none for the teacher."""
    name = word.value.lower()
    same = [TITLES[other.base] for other in controls if other.verdict is word]
    everyone = len(same) == len(controls) > 1
    against = "its teacher" if not controls else "every control" if everyone else "; ".join(same)
    better = sum(advantage(Difference(one.measure, one.arm, one.base, (value,))) > 0 for value in one.values)
    said = [f"against the closest, {TITLES[one.base]}"] if everyone else []
    said.append(f"{better} of {len(one.values)} seeds better")
    if controls and not everyone:
        beaten = sum(other.verdict is Verdict.BEATS for other in controls)
        said.append(f"{beaten} of {len(controls)} controls beaten")
    if len(one.values) < ENOUGH:
        said.append(f"under {ENOUGH} seeds nothing is said to beat anything")
    preposition = {"beats": "", "loses": "to ", "inconclusive": "against "}[name]
    less = " (less is better)" if one.measure in LESS_IS_BETTER else ""
    return tag(
        "li",
        tag("p", f"{MEASURED[one.measure]}{less}", class_="faint"),
        tag("p", word.value, class_="word"),
        tag("p", f"{preposition}{against}", class_="against"),
        tag("p", f"{points(one.mean)} points{points_between(one.interval)}", class_="amount"),
        tag("p", "; ".join(said), class_="faint"),
        class_=f"card verdict {name}",
    )
