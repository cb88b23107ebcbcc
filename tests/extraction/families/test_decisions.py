"""Decisions: planted laws of rows and of scenes come back in words; what cannot be told is not."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import kg
import rulekd
from kg import Iff, parse
from kg.formulas import Compare, walk
from kg.negation import negation_normal
from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.families.decisions import as_written, decisions, row_classes
from rulekd.extraction.fitting.covers import covers
from rulekd.extraction.fitting.disjunctions import Sample
from rulekd.extraction.fitting.growth import front
from rulekd.extraction.fitting.questions import Printed, Question
from rulekd.extraction.stopwatch import Watch
from rulekd.facts import Facts
from rulekd.grounding import View, count
from rulekd.scenes import Scenes


def rows(count: int, seed: int = 0) -> Scenes:
    """Rows with three whole numbers and two words."""
    generator = torch.Generator().manual_seed(seed)
    return Scenes(
        mask=torch.ones(count, 1, dtype=torch.bool),
        numbers={
            name: torch.randint(1, 6, (count, 1), generator=generator).double() for name in ("weight", "arm", "age")
        },
        categories={name: torch.randint(3, (count, 1), generator=generator) for name in ("head", "body")},
        category_names={"head": ("round", "square", "star"), "body": ("round", "square", "star")},
    )


def decided(scenes: Scenes, truth: Tensor) -> str:
    """The one definition that is proposed for given classes of rows."""
    found = decisions(Discovery(Facts({"yes": truth}, mask=scenes.mask), scenes=scenes))
    (formula,) = found.formulas
    assert isinstance(formula, Iff)
    return str(formula.right)


def test_two_clauses_of_a_table() -> None:
    scenes = rows(300)
    truth = (scenes["head"] == scenes["body"]) | (scenes["age"] == 5)
    assert set(decided(scenes, truth).split(" | ")) == {"body(a) = head(a)", "age(a) = 5"} or set(
        decided(scenes, truth).split(" | ")
    ) == {"head(a) = body(a)", "age(a) = 5"}


def test_a_comparison_of_products() -> None:
    scenes = rows(300, seed=1)
    truth = scenes["weight"] * scenes["arm"] > scenes["age"] * scenes["age"]
    assert decided(scenes, truth) == "age(a) * age(a) < weight(a) * arm(a)"


def test_lines_on_a_board_in_one_sentence() -> None:
    """All boards of 3 x 3 with four x: a line is three whose middle one lies midway between the others."""
    boards = list(itertools.combinations(range(9), 4))
    lines = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]
    place = torch.arange(9)
    mark = torch.zeros(len(boards), 9, dtype=torch.int64)
    for number, board in enumerate(boards):
        mark[number, list(board)] = 1
    scenes = Scenes(
        mask=torch.ones(len(boards), 9, dtype=torch.bool),
        numbers={
            "column": (place % 3).double().expand(len(boards), 9),
            "row": (place // 3).double().expand(len(boards), 9),
        },
        categories={"mark": mark},
        category_names={"mark": ("blank", "x")},
    )
    wins = torch.tensor([any(set(line) <= set(board) for line in lines) for board in boards])
    found = decisions(Discovery(Facts({"win": wins}, mask=scenes.mask), scenes=scenes))
    (formula,) = found.formulas
    wanted = (
        'win() <-> exists a, b, c: mark(a) = "x" & mark(b) = "x" & mark(c) = "x" '
        "& column(a) + column(c) = 2 * column(b) & row(a) + row(c) = 2 * row(b)"
    )
    assert formula == parse(wanted)


def test_a_class_of_scenes_from_the_other_predicates() -> None:
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.rand(300, 5, generator=generator) < 0.4 for name in ("red", "small", "tall")}
    values["touches"] = (torch.rand(300, 5, 5, generator=generator) < 0.2) & ~torch.eye(5, dtype=torch.bool)
    pairs = values["touches"] & values["red"][:, :, None] & values["small"][:, None]
    facts = Facts({**values, "good": pairs.any((1, 2))})
    graph = rulekd.mine(facts, families=["decisions"])
    (rule,) = graph.rules()
    # The same law whichever object is called a.
    assert {part.predicate for part in walk(rule.formula) if isinstance(part, kg.Atom)} == {
        "good",
        "red",
        "touches",
        "small",
    }
    assert sum(isinstance(part, kg.Atom) for part in walk(rule.formula)) == 4
    assert rule.evidence is not None
    assert rule.evidence.confirmed
    assert rule.evidence.violations == 0


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("seed", range(6))
def test_a_class_of_scenes_from_two_cases_of_the_others(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = {f"p{place}": torch.rand(400, generator=generator) < 0.5 for place in range(8)}
    values["win"] = (values["p0"] & values["p1"] & values["p2"]) | (values["p3"] & values["p4"])
    graph = rulekd.mine(Facts(values), families=["decisions"])
    found = graph.rule("win() <-> p3() & p4() | p0() & p1() & p2()").evidence
    assert found is not None
    assert found.definition is not None
    assert found.definition.fidelity == 1


def test_classes_without_a_law_are_not_proposed() -> None:
    scenes = rows(200, seed=2)
    noise = torch.rand(200, 1, generator=torch.Generator().manual_seed(3)) < 0.5
    assert decisions(Discovery(Facts({"yes": noise}, mask=scenes.mask), scenes=scenes)).formulas == ()


def test_few_scenes_are_all_looked_at_and_nothing_is_confirmed() -> None:
    generator = torch.Generator().manual_seed(1)
    red = torch.rand(40, 4, generator=generator) < 0.3
    big = torch.rand(40, 4, generator=generator) < 0.5
    graph = rulekd.mine(Facts({"red": red, "big": big, "good": (red & big).any(1)}), families=["decisions"])
    (rule,) = graph.rules()
    assert rule.id == kg.Rule(parse("good() <-> exists a: red(a) & big(a)")).id
    assert rule.evidence is not None
    assert not rule.evidence.confirmed
    assert any("none is confirmed" in note for note in graph.notes)


class Sum(torch.nn.Module):
    """Says yes where five attributes, weighted, exceed 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor([1.0, -0.8, 0.6, 0.5, -0.4, 0.0, 0.0]))

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """(B, 1, 7) -> log-odds."""
        return {"yes": 5 * (rows @ self.weights)}


