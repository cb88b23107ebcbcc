"""The flow on real CLEVR scenes: a trained teacher's laws are found, and none is denied by labels it has not seen."""

from __future__ import annotations

import pytest

import rulekd
from kg import Kind, KnowledgeGraph, Rule, parse
from kg.formulas import Under
from kg.reasoning import entails
from rulekd.grounding import View, count
from rulekd.predictor import labels_as_facts
from rulekd.scenes import SceneSet
from rulekd.scenes.data import data_file

PATH = data_file("clevr", "CLEVR_train_scenes_1000.json.gz")
pytestmark = pytest.mark.skipif(PATH is None, reason="the CLEVR scenes are not here: set RULEKD_DATA")


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    """A thousand scenes."""
    assert PATH is not None
    return SceneSet.load(PATH)


@pytest.fixture(scope="module")
def graph(scenes: SceneSet) -> KnowledgeGraph:
    """What a teacher trained for a quarter of a minute says."""
    teacher = rulekd.build("room-transformer", scenes, seed=0)
    rulekd.distill(None, teacher, scenes, training=rulekd.Training(epochs=15))
    return rulekd.extract(teacher, scenes)


LAWS = [
    "left(a, b) <-> right(b, a)",
    "front(a, b) <-> behind(b, a)",
    "bigger(a, b) <-> smaller(b, a)",
    *(f"{p}(a, b) <-> {p}(b, a)" for p in ("near", "same_size", "same_shape")),
    "~(left(a, b) & right(a, b))",
    "~(bigger(a, b) & same_size(a, b))",
    "left(a, b) | right(a, b)",
    "bigger(a, b) | smaller(a, b) | same_size(a, b)",
    *(f"{p}(a, b) & {p}(b, c) -> {p}(a, c)" for p in ("left", "behind", "same_size", "same_shape")),
    "bigger(a, b) & same_size(b, c) -> bigger(a, c)",
    "under mirror_x: left(a, b) <-> right(a, b)",
    "under mirror_x: front(a, b) <-> front(a, b)",
    "under mirror_y: front(a, b) <-> behind(a, b)",
    "under rotate_z(90 deg): left(a, b) <-> front(a, b)",
    "under rotate_z(180 deg): front(a, b) <-> behind(a, b)",
    "under translate: near(a, b) <-> near(a, b)",
]


@pytest.mark.parametrize("text", LAWS)
def test_the_law_follows_from_what_is_confirmed(graph: KnowledgeGraph, text: str) -> None:
    confirmed = [rule.formula for rule in graph.axioms() if rule.evidence and rule.evidence.confirmed]
    ids = {rule.id for rule in graph.rules() if rule.evidence and rule.evidence.confirmed}
    assert Rule(parse(text)).id in ids or entails(confirmed, parse(text))


def test_no_confirmed_rule_has_a_counterexample_in_unseen_labels(graph: KnowledgeGraph, scenes: SceneSet) -> None:
    unseen = scenes.part("test")
    view = View(labels_as_facts(unseen), unseen.scenes)
    confirmed = [rule for rule in graph.rules() if rule.evidence and rule.evidence.confirmed]
    assert len(confirmed) > 100, "saw 146"
    images: dict[str, View] = {}
    for rule in confirmed:
        if isinstance(rule.formula, Under) and str(rule.formula.transform) not in images:
            moved = unseen.transformed(rule.formula.transform, seed=7)
            images[str(rule.formula.transform)] = View(labels_as_facts(moved))
        _, broken = count(rule.formula, view, images)
        assert int(broken.sum()) == 0, str(rule.formula)


def test_laws_of_space_are_told_from_laws_of_these_scenes(graph: KnowledgeGraph) -> None:
    """No two objects of CLEVR stand closer than 0.4 to each other's line: a habit of its camera, not of space."""
    assert graph.rule("left(a, b) <-> right(b, a)").kind is Kind.VOCABULARY
    assert graph.rule("left(a, b) & left(b, c) -> left(a, c)").kind is Kind.VOCABULARY
    assert graph.rule("exactly_one(left(a, b), right(a, b))").kind is Kind.DOMAIN
