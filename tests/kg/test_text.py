"""Text and formulas are two views of one thing."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kg
from kg import Atom, Compare, Iff, Implies, Negative, Not, Number, Or, ParseError, Same, Vocabulary
from kg.formulas import MAX_DEPTH, Feature, Formula, Term, Transform, Word
from kg.text import MAX_TEXT
from tests.kg.strategies import formulas, terms, transforms

DESIGNED = [
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    "left_of(a, b) <-> right_of(b, a)",
    "~(above(a, b) & below(a, b))",
    "exactly_one(dc(a, b), ec(a, b), po(a, b), eq(a, b))",
    "tpp(a, b) & ec(b, c) -> dc(a, c) | ec(a, c)",
    "left_of(a, b) <-> x(b) - x(a) > (width(a) + width(b)) / 2",
    "leftmost_chair(a) <-> chair(a) & (forall b: chair(b) -> x(a) <= x(b))",
    "win() <-> exists a, b, c: x_at(a) & x_at(b) & x_at(c) & in_line(a, b, c)",
    "under mirror_x: left_of(a, b) <-> right_of(a, b)",
    "under rotate_z(90 deg): left_of(a, b) <-> in_front_of(a, b)",
    "under translate_x(-0.5 m): near(a, b) <-> near(a, b)",
    "~~p(a)",
    "~(a != b)",
    "a != b -> p(a)",
    "~(x(a) < 3)",
    "p(a) -> (q(a) -> r(a))",
    "(p(a) -> q(a)) -> r(a)",
    "(p(a) & q(a)) & r(a)",
    "p(a) & (q(a) & r(a))",
    "p(a) | q(a) & r(a)",
    "(p(a) | q(a)) & r(a)",
    "~(forall a: p(a)) | q()",
    "x(a) - (y(a) - 3) = -(3) * (-3)",
    "x(a) - y(a) - 3 = x(a) / (-y(a))",
    "-(-3) < -x(a)",
    "min(x(a), y(b), 2) <= abs(-z(a))",
    "1e-09 < volume() & 1e+16 > 0.1",
]


@pytest.mark.parametrize("text", DESIGNED)
def test_canonical_spellings_are_printed_as_they_are_read(text: str) -> None:
    assert str(kg.parse(text)) == text


@given(formulas())
def test_every_formula_reads_back_as_itself(formula: Formula) -> None:
    assert kg.parse(str(formula)) == formula


@given(terms())
def test_every_term_reads_back_as_itself(term: Term) -> None:
    assert kg.parse_term(str(term)) == term


@given(transforms)
def test_every_transform_reads_back_as_itself(transform: Transform) -> None:
    assert kg.parse_transform(str(transform)) == transform


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("p(a) => q(a)", "p(a) -> q(a)"),
        ("p(a) → q(a)", "p(a) -> q(a)"),
        ("q(a) :- p(a), r(a)", None),
        ("q(a) :- p(a) & r(a)", "p(a) & r(a) -> q(a)"),
        ("p(a) <=> q(a)", "p(a) <-> q(a)"),
        ("p(a) ↔ q(a)", "p(a) <-> q(a)"),
        ("not p(a) and q(a) or r(a)", "~p(a) & q(a) | r(a)"),
        ("¬p(a) ∧ q(a) ∨ r(a)", "~p(a) & q(a) | r(a)"),
        ("nota(a) & orb(a)", "nota(a) & orb(a)"),
        ("a ≠ b", "a != b"),
        ("~(a = b)", "a != b"),
        ("x(a) ≤ x(b) & x(a) ≥ 0", "x(a) <= x(b) & x(a) >= 0"),
        ("∀ a: ∃ b: r(a, b)", "forall a: exists b: r(a, b)"),
        ("forall a:-x(a)<3", "forall a: -x(a) < 3"),
        ("x(a)<-3", "x(a) < -3"),
        ("p(a)->q(a)->r(a)", "p(a) -> (q(a) -> r(a))"),
        ("~forall a: p(a) & q(a)", "~(forall a: p(a) & q(a))"),
        ("p() & exists a: q(a) | r(a)", "p() & (exists a: q(a) | r(a))"),
        ("((p((a))))", None),
        ("(((p(a))))", "p(a)"),
        ("# why\np(a) -> # because\n\tq(a)  # so", "p(a) -> q(a)"),
        ("under mirror_x(): p(a) -> q(a)", "under mirror_x: p(a) -> q(a)"),
        ("+3 < x(a)", "3 < x(a)"),
        ("-0 < x(a)", "0 < x(a)"),
    ],
)
def test_other_spellings_are_read(spelling: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(ParseError):
            kg.parse(spelling)
    else:
        assert str(kg.parse(spelling)) == canonical


def test_arrows_and_connectives_bind_as_documented() -> None:
    p, q, r = (Atom(name, ("a",)) for name in "pqr")
    assert kg.parse("p(a) | q(a) -> r(a)") == Implies(Or((p, q)), r)
    assert kg.parse("p(a) <-> q(a) -> r(a)") == Iff(p, Implies(q, r))
    assert kg.parse("~p(a) -> q(a)") == Implies(Not(p), q)
    assert kg.parse("~a = b") == Not(Same("a", "b"))
    assert kg.parse("x(a) = 3") == Compare("=", Feature("x", ("a",)), Number(3))
    assert kg.parse_term("-x(a) * 2") == kg.Arithmetic("*", Negative(Feature("x", ("a",))), Number(2))


WORDS = Vocabulary({"left_of": 2, "chair": 1, "on": 2})


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", (1, 1), "is empty"),
        ("  # only a comment", (1, 1), "is empty"),
        ("chair(a) &", (1, 11), "a formula"),
        ("chair(a) &\n  $", (2, 3), "'$'"),
        ("chair(a)\n chair(b)", (2, 2), "expected an operator"),
        ("foral a: chair(a)", (1, 7), "Did you mean 'forall'?"),
        ("exactly_on(chair(a), chair(b))", (1, 12), "Did you mean 'exactly_one'?"),
        ("chair(a) -> lef_of(a, b)", (1, 13), "Did you mean 'left_of'?"),
        ("chair(a, b)", (1, 1), "takes 1 arguments and is given 2"),
        ("chair(a), chair(b)", (1, 9), "Join conditions with '&'"),
        ("a < b", (1, 1), "x(a) < x(b)"),
        ("chair(a) < 3", (1, 1), "is a predicate"),
        ("x(a) & chair(a)", (1, 1), "compare it"),
        ("distanc(a, b) < 3", (1, 1), "Did you mean 'distance'?"),
        ("x(a, b) < 3", (1, 1), "takes 1 arguments"),
        ("1 < x(a) < 2", (1, 10), "do not chain"),
        ("under mirror_x: chair(a)", (1, 17), "two sides"),
        ("under mirror_x: under mirror_y: chair(a) -> chair(a)", (1, 17), "two sides"),
        ("under turn(3 miles): chair(a) -> chair(a)", (1, 12), "Use deg, rad, m"),
        ("forall a, a: chair(a)", (1, 1), "distinct"),
        ("exactly_one(chair(a))", (1, 1), "two or more"),
        ("1e999 < x(a)", (1, 1), "finite"),
        ("min(x(a)) < 3", (1, 1), "two or more"),
        ("chair(<img onerror=alert(1)>)", (1, 7), "expected"),
        ("chair(a); import os", (1, 9), "';'"),
        ("chair(\x00)", (1, 7), "unexpected character"),
        ("chair(a) & -> chair(b)", (1, 12), "unexpected '->'; expected a formula"),
        ("category(a) = book -> chair(a)", (1, 15), 'A word is quoted: category(a) = "book".'),
        ("chair(a) -> book != category(a)", (1, 13), 'A word is quoted: category(a) = "book".'),
    ],
)
def test_errors_point_at_the_place_and_name_the_way_out(text: str, place: tuple[int, int], says: str) -> None:
    with pytest.raises(ParseError) as caught:
        kg.parse(text, WORDS)
    assert (caught.value.line, caught.value.column) == place
    assert says in str(caught.value)
    line, caret = caught.value.message.splitlines()[-2:]
    assert caret.index("^") == 4 + place[1] - 1
    assert line.strip() == text.split("\n")[place[0] - 1].replace("\x00", "·").strip()


def test_attributes_of_objects_and_numbers_of_the_scene_need_no_vocabulary() -> None:
    assert str(kg.parse("mass(a) > 3 & floor_area() < 20", WORDS)) == "mass(a) > 3 & floor_area() < 20"


@pytest.mark.parametrize(
    "text",
    [
        "p(a) & " * 200_000 + "p(a)",
        "p(" + "a" * 1_000_000 + ")",
        "(" * 50_000 + "p(a)" + ")" * 50_000,
        "(" * 40_000,
        "~" * 30_000 + "p(a)",
        "p(a) -> " * 3_000 + "p(a)",
        "p(a) <-> " * 3_000 + "p(a)",
        "forall a: " * 3_000 + "p(a)",
        "-" * 30_000 + "x(a) < 1",
        "x(a) + " * 4_000 + "x(a) < 1",
        "min(" * 5_000 + "x(a) < 1",
        "exactly_one(p(a), " * 300 + "p(a)" + ")" * 300,
        "\n" * 1_000_001,
    ],
    ids=lambda text: text[:12].strip(),
)
def test_texts_without_measure_get_one_clear_error(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        kg.parse(text)
    assert len(str(caught.value)) < 500


def test_a_long_flat_text_is_read() -> None:
    text = " & ".join(["p(a)"] * 5000)
    assert len(text) < MAX_TEXT
    assert str(kg.parse(text)) == text


def test_depth_is_limited_where_formulas_are_built() -> None:
    formula: Formula = Atom("p", ("a",))
    for _ in range(MAX_DEPTH - 1):
        formula = Not(formula)
    assert kg.parse(str(formula)) == formula
    with pytest.raises(kg.FormulaError, match="nested over 100 levels"):
        Not(formula)


def test_width_is_limited_where_formulas_are_built() -> None:
    def doubled(times: int) -> Formula:
        formula: Formula = Atom("p", ("a",))
        for _ in range(times):
            formula = Or((formula, formula))
        return formula

    assert kg.parse(str(doubled(10))) == doubled(10)
    with pytest.raises(kg.FormulaError, match="parts"):
        doubled(40)  # shared parts would print 2 ** 40 times


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        formula = kg.parse(text)
    except ParseError:
        return
    assert kg.parse(str(formula)) == formula


@given(st.lists(st.sampled_from(["p(a)", "x(a)", "(", ")", "&", "->", "~", "forall a:", "-", "3", "<", "a", ",", "="])))
def test_any_row_of_words_is_read_or_refused(words: list[str]) -> None:
    text = " ".join(words)
    try:
        formula = kg.parse(text)
    except ParseError:
        return
    assert kg.parse(str(formula)) == formula


def test_something_that_is_no_text_is_refused() -> None:
    with pytest.raises(kg.FormulaError, match="given as int"):
        kg.parse(3)  # type: ignore[arg-type]
    with pytest.raises(kg.FormulaError, match="no part of a formula"):
        Not("p(a)")  # type: ignore[arg-type]
    with pytest.raises(kg.FormulaError, match="are one text"):
        Atom("p", "ab")  # type: ignore[arg-type]


def test_reading_leaves_the_recursion_limit_alone() -> None:
    before = sys.getrecursionlimit()
    kg.parse("p(a)")
    assert sys.getrecursionlimit() == before


def test_words_are_read_in_quotes_whatever_they_hold() -> None:
    rule = kg.parse('monitor(a) <-> category(a) = "flat screen (19\\" # new)"')
    assert isinstance(rule, Iff)
    assert rule.right == Compare("=", Feature("category", ("a",)), Word('flat screen (19" # new)'))
    assert kg.parse(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('"cube"', "a word stands where a formula should"),
        ('shape(a) = "cu\\qe"', "cannot be read"),
        ('shape(a) = "cube', "unexpected character"),
    ],
)
def test_words_in_the_wrong_place_are_told(text: str, complaint: str) -> None:
    with pytest.raises(ParseError, match=complaint):
        kg.parse(text)