def test_what_adds_up_is_told_as_a_sum() -> None:
    generator = torch.Generator().manual_seed(0)
    names = [f"f{number}" for number in range(7)]
    scenes = Scenes(
        mask=torch.ones(300, 1, dtype=torch.bool),
        numbers={name: torch.randn(300, 1, generator=generator) for name in names},
    )
    network = rulekd.Predictor(Sum(), {"yes": 1}, inputs=lambda s: torch.stack([s[name] for name in names], -1))
    graph = rulekd.extract(network, rulekd.SceneSet(scenes), families=["decisions"])
    rule = graph.rules()[0]
    assert rule.evidence is not None
    assert rule.evidence.definition is not None
    assert (rule.evidence.definition.fidelity or 0) > 0.93, "saw 0.97"
    assert rule.evidence.definition.queries > 0
    assert rule.provenance.family == "decisions"


def brute_cover(truth: list[bool], holds: list[list[bool]]) -> bool:
    """Is there a disjunction of conjunctions of up to two literals that tells the truth exactly?"""
    pure = [
        [all(holds[i][s] for i in chosen) for s in range(len(truth))]
        for size in (1, 2)
        for chosen in itertools.combinations(range(len(holds)), size)
    ]
    pure = [case for case in pure if not any(c and not t for c, t in zip(case, truth, strict=True))]
    return all(any(case[s] for case in pure) for s, t in enumerate(truth) if t)


