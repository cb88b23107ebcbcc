"""Normal forms change no truth value, and one formula stands for all its spellings."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kg
from kg.formulas import And, Atom, Compare, ExactlyOne, Exists, ForAll, Formula, Iff, Implies, Not, Same, walk
from kg.normal import canonical, clauses, complement, explicit_distinctness, free_variables, negation_normal, rename
from kg.worlds import World, groundings, holds
from tests.kg.strategies import formulas, readable, worlds


def truths(formula: Formula, world: World, names: tuple[str, ...]) -> dict[tuple[int, ...], bool]:
    """The truth at every valid grounding; objects in the order of ``names``."""
    return {
        tuple(binding[name] for name in names): holds(formula, world, binding) for binding in groundings(formula, world)
    }


def assert_same_meaning(one: Formula, other: Formula, world: World) -> None:
    """Both formulas have the same valid groundings, and are true at the same ones."""
    names = tuple(sorted(free_variables(one)))
    assert tuple(sorted(free_variables(other))) == names
    assert truths(one, world, names) == truths(other, world, names)


@given(readable(attributes=True), worlds(attributes=True))
def test_negation_normal_form_keeps_the_meaning(formula: Formula, world: World) -> None:
    assert_same_meaning(formula, negation_normal(formula), world)


@given(readable())
def test_negation_normal_form_has_negations_on_leaves_only(formula: Formula) -> None:
    for part in walk(negation_normal(formula)):
        assert not isinstance(part, Implies)
        if isinstance(part, Not):
            assert isinstance(part.part, Atom | Same | ExactlyOne | kg.AtMostOne)


@given(readable(attributes=True), worlds(attributes=True))
def test_canonical_keeps_the_meaning_up_to_names(formula: Formula, world: World) -> None:
    normal, names = canonical(formula), free_variables(formula)
    renamings = [dict(zip(free_variables(normal), order, strict=True)) for order in itertools.permutations(names)]
    assert any(
        truths(rename(normal, renaming), world, names) == truths(formula, world, names) for renaming in renamings
    )


@given(formulas())
def test_canonical_is_idempotent(formula: Formula) -> None:
    once = canonical(formula)
    assert canonical(once) == once


@given(formulas(), st.permutations("abcxyz"), st.permutations("abcxyz"))
def test_canonical_ignores_the_names_of_variables(formula: Formula, first: list[str], second: list[str]) -> None:
    names = free_variables(formula)
    if len(names) > 6:  # beyond, the order of appearance may decide
        return
    one = rename(formula, dict(zip(names, first, strict=False)))
    other = rename(formula, dict(zip(names, second, strict=False)))
    assert canonical(one) == canonical(other) == canonical(formula)


@given(readable())
def test_canonical_ignores_double_negation_and_order(formula: Formula) -> None:
    extra = Atom("p", ("a",))
    assert canonical(Not(Not(formula))) == canonical(formula)
    assert canonical(And((formula, extra))) == canonical(And((extra, formula, extra)))
    assert canonical(Iff(formula, extra)) == canonical(Iff(extra, formula)) == canonical(Iff(Not(extra), Not(formula)))
    assert canonical(Not(Iff(formula, extra))) == canonical(Iff(Not(formula), extra))
    assert canonical(Implies(formula, extra)) == canonical(Implies(Not(extra), Not(formula)))


SAME = [
    ["p(a) & q(a) -> r(a)", "q(x) & p(x) -> r(x)", "p(a) -> (q(a) -> r(a))", "~r(a) -> ~p(a) | ~q(a)"],
    ["~(p(a, b) & q(a, b))", "p(a, b) -> ~q(a, b)", "q(b, a) -> ~p(b, a)", "at_most_one(p(a, b), q(a, b))"],
    ["r(a, b) <-> s(b, a)", "s(a, b) <-> r(b, a)", "~r(a, b) <-> ~s(b, a)"],
    ["r(a, b) -> r(b, a)", "r(b, a) -> r(a, b)", "r(x, y) | ~r(y, x)"],
    ["x(a) < x(b) -> p(a)", "x(b) > x(a) -> p(a)", "~p(a) -> x(a) >= x(b)"],
    ["near(a, b) <-> distance(a, b) < 1", "near(a, b) <-> 1 > distance(b, a)"],
    ["exactly_one(p(a), q(a), r(a))", "exactly_one(r(b), p(b), q(b))"],
    ["exactly_one(p(a), q(a))", "p(a) <-> ~q(a)", "~(p(a) <-> q(a))"],
    ["exists a: p(a)", "exists z: p(z)", "~(forall a: ~p(a))"],
    ["exists a: exists b: r(a, b)", "exists x, y: r(x, y)"],
    ["p(a) & (q(a) & r(a))", "(p(a) & q(a)) & r(a)", "p(a) & q(a) & r(a) & p(a)"],
    ["under mirror_x: l(a, b) <-> r(a, b)", "under mirror_x: l(b, a) <-> r(b, a)"],
    ["forall a: r(a, b)", "forall b: r(b, a)"],
]


@pytest.mark.parametrize("spellings", SAME, ids=lambda spellings: spellings[0])
def test_spellings_of_one_rule(spellings: list[str]) -> None:
    assert len({canonical(kg.parse(text)) for text in spellings}) == 1


def test_different_rules_stay_apart() -> None:
    assert len({canonical(kg.parse(spellings[0])) for spellings in SAME}) == len(SAME)
    apart = [
        "under mirror_x: l(a, b) <-> r(a, b)",
        "under mirror_x: r(a, b) <-> l(a, b)",
        "under mirror_x: l(a, b) -> r(a, b)",
        "l(a, b) <-> r(a, b)",
        "l(a, b) <-> r(b, a)",
        "exactly_one(p(a), p(a), q(a))",
        "exactly_one(p(a), q(a))",
        "exists a, b: p(a)",
        "exists a: p(a)",
        "forall a: exists b: r(a, b)",
        "exists b: forall a: r(a, b)",
    ]
    assert len({canonical(kg.parse(text)) for text in apart}) == len(apart)


@given(readable(quantified=False, numbers=True), worlds())
def test_clauses_mean_the_formula(formula: Formula, world: World) -> None:
    names = free_variables(formula)
    found = clauses(formula)
    for binding in groundings(formula, world):
        meaning = all(any(holds(literal, world, binding) for literal in clause) for clause in found)
        assert meaning == holds(formula, world, binding), names


@given(readable(quantified=False))
def test_clauses_hold_no_tautology_and_nothing_twice(formula: Formula) -> None:
    found = clauses(formula)
    for clause in found:
        assert all(complement(literal) not in clause for literal in clause)
        assert not any(other < clause for other in found)
        for literal in clause:
            assert isinstance(literal, Atom | Same | Compare | Not)


def test_clauses_refuse_what_they_cannot_say() -> None:
    with pytest.raises(kg.FormulaError, match="quantifies"):
        clauses(kg.parse("exists a: p(a)"))
    with pytest.raises(kg.FormulaError, match="clauses"):
        clauses(kg.parse(" | ".join(f"(p{i}(a) & q{i}(a))" for i in range(30))))


def free_reading(formula: Formula, world: World, binding: dict[str, int]) -> bool:
    """First-order logic as in a textbook: variables may share an object, quantifiers run over all of them."""
    match formula:
        case Exists(variables, part) | ForAll(variables, part):
            found = (
                free_reading(part, world, {**binding, **dict(zip(variables, objects, strict=True))})
                for objects in itertools.product(range(world.size), repeat=len(variables))
            )
            return any(found) if isinstance(formula, Exists) else all(found)
        case Not(part):
            return not free_reading(part, world, binding)
        case kg.And(parts):
            return all(free_reading(part, world, binding) for part in parts)
        case kg.Or(parts):
            return any(free_reading(part, world, binding) for part in parts)
        case Implies(body, head):
            return not free_reading(body, world, binding) or free_reading(head, world, binding)
        case Iff(left, right):
            return free_reading(left, world, binding) == free_reading(right, world, binding)
        case ExactlyOne(parts):
            return sum(free_reading(part, world, binding) for part in parts) == 1
        case kg.AtMostOne(parts):
            return sum(free_reading(part, world, binding) for part in parts) <= 1
        case _:
            return holds(formula, world, binding)


@given(readable(numbers=False), worlds())
def test_explicit_distinctness_is_read_like_a_textbook(formula: Formula, world: World) -> None:
    everywhere = World(world.size, world.facts, diagonal=frozenset(world.facts))
    explicit = explicit_distinctness(formula)
    names = free_variables(formula)
    for objects in itertools.product(range(world.size), repeat=len(names)):
        binding = dict(zip(names, objects, strict=True))
        expected = holds(formula, everywhere, binding) if len(set(objects)) == len(objects) else True
        assert free_reading(explicit, everywhere, binding) == expected


def test_renaming_does_not_capture() -> None:
    assert str(rename(kg.parse("exists b: r(b, a)"), {"a": "b"})) == "exists b_: r(b_, b)"
    assert str(rename(kg.parse("p(a) & (exists a: q(a))"), {"a": "c"})) == "p(c) & (exists a: q(a))"
    assert str(rename(kg.parse("r(a, b)"), {"a": "b", "b": "a"})) == "r(b, a)"


def test_hostile_depth_stays_fast() -> None:
    formula: Formula = Atom("p", ("a",))
    for step in range(32):
        formula = Iff(Exists((f"v{step}",), Not(formula)), Atom("q", ("a",)))
    assert canonical(canonical(formula)) == canonical(formula)
