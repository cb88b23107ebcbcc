"""Ten seeds side by side against ten seeds one after the other: seconds a step, and their ratio.

Three students: a small network on rows of a table (a scene of one object), the built-in point student on few points,
and the same on 24 points an object with 30 rules. Both ways are timed in turn, on one thread; the least of several
times each.

    python -m benchmarks.compare.side_by_side
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

import rulekd
from kg.tables import markdown
from rulekd.distillation.compare import fresh, teach
from rulekd.distillation.lesson import Lesson
from rulekd.distillation.transfers import Transfer
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet, rooms


@dataclass(frozen=True)
class Case:
    """A student, its scenes and what it is taught by."""

    name: str
    scenes: SceneSet
    build: Callable[[int], Predictor]
    transfers: list[Transfer]


def table() -> Case:
    """Rows of four numbers with two classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 1, 4, generator=generator)
    labels = {"first": x[..., 0] > x[..., 1], "second": x[..., 0] <= x[..., 1]}
    numbers = {f"x{i}": x[..., i] for i in range(4)}
    scenes = Scenes(torch.ones(400, 1, dtype=torch.bool), numbers=numbers, labels=labels)

    def build(seed: int) -> Predictor:
        module = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 2))
        return Predictor(
            module,
            {"first": 1, "second": 1},
            inputs=lambda s: torch.stack([s[f"x{i}"] for i in range(4)], -1),
            outputs=lambda out: {"first": out[..., 0], "second": out[..., 1]},
        )

    return Case(
        "table, 114 weights", SceneSet(scenes), build, [rulekd.SoftLabels(), rulekd.Rules(["first(a) -> ~second(a)"])]
    )


def points(count: int, rules: int) -> Case:
    """Generated rooms seen as points."""
    made = rooms.generate(60, seed=1, points=count)
    words = ("left_of", "right_of", "in_front_of", "behind", "near")
    scenes = SceneSet(made.scenes.with_labels({word: made.scenes.labels[word] for word in words}))
    chains = [f"{p}(a, b) & {q}(b, c) -> {r}(a, c)" for p in words for q in words for r in words][:rules]
    transfers: list[Transfer] = [rulekd.SoftLabels(), rulekd.Rules(chains)]
    return Case(
        f"{count} points, {rules} rules",
        scenes,
        lambda seed: rulekd.build("point-student", scenes, seed=seed),
        transfers,
    )


def seconds(case: Case, lesson: Lesson, seeds: list[int], steps: int) -> float:
    """One training of some seeds together, by step."""
    students = [fresh(case.build, seed) for seed in seeds]
    started = time.perf_counter()
    teach(students, lesson.arms[-1], seeds, lesson)
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Time every case both ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = list(range(options.seeds))
    rows = [["student", "batch", "apart, ms a step of all seeds", "side by side", "ratio"]]
    for case in (table(), points(6, 5), points(24, 30)):
        for batch in (4, 16):
            training = rulekd.Training(steps=options.steps, batch_size=batch, device="cpu")
            teacher = fresh(case.build, -1)
            lesson = Lesson.of(teacher, fresh(case.build, 0), case.scenes, case.transfers, 1.0, training)
            apart, together = [], []
            for _ in range(options.repeats):
                apart.append(sum(seconds(case, lesson, [seed], options.steps) for seed in seeds))
                together.append(seconds(case, lesson, seeds, options.steps))
            one, other = 1000 * min(apart), 1000 * min(together)
            rows.append([case.name, str(batch), f"{one:.1f}", f"{other:.1f}", f"{one / other:.1f}"])
    print(markdown(rows))


if __name__ == "__main__":
    main()
