"""Training: what each transfer teaches, what is carried through laws, and that a run comes back from disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import rulekd
from kg import (
    Evidence,
    FileFormatError,
    Kind,
    KnowledgeGraph,
    Ledger,
    Rule,
    RulekdError,
    Status,
    Vocabulary,
    parse,
    parse_transform,
)
from rulekd.constraints import trainable
from rulekd.distillation.augmentation import Augmentation, carried
from rulekd.distillation.calibration import best_threshold, calibrate, tied
from rulekd.distillation.controls import shuffled
from rulekd.distillation.run import load_run
from rulekd.distillation.soft_labels import bernoulli_divergence, softmax_divergence
from rulekd.distillation.transfers import Batch, Step, Targets
from rulekd.facts import Facts
from rulekd.grounding import View, count
from rulekd.predictor import Predictor, labels_as_facts
from rulekd.run_files import read_record
from rulekd.scenes import SceneSet, rooms

FEW = rulekd.Training(epochs=3)


@pytest.fixture(scope="module")
def some_rooms() -> SceneSet:
    """Sixty rooms and the words about them that need two objects."""
    made = rooms.generate(60, seed=1, points=8)
    words = ("left_of", "right_of", "in_front_of", "behind", "near")
    scenes = made.scenes.with_labels({name: made.scenes.labels[name] for name in words})
    return SceneSet(scenes, definitions={name: made.definitions[name] for name in words})


@pytest.fixture(scope="module")
def teacher(some_rooms: SceneSet) -> Predictor:
    """A teacher that has learned something."""
    made = rulekd.build("room-transformer", some_rooms, seed=0, width=32, layers=1, pair_width=32)
    rulekd.distill(None, made, some_rooms, training=rulekd.Training(epochs=12, batch_size=8, learning_rate=1e-2))
    return made


LAWS = [
    "left_of(a, b) <-> right_of(b, a)",
    "in_front_of(a, b) <-> behind(b, a)",
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    *(f"under mirror_x: {p}(a, b) <-> {p}(a, b)" for p in ("in_front_of", "behind", "near")),
    "under mirror_x: left_of(a, b) <-> right_of(a, b)",
    "under mirror_x: right_of(a, b) <-> left_of(a, b)",
]


def test_a_teacher_is_a_student_without_a_teacher(teacher: Predictor, some_rooms: SceneSet) -> None:
    measures = rulekd.evaluate(teacher, some_rooms.part("test"))
    assert measures.f1 is not None
    assert measures.f1 > 0.7, "saw 0.87"


def test_a_student_learns_from_soft_labels_and_rules(teacher: Predictor, some_rooms: SceneSet) -> None:
    student = rulekd.build("point-student", some_rooms, seed=0)
    before = rulekd.evaluate(student, some_rooms, LAWS, teacher)
    training = rulekd.Training(steps=150, learning_rate=1e-2)
    run = rulekd.distill(teacher, student, some_rooms, [rulekd.SoftLabels(4), rulekd.Rules(LAWS)], training=training)
    after = rulekd.evaluate(student, some_rooms, LAWS, teacher)
    assert run.student is student.module
    assert after.fidelity is not None
    assert before.fidelity is not None
    assert after.fidelity > before.fidelity
    assert set(run.history[-1].terms) == {"soft labels", "rules"}
    assert sum(run.history[-1].shares.values()) == pytest.approx(1)
    assert student.thresholds["left_of"] == student.thresholds["right_of"], "a law ties them"


def test_the_same_seed_trains_the_same_student(teacher: Predictor, some_rooms: SceneSet) -> None:
    weights = []
    for _ in range(2):
        torch.rand(3)  # whatever the caller does with the global random state
        student = rulekd.build("point-student", some_rooms, seed=3)
        rulekd.distill(teacher, student, some_rooms, [rulekd.SoftLabels(), rulekd.Rules(LAWS)], seed=3, training=FEW)
        weights.append(torch.cat([p.detach().flatten() for p in student.module.parameters()]))
    assert torch.equal(*weights)


def test_training_leaves_the_callers_random_state_alone(some_rooms: SceneSet) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(2)
    torch.manual_seed(5)
    student = rulekd.build("point-student", some_rooms, seed=0)
    rulekd.distill(None, student, some_rooms, training=FEW)
    assert torch.equal(torch.rand(2), wanted)


def test_targets_carried_through_a_law_are_the_labels_of_the_image(some_rooms: SceneSet) -> None:
    """The definitions know the labels of the mirrored rooms; the laws must give the same."""
    augmentation = Augmentation.of([Rule(parse(text)) for text in LAWS], list(some_rooms.vocabulary))
    mirror = parse_transform("mirror_x")
    targets = Targets.of(labels_as_facts(some_rooms))
    mirrored = labels_as_facts(some_rooms.transformed(mirror))
    moved = carried(targets, augmentation.sources[mirror])
    assert set(moved.values) == set(some_rooms.vocabulary)
    for name, value in moved.values.items():
        valid = mirrored.validity(name)
        assert torch.equal(value & valid, mirrored.values[name] & valid), name


def test_augmentation_moves_scenes_and_drops_what_no_law_carries(some_rooms: SceneSet) -> None:
    laws = [Rule(parse(text)) for text in LAWS if "near" not in text]
    augmentation = Augmentation.of(laws, list(some_rooms.vocabulary))
    scenes = some_rooms.scenes
    batch = Batch(scenes, torch.ones(len(scenes), dtype=torch.bool), Targets.of(labels_as_facts(some_rooms)), None)
    moved = augmentation.carry(batch, parse_transform("mirror_x"), torch.Generator().manual_seed(0))
    assert moved.labels is not None
    assert "near" not in moved.labels.values
    assert moved.scenes.center is not None
    assert not torch.equal(moved.scenes.center, scenes["center"])


def test_temperature_one_is_cross_entropy_less_entropy() -> None:
    teacher, student = torch.randn(50, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    p, q = teacher.sigmoid(), student.sigmoid()
    by_hand = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    assert torch.allclose(bernoulli_divergence(teacher, student, 1.0), by_hand)


def test_softmax_divergence_from_log_odds() -> None:
    scores, others = torch.randn(4, 9, dtype=torch.float64), torch.randn(4, 9, dtype=torch.float64)
    odds = [torch.logit(s.softmax(0)) for s in (scores, others)]
    p, q = (scores / 3).softmax(0), (others / 3).softmax(0)
    assert torch.allclose(softmax_divergence(*odds, 3.0), 9 * (p * (p / q).log()).sum(0))


def test_soft_labels_gradient() -> None:
    teacher, student = torch.randn(2, 3, 3, dtype=torch.float64), torch.randn(2, 3, 3, dtype=torch.float64)

    def loss(logits: torch.Tensor) -> torch.Tensor:
        return bernoulli_divergence(teacher, logits, 4.0).mean()

    assert torch.autograd.gradcheck(loss, (student.requires_grad_(),))


def test_thresholds_that_flips_do_not_move() -> None:
    """With 30 % of the labels flipped, accuracy still peaks where the truth turns; F1 would call everything true."""
    generator = torch.Generator().manual_seed(0)
    answers = torch.randn(4000, generator=generator, dtype=torch.float64).numpy()
    truth = answers > 0.5
    flips = (torch.rand(4000, generator=generator) < 0.3).numpy()
    wanted = 1 / (1 + 2.718281828**-0.5)
    assert best_threshold(answers, truth ^ flips, "accuracy") == pytest.approx(wanted, abs=0.05)
    assert best_threshold(answers, truth, "f1") == pytest.approx(wanted, abs=0.01)


def test_predicates_that_a_law_maps_onto_each_other_share_a_threshold() -> None:
    groups = tied(["p", "q", "r"], [parse("p(a, b) <-> q(b, a)"), parse("r(a, b) -> p(a, b)")])
    assert sorted(groups) == [["p", "q"], ["r"]]
    answers = Facts({"p": torch.randn(3, 4, 4), "q": torch.randn(3, 4, 4)})
    decisions = Facts({"p": torch.rand(3, 4, 4) < 0.5, "q": torch.rand(3, 4, 4) < 0.5})
    thresholds = calibrate(answers, decisions, [parse("p(a, b) <-> q(b, a)")])
    assert thresholds["p"] == thresholds["q"]


def test_shuffled_rules_are_as_many_and_all_broken_by_the_truth(some_rooms: SceneSet) -> None:
    rules = [Rule(parse(text)) for text in LAWS]
    made = shuffled(rules, some_rooms, seed=0)
    assert len(made) == len(rules)
    assert {rule.id for rule in made}.isdisjoint(rule.id for rule in rules)
    view = View(labels_as_facts(some_rooms), some_rooms.scenes)
    images = {"mirror_x": View(labels_as_facts(some_rooms.transformed(parse_transform("mirror_x"))))}
    for rule in made:
        live, broken = count(rule.formula, view, images)
        assert float(broken.sum() / live.sum()) > 0.1, str(rule.formula)


def test_a_run_comes_back_from_its_folder(teacher: Predictor, some_rooms: SceneSet, tmp_path: Path) -> None:
    student = rulekd.build("point-student", some_rooms, seed=0)
    graph = KnowledgeGraph.of(LAWS, some_rooms.vocabulary)
    run = rulekd.distill(teacher, student, some_rooms, [rulekd.SoftLabels(), rulekd.Rules(graph)], training=FEW)
    folder = run.save(tmp_path / "run", about={"scenes": "here"})
    again = load_run(folder)
    again.module.to(student.device)
    batch = next(some_rooms.batches(4))
    assert all(torch.equal(again.answers(batch)[n], student.answers(batch)[n]) for n in student.vocabulary)
    assert again.thresholds == student.thresholds
    assert read_record(folder)["scenes"] == "here"
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == len(run.history)
    assert {r.id for r in KnowledgeGraph.load(folder / "graph.kg.json").rules()} == {r.id for r in graph.rules()}
    with pytest.raises(RulekdError, match="nothing is overwritten"):
        run.save(folder)
    (folder / "weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(FileFormatError, match="cannot be loaded"):
        load_run(folder)
    with pytest.raises(FileFormatError, match=r"no run\.json"):
        load_run(tmp_path)


class Frozen(nn.Module):
    """Answers with whatever it was given."""

    def __init__(self, answer: float) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(answer))

    def forward(self, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, N) bool -> log-odds of left_of."""
        return {"left_of": self.bias * torch.ones(*mask.shape, mask.shape[1])}


