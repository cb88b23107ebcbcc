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
    """A card each: against every control and against the teacher in the main measure, and in rules violated."""
    cards = []
    for measure in dict.fromkeys((comparison.measure, "violation")):
        found = comparison.differences(measure)
        controls = [one for one in found if one.base != "teacher"]
        if controls:
            word = together([one.verdict for one in controls])
            cards.append(_card(word, _against(word, controls), decisive(word, controls)))
        cards += [_card(one.verdict, "its teacher", one) for one in found if one.base == "teacher"]
    return tag("ul", *cards, class_="verdicts", aria_label="Verdicts")


def decisive(word: Verdict, controls: Sequence[Difference]) -> Difference:
    """Of the differences that have this verdict the least favourable one: it decides for all."""
    return min((one for one in controls if one.verdict is word), key=advantage)


def advantage(one: Difference) -> float:
    """How much better the arm is, above 0 when it is."""
    return -one.mean if one.measure in LESS_IS_BETTER else one.mean


def _against(word: Verdict, controls: Sequence[Difference]) -> str:
    same = [TITLES[one.base] for one in controls if one.verdict is word]
    return "every control" if len(same) == len(controls) > 1 else "; ".join(same)


def _card(word: Verdict, against: str, one: Difference) -> Markup:
    name = word.value.lower()
    better = sum(advantage(Difference(one.measure, one.arm, one.base, (value,))) > 0 for value in one.values)
    seeds = f"{better} of {len(one.values)} seeds better"
    if len(one.values) < ENOUGH:
        seeds += f"; under {ENOUGH} seeds nothing is said to beat anything"
    preposition = {"beats": "", "loses": "to ", "inconclusive": "against "}[name]
    named = one.base != "teacher" and against != TITLES[one.base]
    less = ", less is better" if one.measure in LESS_IS_BETTER else ""
    return tag(
        "li",
        tag("p", word.value, class_="word"),
        tag("p", f"{preposition}{against} in {MEASURED[one.measure]}{less}", class_="against"),
        tag("p", f"{points(one.mean)} points{points_between(one.interval)}", class_="amount"),
        tag("p", (f"against the closest, {TITLES[one.base]}; " if named else "") + seeds, class_="faint"),
        class_=f"card verdict {name}",
    )
