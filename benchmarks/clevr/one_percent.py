"""One per cent of the labels: do mined rules help a small student, and are they better than their controls?

CLEVR scenes, 24 noisy surface points an object, a student of about 5,500 parameters and a teacher of about 144,000
that sees true shapes and boxes. 1 % of the scenes (10) are labelled for the student; a share q of all labels is
flipped, independently for each ordered pair, in what the teacher learns from and in what the student sees; test
labels are clean. Each seed has flips, a teacher and mined rules of its own; the arms are those of ``rulekd.compare``.
Violations are strict, a macro mean over the 26 true laws of this world, the same for every arm.

    python -m benchmarks.clevr.one_percent --seeds 10 --out one_percent

The folder keeps finished students; what it holds is not trained again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

import rulekd
from kg.tables import markdown
from rulekd.constraints import trainable
from rulekd.distillation.comparison import SUBJECT, TITLES, Student
from rulekd.distillation.verdict import Difference, interval
from rulekd.scenes import SceneSet
from rulekd.scenes.data import data_file

LAWS = (
    *(f"{p}(a, b) <-> {q}(b, a)" for p, q in (("left", "right"), ("front", "behind"), ("bigger", "smaller"))),
    *(f"{p}(a, b) <-> {p}(b, a)" for p in ("near", "same_size", "same_shape")),
    *(
        f"~({p}(a, b) & {q}(a, b))"
        for p, q in (
            ("left", "right"),
            ("front", "behind"),
            ("bigger", "smaller"),
            ("bigger", "same_size"),
            ("smaller", "same_size"),
        )
    ),
    "left(a, b) | right(a, b)",
    "front(a, b) | behind(a, b)",
    "bigger(a, b) | smaller(a, b) | same_size(a, b)",
    *(
        f"{p}(a, b) & {p}(b, c) -> {p}(a, c)"
        for p in ("left", "right", "front", "behind", "bigger", "smaller", "same_size", "same_shape")
    ),
    *(f"{p}(a, b) & same_size(b, c) -> {p}(a, c)" for p in ("bigger", "smaller")),
    *(f"same_size(a, b) & {p}(b, c) -> {p}(a, c)" for p in ("bigger", "smaller")),
)


def flipped(scenes: SceneSet, share: float, seed: int) -> SceneSet:
    """Every label outside the test part turned over with the given probability."""
    generator = torch.Generator().manual_seed(seed)
    known = torch.from_numpy(scenes.parts != "test")

    def flip(labels: torch.Tensor) -> torch.Tensor:
        turned = torch.rand(labels.shape, generator=generator) < share
        return labels ^ (turned & known.reshape(-1, *(1,) * (labels.dim() - 1)))

    return replace(
        scenes, scenes=scenes.scenes.with_labels({name: flip(value) for name, value in scenes.scenes.labels.items()})
    )


def one_seed(scenes: SceneSet, seed: int, steps: int, out: Path) -> tuple[Student, ...]:
    """A teacher, its rules, and a student of every arm."""
    teacher = rulekd.build("room-transformer", scenes, seed=seed)
    rulekd.distill(None, teacher, scenes, training=rulekd.Training(epochs=40), seed=seed)
    # laws between relations: a definition in geometry would label the scenes that nobody labelled
    graph = rulekd.extract(teacher, scenes, families=("algebra", "pairs", "compositions", "transforms"))
    found = rulekd.compare(
        teacher,
        lambda number: rulekd.build("point-student", scenes, seed=number),
        scenes,
        [rulekd.SoftLabels(), rulekd.Rules(graph)],
        seeds=[seed],
        share=0.01 * len(scenes) / len(scenes.part("train")),
        training=rulekd.Training(steps=steps, learning_rate=1e-2, batch_size=16),
        judged=LAWS,
        finished=out,
    )
    print(f"{out.name}: teacher {found.teacher.f1:.3f}, {len(trainable(graph))} axioms to train", flush=True)
    return found.students


def values(students: list[Student], arm: str, measure: str) -> tuple[float, ...]:
    """In per cent, by seed."""
    return tuple(100 * (getattr(s.measures, measure) or 0.0) for s in students if s.arm == arm)


def spread(numbers: tuple[float, ...]) -> str:
    """Mean and half its 95 % interval."""
    found = interval(numbers)
    half = "" if found is None else f" ± {(found[1] - found[0]) / 2:.1f}"
    return f"{sum(numbers) / len(numbers):.1f}{half}"


def tables(by_flips: dict[float, list[Student]]) -> str:
    """What every arm measures; and what everything is worth against each of the others, paired by seed."""
    arms = list(dict.fromkeys(s.arm for students in by_flips.values() for s in students))
    rows = [["arm", *(f"q = {q}: F1 / violation" for q in by_flips)]]
    for arm in arms:
        cells = [
            " / ".join(spread(values(students, arm, measure)) for measure in ("f1", "violation"))
            for students in by_flips.values()
        ]
        rows.append([TITLES[arm], *cells])
    against = [["q", "everything -", "F1", "verdict", "average precision", "violation", "verdict"]]
    for q, students in by_flips.items():
        for arm in arms:
            if arm == SUBJECT:
                continue
            found = {
                measure: Difference(
                    measure,
                    SUBJECT,
                    arm,
                    tuple(
                        ours - theirs
                        for ours, theirs in zip(
                            values(students, SUBJECT, measure), values(students, arm, measure), strict=True
                        )
                    ),
                )
                for measure in ("f1", "average_precision", "violation")
            }
            f1, precision, violation = (points(found[m]) for m in ("f1", "average_precision", "violation"))
            words = [found[m].verdict.value for m in ("f1", "violation")]
            against.append([str(q), TITLES[arm], f1, words[0], precision, violation, words[1]])
    return f"{markdown(rows)}\n\n{markdown(against)}"


def points(difference: Difference) -> str:
    """Mean and 95 % interval in points of a hundred."""
    found = difference.interval
    return f"{difference.mean:+.1f}" + ("" if found is None else f" [{found[0]:+.1f}, {found[1]:+.1f}]")


def main() -> None:
    """Train what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--flips", type=float, nargs="+", default=[0.0, 0.4])
    parser.add_argument("--out", type=Path, default=Path("one_percent"))
    options = parser.parse_args()
    path = data_file("clevr", "CLEVR_train_scenes_1000.json.gz")
    if path is None:
        print("skipped: the CLEVR scenes are not here; set RULEKD_DATA")
        return
    torch.set_num_threads(1)
    clean = SceneSet.load(path).with_points(count=24)
    found: dict[float, list[Student]] = {q: [] for q in options.flips}
    for seed in range(options.seeds):
        for q in options.flips:
            scenes = flipped(clean, q, seed) if q else clean
            found[q] += one_seed(scenes, seed, options.steps, options.out / f"q{q}-seed{seed}.jsonl")
    print(tables(found))


if __name__ == "__main__":
    main()
