"""Typed laws: planted ones come back as they were planted, others do not, and counts are those of a plain loop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import rulekd
from kg import KnowledgeGraph, parse
from kg.formulas import Implies, predicates
from kg.reasoning import entails
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.typed import LONGEST, Ends, kinds, typed
from rulekd.facts import Facts

KINDS = ("monitor", "plant", "cup", "desk", "table", "shelf", "chair")

#: What each thing stands on.
SUPPORTS = {"monitor": ("desk", "table"), "plant": ("table", "shelf"), "cup": ("desk", "table", "chair")}

PLANTED = (
    "on(a, b) -> monitor(a) | plant(a) | cup(a)",
    "on(a, b) -> desk(b) | table(b) | shelf(b) | chair(b)",
    "monitor(a) & on(a, b) -> desk(b) | table(b)",
    "plant(a) & on(a, b) -> table(b) | shelf(b)",
    "cup(a) & on(a, b) -> desk(b) | table(b) | chair(b)",
)

#: Every thing is of one kind, and stands on one thing, which is no thing that stands.
ALL = parse(f"exactly_one({', '.join(f'{name}(a)' for name in KINDS)})")
FUNCTIONAL = [parse("~(on(a, b) & on(a, c))"), parse("~(on(a, b) & on(b, a))")]


def rooms(scenes: int, seed: int, *, typed: bool = True, objects: int = 10) -> Facts:
    """Things of seven kinds, three of which stand on others; typed: on some kinds only, each on its own."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(len(KINDS), (scenes, objects), generator=generator)
    allowed = torch.zeros(len(KINDS), len(KINDS), dtype=torch.bool)
    for place, name in enumerate(KINDS):
        for other, support in enumerate(KINDS):
            allowed[place, other] = support in SUPPORTS.get(name, ()) if typed else name in SUPPORTS
    may = allowed[kind[:, :, None], kind[:, None, :]] & ~torch.eye(objects, dtype=torch.bool)
    chosen = (torch.rand(may.shape, generator=generator) * may).argmax(2)
    stands = may.any(2) & (torch.rand(may.shape[:2], generator=generator) < 0.8)
    on = torch.nn.functional.one_hot(chosen, objects).bool() & stands[:, :, None]
    return Facts({"on": on, **{name: kind == place for place, name in enumerate(KINDS)}})


def confirmed(graph: KnowledgeGraph) -> list[str]:
    return [str(rule.formula) for rule in graph.rules() if rule.evidence is not None and rule.evidence.confirmed]


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_laws_come_back_as_they_were_planted(seed: int) -> None:
    graph = rulekd.mine(rooms(300, seed))
    told = [parse(text) for text in confirmed(graph)]
    assert [text for text in PLANTED if not entails(told, parse(text))] == []
    joined = [rule.formula for rule in graph.axioms() if {"on"} < set(predicates(rule.formula))]
    planted = [parse(text) for text in PLANTED]
    assert [str(law) for law in joined if not entails([*planted, ALL, *FUNCTIONAL], law)] == []
    assert len(joined) <= len(PLANTED), "what follows is hidden"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_kinds_do_not_matter_none_is_said_to(seed: int) -> None:
    """Three kinds stand on anything: what stands is typed, what it stands on is not."""
    found = confirmed(rulekd.mine(rooms(200, seed, typed=False)))
    assert parse(PLANTED[0]) in map(parse, found)
    about = [parse(text) for text in found if "on(" in text]
    supports = [law for law in about if isinstance(law, Implies) and not entails([ALL, parse(PLANTED[0])], law)]
    assert [str(law) for law in supports] == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_shuffled_kinds_tell_nothing(seed: int) -> None:
    facts = rooms(200, seed)
    order = torch.rand(facts.objects.shape, generator=torch.Generator().manual_seed(seed)).argsort(1)
    mixed = {name: value.gather(1, order) for name, value in facts.values.items() if name != "on"}
    found = confirmed(rulekd.mine(Facts({"on": facts.values["on"], **mixed})))
    assert [text for text in found if "on(" in text and any(name in text for name in KINDS)] == []


def test_a_relation_that_never_meets_a_property_is_told_as_an_exclusion() -> None:
    """Properties that overlap are no kinds: nothing stands on what is wet."""
    generator = torch.Generator().manual_seed(0)
    wet, red = (torch.rand(200, 8, generator=generator) < 0.3 for _ in range(2))
    on = (torch.rand(200, 8, 8, generator=generator) < 0.1) & ~wet[:, None, :] & ~torch.eye(8, dtype=torch.bool)
    found = confirmed(rulekd.mine(Facts({"on": on, "wet": wet, "red": red})))
    assert found == ["on(a, b) -> ~wet(b)"]


