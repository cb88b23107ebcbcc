"""Students side by side learn exactly what they learn apart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import rulekd
from kg import Rule, parse
from rulekd.distillation.augmentation import Augmentation
from rulekd.distillation.ledger import Entry
from rulekd.distillation.material import Material, Rows
from rulekd.distillation.stack import Stack, why_apart
from rulekd.distillation.trainer import Training, clip_each_, train
from rulekd.distillation.transfers import Targets, Transfer
from rulekd.predictor import Predictor, labels_as_facts
from rulekd.scenes import SceneSet, rooms

SEEDS = (3, 4, 7)
LAWS = [
    "left_of(a, b) <-> right_of(b, a)",
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    "under mirror_x: left_of(a, b) <-> right_of(a, b)",
    "under mirror_x: right_of(a, b) <-> left_of(a, b)",
    "under mirror_x: near(a, b) <-> near(a, b)",
    "under translate: left_of(a, b) <-> left_of(a, b)",
    "under translate: right_of(a, b) <-> right_of(a, b)",
]


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    """Thirty rooms and three words about pairs."""
    made = rooms.generate(30, seed=2, points=6)
    words = ("left_of", "right_of", "near")
    return SceneSet(made.scenes.with_labels({name: made.scenes.labels[name] for name in words}))


def students(scenes: SceneSet) -> list[Predictor]:
    """One for each seed."""
    return [rulekd.build("point-student", scenes, seed=seed, width=8, pair_width=8) for seed in SEEDS]


def rows(scenes: SceneSet) -> tuple[Rows, ...]:
    """A third of the scenes are labelled, others for each seed."""
    return tuple(Rows(*scenes.divided(1 / 3, seed)) for seed in SEEDS)


def trained(scenes: SceneSet, learner: Predictor, runs: tuple[Rows, ...], seeds: tuple[int, ...]) -> list[list[Entry]]:
    """Twelve steps on labels and rules, with law augmentation."""
    material = Material(scenes.scenes.with_labels({}), Targets.of(labels_as_facts(scenes)), None, runs)
    transfers: list[Transfer] = [rulekd.Labels(), rulekd.Rules(LAWS)]
    augmentation = Augmentation.of([Rule(parse(text)) for text in LAWS], list(scenes.vocabulary))
    assert len(augmentation.sources) == 2, "both transforms are drawn"
    training = Training(steps=12, batch_size=6, learning_rate=1e-2, device="cpu", clip=0.05)
    return train(learner, material, transfers, [augmentation], training, seeds)


def test_training_side_by_side_is_training_apart(scenes: SceneSet) -> None:
    apart, together = students(scenes), students(scenes)
    ledgers = [
        trained(scenes, one, (some,), (seed,))[0] for one, some, seed in zip(apart, rows(scenes), SEEDS, strict=True)
    ]
    stack = Stack([one.module for one in together])
    side_by_side = trained(scenes, together[0].with_module(stack), rows(scenes), SEEDS)
    stack.unstack_([one.module for one in together])
    for one, other in zip(apart, together, strict=True):
        for (name, wanted), found in zip(one.module.named_parameters(), other.module.parameters(), strict=True):
            # Adam divides by the root of tiny squares: rounding grows to 4e-5 at most, beside steps of 1e-2
            assert torch.allclose(found, wanted, atol=5e-4), name
    for mine, theirs in zip(ledgers, side_by_side, strict=True):
        assert [entry.step for entry in mine] == [entry.step for entry in theirs]
        for entry, other_entry in zip(mine, theirs, strict=True):
            assert entry.terms == pytest.approx(dict(other_entry.terms), abs=1e-4)
            assert entry.gradients == pytest.approx(dict(other_entry.gradients), rel=1e-3, abs=1e-5)
    assert ledgers[0][0].terms != ledgers[1][0].terms, "the runs differ"


def test_each_run_is_clipped_by_its_own_norm() -> None:
    torch.manual_seed(0)
    shapes = [(3, 4, 2), (3, 5), (3,)]
    stacked = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for weight in stacked:
        weight.grad = torch.randn(weight.shape) * torch.tensor([0.001, 1.0, 50.0]).reshape(
            3, *(1,) * (weight.dim() - 1)
        )
    wanted = []
    for run in range(3):
        alone = [nn.Parameter(torch.zeros(shape[1:])) for shape in shapes]
        for weight, whole in zip(alone, stacked, strict=True):
            assert whole.grad is not None
            weight.grad = whole.grad[run].clone()
        torch.nn.utils.clip_grad_norm_(alone, 0.7)
        wanted.append([weight.grad for weight in alone])
    clip_each_(stacked, 0.7, 3)
    for place, weight in enumerate(stacked):
        assert weight.grad is not None
        for run in range(3):
            alone_grad = wanted[run][place]
            assert alone_grad is not None
            assert torch.allclose(weight.grad[run], alone_grad)


class Centred(nn.Module):
    """Takes the mean over the batch: students side by side would see each other's scenes, one by one they do not."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2) -> (B,)"""
        return (x - x.mean(0)) @ self.weight


class Asking(Centred):
    """Looks at values: a computation that depends on data cannot be stacked."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2) -> (B,)"""
        return x @ self.weight if float(x.sum()) > 0 else -x @ self.weight


class Whole(Centred):
    """Answers once for all that it is given, so that the parts of a stack cannot be told apart."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2) -> (B,), the same number for everyone"""
        return (x @ self.weight).sum().expand(len(x))


def asked(module: nn.Module, run: int) -> dict[str, Tensor]:
    """The answers to two scenes a run."""
    x = torch.arange(12.0).reshape(3, 2, 2) + 1
    with torch.no_grad():
        return {"p": module(x.flatten(0, 1) if run < 0 else x[run])}


def test_modules_that_see_their_own_batch_only_are_stacked() -> None:
    """What a module does within its own batch stays its own: no run sees another's scenes."""
    for kind in (Centred, Whole):
        assert why_apart([kind() for _ in range(3)], asked) == ""


def test_what_cannot_be_stacked_is_told() -> None:
    assert "cannot be computed for several seeds at once" in why_apart([Asking() for _ in range(3)], asked)
    assert "differ in architecture" in why_apart([Centred(), Whole()], asked)
    frozen = [Centred() for _ in range(3)]
    for one in frozen:
        one.weight.requires_grad_(False)
    assert "no trainable parameters" in why_apart(frozen, asked)
