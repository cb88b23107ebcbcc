"""Which rules are told first."""

from __future__ import annotations

from kg import Kind, Status
from rulekd.report import strongest
from tests.report.made import graph, ruled


def test_by_the_upper_end_then_by_support() -> None:
    rules = [
        ruled("near(a, b) <-> near(b, a)", 0.05, family="one"),
        ruled("left_of(a, b) & left_of(b, c) -> left_of(a, c)", 0.01, 100, family="two"),
        ruled("on(a, b) -> above(a, b)", 0.01, 900, family="three"),
    ]
    assert [r.name for r in strongest(graph(rules))] == ["implies(on, above)", "transitive(left_of)", "symmetric(near)"]


def test_only_confirmed_axioms_that_nobody_rejected_and_no_habits() -> None:
    rules = [
        ruled("near(a, b) <-> near(b, a)", 0.05),
        ruled("on(a, b) -> above(a, b)", 0.01, confirmed=False),
        ruled("on(a, b) -> near(a, b)", 0.01, kind=Kind.HABIT),
        ruled("above(a, b) -> ~above(b, a)", 0.01).with_status(Status.REJECTED),
        ruled("left_of(a, b) <-> right_of(b, a)", 0.02),
        ruled("right_of(a, b) & right_of(b, c) -> right_of(a, c)", 0.02),
        ruled("left_of(a, b) & left_of(b, c) -> left_of(a, c)", 0.01),
    ]
    shown = {rule.name for rule in strongest(graph(rules).with_entailment())}
    assert "symmetric(near)" in shown
    assert shown & {"implies(on, above)", "implies(on, near)", "asymmetric(above)"} == set()
    # one of the two transitive laws follows from the other and the inverse
    assert len(shown & {"transitive(left_of)", "transitive(right_of)"}) == 1


def test_not_ten_of_a_kind() -> None:
    predicates = ["left_of", "right_of", "on", "above", "near"]
    same = [ruled(f"{p}(a, b) -> ~{p}(b, a)", 0.001) for p in predicates]
    same += [ruled(f"{p}(a, b) & {p}(b, c) -> {p}(a, c)", 0.002) for p in predicates]
    other = [ruled(f"under translate: {p}(a, b) <-> {p}(a, b)", 0.09, family="transforms") for p in predicates]
    shown = strongest(graph([*same, *other]), 6)
    families = [rule.provenance.family for rule in shown]
    assert (families.count("algebra"), families.count("transforms")) == (3, 3)
    assert {"asymmetric", "transitive"} <= {rule.name.partition("(")[0] for rule in shown}
    # without others to show, they fill the list
    assert len(strongest(graph(same), 10)) == 10
    assert len(strongest(graph(same), 4)) == 4


def test_nothing_to_tell() -> None:
    assert strongest(graph([])) == ()
    assert strongest(graph([ruled("near(a, b) <-> near(b, a)", 0.05, confirmed=False)])) == ()
