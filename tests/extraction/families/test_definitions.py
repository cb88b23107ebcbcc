"""Definitions are found where they are known: planted ones, and those of a trained network, with honest numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import kg
import rulekd
from benchmarks.extraction.pairworld import pair_world, teacher
from kg import Iff, parse
from kg.formulas import Atom
from kg.worlds import evaluate, holds
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.definitions import choose, definitions, fronts, questions
from rulekd.extraction.fitting.columns import Column, bases
from rulekd.extraction.fitting.intervals import Cutting, literals
from rulekd.extraction.fitting.offered import simple_columns
from rulekd.extraction.fitting.questions import Printed, Question, fidelity, sites_of, told
from rulekd.extraction.fitting.slants import joined
from rulekd.facts import Facts
from rulekd.grounding import world
from rulekd.predictor import labels_as_facts
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.definitions import relabelled
from rulekd.truth import real_groundings


def boxes(count: int, objects: int = 4, seed: int = 0, **more: torch.Tensor) -> Scenes:
    """Random boxes in a room of 4 x 4 x 2 metres."""
    generator = torch.Generator().manual_seed(seed)
    room = torch.tensor([4.0, 4.0, 2.0])
    return Scenes(
        mask=torch.ones(count, objects, dtype=torch.bool),
        center=torch.rand(count, objects, 3, generator=generator) * room,
        size=0.2 + torch.rand(count, objects, 3, generator=generator),
        **more,  # type: ignore[arg-type] # fields of Scenes by name
    )


def found(scenes: Scenes, text: str) -> tuple[kg.Formula, float]:
    """The definition that is chosen for labels made by a formula, and its fidelity."""
    planted = parse(text)
    assert isinstance(planted, Iff)
    assert isinstance(planted.left, Atom)
    name = planted.left.predicate
    labels = relabelled(scenes, {name: planted}).labels
    facts = Facts(labels, mask=scenes.mask)
    ((question, columns),) = list(questions(Discovery(facts, scenes=scenes)))
    chosen, _ = choose(question, fronts(question, columns), len(columns))
    return chosen.body, chosen.fidelity


@pytest.mark.parametrize(
    ("planted", "wanted"),
    [
        ("p(a, b) <-> right(a) <= left(b)", "right(a) <= left(b)"),
        ("p(a, b) <-> distance(a, b) <= 1.5", "distance(a, b) <= 1.5"),
        ("p(a, b) <-> volume(a) >= 2 * volume(b)", "volume(a) >= 2 * volume(b)"),
        ("p(a, b) <-> abs(bottom(a) - top(b)) <= 0.4", "abs(bottom(a) - top(b)) <= 0.4"),
        ("p(a) <-> height(a) >= 0.8", "height(a) >= 0.8"),
    ],
)
def test_one_literal_comes_back_as_it_was_planted(planted: str, wanted: str) -> None:
    body, faithful = found(boxes(250), planted)
    read, meant = list(literals(body)), list(literals(parse(wanted)))
    assert len(read) == 1
    one, other = Cutting.of(read[0]), Cutting.of(meant[0])
    assert (one.number, one.over, one.less) == (other.number, other.over, other.less)
    assert one.threshold == pytest.approx(other.threshold, abs=0.02), "saw at most 0.01: 4,800 pairs leave gaps of that"
    assert faithful > 0.999


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("p(a, b) <-> overlap_x(a, b) >= 0.1 & overlap_y(a, b) >= 0", 2),
        ("p(a, b) <-> gap(a, b) <= 0.3 & bottom(a) <= bottom(b)", 2),
        ("p(a, b) <-> x(a) <= x(b) - 1.5 | distance(a, b) <= 0.8", 2),
        ("p(a, b) <-> left(a) >= left(b) & right(a) <= right(b) & bottom(a) >= bottom(b) & top(a) <= top(b)", 4),
    ],
)
def test_several_literals_are_told_by_as_few(text: str, most: int) -> None:
    body, faithful = found(boxes(250, seed=1), text)
    assert sum(1 for _ in literals(body)) <= most
    assert faithful > 0.99, "saw at least 0.998"


def test_a_direction_that_is_no_axis_is_found_to_half_a_degree() -> None:
    turned = parse("p(a, b) <-> 0.8 * (x(b) - x(a)) + 0.6 * (y(b) - y(a)) > 0.2")
    body, faithful = found(boxes(250, seed=2), str(turned))
    weights: dict[str, float] = {"x": 0.0, "y": 0.0}
    step = {"x": (1.0, 0.0), "y": (0.0, 1.0)}
    (literal,) = literals(body)
    for name, (x, y) in step.items():  # how the difference of the two sides changes as b moves
        worlds = [
            kg.World(
                2,
                {},
                objects=(
                    kg.Object((0, 0, 0), (1, 1, 1), 0.0, {}),
                    kg.Object((far * x, far * y, 0), (1, 1, 1), 0.0, {}),
                ),
            )
            for far in (0.0, 1.0)
        ]
        sides = [[evaluate(side, w, {"a": 0, "b": 1}) for side in (literal.left, literal.right)] for w in worlds]
        weights[name] = (float(sides[1][0]) - float(sides[1][1])) - (float(sides[0][0]) - float(sides[0][1]))
    direction = np.degrees(np.arctan2(weights["y"], weights["x"])) % 180
    assert direction == pytest.approx(np.degrees(np.arctan2(0.6, 0.8)), abs=0.5)
    assert faithful > 0.995


def test_attributes_words_and_numbers_of_the_scene_define_too() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = torch.randint(3, (300, 4), generator=generator)
    reach = 0.5 + 2 * torch.rand(300, generator=generator)
    scenes = replace(
        boxes(300, seed=3),
        categories={"shape": shape},
        category_names={"shape": ("ball", "cube", "rod")},
        scene_numbers={"reach": reach},
    )
    assert str(found(scenes, 'p(a) <-> shape(a) = "cube"')[0]) == 'shape(a) = "cube"'
    assert str(found(scenes, "p(a, b) <-> shape(a) = shape(b)")[0]) == "shape(a) = shape(b)"
    body, faithful = found(scenes, "p(a, b) <-> distance(a, b) <= reach()")
    assert str(body) == "distance(a, b) <= reach()"
    assert faithful == 1


def test_only_commensurate_numbers_are_subtracted() -> None:
    scenes = boxes(5)
    facts = Facts({"p": torch.ones(5, 4, 4, dtype=torch.bool)}, mask=scenes.mask)
    sites = sites_of(facts, scenes, ("a", "b"))
    dimension = {str(one.term): one.dimension for one in bases(sites)}
    made = [c for c in simple_columns(bases(sites), sites) if c.form in ("difference", "apart")]
    assert made
    for column in made:
        assert dimension[str(column.left)] == dimension[str(column.right)]
    texts = {str(column.left) + " " + str(column.right) for column in made}
    assert "left(a) right(b)" in texts
    assert "left(a) top(b)" not in texts
    assert "volume(a) width(b)" not in texts


def test_a_column_is_what_its_printed_literal_says() -> None:
    scenes = boxes(20, seed=4)
    facts = Facts({"p": torch.ones(20, 4, 4, dtype=torch.bool)}, mask=scenes.mask)
    sites = sites_of(facts, scenes, ("a", "b"))
    columns = simple_columns(bases(sites), sites)
    for column in columns:
        values = np.sort(column.values[np.isfinite(column.values)])
        threshold = float((values[len(values) // 2 - 1] + values[len(values) // 2]) / 2)
        for above in (True, False):
            literal = column.literal(above, threshold)
            wanted = column.values >= threshold if above else column.values <= threshold
            assert (told(literal, sites) == wanted).mean() > 0.99, str(literal)  # a tie may fall to rounding
            assert (told(column.literal(above, threshold, opposite=True), sites) == ~told(literal, sites)).all()


def test_what_is_printed_is_what_is_scored() -> None:
    scenes = boxes(60, seed=5)
    body = parse("p(a, b) <-> overlap_x(a, b) >= 0.1 & ~(gap(a, b) > 0.4) | bottom(a) <= 0.2")
    assert isinstance(body, Iff)
    facts = Facts({"p": torch.zeros(60, 4, 4, dtype=torch.bool)}, mask=scenes.mask)
    sites = sites_of(facts, scenes, ("a", "b"))
    said = told(body.right, sites)
    view = rulekd.grounding.View(facts, scenes)
    for place in range(0, len(said), 37):
        plain = world(view, int(sites.scene[place]))
        binding = {"a": int(sites.objects[0, place]), "b": int(sites.objects[1, place])}
        assert holds(body.right, plain, binding) == said[place]


def test_random_labels_have_no_definition() -> None:
    scenes = boxes(80, seed=6)
    noise = torch.rand(80, 4, 4, generator=torch.Generator().manual_seed(1)) < 0.3
    facts = Facts({"p": noise & real_groundings(scenes.mask, 2)}, mask=scenes.mask)
    ((question, columns),) = list(questions(Discovery(facts, scenes=scenes)))
    assert max(one.fidelity for one in fronts(question, columns)) < 0.65, "saw 0.57: nothing is proposed below 0.8"
    proposed = definitions(Discovery(facts, scenes=scenes))
    assert not proposed.formulas
    assert proposed.notes[0].startswith("definitions: no formula tells p ("), "and how well the best does"


@pytest.fixture(scope="module")
def network() -> rulekd.Predictor:
    """Trained for a few seconds: it knows left_of well, the other two roughly."""
    return teacher(seed=3, steps=800, pairs=30_000)


def test_definitions_are_read_off_a_trained_network(
    network: rulekd.Predictor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    graph = rulekd.extract(network, pair_world(2500, seed=11, labelled=False), families=["definitions"])
    rules = {str(rule.formula).split("(")[0]: rule for rule in graph.rules()}
    fresh = pair_world(2000, seed=12)
    said, labels = network.facts(fresh), labels_as_facts(fresh)
    sites = sites_of(labels, fresh.scenes, ("a", "b"))
    # Seen: 0.991 and 0.999 for left_of, 0.874 for on, which this short training leaves blurred.
    bounds = {"left_of": (1, 0.98, 0.99), "on": (6, 0.80, 0.80)}
    for name in bounds:
        rule = rules[name]
        assert isinstance(rule.formula, Iff)
        most, to_network, to_truth = bounds[name]
        body = rule.formula.right
        true, answer = (sites.read(each.crisp(name)) > 0 for each in (labels, said))
        assert sum(1 for _ in literals(body)) <= most
        assert fidelity(told(body, sites), answer) >= to_network, f"{body}"
        assert fidelity(told(body, sites), true) >= to_truth, f"{body}"
    left = rules["left_of"].evidence
    assert left is not None
    assert left.definition is not None
    (threshold,) = left.definition.thresholds
    assert threshold.unit == "m"
    assert abs(threshold.value) <= 0.005
    assert threshold.low <= 0 <= threshold.high
    assert left.data is None, "nobody labelled these pairs"
    path = tmp_path_factory.mktemp("graph") / "pairs.kg.json"
    graph.save(path)
    assert kg.KnowledgeGraph.load(path) == graph


def test_labels_and_network_each_have_a_ledger(network: rulekd.Predictor) -> None:
    graph = rulekd.extract(network, pair_world(800, seed=13), families=["definitions"])
    rule = next(rule for rule in graph.rules() if str(rule.formula).startswith("left_of("))
    assert rule.evidence is not None
    assert rule.evidence.data is not None
    assert rule.evidence.data.rate == 0
    assert rule.evidence.definition is not None
    assert rule.evidence.definition.truth == 1
    assert (rule.evidence.definition.fidelity or 0) > 0.98


def test_a_sum_of_columns_has_the_values_of_its_text() -> None:

    scenes = boxes(10, seed=7)
    facts = Facts({"p": torch.ones(10, 4, 4, dtype=torch.bool)}, mask=scenes.mask)
    sites = sites_of(facts, scenes, ("a", "b"))
    by_text: dict[str, Column] = {
        f"{c.left} - {c.right}": c for c in simple_columns(bases(sites), sites) if c.form == "difference"
    }
    made = joined(by_text["x(a) - x(b)"], by_text["y(a) - y(b)"], -0.5)
    assert str(made.left) == "x(a) - x(b) - 0.5 * (y(a) - y(b))"
    threshold = float(np.median(made.values)) + 1e-4
    assert (told(made.literal(True, threshold), sites) == (made.values >= threshold)).all()


def test_scenes_are_not_needed_and_then_nothing_is_defined() -> None:
    facts = Facts({"p": torch.rand(40, 5, 5) < 0.5})
    graph = rulekd.mine(facts, families=["definitions"])
    assert graph.rules() == ()
    assert "0 of 0 candidates were proposed" in graph.notes


def test_definitions_do_not_depend_on_names_or_padding() -> None:
    scenes = boxes(200, seed=8)
    labels = relabelled(scenes, {"p": parse("p(a, b) <-> right(a) <= left(b) - 0.3")}).labels["p"]
    wide = scenes.pad(6)
    padded = torch.zeros(200, 6, 6, dtype=torch.bool)
    padded[:, :4, :4] = labels
    bodies = []
    for name, some, value in (("p", scenes, labels), ("zzz", wide, padded)):
        ((question, columns),) = list(questions(Discovery(Facts({name: value}, mask=some.mask), scenes=some)))
        bodies.append(str(choose(question, fronts(question, columns), len(columns))[0].body))
    assert bodies[0] == bodies[1]


def test_every_number_of_a_definition_recomputes(network: rulekd.Predictor) -> None:
    scenes = pair_world(800, seed=14, labelled=False)
    graph = rulekd.extract(network, scenes, families=["definitions"])
    kept = scenes.select(torch.from_numpy(scenes.parts != "test"))
    held_out = scenes.select(torch.from_numpy(scenes.evidence_parts == "confirm"))
    assert isinstance(kept, SceneSet)
    assert graph.rules()
    for rule in graph.rules():
        assert isinstance(rule.formula, Iff)
        assert isinstance(rule.formula.left, Atom)
        assert rule.evidence is not None
        definition = rule.evidence.definition
        assert definition is not None
        said, true = truths(network, rule.formula, kept)
        assert rule.evidence.support == int((true | said).sum())
        assert rule.evidence.violations == int((true ^ said).sum())
        said, true = truths(network, rule.formula, held_out)
        assert definition.fidelity == pytest.approx(fidelity(said, true))
        sizes = [choice.literals for choice in definition.front]
        assert sizes == sorted(sizes)


def truths(network: rulekd.Predictor, formula: Iff, scenes: SceneSet) -> tuple[np.ndarray, np.ndarray]:
    """What the printed definition says, and what the network does, about every pair."""
    facts = network.facts(scenes)
    assert isinstance(formula.left, Atom)
    sites = sites_of(facts, scenes.scenes, ("a", "b"))
    return told(formula.right, sites), sites.read(facts.crisp(formula.left.predicate)) > 0


def rooms_of_things(share: float) -> tuple[Scenes, dict[str, torch.Tensor]]:
    """(scenes, truth): things with a mass and a kind, each unknown of a share of them; the truth knows all."""
    generator = torch.Generator().manual_seed(11)
    mass = 100 * torch.rand(300, 5, generator=generator)
    kind = torch.randint(4, (300, 5), generator=generator)
    lost = torch.rand(2, 300, 5, generator=generator) < share
    scenes = boxes(
        300,
        5,
        numbers={"mass": mass.masked_fill(lost[0], torch.nan)},  # type: ignore[arg-type] # fields of Scenes by name
        categories={"kind": kind.masked_fill(lost[1], -1)},  # type: ignore[arg-type]
        category_names={"kind": ("cup", "desk", "lamp", "sofa")},  # type: ignore[arg-type]
    )
    truth = {"heavier": mass[:, :, None] > mass[:, None] + 10, "desk": kind == 1, "no_desk": kind != 1}
    return scenes, truth


@pytest.mark.parametrize("share", [0.03, 0.3])
def test_what_is_unknown_is_no_exception_to_a_definition(share: float) -> None:
    """Who says what is so of things that the scenes know less of is not told to be wrong about those."""
    scenes, truth = rooms_of_things(share)
    graph, read = told_by_one_who_knows(scenes, truth)
    rules = {rule.formula.left: rule for rule in graph.rules() if isinstance(rule.formula, Iff)}
    assert {str(atom): str(rule.formula.right) for atom, rule in rules.items()} == {  # type: ignore[union-attr]
        "heavier(a, b)": "mass(a) - mass(b) >= 10",
        "desk(a)": 'kind(a) = "desk"',
        "no_desk(a)": 'kind(a) != "desk"',
    }
    known = ~scenes.numbers["mass"].isnan()
    asked = known[:, :, None] & known[:, None] & ~torch.eye(5, dtype=torch.bool)
    for rule in rules.values():
        assert rule.evidence is not None
        assert rule.evidence.definition is not None
        assert rule.evidence.confirmed
        assert (rule.evidence.violations, rule.evidence.definition.fidelity) == (0, 1.0)
    heavier = rules[Atom("heavier", ("a", "b"))].evidence
    assert heavier is not None
    assert heavier.support == int((truth["heavier"] & asked)[read].sum())
    notes = [note for note in graph.notes if ": unknown of " in note]
    assert [note.split(":")[0] for note in notes] == ["mass", "kind"]


def test_what_is_unknown_of_nearly_all_is_read_by_no_definition() -> None:
    scenes, truth = rooms_of_things(0.9)
    assert not list(told_by_one_who_knows(scenes, truth)[0].rules())


def told_by_one_who_knows(scenes: Scenes, truth: dict[str, torch.Tensor]) -> tuple[kg.KnowledgeGraph, list[int]]:
    """The definitions of a network that knows the truth about each scene by its name, and the scenes that were read."""

    class Knows(torch.nn.Module):
        def forward(self, asked: Scenes) -> dict[str, torch.Tensor]:
            rows = [int(name) for name in asked.names]
            return {name: 20 * (2.0 * held[rows] - 1) for name, held in truth.items()}

    teacher = rulekd.Predictor(Knows(), {name: held.dim() - 1 for name, held in truth.items()}, inputs=lambda s: (s,))
    scene_set = SceneSet(scenes)
    unread = set(scene_set.part("test").scenes.names)
    read = [row for row, name in enumerate(scenes.names) if name not in unread]
    return rulekd.extract(teacher, scene_set, families=["definitions"]), read


@pytest.mark.parametrize(("saved", "literals"), [(5, 1), (10, 2)])
def test_a_literal_is_worth_the_errors_that_it_would_save_by_chance(saved: int, literals: int) -> None:
    """Of 110 that are told true 20 are not; among these few, to take five away is not worth one of 54,000 literals.

    log2 C(110, 20) - log2 C(105, 15) is 13 bits, log2 C(110, 20) - log2 C(100, 10) 30, and the literal takes 16.
    """
    scenes = boxes(1000, objects=1)
    sites = sites_of(Facts({"p": torch.ones(1000, 1, dtype=torch.bool)}, mask=scenes.mask), scenes, ("a",))
    true = np.arange(1000) < 100
    question = Question(Atom("p", ("a",)), sites, true, np.arange(1000))
    short, long = ((np.arange(1000) >= 10) & (np.arange(1000) < end) for end in (120, 120 - saved))
    printed = [
        Printed(parse(text), count, said, fidelity(said, true))
        for text, count, said in (("x(a) <= 1", 1, short), ("x(a) <= 1 & y(a) <= 1", 2, long))
    ]
    assert choose(question, printed, columns=27)[0].literals == literals
