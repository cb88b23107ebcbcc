"""A predictor reads any module, also one that answers for a fixed number of places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from kg import RulekdError, UnknownNameError
from rulekd.distillation import SoftLabels, Training, distill
from rulekd.extraction import extract
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet


class Fixed(nn.Module):
    """Whatever it is given, it answers for 5 places: number 10 i + j about (i, j), and i about i."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, mask: Tensor) -> dict[str, Tensor]:
        assert mask.shape[1] == 5  # it is always given so many
        place = torch.arange(5.0).expand(len(mask), 5)
        return {"pair": self.scale * (10 * place[:, :, None] + place[:, None]), "one": self.scale * place}


def wired(slots: int | None = 5) -> Predictor:
    return Predictor(Fixed(), {"pair": 2, "one": 1}, inputs=lambda s: s.mask, slots=slots)


def scenes(*sizes: int) -> SceneSet:
    return SceneSet(Scenes.from_objects([[{"weight": 1.0}] * size for size in sizes]))


def test_slots_are_filled_up_and_cut_off() -> None:
    facts = wired().facts(scenes(2, 3, 3), batch_size=1)
    assert facts.values["pair"].shape == (3, 3, 3)
    assert facts.values["pair"][1].tolist() == [[0, 1, 2], [10, 11, 12], [20, 21, 22]]
    assert facts.values["one"].tolist() == [[0, 1, 0], [0, 1, 2], [0, 1, 2]]  # the batch of two is padded with 0


def test_slots_train_and_wrap() -> None:
    """Gradients reach the module through the cut, and the trainer's wrapping keeps the slots."""
    teacher, student = wired(), wired()
    student.module.scale.data.fill_(0.2)  # type: ignore[operator] # a parameter of Fixed
    run = distill(teacher, student, scenes(*[2, 3, 4] * 20), [SoftLabels()], training=Training(steps=60, device="cpu"))
    assert run.history[-1].loss < run.history[0].loss
    assert student.with_module(student.module).slots == 5


@pytest.mark.parametrize(
    ("slots", "message"), [(5, "scenes of 6 places are given to a network with 5 slots"), (0, "slots is 0")]
)
def test_too_few_slots_are_told(slots: int, message: str) -> None:
    with pytest.raises(RulekdError, match=message):
        wired(slots).dry_run(scenes(6, 2))


def test_an_answer_that_lacks_a_word_of_the_vocabulary_is_told_so() -> None:
    class Says(torch.nn.Module):
        def forward(self, mask: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"q": mask.float(), "r": mask.float()}

    scenes = Scenes(mask=torch.ones(2, 3, dtype=torch.bool))
    predictor = Predictor(Says(), {"p": 1}, inputs=lambda some: some["mask"])
    with pytest.raises(UnknownNameError, match="answer lacks 'p', which the vocabulary names; it has q, r"):
        predictor.logits(scenes)


class Directions(nn.Module):
    """Log-odds of a relation by the direction to another object; there is none to itself, and so NaN."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, center: Tensor) -> dict[str, Tensor]:
        way = center[:, None] - center[:, :, None]
        said = 10 * (way / way.norm(dim=-1, keepdim=True))[..., 0]
        return {"left_of": said + self.noise * torch.randn_like(said)}


def test_a_network_that_is_nan_where_nobody_asks_says_the_same_twice() -> None:
    center = torch.rand(100, 5, 3, generator=torch.Generator().manual_seed(0))
    some = SceneSet(Scenes(mask=torch.ones(100, 5, dtype=torch.bool), center=center))
    steady, unsteady = (
        Predictor(Directions(noise), {"left_of": 2}, inputs=lambda s: s["center"]) for noise in (0.0, 1.0)
    )
    steady.dry_run(some)
    texts = {rule.text for rule in extract(steady, some, families=["algebra"], transforms=()).rules()}
    assert texts >= {"left_of(a, b) & left_of(b, c) -> left_of(a, c)", "~(left_of(a, b) & left_of(b, a))"}
    with pytest.raises(RulekdError, match="answers differently each time"):
        unsteady.dry_run(some)
