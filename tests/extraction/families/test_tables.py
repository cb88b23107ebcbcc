"""Composition tables against those that are listed from all intervals, with right answers and with wrong ones."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

import rulekd
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.associativity import triangles, violations
from rulekd.extraction.families.compositions import compositions
from rulekd.extraction.families.pairs import exclusive_sets
from rulekd.extraction.families.softmax import softmax_sets
from rulekd.extraction.families.tables import GRID, LIFT, STRAY, errors, evidence, table
from rulekd.facts import Facts

NAMES = ("apart_left", "apart_right", "touch", "same", "within", "around")


def relation(a: Tensor, b: Tensor) -> Tensor:
    """(...) int64 of intervals (..., 2) with whole ends: six relations of which exactly one holds."""
    result = torch.full(a.shape[:-1], 2)
    result = torch.where(a[..., 1] < b[..., 0], 0, result)
    result = torch.where(b[..., 1] < a[..., 0], 1, result)
    result = torch.where((a[..., 0] >= b[..., 0]) & (a[..., 1] <= b[..., 1]), 4, result)
    result = torch.where((b[..., 0] >= a[..., 0]) & (b[..., 1] <= a[..., 1]), 5, result)
    return torch.where((a == b).all(-1), 3, result)


def intervals() -> Tensor:
    return torch.tensor([(low, high) for low in range(6) for high in range(low + 1, 6)])


@pytest.fixture(scope="module")
def listed() -> Tensor:
    """(6, 6, 6) bool: the table from all triples of intervals."""
    every = intervals()
    told = relation(every[:, None], every[None])
    possible = torch.zeros(6, 6, 6, dtype=torch.bool)
    for a, b, c in itertools.product(range(len(every)), repeat=3):
        possible[told[a, b], told[b, c], told[a, c]] = True
    return possible


def told(scenes: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    made = intervals()[torch.randint(len(intervals()), (scenes, 10), generator=generator)]
    return relation(made[:, :, None], made[:, None])


def facts_of(said: Tensor) -> Facts:
    return Facts({name: said == place for place, name in enumerate(NAMES)})


def test_right_answers_give_the_table(listed: Tensor) -> None:
    found = table(facts_of(told(150, 1)), NAMES)
    assert found is not None
    assert torch.equal(found.possible, listed)


@pytest.mark.parametrize("share", [0.005, 0.02, 0.05])
def test_accidents_do_not_hide_it(listed: Tensor, share: float) -> None:
    """Some pairs are told any other relation: a single witness would leave few entries out."""
    exact = 0
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        said = told(300, seed)
        wrong = torch.rand(said.shape, generator=generator) < share
        said = torch.where(wrong, (said + torch.randint(1, 6, said.shape, generator=generator)) % 6, said)
        found = table(facts_of(said), NAMES)
        assert found is not None
        assert bool(found.possible[listed].all()), "no entry is lost"
        exact += int((found.possible == listed).all(2).sum())
    assert exact >= 100, "of 108 cells; saw 108, 108, 102"


def test_errors_that_spread_are_accidents_and_those_that_stay_with_a_neighbour_are_shared() -> None:
    """s from pairs told i in one direction and j in the other, each relation its own converse."""
    accidents = 5.0 + 1000 * torch.eye(6, dtype=torch.float64)
    assert errors(accidents, torch.arange(6))[1] == pytest.approx(0.0, abs=1e-9)
    neighbours = 1000 * torch.eye(6, dtype=torch.float64)
    for one, other in ((0, 1), (2, 3), (4, 5)):
        neighbours[one, other] = neighbours[other, one] = 30.0
    confused, shared = errors(neighbours, torch.arange(6))
    assert shared == pytest.approx(1.0)
    assert confused[0, 1] == pytest.approx(0.015), "half of 30 in 1,000: one of the two directions is wrong"
    assert errors(1000 * torch.eye(6, dtype=torch.float64), torch.arange(6))[0].sum() == 0


def test_evidence_is_the_ratio_of_two_mixtures_of_poisson_counts() -> None:
    """Against means over a hundred thousand drawn e and l, of triangles of one relation in all numbers of scenes."""
    generator = torch.Generator().manual_seed(0)
    drawn = 2 * torch.rand(2, 100_000, generator=generator, dtype=torch.float64) - 1
    doubt = 20.0
    one = torch.zeros(1, dtype=torch.int64)
    for told, scenes, wrong, usual in ((0, 0, 2.0, 3.0), (4, 4, 2.0, 3.4), (12, 6, 20.0, 50.0), (2, 2, 40.0, 127.0)):
        each = max(1.0, told / max(1, scenes))
        lies = wrong / each * doubt ** drawn[0] + STRAY
        witnesses = lies + usual / each * LIFT ** drawn[1]
        probability = [(-rate + scenes * rate.log()).exp().mean() for rate in (witnesses, lies)]
        given = [torch.full((1, 1, 1), float(value), dtype=torch.float64) for value in (told, scenes, wrong, usual)]
        found = float(evidence(*given, doubt, one, torch.full((GRID,), 1 / GRID)))
        assert found == pytest.approx(math.log(probability[0] / probability[1]), abs=0.1)


def test_all_writings_of_a_triangle_are_one_piece_of_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """T, C, E and M do not depend on how it is written."""
    seen: list[tuple[Tensor, ...]] = []

    def spied(*given: Tensor) -> Tensor:
        seen.append(given)
        return evidence(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("rulekd.extraction.families.tables.evidence", spied)
    said = told(50, 3)
    wrong = torch.rand(said.shape, generator=torch.Generator().manual_seed(3)) < 0.05
    table(facts_of(torch.where(wrong, 3, said)), NAMES)
    ((*counts, _, converse, _),) = seen
    number = triangles(converse)
    for count in counts:
        for triangle in number.unique():
            values = count[number == triangle]
            assert torch.allclose(values, values[0].expand_as(values))


def test_relations_that_no_associative_table_has_keep_what_was_counted(listed: Tensor) -> None:
    """To meet and to overlap are one relation here: a path over four objects depends on which is skipped first."""
    assert int(violations(listed[None])) > 0
    found = table(facts_of(told(150, 4)), NAMES)
    assert found is not None
    assert torch.equal(found.possible, listed)


def test_a_relation_that_is_never_told_is_left_out(listed: Tensor) -> None:
    """Where no two intervals are the same, the others keep their table."""
    said = told(150, 1)
    names = (*NAMES, "never")
    found = table(Facts({name: said == place for place, name in enumerate(names)}), names)
    assert found is not None
    assert found.names == NAMES
    assert torch.equal(found.possible, listed)


def test_relations_that_are_not_closed_under_converses_have_no_table() -> None:
    less = torch.tensor([[[0, 1, 1], [0, 0, 1], [0, 0, 0]]], dtype=torch.bool)
    assert (
        table(Facts({"less": less, "never": torch.zeros_like(less), "nor": torch.zeros_like(less)}), ("less",)) is None
    )


def test_mining_lists_every_cell_as_one_rule(listed: Tensor) -> None:
    graph = rulekd.mine(facts_of(told(150, 2)))
    texts = {str(rule.formula) for rule in graph.rules()}
    for i, j in itertools.product(range(6), repeat=2):
        heads = [NAMES[k] for k in range(6) if listed[i, j, k]]
        if len(heads) < 6:
            head = " | ".join(f"{name}(a, c)" for name in heads)
            assert f"{NAMES[i]}(a, b) & {NAMES[j]}(b, c) -> {head}" in texts


def test_a_cell_that_nothing_speaks_for_follows_from_the_others(listed: Tensor) -> None:
    """No three intervals are the same: same after same is read off the other writings of a triangle."""
    every = [list(pair) for pair in itertools.combinations(range(15), 2)]
    made = intervals()[
        torch.tensor([[x, x, y, z] for (x, y), z in itertools.product(every, range(0, 15, 2)) if z != x])
    ]
    said = relation(made[:, :, None], made[:, None])
    distinct = torch.tensor([len({tuple(one) for one in scene}) >= 3 for scene in made.tolist()])
    found = table(facts_of(said[distinct]), NAMES)
    assert found is not None
    assert found.live[3, 3] == 0
    assert torch.equal(found.possible[3, 3], listed[3, 3])


def test_a_cell_that_the_confirmation_part_filled_is_not_confirmed_by_it() -> None:
    """Few scenes show all 12 relations that r0 after r0 may be; what the others add cannot break the cell."""
    heads = 12
    generator = torch.Generator().manual_seed(0)
    same, half = 2 * heads + 2, heads + 1
    told = torch.full((70, 5, 5), same)

    def put(i: int, j: int, relation: torch.Tensor) -> None:
        told[:, i, j], told[:, j, i] = relation, relation + half

    for i, j in ((0, 1), (1, 2)):
        put(i, j, torch.zeros(70, dtype=torch.int64))
    for i, j in ((0, 2), (3, 4)):
        put(i, j, torch.randint(1, half, (70,), generator=generator))
    names = tuple(f"r{number}" for number in range(same + 1))
    whole = Facts({name: told == number for number, name in enumerate(names)}, exclusive=(names,))
    proposals = compositions(Discovery(whole.select(torch.arange(20)), whole=whole))
    (cell,) = (law for law in proposals.tables[0] if str(law).startswith("r0(a, b) & r0(b, c)"))
    assert cell in proposals.fitted
    assert not compositions(Discovery(whole, whole=whole)).fitted
    graph = rulekd.mine(whole, families=["compositions"])
    assert not any(rule.formula == cell and rule.evidence and rule.evidence.confirmed for rule in graph.rules())


def log_odds(logits: Tensor) -> Tensor:
    """Of each class (the last axis) against all others."""
    chances = logits.double().softmax(-1)
    return (chances.log() - (1 - chances).log()).float()


def test_sets_of_one_softmax_are_those_whose_probabilities_add_up_to_one() -> None:
    """Two of one size, one of another, and two predicates by themselves."""
    generator = torch.Generator().manual_seed(0)
    values = {"alone": torch.randn(20, 6, 6, generator=generator), "lone": torch.randn(20, 6, 6, generator=generator)}
    sets = [tuple(f"{letter}{place}" for place in range(size)) for letter, size in (("p", 3), ("q", 3), ("r", 5))]
    for names in sets:
        odds = log_odds(3 * torch.randn(20, 6, 6, len(names), generator=generator))
        values |= {name: odds[..., place] for place, name in enumerate(names)}
    mixed = {name: values[name] for name in sorted(values, key=lambda name: name[-1])}
    assert sorted(softmax_sets(Facts(mixed), 2)) == sets
    assert softmax_sets(Facts(mixed).only([name for name in mixed if name not in ("p0", "q0", "r0")]), 2) == []
    assert softmax_sets(Facts({name: value > 0 for name, value in mixed.items()}), 2) == [], "no probabilities"


def test_a_relation_that_no_log_odds_name_by_itself_belongs_to_its_softmax(listed: Tensor) -> None:
    """Of two that are the same that is told with probability 0.21, and is still the likeliest."""
    said = told(150, 1)
    logits = 8.0 * torch.nn.functional.one_hot(said, 6)
    logits[said == 3] = torch.tensor([0.3, 0.3, 0.3, 0.4, 0.3, 0.3]).log()
    odds = log_odds(logits)
    assert bool((odds[..., 3][:, ~torch.eye(10, dtype=torch.bool)] < 0).all())
    facts = Facts({name: odds[..., place] for place, name in enumerate(NAMES)})
    (group,) = exclusive_sets(Discovery(facts))
    assert group == NAMES
    found = table(facts, group)
    assert found is not None
    assert torch.equal(found.possible, listed)


def test_what_is_always_true_is_no_softmax_with_what_never_is() -> None:
    """Saturated log-odds add up to one as well."""
    always = torch.full((30, 4, 4), 8.0)
    assert softmax_sets(Facts({"thing": always, "ghost": -always, "ghoul": -always}), 2) == []
    sure = 16 * torch.eye(3)[torch.randint(3, (30, 4, 4), generator=torch.Generator().manual_seed(0))] - 8
    odds = dict(zip("abc", sure.unbind(-1), strict=True))
    assert softmax_sets(Facts({**odds, "ghost": -always}), 2) == [("a", "b", "c")]
