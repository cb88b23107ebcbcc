"""The hunt: planted pockets are found by gradient and not at random, every kind of rule is asked about, all is told."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import rulekd
from kg import Evidence, KnowledgeGraph, Ledger, Provenance, Rule, RulekdError, Triple, World, holds, parse
from rulekd.extraction import Effort, hunt, hunted, probed
from rulekd.extraction.probing.asking import Asking
from rulekd.extraction.probing.attempts import nearest
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet
from tests.extraction.pockets import LAWS, RADII, pocket, uniform_scenes

SEEDS = range(50, 70)


def broken_share(law: str, radius: float, objects: int, seed: int) -> float:
    """The share of uniform scenes in which the law is broken, from 100,000 of them."""
    scenes, formula = uniform_scenes(100_000, objects, 1000 + seed).scenes, parse(law)
    with torch.no_grad():
        breach, _ = nearest(formula, Asking(pocket(seed, radius), formula)(scenes))
    return float((breach > 0).double().mean())


@pytest.mark.parametrize(("law", "radius", "objects"), list(zip(LAWS, RADII, (1, 2, 3), strict=True)))
def test_a_pocket_of_a_thousandth_is_found_by_gradient_and_not_at_random(law: str, radius: float, objects: int) -> None:
    """168 questions each, twenty pockets: at random a pocket is met with a chance of 1 - 0.999^168 = 15 %.

    About one object head and body fall together towards safe ground on all sides, which is the hardest to get out of.
    """
    for seed in SEEDS[:4]:
        assert 0.0003 < broken_share(law, radius, objects, seed) < 0.0016, "saw 0.0004 to 0.0012"
    by_gradient, at_random = [], []
    for seed in SEEDS:
        teacher, scenes = pocket(seed, radius), uniform_scenes(60, objects, seed)
        effort = Effort(tries=8, starts=4, steps=40, kinds=("scatter",), seed=seed)
        found = hunt(teacher, scenes, law, effort).hunt
        assert found.gradient.asked == 160
        other = hunt(teacher, scenes, law, replace(effort, tries=found.asked, starts=0)).hunt
        assert (other.random.asked, other.gradient.asked) == (found.asked, 0)
        by_gradient.append(found.gradient.broken > 0)
        at_random.append(other.broken > 0)
    assert sum(by_gradient) >= (14 if objects == 1 else 19), "saw 16, 20, 20"
    assert sum(at_random) <= 4, "saw 2, 1, 1"


def test_what_is_kept_breaks_the_rule_by_what_is_said() -> None:
    """The stored world, the margins and the scene itself agree, and agree with a fresh question."""
    law = LAWS[2]
    teacher, scenes = pocket(1, 0.1), uniform_scenes(60, 4, 1)
    found = hunt(teacher, scenes, law, Effort(seed=3))
    assert len(found.hunt.found) == 3
    assert found.scenes is not None
    assert found.hunt.worst == max(one.margin for one in found.hunt.found) > 0
    assert [one.margin for one in found.hunt.found] == sorted((one.margin for one in found.hunt.found), reverse=True)
    with torch.no_grad():
        said = teacher.logits(found.scenes)
    for place, one in enumerate(found.hunt.found):
        assert one.cited.world is not None
        world, at = found.worlds[one.cited.world], dict(one.cited.binding)
        assert not holds(parse(law), world, at)
        assert one.cited.scene in scenes.scenes.names
        told = dict(one.margins)
        for title, (name, x, y) in {
            "left_of(a, b)": ("left_of", "a", "b"),
            "left_of(b, c)": ("left_of", "b", "c"),
            "before(a, c)": ("before", "a", "c"),
        }.items():
            assert told[title] == pytest.approx(float(said[name][place, at[x], at[y]]), abs=1e-3)
        least = min(told["left_of(a, b)"], told["left_of(b, c)"], -told["before(a, c)"])
        assert one.margin == pytest.approx(least, abs=1e-3)
        centers = [thing.center for thing in world.objects]
        assert torch.allclose(torch.tensor(centers), found.scenes["center"][place], atol=1e-6)
        start = scenes.scenes["center"][scenes.scenes.names.index(one.cited.scene)]
        assert one.moved == pytest.approx(float((found.scenes["center"][place] - start).norm(dim=-1).max()), abs=1e-5)


def test_a_law_that_holds_is_not_broken_and_its_nearest_miss_is_told() -> None:
    found = hunt(pocket(0, 0.1), uniform_scenes(60, 3, 0), "left_of(a, b) & left_of(b, c) -> left_of(a, c)").hunt
    assert found.broken == 0
    assert found.found == ()
    # far(a, c) = far(a, b) + far(b, c): the least of the three margins is largest, 0, where all stand in one plane
    assert found.worst is not None
    assert -0.2 < found.worst <= 0


@pytest.mark.parametrize(
    "law",
    [
        "left_of(a, b) -> exists c: right_of(c, a) & tall(c)",
        "exactly_one(left_of(a, b), left_of(b, a), tall(a))",
        "tall(a) & (forall b: left_of(a, b)) -> heavy(a)",
        "left_of(a, b) <-> x(b) - x(a) > 0.3",
        "under mirror_x: left_of(a, b) <-> right_of(b, a)",
        "under rotate_z(90 deg): left_of(a, b) -> left_of(a, b)",
    ],
)
def test_quantifiers_counts_comparisons_and_images_are_hunted(law: str) -> None:
    found = hunt(pocket(2, 0.1), uniform_scenes(40, 3, 2), law, Effort(tries=200, steps=20))
    assert found.hunt.gradient.broken > 0
    assert found.hunt.note == ""
    for one in found.hunt.found:
        assert one.margin > 0
        if not law.startswith("under"):
            assert one.cited.world is not None
            assert not holds(parse(law), found.worlds[one.cited.world], dict(one.cited.binding))
        else:
            assert any(title.startswith(law[6:13]) for title, _ in one.margins), "the image is told apart"


def test_where_something_is_unknown_nothing_is_broken() -> None:
    """A network that takes what is unknown for heavy; it errs about light things that lie to the right."""

    class Weighs(torch.nn.Module):
        def forward(self, center: torch.Tensor, weight: torch.Tensor) -> dict[str, torch.Tensor]:
            right = torch.relu(center[..., 0] - 0.8)
            return {"heavy": 40 * (torch.nan_to_num(weight, 1.0) - 0.5) + 400 * right}

    scenes = uniform_scenes(40, 3, 0).scenes
    weight = torch.rand(40, 3, generator=torch.Generator().manual_seed(0)).masked_fill(torch.arange(3) == 1, math.nan)
    teacher = Predictor(Weighs(), {"heavy": 1}, inputs=lambda s: (s["center"], s["weight"]))
    some = SceneSet(replace(scenes, numbers={"weight": weight}))
    law = "heavy(a) -> weight(a) > 0.5 | x(a) > 0.7"
    assert hunt(teacher, some, law, Effort(tries=200, steps=10)).hunt.broken == 0
    assert hunt(teacher, some, "heavy(a) -> (exists b: weight(b) > -1)", Effort(tries=99, steps=5)).hunt.broken == 0
    found = hunt(teacher, some, "heavy(a) -> weight(a) > 0.5", Effort(tries=200, steps=10))
    assert found.hunt.broken > 0
    assert all(dict(one.cited.binding)["a"] != 1 for one in found.hunt.found)


def test_a_rule_about_the_scene_as_a_whole() -> None:
    class Crowded(torch.nn.Module):
        def forward(self, center: torch.Tensor) -> dict[str, torch.Tensor]:
            spread = center.std(dim=1).sum(-1)
            return {"crowded": 40 * (0.6 - spread), "tight": 40 * (0.7 - spread)}

    teacher = Predictor(Crowded(), {"crowded": 0, "tight": 0}, inputs=lambda s: s["center"])
    scenes = uniform_scenes(40, 3, 0)
    assert hunt(teacher, scenes, "crowded() -> tight()").hunt.broken == 0
    assert hunt(teacher, scenes, "tight() -> crowded()").hunt.gradient.broken > 0


def test_values_stay_within_their_range_and_reach() -> None:
    scenes = uniform_scenes(60, 3, 4)
    low, high = scenes.scenes["center"].amin((0, 1)), scenes.scenes["center"].amax((0, 1))
    found = hunt(pocket(4, 0.2), scenes, LAWS[1], Effort(kept=20, tries=200))
    assert found.scenes is not None
    assert bool(((found.scenes["center"] >= low - 1e-6) & (found.scenes["center"] <= high + 1e-6)).all())
    near = hunt(pocket(4, 0.4), scenes, LAWS[1], Effort(kept=20, tries=200, reach=0.1))
    assert near.scenes is not None
    for place, one in enumerate(near.hunt.found):
        start = scenes.scenes["center"][scenes.scenes.names.index(one.cited.scene)]
        assert bool(((near.scenes["center"][place] - start).abs() <= 0.1 * (high - low) + 1e-5).all())


def test_any_floating_tensor_is_searched_where_it_is_given_a_range() -> None:
    class Bright(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"bright": 9 * image.mean((1, 2)), "lit": 9 * image.mean((1, 2)) + 3 - 30 * image[:, 0, 0]}

    scenes = SceneSet(Scenes(mask=torch.ones(20, 1, dtype=torch.bool), tensors={"image": torch.rand(20, 4, 4) * 0.05}))
    teacher = Predictor(Bright(), {"bright": 0, "lit": 0}, inputs=lambda s: s["image"])
    with pytest.raises(RulekdError, match=r"no range is given|nothing may be changed"):
        hunt(teacher, scenes, "bright() -> lit()")
    found = hunt(teacher, scenes, "bright() -> lit()", Effort(ranges={"image": (-1, 1)}))
    assert found.hunt.gradient.broken > 0
    assert found.scenes is not None
    assert float(found.scenes["image"].abs().max()) <= 1


def test_without_a_gradient_only_chance_is_left_and_said() -> None:
    class Steps(torch.nn.Module):
        def forward(self, center: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"low": 10 * torch.sign(0.5 - center[..., 2])}

    teacher = Predictor(Steps(), {"low": 1}, inputs=lambda s: s["center"])
    with torch.no_grad():  # as a caller might
        found = hunt(teacher, uniform_scenes(20, 2, 0), "low(a)", Effort(tries=100)).hunt
    assert found.random.broken > 0
    detached = Predictor(Steps(), {"low": 1}, inputs=lambda s: s["center"].detach())
    found = hunt(detached, uniform_scenes(20, 2, 0), "low(a)", Effort(tries=100)).hunt
    assert found.random.broken > 0
    assert found.gradient.asked == 0
    assert "no gradient" in found.note


def test_answers_that_are_not_finite_are_no_counterexamples() -> None:
    class Logarithm(torch.nn.Module):
        def forward(self, center: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"low": 4 - torch.log(center[..., 2] - 0.3)}

    teacher = Predictor(Logarithm(), {"low": 1}, inputs=lambda s: s["center"])
    high = uniform_scenes(40, 2, 0)
    high = replace(high, scenes=replace(high.scenes, center=high.scenes["center"] * 0.5 + 0.5))
    found = hunt(teacher, high, "low(a)", Effort(tries=200, ranges={"center": (0.0, 1.0)})).hunt
    assert found.broken == 0
    assert found.worst is not None
    assert math.isfinite(found.worst)


def test_the_same_seed_finds_the_same_and_the_network_is_left_as_it_was() -> None:
    teacher, scenes = pocket(3, 0.1), uniform_scenes(40, 3, 3)
    teacher.module.train()
    one, two = (hunt(teacher, scenes, LAWS[1], Effort(tries=100, steps=15)) for _ in range(2))
    assert replace(one.hunt, seconds=0.0) == replace(two.hunt, seconds=0.0)
    assert one.worlds == two.worlds
    assert teacher.module.training
    assert all(p.grad is None for p in teacher.module.parameters())


def test_scenes_of_the_test_part_are_not_started_from() -> None:
    scenes = uniform_scenes(60, 2, 5)
    hidden = {n for n, part in zip(scenes.scenes.names, scenes.parts, strict=True) if part == "test"}
    found = hunt(pocket(5, 0.3), scenes, LAWS[1], Effort(kept=50)).hunt
    assert hidden
    assert len(found.found) > 20
    assert not hidden & {one.cited.scene for one in found.found}


def test_the_time_is_kept() -> None:
    found = hunt(pocket(5, 0.1), uniform_scenes(60, 8, 5), LAWS[2], Effort(tries=10**6, steps=10**6, seconds=1.0)).hunt
    assert found.seconds < 3, "a batch at most beyond the second; saw 1.0"


@pytest.mark.parametrize(
    ("law", "effort", "said"),
    [
        ("onn(a, b)", {}, "unknown predicate 'onn'"),
        ("left_of(a)", {}, "arguments"),
        ("tall(a) & left_of(a, b) & left_of(b, c) & left_of(c, d) & left_of(d, e) -> tall(e)", {}, "5 objects"),
        ("under shear: tall(a) <-> tall(a)", {}, "shear"),
        ("tall(a)", {"ranges": {"colour": (0, 1)}}, "colour"),
        ("tall(a)", {"ranges": {"center": (1, 1)}}, "the range of 'center'"),
        ("tall(a)", {"kinds": ("shake",)}, "shake"),
    ],
)
def test_what_cannot_be_asked_is_refused(law: str, effort: dict[str, object], said: str) -> None:
    with pytest.raises(RulekdError, match=said):
        hunt(pocket(0, 0.1), uniform_scenes(20, 3, 0), law, Effort(**effort))  # type: ignore[arg-type] # wrong on purpose


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tries": 0}, "tries is 0"),
        ({"steps": -1}, "steps is -1"),
        ({"seconds": 0}, "0 seconds"),
        ({"kinds": ()}, "no kind"),
    ],
)
def test_impossible_efforts_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(RulekdError, match=said):
        Effort(**given)  # type: ignore[arg-type] # wrong on purpose


def test_a_transform_that_does_not_act_on_everything_is_refused_with_the_reason() -> None:
    scenes = uniform_scenes(20, 2, 0)
    scenes = replace(scenes, scenes=replace(scenes.scenes, tensors={"image": torch.zeros(20, 3)}))
    with pytest.raises(RulekdError, match="does not act on image"):
        hunt(pocket(0, 0.1), scenes, "under mirror_x: tall(a) <-> tall(a)")


def test_a_graph_is_hunted_and_reads_back(tmp_path: Path) -> None:
    teacher, scenes = pocket(6, 0.2), uniform_scenes(200, 3, 6)
    graph = rulekd.extract(teacher, scenes, families=["pairs"], hunt=Effort(tries=100, steps=20))
    hunts = {rule.text: rule.evidence.hunt for rule in graph.axioms() if rule.evidence}
    held, broken = hunts["before(a, b) <-> right_of(b, a)"], hunts["exactly_one(left_of(a, b), right_of(a, b))"]
    assert held is not None
    assert broken is not None
    assert held.broken == 0, "the same number twice, up to rounding"
    assert broken.broken > 0
    assert [one.cited.world in graph.worlds for one in broken.found] == [True] * 3
    assert any("hunted:" in note for note in graph.notes)
    graph.save(tmp_path / "g.kg.json")
    assert KnowledgeGraph.load(tmp_path / "g.kg.json") == graph


def test_what_cannot_be_hunted_is_named_in_the_notes() -> None:
    teacher, scenes = pocket(6, 0.1), uniform_scenes(120, 3, 6)
    graph = rulekd.extract(teacher, scenes, families=["pairs"])
    short = scenes.select([n for n, part in enumerate(scenes.parts) if part != "test"][:2])
    few = replace(short, scenes=short.scenes.keep(torch.tensor([[True, False, False]] * 2)))
    notes = hunted(graph, teacher, few).notes
    left_out = [note for note in notes if "was not hunted" in note]
    assert any("about 2 objects" in note for note in left_out)
    count = sum(rule.evidence is not None for rule in graph.axioms()) - len(left_out)
    assert any(note.startswith(f"hunted: {count} rules ") for note in notes)


def test_what_else_a_graph_holds_stays_when_it_is_hunted_and_probed() -> None:
    teacher, scenes = pocket(6, 0.2), uniform_scenes(60, 3, 6)
    triple = Triple("pillar", "left_of", "wall", share=0.9, interval=(0.8, 0.95), base=0.5, support=90, units=40)
    world = World(1, {"tall": [(0,)]})
    given = [Rule(parse(LAWS[2]), Evidence(Ledger(9, 0, 3, 0.0, (0.0, 0.9))))]
    graph = KnowledgeGraph(teacher.vocabulary, given, {"kept": world}, Provenance(data="these"), ["said"], [triple])
    effort = Effort(tries=20, starts=0)
    for after in (hunted(graph, teacher, scenes, effort), probed(graph, teacher, scenes, effort, tolerance=0.1)):
        assert after.triples == (triple,)
        assert after.worlds["kept"] == world
        assert (after.provenance, after.notes[0]) == (graph.provenance, "said")