@pytest.mark.parametrize("seed", range(5))
def test_an_exact_cover_is_found_where_there_is_one(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(6, 200, generator=generator) < 0.4
    truth = (x[0] & x[1]) | (x[2] & x[3]) | x[4]
    sample = Sample(x.double().numpy(), truth.numpy(), 1.0, 1.0, torch.ones(6, dtype=torch.int64).numpy())
    assert brute_cover(truth.tolist(), x.tolist())
    *_, last = covers(sample, 20, 10)
    assert sample.score(last) == 1
    assert len(last) == 3


def test_a_front_rises_in_size_and_in_score() -> None:
    generator = torch.Generator().manual_seed(4)
    values = torch.rand(5, 400, generator=generator, dtype=torch.float64)
    truth = ((values[0] > 0.3) & (values[1] < 0.6)) | (values[2] > 0.9)
    sample = Sample(values.numpy(), truth.numpy(), 1.0, 1.0, torch.ones(5, dtype=torch.int64).numpy())
    found = front(sample, 6, 3)
    assert [one.literals for one in found] == sorted({one.literals for one in found})
    assert all(one.score < two.score for one, two in itertools.pairwise(found))
    assert found[-1].score > 0.99, "saw 1"


def test_comparisons_say_no_words_that_are_not_there() -> None:
    scenes = rows(200, seed=5)
    truth = scenes["head"] == 2
    text = decided(scenes, truth)
    assert text == 'head(a) = "star"'
    assert all(isinstance(part, Compare) for part in walk(parse(text)))


def unknown_weights(share: float) -> Scenes:
    """400 rows; of a share of them the weight is unknown, in nobody's order."""
    generator = torch.Generator().manual_seed(7)
    weight = torch.rand(400, 1, generator=generator)
    weight[torch.rand(400, 1, generator=generator) < share] = torch.nan
    return Scenes(mask=torch.ones(400, 1, dtype=torch.bool), numbers={"weight": weight})


class Heavy(torch.nn.Module):
    def forward(self, weight: Tensor) -> dict[str, Tensor]:
        """(B, 1) -> log-odds; what is unknown weighs nothing."""
        return {"heavy": 50 * (torch.nan_to_num(weight) - 0.6)}


@pytest.mark.parametrize(("share", "found"), [(0.0, True), (0.05, True), (0.3, True), (0.9, False)])
def test_a_number_that_is_unknown_of_some_rows_tells_the_others(share: float, found: bool) -> None:
    """Heavy is what weighs more than 0.6. Of nine in ten unknown rows too little is left."""
    scenes = unknown_weights(share)
    teacher = rulekd.Predictor(Heavy(), {"heavy": 1}, inputs=lambda rows: rows["weight"])
    graph = rulekd.extract(teacher, rulekd.SceneSet(scenes), families=["decisions"])
    rules = [rule for rule in graph.rules() if isinstance(rule.formula, Iff)]
    assert [rule.text.startswith("heavy(a) <-> weight(a) >= 0.6") for rule in rules] == [True] * found
    assert all(rule.evidence is not None and rule.evidence.confirmed for rule in rules)
    told = [note for note in graph.notes if note.startswith("weight: unknown of ")]
    assert len(told) == (share > 0)


def test_a_scene_whose_number_is_unknown_leaves_the_others() -> None:
    light = torch.rand(300, generator=torch.Generator().manual_seed(1))
    dark = light < 0.4
    light[:10], dark[:10] = torch.nan, False
    scenes = Scenes(mask=torch.ones(300, 2, dtype=torch.bool), scene_numbers={"light": light})
    (formula,) = decisions(Discovery(Facts({"dark": dark}, mask=scenes.mask), scenes=scenes)).formulas
    assert str(formula) == "dark() <-> light() <= 0.4"


def test_rows_of_which_nothing_is_known_everywhere_are_told_by_nothing() -> None:
    weight = torch.rand(60, 1)
    weight[0, 0] = torch.nan
    scenes = Scenes(mask=torch.ones(60, 1, dtype=torch.bool), numbers={"weight": weight})
    facts = Facts({"heavy": torch.rand(60, 1) > 0.5}, mask=scenes.mask)
    assert decisions(Discovery(facts, scenes=scenes)).formulas == ()


def test_large_scenes_are_told_by_amounts_and_the_rest_is_named() -> None:
    generator = torch.Generator().manual_seed(0)
    red = torch.rand(40, 120, generator=generator) < 0.02
    near = torch.rand(40, 120, 120, generator=generator) < 0.01
    found = decisions(Discovery(Facts({"red": red, "near": near, "some": red.sum(1) >= 2})))
    assert [str(one) for one in found.formulas] == ["some() <-> exists a, b: red(a) & red(b)"]
    assert "3 objects of a scene are to each other: not examined" in found.notes[0]
    small = decisions(Discovery(Facts({"red": red[:, :9], "some": red[:, :9].any(1)})))
    assert small.notes == ()


class Reached(Watch):
    """The time is up when so many pieces were begun."""

    most = 0.0
    told = 0

    @property
    def over(self) -> bool:
        return self.told >= 2 * self.most

    def tell(self, what: str, done: int, of: int) -> None:
        self.told += 1  # when a piece is begun, and when it is done


class Three(torch.nn.Module):
    """Three classes, by two numbers."""

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """(B, 1, 2) -> log-odds."""
        one, two = rows.unbind(-1)
        return {"low": 0.3 - one, "high": one - 0.7, "wide": two - 0.5}


def three_classes(most: int) -> tuple[Proposals, Reached, list[Scenes]]:
    """What is proposed about 300 rows when the time is up after so many pieces; the rows that were asked about."""
    values = torch.rand(300, 2, generator=torch.Generator().manual_seed(2))
    scenes = Scenes(
        mask=torch.ones(300, 1, dtype=torch.bool), numbers={"one": values[:, :1].clone(), "two": values[:, 1:].clone()}
    )
    teacher = rulekd.Predictor(
        Three(), {"low": 1, "high": 1, "wide": 1}, inputs=lambda s: torch.stack([s["one"], s["two"]], -1)
    )
    asked: list[Scenes] = []

    def ask(some: Scenes) -> Facts:
        asked.append(some)
        return teacher.facts(rulekd.SceneSet(some))

    watch = Reached()
    watch.most = most
    seen = Discovery(teacher.facts(rulekd.SceneSet(scenes)), scenes=scenes, ask=ask, watch=watch)
    return decisions(seen), watch, asked


@pytest.mark.parametrize("most", [0, 1, 2, 4])
def test_classes_that_were_fitted_in_time_are_kept_and_the_others_are_named(most: int) -> None:
    """Three pieces are the given rows, three more those with made rows: of each class what was reached is proposed."""
    found, watch, asked = three_classes(most)
    assert [str(one).split("(")[0] for one in found.formulas] == ["low", "high", "wide", "low"][:most]
    missed = [str(one) for one in watch.missed.values()]
    left = ["low", "high", "wide"][most:]
    given = [f"decisions of {', '.join(left)}: not examined, the time was used up"] if left else []
    again = ["high", "wide"] if most == 4 else ["low", "high", "wide"][:most]
    made = [f"decisions with made rows of {', '.join(again)}: not examined, the time was used up"] if most else []
    assert missed == given + made
    assert bool(asked) == (most == 4), "the network is not asked when there is no time to read its answers"


def test_the_classes_are_told_to_who_waits() -> None:
    told: list[tuple[str, int, int]] = []
    values = torch.rand(80, 1, generator=torch.Generator().manual_seed(0))
    scenes = Scenes(mask=torch.ones(80, 1, dtype=torch.bool), numbers={"one": values})
    facts = Facts({"low": values < 0.3, "odd": (values * 10).long() % 2 == 1}, mask=scenes.mask)
    decisions(Discovery(facts, scenes=scenes, watch=Watch(lambda *step: told.append(step))))
    assert told == [
        ("decisions of low", 0, 2),
        ("decisions of low", 1, 2),
        ("decisions of odd", 1, 2),
        ("decisions of odd", 2, 2),
    ]


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The predicates of which a front is looked for, as they are."""
    module = importlib.import_module("rulekd.extraction.families.decisions")
    names: list[str] = []
    fronts = module.fronts

    def counted(question: Question, *others: Any, **options: bool) -> list[Printed]:
        names.append(question.atom.predicate)
        found: list[Printed] = fronts(question, *others, **options)
        return found

    monkeypatch.setattr(module, "fronts", counted)
    return names


def test_of_two_classes_that_exclude_and_exhaust_neither_is_told_worse() -> None:
    """Two cases make yes; what is no is told by the opposite of that formula, and not by a longer one of its own."""
    generator = torch.Generator().manual_seed(4)
    numbers = {f"n{place}": torch.rand(400, 1, generator=generator) * 10 for place in range(5)}
    words = {"color": ("red", "green", "blue"), "shape": ("cube", "ball"), "grade": ("s", "m", "l", "xl")}
    scenes = Scenes(
        mask=torch.ones(400, 1, dtype=torch.bool),
        numbers=numbers,
        categories={name: torch.randint(len(known), (400, 1), generator=generator) for name, known in words.items()},
        category_names=words,
    )
    yes = (scenes["color"] == 0) & (numbers["n0"] > 5) | (scenes["shape"] == 1) & (scenes["grade"] == 2)
    facts = Facts({"yes": yes, "no": ~yes, "red": scenes["color"] == 0}, mask=scenes.mask)
    found = decisions(Discovery(facts, scenes=scenes))
    by_name = {str(one.left): one for one in found.formulas if isinstance(one, Iff)}
    assert set(by_name) == {"yes(a)", "no(a)", "red(a)"}
    fronts = {
        name: [(one.literals, one.fidelity) for one in found.definitions[by_name[name]].front] for name in by_name
    }
    assert fronts["yes(a)"] == fronts["no(a)"]
    assert fronts["yes(a)"][-1] == (4, 1.0)
    assert negation_normal(kg.Not(by_name["yes(a)"].right)) == by_name["no(a)"].right
    view = View(facts, scenes)
    assert all(int(count(one, view)[1].sum()) == 0 for one in by_name.values())


def test_where_the_time_is_up_a_class_is_told_by_what_its_opposite_is_not(fitted: list[str]) -> None:
    """The time is up when the first of two classes is begun: it is finished, and says what the other is."""
    scenes = rows(300)
    old = (scenes["age"] >= 3) & (torch.rand(300, 1, generator=torch.Generator().manual_seed(0)) < 0.97)
    watch = Reached()
    watch.most = 0.5
    found = decisions(Discovery(Facts({"old": old, "new": ~old}, mask=scenes.mask), scenes=scenes, watch=watch))
    assert [str(one) for one in found.formulas] == ["old(a) <-> age(a) >= 3", "new(a) <-> age(a) < 3"]
    assert fitted == ["old"]
    missed = "by directions that are no axis: its candidates not examined, the time was used up"
    assert f"old {missed}" in [str(one) for one in watch.missed.values()], "what was cut short is named"


@pytest.mark.parametrize("seed", range(4))
def test_two_opposite_classes_with_errors_are_told_by_one_formula(seed: int) -> None:
    """Of 90 rows 4 are told wrong: many formulas are as good there, and both classes are told by the same one."""
    generator = torch.Generator().manual_seed(seed)
    numbers = {f"n{place}": torch.rand(90, 1, generator=generator) for place in range(12)}
    scenes = Scenes(mask=torch.ones(90, 1, dtype=torch.bool), numbers=numbers)
    yes = (numbers["n0"] > 0.6) & (numbers["n1"] > 0.3)
    yes[:4] = ~yes[:4]
    found = decisions(Discovery(Facts({"yes": yes, "no": ~yes}, mask=scenes.mask), scenes=scenes)).formulas
    one, other = (formula.right for formula in found if isinstance(formula, Iff))
    assert negation_normal(kg.Not(one)) == other


def test_the_opposite_of_a_whole_number_is_written_as_it_would_be_alone() -> None:
    scenes = rows(300, seed=3)
    facts = Facts({"old": scenes["age"] >= 2, "new": scenes["age"] < 2}, mask=scenes.mask)
    texts = [str(one) for one in decisions(Discovery(facts, scenes=scenes)).formulas]
    assert texts == ["old(a) <-> age(a) >= 2", "new(a) <-> age(a) = 1"]


@pytest.mark.parametrize(("other", "kept"), [("age(a) = 1", False), ("weight(a) <= 2", True)])
def test_what_is_as_long_and_says_the_same_of_other_numbers_is_another_formula(other: str, kept: bool) -> None:
    """Both have the same errors on these rows; on others they may differ, so that only a spelling is taken over."""
    said = np.array([True, False, False])
    mine, theirs = (Printed(parse(text), 1, said, 1.0) for text in ("age(a) < 2", other))
    assert as_written([mine], [theirs]) == [mine if kept else theirs]


def test_what_is_not_the_whole_opposite_is_told_by_itself() -> None:
    """Two classes that exclude each other and leave a third: each has a front of its own."""
    values = torch.rand(300, 1, generator=torch.Generator().manual_seed(1))
    scenes = Scenes(mask=torch.ones(300, 1, dtype=torch.bool), numbers={"one": values})
    facts = Facts({"low": values < 0.3, "high": values > 0.7}, mask=scenes.mask)
    texts = [str(one) for one in decisions(Discovery(facts, scenes=scenes)).formulas]
    assert texts == ["low(a) <-> one(a) <= 0.3", "high(a) <-> one(a) >= 0.7"]


def test_classes_that_network_and_labels_tell_alike_are_fitted_once(fitted: list[str]) -> None:
    scenes = rows(300)
    heavy, old = scenes["weight"] >= 4, scenes["age"] >= 3
    said = Facts({"heavy": heavy, "old": old}, mask=scenes.mask)
    network = Discovery(said, scenes=scenes)
    labels = Discovery(
        replace(said, values={"heavy": heavy, "old": ~old}), scenes=scenes, labels=True, fronts=network.fronts
    )
    texts = [[str(one) for one in decisions(part).formulas] for part in (network, labels)]
    assert texts == [[HEAVY, "old(a) <-> age(a) >= 3"], [HEAVY, "old(a) <-> age(a) <= 2"]]
    assert fitted == ["heavy", "old", "old"]


HEAVY = "heavy(a) <-> weight(a) >= 4"


def test_classes_of_other_rows_are_fitted_to_theirs() -> None:
    """Equal truths, the one told of each first row of a scene and the other of each second one."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(400, 2, generator=generator), torch.rand(400, 2, generator=generator)
    y[:, 1] = (y[:, 1] + (x[:, 0] > 0.5)) / 2
    values = {"p": x > 0.5, "q": y > 0.5}
    valid = {name: (torch.arange(2) == row).expand(400, 2) for row, name in enumerate(values)}
    scenes = Scenes(mask=torch.ones(400, 2, dtype=torch.bool), numbers={"ex": x, "ey": y})
    facts = Facts(values, valid=valid)
    assert torch.equal(facts.crisp("p")[:, 0], facts.crisp("q")[:, 1])
    told = {
        question.atom.predicate: printed[0].body
        for question, printed, *_ in row_classes(Discovery(facts, scenes=scenes))
    }
    assert [str(told[name]) for name in "pq"] == ["ex(a) >= 0.5", "ey(a) >= 0.5"]