NAN = Predictor(Frozen(float("nan")), {"left_of": 2}, lambda s: s.mask)
MISSPELT = rulekd.Rules(["lef_of(a, b) -> near(a, b)"])
ON_TPU = rulekd.Training(device="tpu")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda t, s, r: rulekd.distill(t, s, r, []), "list of transfers is empty"),
        (lambda t, s, r: rulekd.distill(None, s, r, [rulekd.SoftLabels()]), "needs a teacher"),
        (lambda t, s, r: rulekd.distill(t, s, r, [rulekd.Labels(), rulekd.Labels()]), "given twice"),
        (lambda t, s, r: rulekd.distill(t, s, r, [MISSPELT]), "Did you mean 'left_of'"),
        (lambda t, s, r: rulekd.SoftLabels(temperature=0), "temperature is 0"),
        (lambda t, s, r: rulekd.Training(epochs=0), "epochs is 0"),
        (lambda t, s, r: rulekd.distill(None, s, r, training=ON_TPU), "unknown device"),
        (lambda t, s, r: rulekd.distill(None, NAN, r), "is nan in scene"),
    ],
)
def test_bad_calls_are_told_so(
    teacher: Predictor, some_rooms: SceneSet, call: Callable[[Predictor, Predictor, SceneSet], object], said: str
) -> None:
    student = rulekd.build("point-student", some_rooms, seed=0)
    with pytest.raises(RulekdError, match=said):
        call(teacher, student, some_rooms)


