"""A training that is cut off goes on where it was, to the bit."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import rulekd
from kg import FileFormatError
from rulekd.distillation import checkpoints
from rulekd.distillation.run import Run
from rulekd.distillation.trainer import Training
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet, rooms

LAWS = ["left_of(a, b) <-> right_of(b, a)", "under mirror_x: left_of(a, b) <-> right_of(a, b)"]
TRAINING = Training(epochs=6, batch_size=4, device="cpu")


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    """Thirty rooms and two words about pairs."""
    made = rooms.generate(30, seed=3, points=6)
    return SceneSet(made.scenes.with_labels({name: made.scenes.labels[name] for name in ("left_of", "right_of")}))


@pytest.fixture(scope="module")
def teacher(scenes: SceneSet) -> Predictor:
    """Untrained: what it answers is no matter here."""
    return rulekd.build("room-transformer", scenes, seed=1, width=16, layers=1, pair_width=8)


def taught(
    scenes: SceneSet,
    teacher: Predictor | None,
    path: Path | None,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 5,
) -> Run:
    """A training with everything that has a state: soft labels and rules with a teacher, held-out labels without."""
    student = rulekd.build("point-student", scenes, seed=0, width=8, pair_width=8)
    transfers = None if teacher is None else [rulekd.SoftLabels(2), rulekd.Rules(LAWS)]
    few, others = scenes.part("train", "validate"), scenes.part("train")
    return rulekd.distill(
        teacher,
        student,
        few,
        transfers,
        unlabelled=None if teacher is None else others,
        seed=seed,
        training=TRAINING,
        progress=progress,
        checkpoint=path,
    )


def interrupting(at: int) -> Callable[[int, int], None]:
    """Presses Ctrl-C after a step."""

    def press(step: int, steps: int) -> None:
        assert steps > at + 2, "the training must be longer"
        if step == at:
            os.kill(os.getpid(), signal.SIGINT)

    return press


def weights(run: Run) -> torch.Tensor:
    """All of them."""
    return torch.cat([p.detach().flatten() for p in run.student.parameters()])


@pytest.mark.parametrize("at", [2, 9])
@pytest.mark.parametrize("with_teacher", [True, False])
def test_an_interrupted_training_goes_on_to_the_bit(
    scenes: SceneSet, teacher: Predictor, tmp_path: Path, at: int, with_teacher: bool
) -> None:
    given = teacher if with_teacher else None
    whole = taught(scenes, given, None)
    path = tmp_path / "checkpoint.safetensors"
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        taught(scenes, given, path, interrupting(at))
    assert signal.getsignal(signal.SIGINT) is before
    assert path.exists()
    steps: list[int] = []
    torch.rand(7)  # whatever happens to the random state meanwhile
    resumed = taught(scenes, given, path, lambda step, _: steps.append(step))
    assert steps[0] == at + 1, "it went on, and did not start anew"
    assert torch.equal(weights(resumed), weights(whole))
    assert resumed.history == whole.history
    assert resumed.predictor.thresholds == whole.predictor.thresholds
    again = taught(scenes, given, path, lambda step, _: steps.append(-step))
    assert min(steps) > 0, "a finished training is not trained again"
    assert torch.equal(weights(again), weights(whole))


def test_a_checkpoint_of_another_training_is_refused(scenes: SceneSet, teacher: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        taught(scenes, teacher, path, interrupting(2))
    kept = path.read_bytes()
    with pytest.raises(FileFormatError, match="left by another training"):
        taught(scenes, teacher, path, seed=6)
    assert path.read_bytes() == kept, "nothing is lost"
    path.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(FileFormatError, match="cannot be read"):
        taught(scenes, teacher, path)


def test_checkpoints_are_written_from_time_to_time(
    scenes: SceneSet, teacher: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves the last of them; none is written when its time has not come."""
    path, seen = tmp_path / "checkpoint.safetensors", []
    taught(scenes, teacher, path, lambda step, _: seen.append(path.exists()))
    assert seen.count(True) == 0, "a minute has not gone by; the one at the end comes after the last report"
    path.unlink()
    monkeypatch.setattr(checkpoints, "PAUSE", 0.0)
    seen.clear()
    taught(scenes, teacher, path, lambda step, _: seen.append(path.exists()))
    assert all(seen[1:])


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def inside() -> None:
        with checkpoints.interrupts_kept_back(True) as interrupted:
            seen.extend([interrupted(), signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [False, before], "only the main thread may set a handler; trying to would raise"
