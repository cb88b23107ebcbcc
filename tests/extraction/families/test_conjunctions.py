"""Longer bodies: planted laws come back, and nothing else; what is examined is counted; dear levels wait."""

from __future__ import annotations

import itertools

import pytest
import torch

import rulekd
from kg import And, Atom, Implies, KnowledgeGraph, Rule, parse
from kg.reasoning import entails
from kg.worlds import count as count_in_world
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families import bodies
from rulekd.extraction.families.conjunctions import conjunctions, words_of
from rulekd.extraction.mining import FAMILIES
from rulekd.facts import Facts
from rulekd.grounding import View, world

#: A guarded relation, a guard in the middle of a chain, three relations around three objects, and two of one pair.
PLANTED = (
    "glass(b) & on(a, b) -> cracked(b)",
    "bears(a, b) & bears(b, c) & firm(b) -> holds(a, c)",
    "sees(a, b) & leads(b, c) & near(a, c) -> finds(a, c)",
    "near(a, b) & leads(a, b) -> goes(a, b)",
)


def planted(scenes: int, seed: int) -> Facts:
    """Random properties and relations of eight objects, with heads that hold where a law asks for it, or by chance."""
    generator = torch.Generator().manual_seed(seed)
    objects = 8

    def drawn(share: float, axes: int) -> torch.Tensor:
        return torch.rand((scenes, *(objects,) * axes), generator=generator) < share

    values = {name: drawn(0.4, 1) for name in ("glass", "firm")}
    values |= {name: drawn(0.15, 2) for name in ("on", "bears")}
    values |= {name: drawn(0.3, 2) for name in ("sees", "leads", "near")}
    off = ~torch.eye(objects, dtype=torch.bool)
    values = {name: value & off if value.dim() == 3 else value for name, value in values.items()}
    bears = values["bears"].float()
    firm = (bears * values["firm"][:, None, :]) @ bears > 0
    led = (values["sees"].float() @ values["leads"].float() > 0) & values["near"]
    values["cracked"] = (values["glass"] & values["on"].any(1)) | drawn(0.2, 1)
    values["holds"] = firm | drawn(0.2, 2)
    values["finds"] = led | drawn(0.2, 2)
    values["goes"] = (values["near"] & values["leads"]) | drawn(0.2, 2)
    return Facts(values)


def shuffled(facts: Facts, seed: int) -> Facts:
    """The objects of every scene renamed anew for every predicate."""
    generator = torch.Generator().manual_seed(seed)
    values = {}
    for name, value in facts.values.items():
        order = torch.rand(value.shape[:2], generator=generator).argsort(1)
        for axis in range(1, value.dim()):
            index = order if value.dim() == 2 else order.unsqueeze(3 - axis)
            value = torch.take_along_dim(value, index, axis)
        values[name] = value
    return Facts(values)


