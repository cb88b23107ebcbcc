"""What mining is given: facts and labels that cannot be read are refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
import torch

import rulekd
from kg import RulekdError
from rulekd.extraction.mining import held_out
from rulekd.facts import Facts


def order(scenes: int = 60, objects: int = 5) -> torch.Tensor:
    x = torch.rand(scenes, objects, generator=torch.Generator().manual_seed(0))
    return x[:, :, None] - x[:, None, :]


def test_nan_names_its_predicate_and_scene() -> None:
    values = order()
    values[7, 1, 2] = torch.nan
    with pytest.raises(RulekdError, match=r"'less' are nan in scene '7', objects \[1, 2\]"):
        rulekd.mine(Facts({"less": values}))


def test_truth_as_floats_is_no_log_odds() -> None:
    with pytest.raises(RulekdError, match=r"all values of 'less' are 0\.0 or 1\.0, .* log-odds"):
        rulekd.mine(Facts({"less": (order() < 0).float()}))


@pytest.mark.parametrize("labels", [order(30), order(60, 4)])
def test_labels_of_other_scenes_are_refused(labels: torch.Tensor) -> None:
    with pytest.raises(RulekdError, match="not about the same objects"):
        rulekd.mine(Facts({"less": order()}), Facts({"less": labels > 0}))


LESS = order() > 0
PAIRED = [f"room {scene // 2}" for scene in range(60)]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (Facts({"less": torch.where(LESS, 1.0, torch.nan)}), r"labels of 'less' are nan in scene '0', objects \[0, "),
        (Facts({"more": LESS}), "labels speak of more, and the facts of less: of nothing both"),
        (Facts({"less": LESS[:, 0]}), r"labels of 'less' have shape \(60, 5\), and its values \(60, 5, 5\)"),
        (Facts({"less": LESS}, group=["a room of its own", *PAIRED[1:]]), "different group"),
        (Facts({"less": LESS}, names=PAIRED), "different names"),
    ],
)
def test_labels_of_something_else_are_refused(labels: Facts, said: str) -> None:
    with pytest.raises(RulekdError, match=said):
        rulekd.mine(Facts({"less": LESS}, group=PAIRED, names=[f"scene {number}" for number in range(60)]), labels)


def test_labels_take_groups_and_names_from_the_facts() -> None:
    names = [f"scene {number}" for number in range(60)]
    facts, bare = Facts({"less": LESS}, group=PAIRED, names=names), Facts({"less": LESS})
    same = Facts({"less": LESS}, group=[f"unit {scene // 2}" for scene in range(60)], names=names)
    first = rulekd.mine(facts, bare)
    assert first == rulekd.mine(facts, facts)
    assert first == rulekd.mine(facts, same), "a unit may be called differently"
    assert all(rule.evidence is not None and rule.evidence.data is not None for rule in first)


def test_labels_may_say_more_than_the_facts() -> None:
    graph = rulekd.mine(Facts({"less": LESS}), Facts({"less": LESS, "odd": LESS[:, 0]}))
    alone = rulekd.mine(Facts({"less": LESS}), Facts({"less": LESS}))
    assert graph.rules() == alone.rules()
    assert set(graph.notes) - set(alone.notes) == {"labels of odd: not read, the facts do not speak of it"}


@pytest.mark.parametrize("kind", [torch.tensor, lambda units: [torch.tensor(unit) for unit in units]])
def test_a_tensor_of_units_splits_as_a_list_does(kind: Callable[[list[int]], Sequence[torch.Tensor]]) -> None:
    units = [scene // 2 for scene in range(60)]
    listed, given = Facts({"less": LESS}, group=units), Facts({"less": LESS}, group=kind(units))
    assert held_out(given).equal(held_out(listed))
    assert given.independent() == 30
    assert given.select(torch.tensor([5, 6, 7])).independent() == 2


def test_units_of_two_numbers_are_refused() -> None:
    with pytest.raises(RulekdError, match=r"group has \[0, 0\] for scene 0"):
        Facts({"less": LESS}, group=torch.zeros(60, 2, dtype=torch.int64))


@pytest.mark.parametrize("family", [1, ["algebra"], None])
def test_a_family_that_is_no_word_is_refused(family: object) -> None:
    with pytest.raises(RulekdError, match=f"unknown family {re.escape(repr(family))}; known: algebra"):
        rulekd.mine(Facts({"less": LESS}), families=[family])  # type: ignore[list-item]


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 1.0, 5.0])
def test_a_tolerance_is_a_rate_between_zero_and_one(tolerance: float) -> None:
    with pytest.raises(RulekdError, match="a tolerance of"):
        rulekd.mine(Facts({"less": order() > 0}), tolerance=tolerance)


def test_a_tiny_tolerance_says_how_many_units_it_needs() -> None:
    notes = rulekd.mine(Facts({"less": order() > 0}), tolerance=0.0001).notes
    assert any("at a tolerance of 0.01%" in n and "36,887 must fall to confirmation" in n for n in notes)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rulekd.mine({"r": torch.zeros(1, 2, 2)}), "facts are a dict"),  # type: ignore[arg-type]
        (lambda: rulekd.extract(torch.nn.Linear(1, 1), None), "the teacher is a Linear"),  # type: ignore[arg-type]
        (lambda: rulekd.compile(None), "no rule"),  # type: ignore[arg-type]
        (lambda: rulekd.compile(["r(a)"], p="2"), "p is '2'"),  # type: ignore[arg-type]
        (lambda: rulekd.compile(["r(a)"])(torch.zeros(1, 2)), "not tensors by predicate name"),
        (lambda: rulekd.Rules("nope.kg.json"), "kg"),
        (lambda: Facts({"r": torch.zeros(1, 2)}, thresholds={"r": 3}), "threshold of 'r' is 3"),
        (lambda: Facts({"r": torch.zeros(1, 2)}, thresholds={"q": 0.5}), "threshold of 'q'"),
        (lambda: Facts({"r": torch.zeros(1, 2)}, thresholds={"r": "x"}), "threshold of 'r' is 'x'"),  # type: ignore[dict-item]
        (lambda: Facts({"r": torch.zeros(1, 2)}, valid={"r": [1]}), "validity of 'r' is a list"),  # type: ignore[dict-item]
        (lambda: Facts({"r": torch.zeros(1, 2)}, group=3), "group is a int"),  # type: ignore[arg-type]
        (lambda: Facts({3: torch.zeros(1, 2)}), "a predicate is called 3"),  # type: ignore[dict-item]
        (lambda: rulekd.mine(Facts({"r": torch.zeros(1, 2)}), families=3), "families are 3"),  # type: ignore[arg-type]
    ],
)  # each ignored error is the mistake that is tested
def test_what_is_no_network_no_rule_and_no_fact_is_told_so(call: Callable[[], object], said: str) -> None:
    with pytest.raises(RulekdError, match=said):
        call()


def test_a_graph_too_large_to_be_counted_says_what_it_would_take() -> None:
    facts = Facts({f"r{place}": torch.ones(1, 2600, 2600, dtype=torch.bool) for place in range(10)})
    with pytest.raises(RulekdError, match=r"10 relations over scenes of 2,600 objects .* 1\.0 GiB a scene"):
        rulekd.mine(facts)


@pytest.mark.parametrize("shape", [(0, 4, 4), (5, 0, 0), (5, 1, 1), (5, 0), (0, 3), (1, 4, 4), (4,)], ids=str)
def test_scenes_without_anything_to_ask_about_yield_nothing(shape: tuple[int, ...]) -> None:
    values = {"p": torch.zeros(shape, dtype=torch.bool), "q": torch.ones(shape, dtype=torch.bool)}
    graph = rulekd.mine(Facts(values))
    assert not any(rule.evidence is not None and rule.evidence.confirmed for rule in graph.rules())
    assert any("nothing can be confirmed" in note for note in graph.notes)


def test_what_is_given_in_a_form_that_nobody_means_is_noted() -> None:
    chances = torch.rand(30, 4, 4, generator=torch.Generator().manual_seed(0))
    notes = rulekd.mine(Facts({"near": chances, "far": chances.logit(), "zero": 0 * chances})).notes
    assert [note for note in notes if "torch.logit" in note] == [note for note in notes if note.startswith("near: all")]
    between = torch.rand(30, 4, 4, 4) < 0.5
    notes = rulekd.mine(Facts({"near": chances.logit(), "between": between})).notes
    assert "between: relations of 3 objects tell classes of scenes and referents, and are read no further" in notes
