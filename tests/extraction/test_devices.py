"""What is on an accelerator is read as it is on the CPU; where there is none, a device of pretence holds the facts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import rulekd
from kg import KnowledgeGraph, RulekdError
from rulekd.extraction import Effort, hunt, probe
from rulekd.facts import Facts
from rulekd.scenes import rooms
from tests.elsewhere import elsewhere, network_elsewhere
from tests.extraction.boxworld import box_world, facts_of, noisy

#: Said where torch's own thread of backward passes is the first to multiply on the device.
pytestmark = pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS:UserWarning")


def numbers(graph: KnowledgeGraph) -> list[tuple[object, ...]]:
    """All that is said of each rule, in order."""
    return [(rule.text, rule.status, rule.evidence, rule.entailed_by) for rule in graph.rules()]


def mixed(noise: float, *, partly: bool) -> Facts:
    """70 scenes of up to five objects on a line: relations, an order of three, classes of objects and of scenes."""
    generator = torch.Generator().manual_seed(0)

    def share(of: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) < of

    x, mask = torch.rand(70, 5, generator=generator), share(0.9, 70, 5)
    before = x[:, :, None] < x[:, None]
    values = {
        "before": before,
        "after": before.transpose(1, 2),
        "between": before[..., None] & before[:, None],
        "near": (x[:, :, None] - x[:, None]).abs() < 0.2,
        "high": x > 0.6,
        "red": share(0.4, 70, 5),
        "low": x < 0.4,
        "crowded": mask.sum(1) > 4,
        "lucky": share(0.5, 70),
        "some_high": ((x > 0.6) & mask).any(1),
    }
    values = {name: value ^ share(noise, *value.shape) for name, value in values.items()}
    log_odds = values | {name: (2.0 * values[name] - 1) * 4 for name in ("before", "red")}
    valid = {name: share(0.9, *values[name].shape) for name in ("after", "red")} if partly else {}
    return Facts(log_odds, mask=mask, valid=valid, group=[str(scene // 2) for scene in range(70)] if partly else None)


def one_graph() -> Facts:
    """400 things, of which few are related."""
    some = torch.rand(1, 400, 400, generator=torch.Generator().manual_seed(0)) < 0.02
    return Facts({"knows": some, "known_by": some.transpose(1, 2), "popular": some.sum(1) > 10})


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(facts_of(box_world(80, 8, seed=2)), id="boxes"),
        pytest.param(noisy(facts_of(box_world(80, 8, seed=2)), seed=1), id="noisy boxes"),
        pytest.param(mixed(0, partly=False), id="all arities"),
        pytest.param(mixed(0.01, partly=True), id="partly known, noisy, in groups"),
        pytest.param(one_graph(), id="one graph"),
    ],
)
def test_the_same_rules_with_the_same_numbers(facts: Facts) -> None:
    here = rulekd.mine(facts)
    assert len(here)
    with elsewhere(facts) as there:
        assert there.objects.device.type == "cuda"
        assert numbers(rulekd.mine(there)) == numbers(here)


def test_labels_are_moved_to_the_facts() -> None:
    facts = mixed(0.02, partly=False)
    labels = Facts({"before": mixed(0, partly=False).crisp("before")}, mask=facts.mask)
    here = rulekd.mine(facts, labels)
    with elsewhere(facts) as there:
        assert numbers(rulekd.mine(there, labels)) == numbers(here)


def test_facts_of_two_devices_are_refused() -> None:
    near = torch.zeros(2, 3, 3, dtype=torch.bool)
    with pytest.raises(RulekdError, match="the tensor of 'far' is on meta, and the tensor of 'near' on cpu"):
        Facts({"near": near, "far": near.to("meta")})
    with pytest.raises(RulekdError, match="validity of 'near' is on meta"):
        Facts({"near": near}, valid={"near": near.to("meta")})
    with pytest.raises(RulekdError, match="the mask is on meta, and the tensor of 'near' on cpu"):
        Facts({"near": near}, mask=torch.ones(2, 3, dtype=torch.bool, device="meta"))


def test_a_network_elsewhere_is_read_as_it_is_here() -> None:
    """Rules, hunts and probes: the search stays on the CPU, and only questions travel."""
    scenes = rooms.generate(12, seed=0)
    network = rulekd.build("room-transformer", scenes, seed=0)
    effort = Effort(tries=16, starts=2, steps=3)

    def read(teacher: rulekd.Predictor) -> list[object]:
        laws = ("near(a, b) -> near(b, a)", "under mirror_x: left_of(a, b) <-> right_of(a, b)")
        hunts = [hunt(teacher, scenes, law, effort).hunt for law in laws]
        probes = [probe(teacher, scenes, law, effort).probes for law in laws]
        graph = rulekd.extract(teacher, scenes, families=("algebra",), hunt=effort, probe=effort)
        rules = [(rule.text, rule.evidence and rule.evidence.support) for rule in graph.rules()]
        return [
            [(one.random, one.gradient) for one in hunts],
            [(one.total, [kind.ledger for kind in one.kinds]) for one in probes if one is not None],
            rules,
        ]

    here = read(network)
    with network_elsewhere(network) as there:
        assert there.device.type == "cuda"
        assert read(there) == here


def test_scenes_come_to_the_cpu_and_batches_go_to_the_network() -> None:
    scenes = rooms.generate(4, seed=0)
    network = rulekd.build("room-transformer", scenes, seed=0)
    with network_elsewhere(network) as there:
        moved = rulekd.SceneSet(scenes.scenes.to("cuda"))
        assert moved.scenes.device.type == "cpu"
        assert there.facts(moved).objects.device.type == "cpu"