def test_rules_alone_do_not_see_unlabelled_targets(teacher: Predictor, some_rooms: SceneSet) -> None:
    """A scene that is not taught has no share in the labels' loss."""
    facts = labels_as_facts(some_rooms)
    batch = Batch(some_rooms.scenes, torch.zeros(len(some_rooms), dtype=torch.bool), Targets.of(facts), None)
    logits = {name: torch.randn(value.shape) for name, value in facts.values.items()}
    assert rulekd.Labels().loss(Step(batch, logits, 0.0)).item() == 0
    taught = replace(batch, taught=torch.ones(len(some_rooms), dtype=torch.bool))
    assert rulekd.Labels().loss(Step(taught, logits, 0.0)).item() > 0


def test_only_rules_that_something_vouches_for_are_trained() -> None:
    """Confirmed, true in the data, accepted, or written by hand; never a habit, a rejected one or an open question."""
    held, broken = (Ledger(100, n, 50, n / 100, (0.0, 0.5)) for n in (0, 30))

    def evidence(confirmed: bool, data: Ledger | None = None) -> Evidence:
        return Evidence(teacher=held, data=data, tolerance=0.1, confirmed=confirmed)

    rules = {
        "a(x) -> b(x)": Rule(parse("a(x) -> b(x)")),
        "a(x) -> c(x)": Rule(parse("a(x) -> c(x)"), evidence=evidence(True)),
        "a(x) -> d(x)": Rule(parse("a(x) -> d(x)"), evidence=evidence(False)),
        "b(x) -> c(x)": Rule(parse("b(x) -> c(x)"), evidence=evidence(False, held)),
        "b(x) -> d(x)": Rule(parse("b(x) -> d(x)"), evidence=evidence(False, broken)),
        "c(x) -> d(x)": Rule(parse("c(x) -> d(x)"), evidence=evidence(False), status=Status.ACCEPTED),
        "d(x) -> a(x)": Rule(parse("d(x) -> a(x)"), evidence=evidence(True), status=Status.REJECTED),
        "d(x) -> c(x)": Rule(parse("d(x) -> c(x)"), evidence=evidence(False, broken), kind=Kind.HABIT),
    }
    graph = KnowledgeGraph(Vocabulary(dict.fromkeys("abcd", 1)), list(rules.values()))
    wanted = {"a(x) -> b(x)", "a(x) -> c(x)", "b(x) -> c(x)", "c(x) -> d(x)"}
    assert {rule.id for rule in trainable(graph)} == {rules[text].id for text in wanted}


