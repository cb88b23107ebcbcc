"""What a definition demands without any number: ``above(a, b) -> top(b) <= bottom(a)``.

A literal of a definition, ``bottom(a) - top(b) >= 0.01``, may stand for a condition that is weaker and has no threshold
of its own. Where the definition itself is blurred (it names what goes with the predicate most often) the condition may
hold without exception.
"""

from __future__ import annotations

from collections.abc import Iterator

from kg import Formula, Implies
from kg.formulas import And, Arithmetic, Compare, Number
from kg.negation import oriented
from rulekd.extraction.fitting.questions import Question, asked, told

#: Broken by more of the true groundings than this it is no condition.
BROKEN = 0.02


def conditions(question: Question, body: Formula) -> Iterator[Implies]:
    """The implications, from a conjunction of comparisons, that hardly a true grounding breaks."""
    for part in body.parts if isinstance(body, And) else (body,):
        weaker = without_number(part)
        if weaker is None:
            continue
        broken = question.truth & asked(weaker, question.sites) & ~told(weaker, question.sites)
        if broken.sum() <= BROKEN * question.truth.sum():
            yield Implies(question.atom, weaker)


def without_number(literal: Formula) -> Formula | None:
    """``t - u >= 0.01`` as ``u <= t``, and ``t - u <= -0.01`` as ``t <= u``; None where that would not be weaker.

    >>> from kg import parse
    >>> print(without_number(parse("bottom(a) - top(b) >= 0.01")), without_number(parse("x(a) - x(b) <= 0.5")))
    top(b) <= bottom(a) None
    """
    match literal:
        case Compare(">=" | ">", Arithmetic("-", left, right), Number(value)) if value > 0:
            return oriented(Compare(">=", left, right))
        case Compare("<=" | "<", Arithmetic("-", left, right), Number(value)) if value < 0:
            return oriented(Compare("<=", left, right))
        case _:
            return None
