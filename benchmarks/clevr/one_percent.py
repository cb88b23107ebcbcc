"""One per cent of the labels: do mined rules help a small student, and are they better than their controls?

CLEVR scenes, 24 noisy surface points an object, a student of about 5,500 parameters and a teacher of about 144,000
that sees true shapes and boxes. 1 % of the scenes (10) are labelled for the student; a share q of all labels is
flipped, independently for each ordered pair, in what the teacher learns from and in what the student sees; test
labels are clean. Soft labels come from that teacher, on the labelled scenes only; rules see the other scenes of the
train part too. Rules are mined from that teacher. All arms take the same steps; thresholds are calibrated on the
teacher's decisions on the validate part; violations are strict, a macro mean over the 26 true laws of this world.

    python benchmarks/clevr/one_percent.py --seeds 5 --out one_percent.jsonl

The file is appended to, a line an arm; what it already holds is not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import rulekd
from kg import KnowledgeGraph
from rulekd.constraints import trainable
from rulekd.distillation.controls import shuffled
from rulekd.distillation.distill import calibrate_on
from rulekd.distillation.transfers import Transfer
from rulekd.predictor import Predictor
from rulekd.scenes import SceneSet
from rulekd.scenes.data import data_file

RELATIONS = ("left", "right", "front", "behind", "near", "bigger", "smaller", "same_size", "same_shape")
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
ARMS = ("labels", "soft", "soft+augmentation", "soft+rules", "soft+shuffled")


def flipped(scenes: SceneSet, share: float, seed: int) -> SceneSet:
    """Every label turned over with the given probability."""
    generator = torch.Generator().manual_seed(seed)
    labels = {n: v ^ (torch.rand(v.shape, generator=generator) < share) for n, v in scenes.scenes.labels.items()}
    return replace(scenes, scenes=scenes.scenes.with_labels(labels))


def transfers_of(arm: str, graph: KnowledgeGraph, scenes: SceneSet, seed: int) -> list[Transfer]:
    """What each arm hands over."""
    soft = rulekd.SoftLabels()
    match arm:
        case "labels":
            return [rulekd.Labels()]
        case "soft":
            return [soft]
        case "soft+augmentation":
            return [soft, rulekd.Rules(graph, weight=0.0)]
        case "soft+rules":
            return [soft, rulekd.Rules(graph)]
        case _:
            return [soft, rulekd.Rules(tuple(shuffled(trainable(graph), scenes, seed)))]


def run_arm(
    arm: str, teacher: Predictor, graph: KnowledgeGraph, clean: SceneSet, noisy: SceneSet, seed: int, steps: int
) -> dict[str, float]:
    """Train one student and measure it on the clean test part."""
    train = noisy.part("train")
    labelled, others = train.divide(0.01 * len(noisy) / len(train), seed)
    student = rulekd.build("point-student", noisy, seed=seed)
    started = time.monotonic()
    rulekd.distill(
        None if arm == "labels" else teacher,
        student,
        labelled,
        transfers_of(arm, graph, clean.part("train"), seed),
        unlabelled=None if arm in ("labels", "soft") else others,
        seed=seed,
        training=rulekd.Training(steps=steps, learning_rate=1e-2, batch_size=8 if arm in ("labels", "soft") else 16),
    )
    seconds = time.monotonic() - started
    calibrate_on(
        student, noisy.part("validate"), teacher, transfers_of(arm, graph, clean, seed) if arm == "soft+rules" else ()
    )
    measures = rulekd.evaluate(student, clean.part("test"), LAWS, teacher)
    return {
        "f1": measures.f1 or 0.0,
        "f1_at_half": measures.f1_at_half or 0.0,
        "average_precision": measures.average_precision or 0.0,
        "violation": measures.violation or 0.0,
        "fidelity": measures.fidelity or 0.0,
        "parameters": measures.parameters,
        "seconds": seconds,
    }


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--flips", type=float, nargs="+", default=[0.0, 0.4])
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--out", type=Path, default=Path("one_percent.jsonl"))
    options = parser.parse_args()
    path = data_file("clevr", "CLEVR_train_scenes_1000.json.gz")
    if path is None:
        print("skipped: the CLEVR scenes are not here; set RULEKD_DATA")
        return
    torch.set_num_threads(1)
    clean = SceneSet.load(path).with_points(count=24)
    rows = [json.loads(line) for line in options.out.read_text().splitlines()] if options.out.exists() else []
    done = {(row["q"], row["seed"], row["arm"]) for row in rows}
    for seed in range(options.seeds):
        for q in options.flips:
            if all((q, seed, arm) in done for arm in options.arms):
                continue
            noisy = flipped(clean, q, seed) if q else clean
            teacher = rulekd.build("room-transformer", noisy, seed=seed)
            rulekd.distill(None, teacher, noisy, training=rulekd.Training(epochs=40), seed=seed)
            graph = rulekd.extract(teacher, noisy)
            of_teacher = rulekd.evaluate(teacher, clean.part("test"), LAWS)
            print(
                f"q {q}, seed {seed}: teacher {of_teacher.f1:.3f}, {len(trainable(graph))} axioms to train", flush=True
            )
            for arm in options.arms:
                if (q, seed, arm) in done:
                    continue
                row = {
                    "q": q,
                    "seed": seed,
                    "arm": arm,
                    **run_arm(arm, teacher, graph, clean, noisy, seed, options.steps),
                }
                row |= {"teacher_f1": of_teacher.f1, "axioms": len(trainable(graph))}
                rows.append(row)
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)
    print(table(rows))
    print(differences(rows))


def interval(values: list[float]) -> str:
    """Mean and 95 % interval of a few numbers by the t distribution, in points of a hundred."""
    from scipy.stats import t as student_t  # only the tables need it

    points = 100 * np.array(values)
    half = student_t.ppf(0.975, len(points) - 1) * points.std(ddof=1) / len(points) ** 0.5
    return f"{points.mean():+.1f} [{points.mean() - half:+.1f}, {points.mean() + half:+.1f}]"


def differences(rows: list[dict[str, float]]) -> str:
    """Differences between arms of the same seed, as Markdown."""
    lines = ["| q | difference | F1 | average precision | violation |", "|---|---|---|---|---|"]
    by = {(row["q"], row["arm"], row["seed"]): row for row in rows}
    pairs = [("soft+augmentation", "soft"), ("soft+rules", "soft"), ("soft+rules", "soft+augmentation")]
    for q in sorted({row["q"] for row in rows}):
        for arm, base in pairs:
            seeds = [seed for other, name, seed in by if other == q and name == arm and (q, base, seed) in by]
            if len(seeds) > 1:
                cells = [
                    interval([by[q, arm, seed][name] - by[q, base, seed][name] for seed in seeds])
                    for name in ("f1", "average_precision", "violation")
                ]
                lines.append(f"| {q} | {arm} - {base} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def table(rows: list[dict[str, float]]) -> str:
    """Mean and 95 % interval over seeds (t distribution) of F1 and of strict violations, in per cent, as Markdown."""
    from scipy.stats import t as student_t  # only the table needs it

    flips = sorted({row["q"] for row in rows})
    lines = ["| arm | " + " | ".join(f"q = {q}: F1 / violation" for q in flips) + " |", "|---" * (len(flips) + 1) + "|"]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        cells = []
        for q in flips:
            some = [row for row in rows if row["arm"] == arm and row["q"] == q]
            parts = []
            for name in ("f1", "violation"):
                values = 100 * np.array([row[name] for row in some])
                half = (
                    student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
                    if len(values) > 1
                    else 0
                )
                parts.append(f"{values.mean():.1f} ± {half:.1f}" if len(values) else "")
            cells.append(" / ".join(parts))
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