def test_a_graph_without_a_vouched_rule_is_told_of(teacher: Predictor, some_rooms: SceneSet) -> None:
    unsure = Rule(parse(LAWS[0]), evidence=Evidence(teacher=Ledger(9, 0, 3, 0.0, (0.0, 0.9))))
    graph = KnowledgeGraph(some_rooms.vocabulary, [unsure])
    student = rulekd.build("point-student", some_rooms, seed=0)
    short = rulekd.Training(steps=2)
    run = rulekd.distill(teacher, student, some_rooms, [rulekd.SoftLabels(), rulekd.Rules(graph)], training=short)
    assert any("no rule was trained" in warning for warning in run.warnings)


def test_a_rule_of_geometry_needs_scenes_that_have_it(teacher: Predictor, some_rooms: SceneSet) -> None:
    """Points are all that these scenes hold: the definition is refused by name before anything is trained."""
    bare = replace(some_rooms, scenes=replace(some_rooms.scenes, center=None, size=None, yaw=None), definitions={})
    student = rulekd.build("point-student", bare, seed=0)
    transfers = [rulekd.Labels(), rulekd.Rules(["left_of(a, b) <-> right(a) <= left(b)"])]
    with pytest.raises(RulekdError, match=r"rule 'left_of\(a, b\) .* cannot be read in these scenes"):
        rulekd.distill(None, student, bare, transfers, training=FEW)
