"""Two relations that share one object, p(a, b) and q(a, c): counted without an array over triples."""

from __future__ import annotations

from torch import Tensor

from kg import Formula
from kg.formulas import And, Atom, Not, Or
from rulekd.facts import Facts


def is_fan(left: Formula, right: Formula) -> bool:
    """Two relations that share one object: p(a, b) and p(a, c)."""
    if not (isinstance(left, Atom) and isinstance(right, Atom)):
        return False
    names = {*left.arguments, *right.arguments}
    return len(set(left.arguments)) == len(set(right.arguments)) == 2 and len(names) == 3


def fan(formula: Formula) -> tuple[Atom, Atom, bool] | None:
    """The two atoms of ~(p & q) or p | q that share one object, and is it the first of these? None for other laws."""
    match formula:
        case Not(And((Atom() as left, Atom() as right))) | Or((Atom() as left, Atom() as right)):
            return (left, right, isinstance(formula, Not)) if is_fan(left, right) else None
    return None


def fan_tally(law: tuple[Atom, Atom, bool], facts: Facts) -> tuple[Tensor, Tensor]:
    """(live, broken) groundings of such a law in each scene, two (B,) int64 tensors."""
    left, right, excludes = law
    x, y = _read(left, right, facts), _read(right, left, facts)
    v, w = _read(left, right, facts, valid=True), _read(right, left, facts, valid=True)
    both = _together(x, y)
    either = _together(x, w) + _together(v, y) - both
    if excludes:
        return either.long(), both.long()
    asked = _together(v, w)
    return asked.long(), (asked - either).long()


def fan_grounding(law: tuple[Atom, Atom, bool], facts: Facts, *, broken: bool) -> tuple[int, int, int]:
    """One grounding in one scene that breaks the law, or one that keeps it: the shared object, and one of each atom."""
    left, right, excludes = law
    x, y = _read(left, right, facts)[0], _read(right, left, facts)[0]
    v, w = _read(left, right, facts, valid=True)[0], _read(right, left, facts, valid=True)[0]
    for shared in (v.any(1) & w.any(1)).nonzero().flatten().tolist():
        one, other = x[shared][:, None], y[shared][None]
        asked = (v[shared][:, None] & w[shared][None]).fill_diagonal_(False)
        both, either = one & other, one | other
        wrong, live = (both, either) if excludes else (~either, asked)
        places = (asked & live & (wrong if broken else ~wrong)).nonzero()
        if len(places):
            return shared, int(places[0, 0]), int(places[0, 1])
    raise AssertionError("the scene has such a grounding")


def _read(atom: Atom, beside: Atom, facts: Facts, *, valid: bool = False) -> Tensor:
    """(B, N, N) bool with the object that the two atoms share first: truth, or where it may be asked."""
    (shared,) = set(atom.arguments) & set(beside.arguments)
    value = facts.validity(atom.predicate) & facts.groundings(2)
    value = value if valid else value & facts.crisp(atom.predicate)
    return value if atom.arguments[0] == shared else value.transpose(1, 2)


def _together(x: Tensor, y: Tensor) -> Tensor:
    """(B,) float64: pairs of b and c, distinct, over all a."""
    return (x.sum(2).double() * y.sum(2).double()).sum(1) - (x & y).sum((1, 2)).double()
