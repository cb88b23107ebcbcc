"""Counterexamples: are planted pockets found by gradient, and how often would chance find them with as many questions?

Scenes of one to three objects anywhere in the unit cube. A network obeys three laws but in a small pocket, in which it
denies their heads (its rim blurred over 2 cm); about a thousandth of uniform scenes fall into it. Each way is asked
equally often; ``random x 10`` ten times as often.

    python -m benchmarks.extraction.hunting --seeds 40

With the CLEVR scenes at hand, a teacher is trained on them and its laws are hunted and probed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import rulekd
from kg import parse
from rulekd.extraction import Effort, hunt, probe
from rulekd.extraction.probing.asking import Asking
from rulekd.extraction.probing.attempts import nearest
from rulekd.predictor import Predictor
from rulekd.scenes import Scenes, SceneSet
from rulekd.scenes.data import data_file

WORDS = {"tall": 1, "heavy": 1, "left_of": 2, "right_of": 2, "before": 2}
LAWS = (
    ("tall(a) -> heavy(a)", 1, 0.022),
    ("left_of(a, b) -> right_of(b, a)", 2, 0.025),
    ("left_of(a, b) & left_of(b, c) -> before(a, c)", 3, 0.034),
)
STEEP, BLUR, LENIENT = 20.0, 0.02, 2.0


class Pocket(nn.Module):
    """Log-odds by formula, with a blurred ball around ``middle`` in which heads are denied."""

    def __init__(self, middle: Tensor, radius: float) -> None:
        super().__init__()
        self.middle, self.radius = nn.Parameter(middle), radius

    def forward(self, center: Tensor) -> dict[str, Tensor]:
        """(B, N, 3) metres -> (B, N) and (B, N, N)."""
        far = STEEP * (center[:, None, :, 0] - center[:, :, None, 0])
        tall = STEEP * (center[..., 2] - 0.5)
        depth = 2 * STEEP * torch.sigmoid((self.radius - (center - self.middle).norm(dim=-1)) / BLUR)
        head = far + LENIENT - depth[:, :, None]
        return {
            "tall": tall,
            "heavy": tall + LENIENT - depth,
            "left_of": far,
            "right_of": head.transpose(1, 2),
            "before": head,
        }


def uniform(count: int, objects: int, seed: int) -> SceneSet:
    """Objects anywhere in the unit cube."""
    center = torch.rand(count, objects, 3, generator=torch.Generator().manual_seed(seed))
    return SceneSet(Scenes(mask=torch.ones(count, objects, dtype=torch.bool), center=center))


def pocket(seed: int, radius: float) -> Pocket:
    """Somewhere in the upper left of the cube, where bodies can be true around it."""
    generator = torch.Generator().manual_seed(seed)
    middle = torch.rand(3, generator=generator) * torch.tensor([0.4, 0.7, 0.25]) + torch.tensor([0.15, 0.15, 0.6])
    return Pocket(middle, radius)


@dataclass
class Row:
    """Of one law: the share of uniform scenes that break it, and in how many hunts each way met one."""

    broken: list[float]
    questions: int = 0
    gradient: int = 0
    random: int = 0
    tenfold: int = 0
    seconds: float = 0.0


def planted(law: str, objects: int, radius: float, seeds: int, starts: int, steps: int) -> Row:
    """Hunt ``seeds`` pockets, each network and all scenes of its own."""
    row = Row([])
    for seed in range(seeds):
        teacher = Predictor(pocket(seed, radius), WORDS, inputs=lambda s: s["center"])
        many = uniform(50_000, objects, 10_000 + seed).scenes
        with torch.no_grad():
            breach, _ = nearest(parse(law), Asking(teacher, parse(law))(many))
        row.broken.append(float((breach > 0).double().mean()))
        scenes = uniform(60, objects, seed)
        effort = Effort(tries=2 * starts, starts=starts, steps=steps, kinds=("scatter",), seed=seed, seconds=600)
        found = hunt(teacher, scenes, law, effort).hunt
        row.questions = found.asked
        row.seconds += found.seconds / seeds
        row.gradient += found.gradient.broken > 0
        for times in (1, 10):
            chance = hunt(teacher, scenes, law, replace(effort, tries=times * found.asked, starts=0)).hunt
            row.random += times == 1 and chance.broken > 0
            row.tenfold += times == 10 and chance.broken > 0
    return row


def pockets(seeds: int, starts: int, steps: int) -> None:
    """The table of planted pockets."""
    print("| law | scenes that break it | questions | gradient | random | random x 10 | seconds a hunt |")
    print("|---|---|---|---|---|---|---|")
    for law, objects, radius in LAWS:
        row = planted(law, objects, radius, seeds, starts, steps)
        share = sorted(100 * broken for broken in row.broken)
        print(
            f"| `{law}` | {share[len(share) // 2]:.2f} % ({share[0]:.2f} to {share[-1]:.2f}) | {row.questions} | "
            f"{row.gradient} of {seeds} | {row.random} of {seeds} | {row.tenfold} of {seeds} | {row.seconds:.2f} |",
            flush=True,
        )


CLEVR_LAWS = (
    "left(a, b) <-> right(b, a)",
    "left(a, b) & left(b, c) -> left(a, c)",
    "near(a, b) <-> near(b, a)",
    "bigger(a, b) & same_size(b, c) -> bigger(a, c)",
    "exactly_one(bigger(a, b), same_size(a, b), smaller(a, b))",
    "under mirror_x: left(a, b) <-> right(a, b)",
    "left(a, b) <-> x(b) - x(a) > 0.2",
    "exactly_one(left(a, b), right(a, b))",
)
CLEVR_RARE = ("bigger(a, b) & bigger(b, c) -> bigger(a, c)", "smaller(a, b) & smaller(b, c) -> smaller(a, c)")


def clevr(epochs: int, reaches: tuple[float, ...] = (1.0, 0.1)) -> None:
    """Hunts and probes of a teacher of CLEVR scenes."""
    path = data_file("clevr", "CLEVR_train_scenes_1000.json.gz")
    if path is None:
        print("no CLEVR scenes: set RULEKD_DATA to the folder of real data")
        return
    scenes = SceneSet.load(path)
    teacher = rulekd.build("room-transformer", scenes, seed=0)
    rulekd.distill(None, teacher, scenes, training=rulekd.Training(epochs=epochs))
    print("\n| law | reach | random | gradient | worst margin | moved | verdicts |")
    print("|---|---|---|---|---|---|---|")
    for law in CLEVR_LAWS:
        for reach in reaches:
            found = hunt(teacher, scenes, law, Effort(reach=reach)).hunt
            said = ", ".join(sorted({one.verdict.value for one in found.found})) or "-"
            far = max((one.moved for one in found.found), default=0.0)
            print(
                f"| `{law}` | {reach:g} | {found.random.broken} of {found.random.asked} | {found.gradient.broken} of "
                f"{found.gradient.asked} | {found.worst:+.1f} | {far:.1f} m | {said} |",
                flush=True,
            )
    print("\n| law | live in the given scenes | made scenes | live | broken | rate, 95 % | seconds |")
    print("|---|---|---|---|---|---|---|")
    for law in CLEVR_RARE:
        started = time.perf_counter()
        made = probe(teacher, scenes, law).probes
        low, high = made.total.interval or (0.0, 1.0)
        print(
            f"| `{law}` | 0 | {made.asked} | {made.live} | {made.broken} | {100 * low:.1f} to {100 * high:.1f} % | "
            f"{time.perf_counter() - started:.1f} |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40, help="pockets a row")
    parser.add_argument("--starts", type=int, default=4, help="scenes followed at once")
    parser.add_argument("--steps", type=int, default=40, help="steps of each")
    parser.add_argument("--epochs", type=int, default=15, help="of the CLEVR teacher; 0 leaves it out")
    given = parser.parse_args()
    torch.set_num_threads(1)
    pockets(given.seeds, given.starts, given.steps)
    if given.epochs:
        clevr(given.epochs)


if __name__ == "__main__":
    main()
