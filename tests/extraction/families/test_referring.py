"""What an utterance refers to: planted meanings come back as they stand, and nothing where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import kg
import rulekd
from kg import Iff, parse
from kg.formulas import joint
from rulekd import Facts, Scenes, SceneSet
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.referring import referring
from rulekd.extraction.fitting.orders import kinds_of, orders
from rulekd.extraction.fitting.questions import sites_of, told
from rulekd.extraction.stopwatch import Watch
from rulekd.grounding import View, count
from rulekd.truth import truth

KINDS = ("chair", "lamp", "desk")

#: Planted: what the utterance says, and what it means of the things of the kind that is asked for.
AMONG = {
    "leftmost": "(forall b: category(b) = asked() -> x(a) <= x(b))",
    "tallest": "(forall b: category(b) = asked() -> height(a) >= height(b))",
    "second": "(exists b: category(b) = asked() & x(a) > x(b))"
    " & ~(exists b, c: category(b) = asked() & x(a) > x(b) & category(c) = asked() & x(a) > x(c))",
}
BESIDE = {
    "nearest": "(forall b, c: category(b) = asked() & anchor(c) -> distance(a, c) <= distance(b, c))",
    "left_of": "(exists b: anchor(b) & x(a) - x(b) <= -0.5)",
}


def rooms(said: Sequence[str], count: int = 400, seed: int = 0, objects: int = 8) -> tuple[Scenes, Tensor]:
    """(scenes, anchor): utterances among six to eight things of three kinds; one of another kind is the anchor."""
    draw = torch.Generator().manual_seed(seed)
    mask = torch.arange(objects) < torch.randint(6, objects + 1, (count, 1), generator=draw)
    kind = torch.randint(len(KINDS), (count, objects), generator=draw)
    asked = torch.randint(len(KINDS), (count,), generator=draw)
    other = torch.rand(count, objects, generator=draw) * (mask & (kind != asked[:, None]))
    scenes = Scenes(
        mask=mask,
        center=torch.rand(count, objects, 3, generator=draw) * torch.tensor([6.0, 5.0, 2.0]),
        size=torch.rand(count, objects, 3, generator=draw) + 0.2,
        categories={"category": kind.masked_fill(~mask, -1)},
        category_names={"category": KINDS},
        scene_categories={"said": torch.randint(len(said), (count,), generator=draw), "asked": asked},
        scene_category_names={"said": tuple(said), "asked": KINDS},
    )
    return scenes, torch.nn.functional.one_hot(other.argmax(1), objects).bool() & (other > 0)


def meant(scenes: Scenes, anchor: Tensor, meanings: dict[str, str]) -> tuple[Facts, Scenes]:
    """Facts of the scenes in which each utterance means one thing or none, by the reference meaning of its formula."""
    view = View(Facts({"anchor": anchor}, mask=scenes.mask), scenes)
    target = torch.zeros_like(scenes.mask)
    for place, text in enumerate(meanings.values()):
        holds = truth(parse(f"category(a) = asked() & {text}"), ("a",), view).expand(target.shape) & scenes.mask
        target |= holds & (scenes.scene_categories["said"] == place)[:, None]
    kept = (target.sum(1) <= 1).nonzero().flatten()
    scenes = scenes.select(kept)
    return Facts({"target": target[kept], "anchor": anchor[kept]}, mask=scenes.mask), scenes


def planted(meanings: dict[str, str], seed: int = 0) -> tuple[Facts, Scenes]:
    scenes, anchor = rooms(tuple(meanings), 150 * len(meanings), seed)
    return meant(scenes, anchor, meanings)


def formula(word: str, text: str) -> kg.Formula:
    return parse(f'said() = "{word}" & target(a) <-> said() = "{word}" & category(a) = asked() & {text}')


@pytest.mark.parametrize("meanings", [AMONG, BESIDE], ids=["among", "beside"])
def test_planted_meanings_come_back_as_they_stand(meanings: dict[str, str]) -> None:
    facts, scenes = planted(meanings)
    found = referring(Discovery(facts, scenes=scenes))
    by_word = {str(one).split('"')[1]: one for one in found.formulas}
    assert set(by_word) == set(meanings)
    for word, text in meanings.items():
        wrong = int(count(by_word[word], View(facts, scenes))[1].sum())
        assert wrong == 0, by_word[word]
        if word != "left_of":  # its threshold is what the scenes leave open
            assert kg.canonical(by_word[word]) == kg.canonical(formula(word, text)), by_word[word]
        assert kg.parse(str(by_word[word])) == by_word[word]
    if "left_of" in by_word:
        assert "exists b: anchor(b) & x(a) - x(b) <= -0." in str(by_word["left_of"])


def test_what_lies_between_two_anchors_is_told_by_the_way_over_it() -> None:
    draw = torch.Generator().manual_seed(3)
    center = torch.rand(500, 7, 3, generator=draw) * 5
    length = torch.cdist(center, center)
    way = length[:, :, 0] + length[:, :, 1]
    target = (way <= 1.3 * length[:, :1, 1]) & (torch.arange(7) > 1)
    kept = target.sum(1) <= 1
    anchor = (torch.arange(7) < 2).expand(int(kept.sum()), 7).clone()
    facts, scenes = Facts({"target": target[kept], "anchor": anchor}), Scenes(mask=anchor | True, center=center[kept])
    (found,) = [one for one in referring(Discovery(facts, scenes=scenes)).formulas if "target(a) <->" in str(one)]
    text = str(found)
    assert "exists b, c: anchor(b) & anchor(c) & distance(a, b) + distance(a, c) <= 1.3 * distance(b, c)" in text


def utterances(seed: int = 0, count: int = 500, objects: int = 7) -> dict[str, Tensor]:
    """Facts alone: which thing is leftmost, or frontmost, of those asked for. No geometry."""
    draw = torch.Generator().manual_seed(seed)
    places = torch.rand(2, count, objects, generator=draw)
    asked = torch.rand(count, objects, generator=draw) < 0.5
    word = torch.randint(2, (count,), generator=draw)
    along = places[word, torch.arange(count)].masked_fill(~asked, torch.inf)
    return {
        "target": torch.nn.functional.one_hot(along.argmin(1), objects).bool() & asked,
        "asked": asked,
        "left_of": places[0][:, :, None] < places[0][:, None],
        "in_front_of": places[1][:, :, None] < places[1][:, None],
        "asks_leftmost": word == 0,
        "asks_frontmost": word == 1,
    }


def axioms_of(facts: Facts) -> list[str]:
    found = [one for one in rulekd.mine(facts).rules() if one.provenance and one.provenance.family == "referring"]
    return [rule.text for rule in found if rule.evidence is not None and rule.evidence.confirmed]


def test_facts_alone_are_enough() -> None:
    texts = axioms_of(Facts(utterances()))
    assert texts == [
        f"asks_{word}() & target(a) <-> asks_{word}() & asked(a) & (forall b: asked(b) -> {relation}(a, b))"
        for word, relation in (("leftmost", "left_of"), ("frontmost", "in_front_of"))
    ]


def test_padding_and_the_order_of_objects_change_nothing() -> None:
    values = utterances(1, 300)
    before = axioms_of(Facts(values))
    order = torch.randperm(7, generator=torch.Generator().manual_seed(5))
    moved, mask = {}, torch.zeros(300, 9, dtype=torch.bool)
    mask[:, :7] = True
    for name, value in values.items():
        for axis in range(1, value.dim()):
            value = value.index_select(axis, order)
        padded = torch.ones((300,) + (9,) * (value.dim() - 1), dtype=torch.bool)
        padded[(slice(None),) + (slice(7),) * (value.dim() - 1)] = value
        moved[name] = padded
    assert len(before) == 2
    assert axioms_of(Facts(moved, mask=mask)) == before


@pytest.mark.parametrize("flips", [0.0, 0.003])
def test_two_words_together_where_one_does_not_tell(flips: float) -> None:
    values = utterances(2, 900)
    red = torch.rand(900, 7, generator=torch.Generator().manual_seed(9)) < 0.5
    wants = torch.rand(900, generator=torch.Generator().manual_seed(10)) < 0.5
    kind = red == wants[:, None]
    place = torch.where(values["asks_leftmost"][:, None], values["left_of"].sum(2), values["in_front_of"].sum(2))
    values["target"] = torch.nn.functional.one_hot(place.masked_fill(~kind, -1).argmax(1), 7).bool() & kind
    values["target"] ^= torch.rand(900, 7, generator=torch.Generator().manual_seed(11)) < flips
    values |= {"red": red, "asks_red": wants, "asks_other": ~wants}
    del values["asked"]
    texts = axioms_of(Facts(values))
    assert (
        "asks_leftmost() & asks_red() & target(a)"
        " <-> asks_leftmost() & asks_red() & red(a) & (forall b: red(b) -> left_of(a, b))" in texts
    )
    assert len(texts) == 4


def test_what_needs_no_word_is_said_of_none() -> None:
    values = utterances(3)
    values["target"] = (
        torch.nn.functional.one_hot(values["left_of"].sum(2).masked_fill(~values["asked"], -1).argmax(1), 7).bool()
        & values["asked"]
    )
    found = referring(Discovery(Facts(values))).formulas
    assert [str(one) for one in found] == ["target(a) <-> asked(a) & (forall b: asked(b) -> left_of(a, b))"]


@pytest.mark.parametrize("shuffled", ["target", "words"])
def test_what_has_no_meaning_is_given_none(shuffled: str) -> None:
    values = utterances(4)
    draw = torch.Generator().manual_seed(8)
    if shuffled == "target":
        values["target"] = torch.nn.functional.one_hot(torch.randint(7, (500,), generator=draw), 7).bool()
    else:
        order = torch.randperm(500, generator=draw)
        values["asks_leftmost"], values["asks_frontmost"] = (
            values[name][order] for name in ("asks_leftmost", "asks_frontmost")
        )
    assert axioms_of(Facts(values)) == []


def test_a_predicate_that_is_true_of_many_refers_to_none() -> None:
    values = utterances(5)
    values["target"] = values["asked"] & (torch.arange(7) < 4)
    assert referring(Discovery(Facts(values))).examined == 0


def test_a_network_is_read_with_its_fidelity_and_the_words_restrict_what_is_scored() -> None:
    facts, scenes = planted(AMONG, seed=1)
    truths = replace(
        scenes, labels={"target": facts.values["target"]}, tensors={"truth": facts.values["target"].float()}
    )

    class Knowing(torch.nn.Module):
        """Says what is meant, but for "second", where it says the first thing that is asked for."""

        def forward(self, target: Tensor, said: Tensor, asked: Tensor) -> dict[str, Tensor]:
            first = torch.nn.functional.one_hot(asked.int().argmax(1), asked.shape[1]) * asked
            answer = torch.where((said == 2)[:, None], first, target)
            return {"target": 20.0 * answer - 10.0}

    def inputs(some: Scenes) -> tuple[Tensor, Tensor, Tensor]:
        asked = some.categories["category"] == some.scene_categories["asked"][:, None]
        return some.tensors["truth"], some.scene_categories["said"], asked & some.mask

    network = rulekd.Predictor(Knowing(), {"target": 1}, inputs=inputs)
    graph = rulekd.extract(network, SceneSet(truths), families=["referring"])
    known = {rule.text.split('"')[1]: rule for rule in graph.rules()}
    assert set(known) == set(AMONG)
    wrongly = known["second"].evidence  # it is what the labels say, and not what the network does
    assert wrongly is not None
    assert not wrongly.confirmed
    for word in ("leftmost", "tallest"):
        evidence = known[word].evidence
        assert evidence is not None
        assert evidence.definition is not None
        assert evidence.definition.fidelity == evidence.definition.truth == 1.0
        assert known[word].formula == formula(word, AMONG[word])


def test_the_words_stand_on_both_sides() -> None:
    word, atom = parse("asks()"), parse("target(a)")
    assert (
        str(Iff(joint(word, atom), joint(word, parse("p(a) & q(a)")))) == "asks() & target(a) <-> asks() & p(a) & q(a)"
    )


def test_told_reads_words_and_anchors_as_the_reference_does() -> None:
    facts, scenes = planted(BESIDE, seed=2)
    sites = sites_of(facts, scenes, ("a",))
    body = parse(f'said() = "nearest" & category(a) = asked() & {BESIDE["nearest"]}')
    nearest = (scenes.scene_categories["said"] == 0)[sites.scene].numpy()
    true = sites.read(facts.values["target"]) > 0
    assert (told(body, sites, facts) == (true & nearest)).all()


def test_ordinals_count_those_that_come_before() -> None:
    draw = torch.Generator().manual_seed(6)
    center = torch.rand(400, 8, 3, generator=draw) * 5
    anchor = torch.nn.functional.one_hot(torch.randint(8, (400,), generator=draw), 8).bool()
    asked = (torch.rand(400, 8, generator=draw) < 0.6) & ~anchor
    nearest = torch.rand(400, generator=draw) < 0.5
    away = (torch.cdist(center, center) * anchor[:, None]).sum(2)

    def ranked(values: Tensor, place: int) -> Tensor:
        order = values.masked_fill(~asked, torch.inf).argsort(1)
        return torch.nn.functional.one_hot(order[:, place], 8).bool() & asked

    target = torch.where(nearest[:, None], ranked(away, 1), ranked(center[..., 0], 2))
    facts = Facts({"target": target, "asked": asked, "anchor": anchor, "nearest": nearest, "left": ~nearest})
    found = referring(Discovery(facts, scenes=Scenes(mask=asked | True, center=center)))
    wanted = {
        "left": "(exists b, c: asked(b) & x(a) > x(b) & asked(c) & x(a) > x(c))"
        " & ~(exists b, c, d: asked(b) & x(a) > x(b) & asked(c) & x(a) > x(c) & asked(d) & x(a) > x(d))",
        "nearest": "(exists b, c: asked(b) & anchor(c) & distance(a, c) > distance(b, c))"
        " & ~(exists b, d, c: asked(b) & anchor(c) & distance(a, c) > distance(b, c)"
        " & asked(d) & distance(a, c) > distance(d, c))",
    }
    by_word = {str(one).split("()")[0]: one for one in found.formulas}
    assert set(by_word) == set(wanted)
    for word, text in wanted.items():
        planted_one = parse(f"{word}() & target(a) <-> {word}() & asked(a) & {text}")
        assert kg.canonical(by_word[word]) == kg.canonical(planted_one), by_word[word]


def test_what_is_known_of_a_formula_is_about_the_network_though_the_labels_say_the_same() -> None:
    """The network errs in one of 25 utterances, the labels never: both lead to one formula."""
    facts, scenes = planted({"tallest": AMONG["tallest"]} | {"leftmost": AMONG["leftmost"]}, seed=3)
    target = facts.values["target"]
    errs = torch.rand(len(target), 1, generator=torch.Generator().manual_seed(1)) < 0.04
    said = torch.where(errs, target.roll(1, dims=1) & scenes.mask, target)
    labelled = replace(scenes, labels={"target": target}, tensors={"answers": said.float()})
    network = rulekd.Predictor(
        torch.nn.Identity(),
        {"target": 1},
        inputs=lambda some: some.tensors["answers"][:, : some.mask.shape[1]],
        outputs=lambda result: {"target": 20.0 * result - 10.0},
    )
    rules = rulekd.extract(network, SceneSet(labelled), families=["referring"]).rules()
    assert len(rules) == 2
    for rule in rules:
        assert rule.evidence is not None
        assert rule.evidence.definition is not None
        assert rule.evidence.definition.truth == 1.0
        assert "given" not in rule.evidence.definition.why


def test_words_that_nothing_tells_are_named_with_the_best_that_there_was() -> None:
    values = utterances(6)
    any_of_them = torch.rand(500, 7, generator=torch.Generator().manual_seed(2)).masked_fill(~values["asked"], -1)
    chance = torch.nn.functional.one_hot(any_of_them.argmax(1), 7).bool() & values["asked"]
    values["target"] = torch.where(values["asks_frontmost"][:, None], chance, values["target"])
    graph = rulekd.mine(Facts(values), families=["referring"])
    (note,) = [note for note in graph.notes if note.startswith("what target refers to: ")]
    assert "under asks_frontmost() (" in note
    assert "asks_leftmost" not in note
    assert [rule.text.split("()")[0] for rule in graph.rules()] == ["asks_leftmost"]


@pytest.mark.parametrize("seed", range(3))
def test_a_column_is_what_its_text_says(seed: int) -> None:
    """Several anchors, unknown categories, numbers that are nowhere known, pairs that may not be asked about."""
    draw = torch.Generator().manual_seed(seed)
    mask = torch.arange(5) < torch.randint(3, 6, (12, 1), generator=draw)
    scenes = Scenes(
        mask=mask,
        center=torch.rand(12, 5, 3, generator=draw),
        size=torch.rand(12, 5, 3, generator=draw) + 0.1,
        categories={"category": torch.randint(-1, 3, (12, 5), generator=draw)},
        category_names={"category": KINDS},
        numbers={"weight": torch.rand(12, 5, generator=draw) / (seed - 1 if seed > 1 else float(seed == 0))},
        scene_categories={"asked": torch.randint(-1, 3, (12,), generator=draw)},
        scene_category_names={"asked": ("chair", "desk", "door")},
    )
    values = {
        "target": torch.rand(12, 5, generator=draw) < 0.3,
        "anchor": torch.rand(12, 5, generator=draw) < 0.5,
        "touch": torch.rand(12, 5, 5, generator=draw) < 0.4,
    }
    facts = Facts(values, mask=mask, valid={"touch": torch.rand(12, 5, 5, generator=draw) < 0.8})
    sites = sites_of(facts, scenes, ("a",))
    pointed, worded = kinds_of(facts, sites, "target")
    made = [column for column in orders(facts, sites, "target", [*pointed, *worded], 4) if column.form == "truth"]
    assert len(made) > 400
    for column in made:
        for above in (True, False):
            said = told(column.literal(above, 0.5), sites, facts)
            assert said.tolist() == ((column.values > 0.5) == above).tolist(), column.literal(above, 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_whole_numbers_are_no_thresholds_to_be_moved(seed: int) -> None:
    """Ranks of 0 to 4, and a tenth of the answers wrong: some cut lies beyond the last number that occurs."""
    draw = torch.Generator().manual_seed(seed)
    rank = torch.randint(5, (150, 8), generator=draw).float()
    target = torch.nn.functional.one_hot((rank + 0.1 * torch.rand(150, 8, generator=draw)).argmax(1), 8).bool()
    wrong = torch.rand(150, 1, generator=draw) < 0.1
    facts = Facts({"target": torch.where(wrong, target.roll(1, dims=1), target)})
    scenes = Scenes(mask=torch.ones(150, 8, dtype=torch.bool), numbers={"rank": rank})
    for found in referring(Discovery(facts, scenes=scenes)).formulas:
        assert parse(str(found)) == found


def test_of_many_scenes_a_part_is_read_whatever_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two words by turns: every second scene says the same one."""
    values = utterances(7, 800)
    turn = torch.arange(800) % 2 == 0
    first = torch.where(turn[:, None], values["left_of"].sum(2), values["in_front_of"].sum(2))
    values["target"] = (
        torch.nn.functional.one_hot(first.masked_fill(~values["asked"], -1).argmax(1), 7).bool() & values["asked"]
    )
    values |= {"asks_leftmost": turn, "asks_frontmost": ~turn}
    monkeypatch.setattr("rulekd.extraction.families.referring.LARGEST", 7**3 * 400)
    found = referring(Discovery(Facts(values)))
    assert {str(one).split("()")[0] for one in found.formulas} == {"asks_leftmost", "asks_frontmost"}
    monkeypatch.setattr("rulekd.extraction.families.referring.LARGEST", 7**3)
    assert referring(Discovery(Facts(values))).notes == (
        "referring: formulas of three objects were not examined, the scenes have too many objects for it",
    )