def confirmed(graph: KnowledgeGraph) -> list[Rule]:
    return [rule for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed]


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_laws_come_back_and_nothing_else(seed: int) -> None:
    rules = confirmed(rulekd.mine(planted(300, seed), families=list(FAMILIES)))
    told = [rule.formula for rule in rules]
    laws = [parse(text) for text in PLANTED]
    assert [str(law) for law in laws if not entails(told, law)] == []
    assert [str(formula) for formula in told if not entails(laws, formula)] == []
    unasked = [rule.formula for rule in confirmed(rulekd.mine(planted(300, seed)))]
    assert [str(law) for law in laws if not entails(unasked, law)] == [PLANTED[2]], (
        "three relations wait to be asked for"
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_comes_where_nothing_is(seed: int) -> None:
    assert confirmed(rulekd.mine(shuffled(planted(300, seed), seed), families=list(FAMILIES))) == []


def test_no_part_of_a_body_does_already() -> None:
    """A law of two atoms is not said again with a third."""
    graph = rulekd.mine(planted(300, 3))
    ids = {rule.id for rule in graph.rules()}
    for rule in graph.rules():
        match rule.formula:
            case Implies(And(parts), head):
                shorter = [rest[0] if len(rest) == 1 else And(rest) for rest in itertools.combinations(parts, 1)]
                shorter += [And(rest) for rest in itertools.combinations(parts, 2) if len(parts) == 3]
                assert ids.isdisjoint(Rule(Implies(rest, head)).id for rest in shorter), rule.text


def test_numbers_recompute_from_the_facts_by_brute_force() -> None:
    facts = planted(60, 4)
    worlds = [world(View(facts), scene) for scene in range(len(facts))]
    rules = [
        rule for rule in rulekd.mine(facts).rules() if rule.provenance and rule.provenance.family == "conjunctions"
    ]
    assert rules
    for rule in rules:
        assert rule.evidence is not None
        counts = [count_in_world(rule.formula, one) for one in worlds]
        assert rule.evidence.support == sum(one.support for one in counts)
        assert rule.evidence.teacher.violations == sum(one.violations for one in counts)


def test_equal_words_are_written_as_one() -> None:
    """An order, its converse and a symmetric relation have three atoms over a pair, of six; two are heads.

    What is said most often comes first: 64 % of pairs are near, half are in order.
    """
    place = torch.rand(60, 6, generator=torch.Generator().manual_seed(0))
    less, near = place[:, :, None] < place[:, None], (place[:, :, None] - place[:, None]).abs() < 0.4
    words = words_of(Discovery(Facts({"less": less, "more": less.transpose(1, 2), "near": near})))
    assert words.atoms == (Atom("near", ("a", "b")), Atom("less", ("a", "b")), Atom("more", ("a", "b")))
    assert (words.heads, words.turned) == ((0, 1), (0, 2, 1))


def test_candidates_are_those_of_the_formula() -> None:
    """Four unrelated relations, eight atoms over a pair, four of them heads.

    A head stands beside the bodies of k atoms that do not hold it, C(7, k). There are 64 chains, each with 8 atoms of
    its ends, and for each of these the heads that are another atom, 8 4 - 4 in all.
    """
    generator = torch.Generator().manual_seed(0)
    facts = Facts({f"r{place}": torch.rand(100, 8, 8, generator=generator) < 0.5 for place in range(4)})
    assert conjunctions(Discovery(facts)).examined == 4 * 21 + 4 * 35 + 64 * (8 * 4 - 4)


def test_a_dear_level_waits_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LIGHT", 10**6)
    facts = planted(300, 0)
    graph = rulekd.mine(facts)
    assert any("candidates not examined" in note and "asks for them" in note for note in graph.notes)
    asked = rulekd.mine(facts, families=["conjunctions"])
    assert entails([rule.formula for rule in confirmed(asked)], parse(PLANTED[2]))


@pytest.mark.parametrize(("scenes", "things"), [(300, 8), (1500, 1)])
def test_properties_of_one_thing_are_read_from_two_and_three_others(scenes: int, things: int) -> None:
    generator = torch.Generator().manual_seed(6)
    made = {name: torch.rand(scenes, things, generator=generator) < 0.5 for name in ("red", "big", "old", "wet")}
    heavy = (torch.rand(scenes, things, generator=generator) < 0.3) | (made["red"] & made["big"])
    dear = (torch.rand(scenes, things, generator=generator) < 0.1) | (made["red"] & made["old"] & made["wet"])
    graph = rulekd.mine(Facts({**made, "heavy": heavy, "dear": dear}))
    found = [rule.formula for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed]
    laws = [parse("red(a) & big(a) -> heavy(a)"), parse("red(a) & old(a) & wet(a) -> dear(a)")]
    assert all(entails(laws, formula) for formula in found)
    assert all(entails(found, law) for law in laws)


def test_bodies_of_one_thing_are_counted() -> None:
    generator = torch.Generator().manual_seed(7)
    facts = Facts({name: torch.rand(200, 5, generator=generator) < 0.5 for name in "pqrst"})
    # guards are not tried: nothing is loose
    assert conjunctions(Discovery(facts)).examined == 10 * 3 + 10 * 2


def test_the_type_of_a_relation_is_a_law() -> None:
    generator = torch.Generator().manual_seed(0)
    table, guest = (torch.rand(300, 8, generator=generator) < share for share in (0.4, 0.5))
    likes = (torch.rand(300, 8, 8, generator=generator) < 0.3) & table[:, None] & guest[:, :, None]
    graph = rulekd.mine(Facts({"likes": likes, "table": table, "guest": guest}))
    confirmed = {str(rule.formula) for rule in graph.rules() if rule.evidence and rule.evidence.confirmed}
    assert {"likes(b, a) -> table(a)", "likes(a, b) -> guest(a)"} <= confirmed
