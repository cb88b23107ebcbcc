"""What a formula with quantifiers says without them: a weaker formula, for a prover that knows none.

    p(a) <-> exists b: r(a, b)      says      r(a, b) -> p(a)
    p(a) -> forall b: q(b)          says      p(a) -> q(b)

Free variables are bound by an outer forall, so that "for all" may be left out where it is claimed, and "exists" where
it is a condition; "exists" that is claimed has no such form, and what rests on it is left out. Where two quantifiers
bind the same name they are read as of the same object, which is one case of what they say.
"""

from __future__ import annotations

from kg.formulas import And, Exists, ForAll, Formula, Iff, Implies, Not, Or, quantified
from kg.variables import free_variables


def weakened(formula: Formula) -> Formula | None:
    """A formula without quantifiers that holds wherever this one does; None where there is none to be had.

    >>> from kg import parse
    >>> print(weakened(parse("p(a) <-> exists b: r(a, b)")))
    r(a, b) -> p(a)
    >>> weakened(parse("p(a) -> exists b: r(a, b)")) is None
    True
    """
    found = _without(formula, True)
    # A formula about more objects says nothing of scenes that have fewer.
    return found if found is not None and {*free_variables(formula)} <= {*free_variables(found)} else None


def _without(formula: Formula, weaker: bool) -> Formula | None:
    """A formula without quantifiers that follows from this one (weaker), or from which this one follows."""
    if not quantified(formula):
        return formula
    match formula:
        case ForAll(variables, part) | Exists(variables, part):
            inner = _without(part, weaker) if isinstance(formula, ForAll) is weaker else None
            # Of a bound variable that is not spoken of it is still said that there is such an object.
            return inner if inner is not None and {*variables} <= {*free_variables(inner)} else None
        case Not(part):
            inner = _without(part, not weaker)
            return None if inner is None else Not(inner)
        case And(parts) | Or(parts):
            kind = type(formula)
            found = [_without(part, weaker) for part in parts]
            said = [part for part in found if part is not None]
            # A conjunction may lose parts to say less, a disjunction to say more; otherwise all must be there.
            if not said or (len(said) < len(found) and isinstance(formula, And) is not weaker):
                return None
            return said[0] if len(said) == 1 else kind(tuple(said))
        case Implies(body, head):
            before, after = _without(body, not weaker), _without(head, weaker)
            if before is not None and after is not None:
                return Implies(before, after)
            if weaker or (before is None and after is None):
                return None
            return after if before is None else Not(before)
        case Iff(left, right) if weaker:
            return _without(And((Implies(left, right), Implies(right, left))), weaker)
        case _:
            return None
