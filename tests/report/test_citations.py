"""The scene for a rule and the scene against it, under the rule itself."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kg import Citation, Counterexample, Definition, Hunt, Ledger, Probe, Probes, Rule, Threshold, Tried, Verdict, World
from rulekd.distillation.measures import Measures
from rulekd.report import Arm
from rulekd.report.citations import pair
from rulekd.report.rules import rules
from tests.report.made import AGAINST, CITED, Picture, graph, laws, ruled, world


def drawn(rule: Rule, worlds: dict[str, World] | None = None) -> Picture:
    """The pair of a rule."""
    found = pair(rule, graph([rule], {"room 1": world()} if worlds is None else worlds), set())
    assert found is not None
    return Picture(found)


def outlines(picture: Picture) -> list[list[float]]:
    """Left ends of the outlined boxes, view by view."""
    views = picture.every("svg")
    return [
        sorted(min(float(x) for x in re.findall(r"([\d.]+),", box.get("points", ""))) for box in _boxes(picture, view))
        for view in views
    ]


def _boxes(picture: Picture, view: object) -> list:  # type: ignore[type-arg] # elements of one view
    return picture.every("polygon", "outline", view)  # type: ignore[arg-type] # the same


def test_both_scenes_side_by_side_with_what_was_answered() -> None:
    rule = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED], against=[AGAINST], broken=5)
    picture = drawn(rule)
    kept, broken = picture.every("figure")
    assert "✓ A scene that supports it" in picture.text(kept)
    # the world has left_of(0, 1) and not left_of(1, 0), nor left_of(1, 2)
    assert "a = desk 0, b = cup 1 · room 1" in picture.text(kept)
    assert "answered: left_of(a, b) yes; left_of(b, a) no" in picture.text(kept)
    assert "✗ A scene that breaks it" in picture.text(broken)
    assert "answered: left_of(a, b) no; left_of(b, a) no" in picture.text(broken)
    for figure in (kept, broken):
        assert len(picture.every("svg", under=figure)) == 2
        assert len(picture.every("polygon", "outline", figure)) == 2 * 2


def test_without_a_violation_that_is_said() -> None:
    picture = drawn(ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED]))
    assert len(picture.every("figure")) == 1
    assert "No counterexample among 1,234 live groundings in 20 units." in picture.text(picture.every("p", "none")[0])


def test_violations_without_a_scene_are_not_called_none() -> None:
    lost = replace(AGAINST, world=None)
    picture = drawn(ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED], against=[lost], broken=5))
    said = picture.text(picture.every("p", "none")[0])
    assert said == "No breaking scene was kept. 5 groundings break it."
    assert "No counterexample" not in picture.text()


def test_a_law_under_a_mirror_shows_before_and_after() -> None:
    picture = drawn(ruled("under mirror_x: left_of(a, b) <-> right_of(a, b)", 0.02, cited=[CITED], against=[CITED]))
    names = [picture.text(name) for name in picture.every("span", "faint") if "from" in picture.text(name)]
    assert names == ["before, from above", "before, from the front", "after, from above", "after, from the front"] * 2
    before, _, after, _ = outlines(picture)[:4]
    desk, cup = before
    # desk and cup have exchanged sides, and the widths of their hulls stay
    assert after[0] < after[1]
    assert after[1] - after[0] != pytest.approx(0, abs=1)
    assert (desk, cup) != pytest.approx(tuple(after), abs=1)
    kept, broken = picture.every("figure")
    # an equivalence that is kept has equal sides, one that is broken has not
    assert "answered before: left_of(a, b) yes; after: right_of(a, b) yes" in picture.text(kept)
    assert "answered before: left_of(a, b) yes; after: right_of(a, b) no" in picture.text(broken)


@pytest.mark.parametrize(("verdict", "after"), [("kept", "no"), ("broken", "yes")])
def test_what_was_answered_after_follows_from_the_verdict(verdict: str, after: str) -> None:
    turned = Citation("room 1", (("a", 1), ("b", 0)), "room 1")
    cited, against = ([turned], []) if verdict == "kept" else ([], [turned])
    picture = drawn(ruled("under mirror_x: left_of(a, b) <-> right_of(a, b)", 0.02, cited=cited, against=against))
    assert f"answered before: left_of(a, b) no; after: right_of(a, b) {after}" in picture.text()


def test_what_came_after_a_random_shift_is_not_made_up() -> None:
    picture = drawn(ruled("under translate: left_of(a, b) <-> left_of(a, b)", 0.02, cited=[CITED]))
    assert len(picture.every("svg")) == 2
    assert "shown before the change only: what came after translate was drawn at random and not kept" in picture.text()


def test_unknown_answers_and_bound_variables() -> None:
    secret = replace(world(), invalid={"left_of": {(0, 1)}})
    picture = drawn(ruled("left_of(a, b) -> (exists c: on(c, b))", 0.02, cited=[CITED]), {"room 1": secret})
    assert "answered: left_of(a, b) unknown" in picture.text()
    assert "on(c, b)" not in picture.text()


def hunting(broken: int, found: tuple[Counterexample, ...] = ()) -> Hunt:
    """A hunt in 300 made scenes."""
    return Hunt(Tried(200, 0), Tried(100, broken), 2.5 if broken else -0.75, found)


def test_a_hunted_scene_stands_where_the_given_ones_have_none() -> None:
    rule = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED])
    made = Citation("room 1", (("a", 1), ("b", 2)), "made 1")
    found = Counterexample(made, 2.5, (), "gradient", 0.31, 0.9, Verdict.TEACHER, "labels keep the rule there")
    assert rule.evidence is not None
    rule = replace(rule, evidence=replace(rule.evidence, hunt=hunting(4, (found,))))
    graph_ = graph([rule], {"room 1": world(), "made 1": world("lamp")})
    picture = Picture(rules([rule], graph_))
    _, broken = picture.every("figure")
    said = picture.text(broken)
    assert "✗ A made scene that breaks it" in said
    assert "a = lamp 1, b = lamp 2 · made from room 1" in said
    assert "the teacher is wrong: labels keep the rule there" in said
    assert "found by gradient, things moved by up to 0.31 m; 90% of near copies break it" in said
    assert "4 of 300 made scenes break it" in picture.text()
    assert "at random 0 of 200, by gradient 4 of 100; worst by 2.5 log-odds" in picture.text()


def test_a_hunt_without_a_find_is_said() -> None:
    rule = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, cited=[CITED])
    assert rule.evidence is not None
    live = Probes(Ledger(50, 1, 40, 0.02, (0.0, 0.1)), (Probe("drawn", 60, Ledger(50, 1, 40)),))
    rule = replace(rule, evidence=replace(rule.evidence, hunt=hunting(0), probes=live))
    picture = Picture(rules([rule], graph([rule], {"room 1": world()})))
    assert "among 1,234 live groundings in 20 units, nor in any of 300 made scenes." in picture.text()
    assert "held by 0.8 log-odds" in picture.text()
    assert "1 of 50 live groundings break it, in 60 made scenes" in picture.text()


def test_scenes_without_boxes_are_told_by_their_answers() -> None:
    picture = drawn(
        ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, cited=[CITED]), {"room 1": World(3, {"left_of": {(0, 1)}})}
    )
    assert picture.every("svg") == []
    assert "a = object 0, b = object 1 · room 1" in picture.text(picture.every("figure")[0])
    assert "answered: left_of(a, b) yes; left_of(b, a) no" in picture.text()


def test_without_any_scene_there_is_the_count_or_nothing() -> None:
    counted = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234)
    assert (
        "No counterexample among 1,234 live groundings" in Picture(pair(counted, graph([counted]), set()) or "").text()
    )
    broken = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, 1234, broken=3)
    assert pair(broken, graph([broken]), set()) is None
    assert pair(Rule(counted.formula), graph([counted]), set()) is None


def test_scenes_that_are_shown_already_give_way_to_others() -> None:
    other = Citation("room 2", (("a", 0), ("b", 2)), "room 2")
    rule = ruled("left_of(a, b) -> ~left_of(b, a)", 0.02, cited=[CITED, other])
    shown = {"room 1"}
    found = pair(rule, graph([rule], {"room 1": world(), "room 2": world()}), shown)
    assert "room 2" in (found or "")
    assert shown == {"room 1", "room 2"}


def test_pictures_lie_within_the_rule_that_they_are_about() -> None:
    found = laws()
    picture = Picture(rules(found.axioms()[:2], found))
    first, second = picture.every("li", "card")
    assert picture.text(picture.every("h3", under=first)[0]) == "If a is left of b, then not (b is left of a)."
    assert len(picture.every("figure", under=first)) == 2
    assert len(picture.every("figure", under=second)) == 1
    assert "5 of 1,234 live groundings break it, in 20 units" in picture.text(first)
    assert "No counterexample" in picture.text(second)


def test_a_definition_tells_its_thresholds() -> None:
    rule = ruled("left_of(a, b) <-> right(a) <= left(b)", 0.02, cited=[CITED])
    assert rule.evidence is not None
    threshold = Threshold("right(a) <= left(b)", 0.0, -0.011, 0.02, "m", separates=True)
    defined = Definition(0.991, 0.984, (threshold,))
    rule = replace(rule, evidence=replace(rule.evidence, definition=defined))
    picture = Picture(rules([rule], graph([rule], {"room 1": world()})))
    assert "macro-F1 99.1 % of the teacher's answers and 98.4 % of the labels" in picture.text()
    assert "thresholds: right(a) <= left(b): 0 m in (-0.011, 0.02)" in picture.text()


def test_how_often_each_arm_breaks_a_rule_is_said() -> None:
    found = laws()
    first, second, _ = found.axioms()
    teacher = Measures(None, None, None, None, None, 9, {first.name: 0.25})
    seeds = tuple(Measures(None, None, None, None, None, 9, {first.name: share}) for share in (0.1, 0.2))
    picture = Picture(rules((first, second), found, [Arm("teacher", (teacher,)), Arm("soft", seeds), Arm("other")]))
    one, other = picture.every("li", "card")
    assert picture.text(picture.every("dd", under=one)[2]) == "teacher 25.0 %; soft 15.0 %"
    assert "in the test part" not in picture.text(other)
