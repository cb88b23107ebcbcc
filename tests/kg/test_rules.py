"""Rules: one id for all spellings, readable names, evidence that adds up."""

from __future__ import annotations

import pytest
from hypothesis import given

import kg
from kg import Evidence, Ledger, Rule, Status
from kg.formulas import Formula
from kg.naming import law_of, rule_id
from kg.records import plain, restore
from tests.kg.strategies import evidences, formulas, readable


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("r(a, b) & r(b, c) -> r(a, c)", "transitive(r)"),
        ("r(b, c) & r(a, b) -> r(a, c)", "transitive(r)"),
        ("r(y, x) & r(z, y) -> r(z, x)", "transitive(r)"),
        ("r(a, b) & r(c, b) -> r(a, c)", "composes(r, r^-1, r)"),
        ("r(a, b) & s(b, c) -> t(a, c)", "composes(r, s, t)"),
        ("tpp(a, b) & ec(b, c) -> dc(a, c) | ec(a, c)", "composes(tpp, ec, dc | ec)"),
        ("r(a, b) -> r(b, a)", "symmetric(r)"),
        ("r(a, b) <-> r(b, a)", "symmetric(r)"),
        ("r(a, b) -> ~r(b, a)", "asymmetric(r)"),
        ("~(r(a, b) & r(b, a))", "asymmetric(r)"),
        ("r(a, a)", "reflexive(r)"),
        ("~r(a, a)", "irreflexive(r)"),
        ("r(a, b) | r(b, a)", "total(r)"),
        ("s(a, b) <-> r(b, a)", "inverse(r, s)"),
        ("s(a, b) <-> r(a, b)", "equivalent(r, s)"),
        ("q(a) <-> p(a)", "equivalent(p, q)"),
        ("~(r(a, b) & s(a, b))", "excludes(r, s)"),
        ("s(a, b) -> ~r(b, a)", "excludes(r, s^-1)"),
        ("p(a) -> ~q(a)", "excludes(p, q)"),
        ("r(a, b) | s(a, b)", "exhausts(r, s)"),
        ("r(a, b) -> s(a, b)", "implies(r, s)"),
        ("~s(a, b) -> ~r(b, a)", "implies(r, s^-1)"),
        ("win() -> over()", "implies(win, over)"),
        ("under mirror_x: r(a, b) <-> s(a, b)", "under mirror_x(r, s)"),
        ("under rotate_z(90 deg): r(a, b) <-> s(b, a)", "under rotate_z(90 deg)(r, s^-1)"),
        ("under translate: r(x, y) <-> r(x, y)", "invariant(r, translate)"),
        ("exactly_one(p(a), q(a), t(a))", "exactly_one(p(a), q(a), t(a))"),
        ("p(a) & r(a, b) -> q(b)", "p(a) & r(a, b) -> q(b)"),
        ("p(a) -> q(b)", "p(a) -> q(b)"),
        ("r(a, a) -> p(a)", "r(a, a) -> p(a)"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert Rule(kg.parse(text)).name == name


def test_long_rules_have_short_and_different_names() -> None:
    one, other = (Rule(kg.parse(" & ".join(f"p{i}(a)" for i in range(40)) + f" -> q{end}(a)")) for end in (1, 2))
    assert one.name != other.name
    assert len(one.name) <= 90


@given(readable(), readable())
def test_rules_that_share_a_name_say_the_same(one: Formula, other: Formula) -> None:
    if kg.name_of(one) == kg.name_of(other) and rule_id(one) != rule_id(other):
        assert law_of(one) is not None
        assert kg.entails([one], other)
        assert kg.entails([other], one)


@given(formulas())
def test_every_formula_has_a_name_a_sentence_and_an_id(formula: Formula) -> None:
    rule = Rule(formula)
    assert len(rule.id) == 12
    assert int(rule.id, 16) >= 0
    assert rule.name
    sentence = kg.in_words(rule)
    assert sentence.endswith(".")
    assert sentence[0] == sentence[0].upper()


def test_ids_do_not_change_between_versions() -> None:
    """Graph files and journals hold them: a change of canonical form must come with a new file version."""
    assert Rule(kg.parse("r(a, b) & r(b, c) -> r(a, c)")).id == "047429a2446b"
    assert Rule(kg.parse("l(a, b) <-> r(b, a)")).id == "b1ba8fa1c665"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("left_of(a, b) <-> right_of(b, a)", "A is left of b exactly when b is right of a."),
        ("contains(a, b) -> ~inside(a, b)", "If a contains b, then not (a is inside b)."),
        ("win() <-> exists a, b: line(a, b)", "Win exactly when there are further a and b such that a is line b."),
        ("under translate: near(a, b) <-> near(a, b)", "After shifting everything, a is near b just as before."),
        ("under mirror_x: p(a, b) -> q(b)", "Where a is p b, after mirroring left and right b is q."),
        ("bigger(a, b) -> ~father(b, a)", "If a is bigger than b, then not (b is father a)."),
        ("big(a) & (on(a, b) | by(a, b)) -> has_legs(a)", "If a is big and (a is on b or a is by b), then a has legs."),
        ("exactly_one(p(a), q(a), r(a))", "Always: exactly one of: a is p; a is q; a is r."),
        ("big(a) -> volume(a) > 2", "If a is big, then volume(a) > 2."),
    ],
)  # fmt: skip
def test_sentences(text: str, sentence: str) -> None:
    assert kg.in_words(kg.parse(text)) == sentence


