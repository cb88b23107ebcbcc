"""A predictor reads any module, also one that answers for a fixed number of places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from kg import RulekdError, UnknownNameError
from rulekd.distillation import SoftLabels, Training, distill
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