def test_one_kind_tells_of_another() -> None:
    """Cubes are red or blue, balls any of four colours; the scene has one object, or several."""
    generator = torch.Generator().manual_seed(0)
    colours = ("red", "blue", "green", "grey")
    for objects in (1, 6):
        cube = torch.rand(1200 // objects, objects, generator=generator) < 0.5
        colour = torch.where(
            cube,
            torch.randint(2, cube.shape, generator=generator),
            torch.randint(4, cube.shape, generator=generator),
        )
        told = {name: colour == place for place, name in enumerate(colours)}
        rules = [parse(text) for text in confirmed(rulekd.mine(Facts({"cube": cube, **told})))]
        assert entails(rules, parse("cube(a) -> red(a) | blue(a)"))
        assert not entails(rules, parse("cube(a) -> red(a)"))


def test_one_relation_tells_of_others_of_which_one_holds() -> None:
    """Numbers on a line: far is far to the left or to the right, and never within reach."""
    x = torch.rand(200, 6, generator=torch.Generator().manual_seed(0))
    away = x[:, None] - x[:, :, None]
    off = ~torch.eye(6, dtype=torch.bool)
    values = {
        "before": away > 0.2,
        "beside": (away.abs() <= 0.2) & off,
        "after": away < -0.2,
        "far": away.abs() > 0.5,
    }
    found = typed(Discovery(Facts(values)))
    forwards, turned = map(str, found.formulas)
    assert forwards == "far(a, b) -> before(a, b) | after(a, b)"
    assert turned == "far(b, a) -> before(a, b) | after(a, b)", "far is symmetric"


def test_counts_are_those_of_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(3)
    facts = rooms(5, 3, objects=6)
    allowed = torch.rand(5, 6, generator=generator) < 0.8
    mask = torch.rand(5, 6, generator=generator) < 0.8
    facts = Facts(facts.values, mask=mask, valid={"desk": allowed})
    names, group = KINDS, ("desk", "table", "shelf")
    for turned in (False, True):
        (told,) = Ends.of(facts, names, [group]).told("on", turned)
        for first, body in zip((None, *names), told, strict=True):
            live, hits = looped(facts, first, group, turned=turned)
            assert body.live == live
            assert body.hits.tolist() == hits


def looped(facts: Facts, first: str | None, group: tuple[str, ...], *, turned: bool) -> tuple[int, list[int]]:
    """Live groundings of on & first, and those with a kind of the other object, one after the other."""
    live, hits = 0, [0] * len(group)
    mask, on = facts.objects, facts.values["on"]
    for scene, a, b in torch.cartesian_prod(*(torch.arange(n) for n in (5, 6, 6))).tolist():
        asked = all(bool(facts.validity(name)[scene, b]) for name in group)
        related = bool(on[scene, b, a] if turned else on[scene, a, b])
        body = related and (first is None or bool(facts.values[first][scene, a]))
        if a != b and mask[scene, a] and mask[scene, b] and asked and body:
            live += 1
            hits = [count + bool(facts.values[name][scene, b]) for count, name in zip(hits, group, strict=True)]
    return live, hits


def test_heads_are_short_and_of_one_set() -> None:
    facts = rooms(300, 2)
    found = typed(Discovery(facts))
    assert kinds(Discovery(facts), 1) == [KINDS]
    assert found.examined >= len(found.formulas)
    for law in found.formulas:
        assert isinstance(law, Implies)
        assert len(predicates(law.head)) <= LONGEST


def test_renaming_the_kinds_renames_the_laws() -> None:
    facts = rooms(200, 4)
    new = {name: f"z{len(KINDS) - place}" for place, name in enumerate(KINDS)}

    def renamed(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {new.get(name, name): value for name, value in reversed(values.items())}

    before = {parse(text) for text in confirmed(rulekd.mine(facts))}
    after = confirmed(rulekd.mine(Facts(renamed(dict(facts.values)))))
    back = {name: old for old, name in new.items()}
    assert len(after) == len(before)
    for text in after:
        for name, old in back.items():
            text = text.replace(f"{name}(", f"{old}(")
        assert entails(list(before), parse(text)), text