def test_an_anchor_may_be_of_any_category_beside_what_is_pointed_at() -> None:
    scenes, _ = rooms(("by",), 500, seed=8)
    by_desk = '(exists b: category(b) = "desk" & x(a) - x(b) <= -0.5)'
    facts, scenes = meant(scenes, torch.zeros_like(scenes.mask), {"by": by_desk})
    facts = facts.only(["target"])
    (found,) = referring(Discovery(facts, scenes=scenes)).formulas
    assert 'exists b: category(b) = "desk" & x(a) - x(b) <= -0.5' in str(found)
    assert "category(a) = asked()" in str(found)


def test_one_word_in_common_does_not_make_an_attribute_name_a_kind() -> None:
    scenes, _ = rooms(("leftmost", "tallest"), 300, seed=9)
    none = torch.zeros_like(scenes.mask)
    facts, scenes = meant(scenes, none, {word: AMONG[word] for word in ("leftmost", "tallest")})
    scenes = replace(scenes, scene_category_names={"said": ("leftmost", "tallest", "desk"), "asked": KINDS})
    found = referring(Discovery(facts.only(["target"]), scenes=scenes)).formulas
    assert {str(one).split('"')[1] for one in found} == {"leftmost", "tallest"}


def test_the_time_is_looked_at_between_the_steps() -> None:
    values = utterances(8)
    values["target"] = torch.nn.functional.one_hot(torch.randint(7, (500,)), 7).bool()
    watch = Watch.of(None, 1e-9)
    proposals = referring(Discovery(Facts(values), watch=watch))
    assert proposals.formulas == ()
    assert proposals.examined == 0
    assert "referring" in watch.missed
