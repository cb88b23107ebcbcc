"""Every bad call of the Python interface, a row a case: what is done, what the message names and shows, what to do.

A person's mistake raises a RulekdError. Its message names the thing and shows the value; its hint says what to do. The
command line has its own table, tests/cli/test_bad_calls.py; what happens to files, tests/test_bad_moments.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import kg
import rulekd
from kg import KnowledgeGraph, RulekdError, Vocabulary
from rulekd import Facts, Labels, Predictor, Rules, Scenes, SceneSet, SoftLabels, Training
from rulekd.scenes import rooms

Logits = dict[str, Tensor]
LAW = "left_of(a, b) -> right_of(b, a)"


class Compares(nn.Module):
    """Log-odds of left_of and right_of by the difference of x; ``spoil`` makes something of them."""

    def __init__(self, spoil: Callable[[Logits], object] | None = None) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(10.0))
        self.spoil = spoil

    def forward(self, center: Tensor) -> object:
        ahead = self.steepness * (center[:, None, :, 0] - center[:, :, None, 0])
        answers = {"left_of": ahead, "right_of": -ahead}
        return answers if self.spoil is None else self.spoil(answers)


def network(spoil: Callable[[Logits], object] | None = None, **words: int) -> Predictor:
    return Predictor(Compares(spoil), words or {"left_of": 2, "right_of": 2}, inputs=lambda s: s["center"])


def scenes(count: int = 40, objects: int = 4) -> SceneSet:
    center = torch.randn(count, objects, 3, generator=torch.Generator().manual_seed(0))
    left = center[:, :, None, 0] < center[:, None, :, 0]
    held = Scenes(
        mask=torch.ones(count, objects, dtype=torch.bool),
        center=center,
        labels={"left_of": left, "right_of": left.mT.contiguous()},
    )
    return SceneSet(held)


def masked(kept: int) -> SceneSet:
    """Scenes of which only ``kept`` objects are left."""
    whole = scenes()
    return SceneSet(replace(whole.scenes, mask=torch.arange(4).expand(40, 4) < kept))


def somewhere(value: float) -> Callable[[Logits], Logits]:
    """right_of of objects 0 and 2 in the second scene that is asked about becomes this."""

    def spoil(answers: Logits) -> Logits:
        spoilt = answers["right_of"].clone()
        spoilt[1, 0, 2] = value
        return {**answers, "right_of": spoilt}

    return spoil


def each(change: Callable[[Tensor], object]) -> Callable[[Logits], object]:
    return lambda answers: {name: change(value) for name, value in answers.items()}


def quick(**settings: object) -> Training:
    return Training(**{"steps": 1, "device": "cpu", **settings})  # type: ignore[arg-type] # bad ones are meant


def learn(*transfers: object, **settings: object) -> Callable[[], object]:
    return lambda: rulekd.distill(network(), network(), scenes(), transfers, training=quick(**settings))  # type: ignore[arg-type]


def taught_by_itself() -> object:
    one = network()
    return rulekd.distill(one, one.with_module(one.module), scenes())


def constrained(**logits: Tensor) -> Callable[[], object]:
    return lambda: rulekd.compile([LAW])(logits)


TWO = torch.zeros(2, 3, 3)
GRAPH = KnowledgeGraph.of([LAW])

#: (what is done, what the message says: the thing and the value, what the hint says)
Row = tuple[Callable[[], object], tuple[str, ...], str]

SCENES: dict[str, Row] = {
    "none": (lambda: Scenes.from_objects([]), ("no scenes",), "at least one scene"),
    "one without objects": (
        lambda: Scenes.from_objects([[{"w": 1}], []]),
        ("scene '1'", "no objects"),
        "a list of one",
    ),
    "two of a name": (lambda: Scenes.from_objects([[{"w": 1}]] * 2, names=["x", "x"]), ("named 'x'",), "own name"),
    "an id twice": (
        lambda: Scenes.from_objects([[{"id": "cup"}, {"id": "cup"}]]),
        ("scene '0', object 1", "'cup'"),
        "its own id",
    ),
    "a place that is no number": (
        lambda: Scenes.from_objects([[{"center": (0, math.nan, 0)}]]),
        ("scene '0', object 0", "center is (0, nan, 0)"),
        "finite",
    ),
    "a negative size": (
        lambda: Scenes.from_objects([[{"size": (0, -1, 0)}]]),
        ("scene '0', object 0", "size is -1.0"),
        "0 or more",
    ),
    "labels of no object": (
        lambda: Scenes.from_objects([{"objects": [{"id": "cup"}], "labels": {"on": [["cup", "tabel"]]}}]),
        ("labels of 'on'", "'tabel'"),
        "their ids",
    ),
    "a mask of numbers": (
        lambda: Scenes(mask=torch.ones(2, 3)),
        ("mask is (2, 3) of torch.float32",),
        "bool tensor (B, N)",
    ),
    "a part that is none": (lambda: scenes().part("tset"), ("'tset'", "train, validate"), "'test'"),
    "a share above 1": (lambda: scenes().share(1.5), ("a share of 1.5",), "up to 1"),
    "a share that is no number": (lambda: scenes().share(math.nan), ("a share of nan",), "up to 1"),
    "batches of nothing": (lambda: list(scenes().batches(0)), ("batches of 0",), "1 or more"),
    "a tensor that is not there": (lambda: scenes().scenes["imge"], ("'imge'", "center"), "one of these"),
    "no file": (lambda: SceneSet.load("no/such.jsonl"), ("no/such.jsonl",), "Looked in"),
    "a picture": (lambda: SceneSet.load("x.png"), ("x.png", "'.png'"), ".jsonl"),
    "a folder": (lambda: SceneSet.load("."), (".: is a folder",), "a file of scenes"),
    "no rooms": (lambda: rooms.generate(0), ("0 rooms",), "1 or more"),
    "rooms of a negative seed": (lambda: rooms.generate(1, seed=-1), ("seed is -1",), "0 or more"),
}

TEACHERS: dict[str, Row] = {
    "NaN": (
        lambda: rulekd.extract(network(somewhere(math.nan)), scenes()),
        ("'right_of'", "nan", "scene '1', objects [0, 2]"),
        "division by zero",
    ),
    "infinity": (
        lambda: rulekd.extract(network(somewhere(-math.inf)), scenes()),
        ("'right_of'", "-inf", "scene '1', objects [0, 2]"),
        "overflow",
    ),
    "NaN while it teaches": (
        lambda: rulekd.distill(network(somewhere(math.nan)), network(), scenes()),
        ("'right_of'", "nan", "objects [0, 2]"),
        "division by zero",
    ),
    "another answer each time": (
        lambda: rulekd.extract(network(each(lambda v: v + torch.randn_like(v))), scenes()),
        ("differently each time", "'left_of'"),
        "dropout",
    ),
    "another answer each time while it teaches": (
        lambda: rulekd.distill(network(each(lambda v: v + torch.randn_like(v))), network(), scenes()),
        ("differently each time", "'left_of'"),
        "dropout",
    ),
    "the wrong arity": (
        lambda: rulekd.extract(network(left_of=1), scenes()),
        ("'left_of'", "(2, 4, 4)", "arity 1 needs (2, 4)"),
        "arity",
    ),
    "answers about all places, of a batch that was cut": (
        lambda: rulekd.extract(network(each(lambda v: nn.functional.pad(v, (0, 2, 0, 2)))), masked(3)),
        ("'left_of'", "(2, 5, 5)", "needs (2, 3, 3)"),
        "cut what inputs() takes",
    ),
    "the wrong shape": (
        lambda: rulekd.extract(network(each(lambda v: v[..., None])), scenes()),
        ("'left_of'", "(2, 4, 4, 1)"),
        "one channel",
    ),
    "a predicate that it does not speak": (
        lambda: rulekd.extract(network(left_of=2, left_off=2), scenes()),
        ("lacks", "'left_off'", "left_of, right_of"),
        "'left_of'",
    ),
    "a list": (lambda: rulekd.extract(network(lambda v: [*v.values()]), scenes()), ("a list",), "outputs=lambda"),
    "lists by name": (
        lambda: rulekd.extract(network(each(lambda v: v.tolist())), scenes()),
        ("'left_of'", "type list"),
        "log-odds",
    ),
    "decisions": (lambda: rulekd.extract(network(each(lambda v: v > 0)), scenes()), ("torch.bool",), "log-odds"),
    "an error of its own": (
        lambda: rulekd.extract(network(lambda v: v["nothing"]), scenes()),
        ("scene '0'", "KeyError: 'nothing'"),
        "module, inputs() or outputs()",
    ),
    "a bare module": (lambda: rulekd.extract(Compares(), scenes()), ("a Compares",), "rulekd.Predictor("),  # type: ignore[arg-type]
    "no scenes": (lambda: rulekd.extract(network(), scenes()[:0]), ("no scenes",), "the file and the part"),
    "nothing left after masking": (lambda: rulekd.extract(network(), masked(0)), ("40 scenes", "any object"), "mask"),
    "one object": (
        lambda: rulekd.extract(network(), masked(1)),
        ("more than 1 object", "'left_of' speaks of 2"),
        "mask",
    ),
    "a softmax group of one": (
        lambda: Predictor(Compares(), {"left_of": 2}, lambda s: s["center"], groups={"side": ["left_of"]}),
        ("'side' holds left_of",),
        "two or more",
    ),
    "a threshold that is none": (
        lambda: Predictor(Compares(), {"left_of": 2}, lambda s: s["center"], thresholds={"left_of": 1.2}),
        ("'left_of' is 1.2",),
        "0 to 1",
    ),
    "more facts than memory": (
        lambda: network(**{f"p{number}": 2 for number in range(20)}).facts(scenes(2000, 200)),
        ("2000 scenes of 200 objects", "GiB"),
        "fewer scenes",
    ),
}

MINING: dict[str, Row] = {
    "a tolerance of nothing": (
        lambda: rulekd.extract(network(), scenes(), tolerance=0),
        ("tolerance of 0",),
        "above 0",
    ),
    "a tolerance that is no number": (
        lambda: rulekd.extract(network(), scenes(), tolerance=math.nan),
        ("tolerance of nan",),
        "above 0",
    ),
    "a family that is none": (
        lambda: rulekd.extract(network(), scenes(), families=["algebar"]),
        ("'algebar'", "known: algebra"),
        "'algebra'",
    ),
    "a family that is no list": (
        lambda: rulekd.mine(Facts({"near": TWO}), families="algebra"),
        ("families are 'algebra'",),
        "a list",
    ),
    "no family": (lambda: rulekd.mine(Facts({"near": TWO}), families=[]), ("families are []",), "None for all"),
    "a budget that is no number": (
        lambda: rulekd.mine(Facts({"near": TWO}), budget_seconds="20"),  # type: ignore[arg-type]
        ("budget of '20' seconds",),
        "above 0",
    ),
    "a tolerance that is a text": (
        lambda: rulekd.mine(Facts({"near": TWO}), tolerance="0.1"),  # type: ignore[arg-type]
        ("tolerance of '0.1'",),
        "above 0",
    ),
    "progress that cannot be told": (
        lambda: rulekd.mine(Facts({"near": TWO}), progress=3),  # type: ignore[arg-type]
        ("progress is 3",),
        "a function",
    ),
    "labels that are none": (
        lambda: rulekd.mine(Facts({"near": TWO}), labels={"near": TWO}),  # type: ignore[arg-type]
        ("labels are a dict",),
        "rulekd.Facts",
    ),
    "a network that is a function": (
        lambda: rulekd.Predictor(lambda x: x, {"near": 2}, inputs=lambda s: s.mask),  # type: ignore[arg-type]
        ("a function, no torch.nn.Module",),
        "forward",
    ),
    "facts that are a list": (lambda: Facts([TWO]), ("values are a list",), "by predicate"),  # type: ignore[arg-type]
    "a set of unknown predicates": (
        lambda: Facts({"near": TWO}, exclusive=(("near", "far"),)),
        ("unknown predicate 'far'", "known: near"),
        "",
    ),
    "a transform that is none": (
        lambda: rulekd.extract(network(), scenes(), transforms=["miror_x"]),
        ("'miror_x'", "mirror_x"),
        "'mirror_x'",
    ),
    "facts that are none": (lambda: rulekd.mine({"near": TWO}), ("a dict",), "rulekd.Facts"),  # type: ignore[arg-type]
    "one name for all scenes": (
        lambda: rulekd.mine(Facts({"near": TWO}, names=["room"] * 2)),
        ("two scenes are named 'room'",),
        "its own name",
    ),
    "sparse facts": (
        lambda: Facts({"near": TWO.to_sparse()}),
        ("the tensor of 'near'", "sparse_coo"),
        "tensor.to_dense()",
    ),
    "a sparse validity": (
        lambda: Facts({"near": TWO}, valid={"near": TWO.bool().to_sparse()}),
        ("validity of 'near'", "sparse_coo"),
        "tensor.to_dense()",
    ),
    "a sparse mask": (
        lambda: Facts({"near": TWO}, mask=torch.ones(2, 3, dtype=torch.bool).to_sparse()),
        ("mask", "sparse_coo"),
        "tensor.to_dense()",
    ),
    "no facts": (lambda: Facts({}), ("without predicates",), "at least one"),
    "NaN": (lambda: rulekd.mine(Facts({"near": TWO * math.nan})), ("'near' are nan", "scene '0'"), "division by zero"),
    "counts": (lambda: Facts({"near": TWO.long()}), ("'near' have type torch.int64",), "log-odds"),
    "a mask of other scenes": (
        lambda: Facts({"near": TWO}, mask=torch.ones(3, 3, dtype=torch.bool)),
        ("3 rows for 2 scenes",),
        "one a scene",
    ),
    "a mask of fewer objects": (
        lambda: Facts({"near": TWO}, mask=torch.ones(2, 2, dtype=torch.bool)),
        ("mask has 2 places", "'near' have shape (2, 3, 3)"),
        "a mask (B, N)",
    ),
}

RULES: dict[str, Row] = {
    "of a megabyte": (lambda: kg.parse("near(a, b) & " * 80_000 + "near(b, a)"), ("1,040,010 characters",), "one rule"),
    "of a hundred thousand brackets": (lambda: kg.parse("(" * 99_000 + "near(a, b)"), ("nested",), ""),
    "with markup for a name": (lambda: kg.parse("<img onerror=x>(a) -> b(a)"), ("column 1", "'<'"), "^"),
    "a vocabulary of markup": (lambda: Vocabulary({"<img onerror=x>": 1}), ("'<img onerror=x>'",), "letters, digits"),
    "with a sign that turns the text": (lambda: kg.parse("p\u202e(a) -> q(a)"), ("'\\u202e'",), "^"),
    "that stops in the middle": (lambda: kg.parse("near(a, b) ->"), ("column 14", "the text ends"), "^"),
    "with an unknown word": (
        lambda: kg.parse("lefft_of(a, b) -> left_of(b, a)", Vocabulary({"left_of": 2})),
        ("unknown predicate 'lefft_of'",),
        "'left_of'",
    ),
    "with too few arguments": (
        lambda: kg.parse("left_of(a) -> left_of(b, a)", Vocabulary({"left_of": 2})),
        ("'left_of' takes 2 arguments and is given 1",),
        "^",
    ),
    "that is not in the graph": (lambda: GRAPH.rule("implies(left_off"), ("'implies(left_off'", "has 1 rule"), "mean"),
    "that is there already": (
        lambda: GRAPH.add("left_of(x, y) -> right_of(y, x)"),
        ("left_of(x, y)", "the same"),
        "one",
    ),
    "of another arity": (
        lambda: KnowledgeGraph.of(["near(a, b) -> near(b, a)", "near(a) -> big(a)"]),
        ("'near' has 1", "2 elsewhere"),
        "two names",
    ),
    "no graph file": (lambda: KnowledgeGraph.load("no/such.kg.json"), ("no/such.kg.json",), "Check the path"),
    "compiled with a semantics that is none": (lambda: rulekd.compile([LAW], "fuzzy"), ("'fuzzy'",), "coherent"),  # type: ignore[arg-type]
    "compiled with p that is no number": (lambda: rulekd.compile([LAW], p=math.nan), ("p is nan",), "1 or more"),
    "that is a number": (lambda: rulekd.compile([3]), ("3 is a int",), "texts"),  # type: ignore[list-item]
    "without logits": (constrained(left_of=TWO), ("right_of", "known: left_of"), "one of these"),
    "with logits of another arity": (
        constrained(left_of=TWO, right_of=TWO[:, 0]),
        ("'right_of(b, a)'", "(2, 3), arity 1"),
        "shape of the logits",
    ),
}

TRAINING: dict[str, Row] = {
    "no scenes": (lambda: rulekd.distill(None, network(), scenes()[:0]), ("0 scenes", "train part"), "whole set"),
    "scenes that are no set": (
        lambda: rulekd.distill(None, network(), scenes().scenes),  # type: ignore[arg-type]
        ("a Scenes",),
        "rulekd.SceneSet(scenes)",
    ),
    "nothing left after masking": (lambda: rulekd.distill(None, network(), masked(0)), ("any object",), "mask"),
    "a bare module to teach": (
        lambda: rulekd.distill(Compares(), network(), scenes()),  # type: ignore[arg-type]
        ("the teacher is a Compares",),
        "rulekd.Predictor(",
    ),
    "a student that is its own teacher": (taught_by_itself, ("share", "'steepness'"), "deepcopy"),
    "no word in common": (
        lambda: rulekd.distill(network(left_of=2), network(lambda v: {"up": v["left_of"]}, up=2), scenes()),
        ("left_of and up",),
        "same vocabulary",
    ),
    "rules about what the student does not speak": (
        learn(SoftLabels(), Rules(["left_of(a, b) -> near(a, b)"])),
        ("rule 'implies(left_of, near)'", "'near'", "left_of, right_of"),
        "one of these",
    ),
    "no transfers": (learn(), ("empty",), "Rules(graph)"),
    "a graph for a transfer": (learn(GRAPH), ("a KnowledgeGraph",), "rulekd.Rules(graph)"),
    "a word for a transfer": (learn("soft"), ("a str: 'soft'",), "rulekd.SoftLabels()"),
    "a transfer twice": (learn(SoftLabels(), SoftLabels(2)), ("soft labels, soft labels",), "each once"),
    "a weight that is no number": (learn(SoftLabels(weight=math.nan)), ("'soft labels' is nan",), "finite"),
    "an infinite weight": (learn(SoftLabels(), Rules([LAW], weight=math.inf)), ("'rules' is inf",), "finite"),
    "every weight 0": (learn(SoftLabels(weight=0)), ("weight 0",), "a weight"),
    "a temperature of 0": (lambda: SoftLabels(0), ("temperature is 0",), "above 0"),
    "an infinite temperature": (lambda: SoftLabels(math.inf), ("temperature is inf",), "finite"),
    "labels that are not there": (
        lambda: rulekd.distill(None, network(), SceneSet(scenes().scenes.with_labels({}))),
        ("Labels()", "have none"),
        "SoftLabels",
    ),
    "soft labels of nobody": (
        lambda: rulekd.distill(None, network(), scenes(), [SoftLabels()]),
        ("needs a teacher",),
        "Labels()",
    ),
    "no weights to train": (
        lambda: rulekd.distill(None, network().with_module(Compares().requires_grad_(False)), scenes(), [Labels()]),
        ("no trainable parameters",),
        "requires_grad",
    ),
    "a learning rate that is no number": (learn(learning_rate=math.nan), ("learning_rate is nan",), "finite"),
    "a weight decay that is no number": (learn(weight_decay=math.nan), ("weight_decay is nan",), "0 or more"),
    "half an epoch": (learn(epochs=0.5), ("epochs is 0.5",), "whole number"),
    "steps backwards": (learn(steps=-1), ("steps is -1",), "above 0"),
    "a device that is none": (learn(SoftLabels(), device="tpu"), ("'tpu'",), "'cuda'"),
    "a precision that is none": (learn(SoftLabels(), precision="8-bit"), ("'8-bit'",), "32-true"),
    "a network that is none": (lambda: rulekd.build("room-transfomer", scenes()), ("'room-transfomer'",), "'room-tran"),
    "an option that is none": (lambda: rulekd.build("room-transformer", scenes(), widht=3), ("'widht'",), "'width'"),
    "a network without words": (
        lambda: rulekd.build("room-transformer", SceneSet(scenes().scenes.with_labels({}))),
        ("no predicates",),
        "with labels",
    ),
    "points that are not there": (lambda: rulekd.build("point-student", scenes()), ("no points",), "with_points"),
    "nothing to measure on": (lambda: rulekd.evaluate(network(), scenes()[:0]), ("no scenes",), "the part"),
}

TABLE = {
    f"{title}: {name}": row
    for title, rows in {
        "scenes": SCENES,
        "a teacher gives": TEACHERS,
        "mining": MINING,
        "a rule": RULES,
        "training": TRAINING,
    }.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize(("act", "says", "hint"), TABLE.values(), ids=list(TABLE))
def test_a_bad_call_is_told(
    act: Callable[[], object], says: tuple[str, ...], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RulekdError) as caught:
        act()
    for part in says:
        assert part in caught.value.message
    told = caught.value.hint if hint != "^" else caught.value.message  # a caret under the place shows what to mend
    assert hint in told
    assert told
    assert not any(tmp_path.iterdir())  # nothing was written


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(RulekdError, match="'cuda' was asked for, and torch sees none"):
        learn(SoftLabels(), device="cuda")()


def test_a_predicate_that_is_never_true_is_noted() -> None:
    """Nothing is wrong with such a teacher, but a reader of its rules must know."""
    silent = network(lambda v: {**v, "right_of": torch.full_like(v["right_of"], -20.0)})
    graph = rulekd.extract(silent, scenes(200))
    (note,) = [note for note in graph.notes if note.startswith("right_of: never true")]
    assert "groundings" in note
    assert not any(note.startswith("left_of:") for note in graph.notes)
    assert not [
        rule for rule in graph.axioms() if rule.evidence and rule.evidence.confirmed and not rule.evidence.support
    ]


def test_a_common_frozen_part_is_no_fault() -> None:
    """A student may keep its teacher's frozen layers; only what is trained must be its own."""
    shared = nn.Linear(3, 3).requires_grad_(False)
    teacher, student = Compares(), copy.deepcopy(Compares())
    teacher.backbone = student.backbone = shared
    run = rulekd.distill(
        network().with_module(teacher), network().with_module(student), scenes(), training=quick(steps=2)
    )
    assert len(run.history) > 0