@given(evidences())
def test_evidence_reads_back_exactly(evidence: Evidence) -> None:
    assert restore(Evidence, plain(evidence), "evidence") == evidence


def test_evidence_hands_on_what_the_teacher_did() -> None:
    evidence = Evidence(Ledger(200, 3, 20, 0.0125, (0.002, 0.04)), data=Ledger(10, 10))
    assert (evidence.support, evidence.violations, evidence.confidence) == (200, 3, 0.985)
    assert (evidence.rate, evidence.interval) == (0.0125, (0.002, 0.04))
    assert evidence.data is not None
    assert evidence.data.confidence == 0
    assert Ledger(0, 0).confidence is None


def test_numbers_of_array_libraries_become_plain_ones() -> None:
    import numpy as np  # only this test needs it

    ledger = Ledger(np.int64(7), np.int64(1), np.int32(2), np.float32(0.25), (np.float64(0.1), np.float64(0.5)))  # type: ignore[arg-type]
    assert ledger == Ledger(7, 1, 2, 0.25, (0.1, 0.5))
    assert type(ledger.rate) is float
    assert restore(Ledger, plain(ledger), "ledger") == ledger


@pytest.mark.parametrize("bad", [(1, 2), (-1, 0), (3, -1)])
def test_impossible_counts_are_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(kg.RulekdError, match="violations"):
        Ledger(*bad)


def test_impossible_rates_are_refused() -> None:
    with pytest.raises(kg.RulekdError, match=r"1\.5"):
        Ledger(2, 1, rate=1.5)
    with pytest.raises(kg.RulekdError, match="nan"):
        Evidence(Ledger(1, 0), level_p=float("nan"))
    with pytest.raises(kg.RulekdError, match="tolerance"):
        Evidence(Ledger(1, 0), tolerance=-0.1)


def test_a_rule_that_could_not_be_read_back_is_refused() -> None:
    long = "p" * 99
    with pytest.raises(kg.FormulaError, match="could not be read back"):
        Rule(kg.And(tuple(kg.Atom(long, (long,)) for _ in range(600))))
    with pytest.raises(kg.FormulaError, match=r"kg\.parse"):
        Rule("p(a)")  # type: ignore[arg-type]


def test_a_reason_goes_into_the_provenance() -> None:
    rule = Rule(kg.parse("p(a)")).with_status(Status.REJECTED, "no")
    assert (rule.status, rule.provenance.why) == (Status.REJECTED, "no")
