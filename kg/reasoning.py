"""What follows from rules: entailment, contradiction and a small set of axioms.

A rule without quantifiers says something about every choice of distinct objects. Whether it follows from others is
decided on as many constants as it has variables: a world in which it fails shrinks to the objects that break it, and
the other rules still hold there. So grounding over exactly those constants is both sound and complete.

Laws about a transformed scene are read with two copies of every fact, one of the scene and one of its image; each plain
rule holds in both. A conclusion that needs the image of an image is not drawn in one step; ``minimal_cover`` chains its
conclusions and so draws it. Comparisons are facts of their own; only that ``x < y`` is the opposite of ``x >= y`` is
known. What follows an ``exists`` is not looked into: with the objects around it is one proposition, the same however it
is spelled, and ``forall`` is the opposite of one. Of a formula with quantifiers is also used what it says without
(``kg.weakening``). So what is entailed is right, but with quantifiers not all that follows is found. Formulas of more
than ``kg.grounding.MAX_VARIABLES`` variables or ``kg.normal.MAX_CLAUSES`` clauses are neither used nor entailed.

All this is about worlds where everything is known: a conclusion may fail where a premise is not asked (``kg.worlds``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from kg.formulas import Formula, Implies, Not, quantified
from kg.grounding import Theory, statement
from kg.naming import name_of
from kg.normal import free_variables, live
from kg.predicates import Vocabulary


def entails(formulas: Iterable[Formula], goal: Formula, vocabulary: Vocabulary | None = None) -> bool:
    """Does ``goal`` hold in every world in which all ``formulas`` hold?

    vocabulary: says which predicates have a meaning on the diagonal; without it all are taken to have one.

    >>> from kg import parse
    >>> inverse, left = parse("left(a, b) <-> right(b, a)"), parse("left(a, b) & left(b, c) -> left(a, c)")
    >>> entails([inverse, left], parse("right(a, b) & right(b, c) -> right(a, c)"))
    True
    >>> entails([left], parse("left(a, b) -> ~left(b, a)"))
    False
    """
    rules = [*formulas, goal]
    return _Theories(rules, vocabulary).core(len(rules) - 1, range(len(rules) - 1)) is not None


def minimal_cover(
    rules: Sequence[tuple[Formula, float]], vocabulary: Vocabulary | None = None, fixed: Collection[int] = ()
) -> dict[int, tuple[int, ...]]:
    """Which rules follow from the rest, and from which; the rules that are left are a small set of axioms.

    rules: formulas with their weight (confidence or support, say). Rules are dropped one by one where those that are
    left entail them: unnamed ones before well-known laws (inverse, symmetric, transitive, ...), weak before strong,
    long before short. No axiom follows from the others. fixed: indexes of rules that are not dropped.

    Returns, for each index dropped, indexes of axioms that entail it; none can be left out, except where the conclusion
    passes through the image of an image. A tautology is dropped with an empty tuple.

    >>> from kg import parse
    >>> texts = ["left(a, b) -> right(b, a)", "left(a, b) <-> right(b, a)", "p(a) | ~p(a)"]
    >>> minimal_cover([(parse(text), 1.0) for text in texts])
    {0: (1,), 2: ()}
    """
    formulas = [formula for formula, _ in rules]
    theories = _Theories(formulas, vocabulary)
    usable = [index for index in range(len(rules)) if theories.usable(index)]
    order = sorted(
        (index for index in usable if theories.provable(index) and index not in fixed),
        key=lambda index: (-_rank(formulas[index]), rules[index][1], -formulas[index].nodes, -index),
    )
    axioms, dropped = set(usable), []
    for index in order:
        if theories.core(index, axioms - {index}) is not None:
            axioms.discard(index)
            dropped.append(index)
    # The last one dropped follows from the axioms, the one before from these two, and so on.
    grounds: dict[int, tuple[int, ...]] = {}
    for index in reversed(dropped):
        direct = theories.core(index, axioms) is not None
        found = theories.smallest(index, axioms if direct else axioms | grounds.keys())
        grounds[index] = tuple(sorted({axiom for one in found for axiom in grounds.get(one, (one,))}))
    return dict(sorted(grounds.items()))


def contradiction(formulas: Sequence[Formula], vocabulary: Vocabulary | None = None) -> tuple[int, ...] | None:
    """Rules that cannot all be put to the test in one world: their indexes, or None where there are none.

    Rules about objects always hold together in an empty world, so the question is whether some rule can never be live:
    ``p -> q``, ``q -> r`` and ``~(p & r)`` leave no world with p. Of all such cores the smallest is returned; nothing
    can be left out of it.

    >>> from kg import parse
    >>> texts = ["p(a) -> q(a)", "q(a) -> r(a)", "r(a) -> s(a)", "~(p(a) & r(a))"]
    >>> contradiction([parse(text) for text in texts])
    (0, 1, 3)
    """
    # Of a test that speaks of fewer objects than its rule, 'exists' would say more than where it stands in the rule.
    tests = {
        index: test
        for index, formula in enumerate(formulas)
        if (test := live(formula)) is not None
        and not (quantified(test) and {*free_variables(test)} != {*free_variables(formula)})
    }
    rules = [*formulas, *(Not(test) for test in tests.values())]
    theories, best = _Theories(rules, vocabulary), None
    for goal, index in enumerate(tests, start=len(formulas)):
        # An equivalence under a transform is live in two scenes at once, which no formula denies: not usable.
        if theories.core(goal, range(len(formulas))) is None:
            continue
        core = tuple(sorted({index, *theories.smallest(goal, range(len(formulas)))}))
        if best is None or len(core) < len(best):
            best = core
    return best


#: Laws that people know by name are kept before others. The smaller the number, the later a rule is tried for dropping.
_RANKS: Final = {
    "inverse": 0,
    "equivalent": 0,
    "symmetric": 0,
    "exactly_one": 0,
    "transitive": 1,
    "asymmetric": 1,
    "irreflexive": 1,
    "reflexive": 1,
    "total": 1,
    "invariant": 1,
    "under": 1,
    "implies": 2,
    "excludes": 3,
    "exhausts": 3,
}


def _rank(formula: Formula) -> float:
    name = name_of(formula)
    # of two laws that are each other's mirror image, the one without converses reads better
    unnamed = 5 if isinstance(formula, Implies) and isinstance(formula.head, Not) else 4  # what a thing is says more
    return _RANKS.get(name.split("(")[0].split(" ")[0], unnamed) + ("^-1" in name) / 2


class _Theories:
    """One theory for each number of constants that a goal needs, made when first asked for."""

    def __init__(self, formulas: Sequence[Formula], vocabulary: Vocabulary | None) -> None:
        self._statements = [statement(formula, vocabulary) for formula in formulas]
        self._theories: dict[int, Theory] = {}

    def usable(self, index: int) -> bool:
        """Can this rule be used?"""
        return self._statements[index].usable

    def provable(self, index: int) -> bool:
        """Can this rule be entailed?"""
        return self._statements[index].clauses is not None

    def core(self, goal: int, premises: Iterable[int]) -> tuple[int, ...] | None:
        """Some of the premises that entail the goal; None when all of them do not."""
        one = self._statements[goal]
        if not self.provable(goal):
            return None
        if one.vacuous:
            return ()
        size = len(one.names)
        if size not in self._theories:
            self._theories[size] = Theory(self._statements, size)
        return self._theories[size].core(goal, premises)

    def smallest(self, goal: int, premises: Iterable[int]) -> tuple[int, ...]:
        """Premises that entail the goal, none of which can be left out."""
        found = self.core(goal, premises)
        assert found is not None, "asked for the grounds of a rule that does not follow"
        needed = list(found)
        for index in found:
            smaller = self.core(goal, [other for other in needed if other != index])
            if smaller is not None:
                needed = list(smaller)
        return tuple(sorted(needed))
