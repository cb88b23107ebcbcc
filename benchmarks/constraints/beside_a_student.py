"""What fifty rules cost beside a student's training step, and a thousand.

20 predicates over pairs; 20 compositions, 15 implications of pairs, 10 exclusions, 5 exactly-ones of four; 32 scenes of
16 objects; one thread. The student is a network of two layers on eight numbers of each pair of objects; its step is
forward, cross entropy of all predicates, backward and AdamW. Then time of planning.

    OMP_NUM_THREADS=1 python -m benchmarks.constraints.beside_a_student
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import rulekd
from benchmarks.constraints.measuring import interleaved, table
from kg import Rule, parse

PREDICATES = [f"p{number}" for number in range(20)]
SCENES = 32


def rules(compositions: int = 20, pairs: int = 15, exclusions: int = 10, counts: int = 5) -> list[Rule]:
    """Rules drawn with a fixed seed, all different."""
    draw = random.Random(0)
    found: dict[str, Rule] = {}

    def more(number: int, text: Callable[[list[str]], str]) -> None:
        wanted = len(found) + number
        while len(found) < wanted:
            rule = Rule(parse(text([draw.choice(PREDICATES) for _ in range(3)])))
            if len({*rule.text.split("(")}) > 2 and not rulekd.compile([rule]).untrained:
                found[rule.id] = rule

    more(compositions, lambda p: f"{p[0]}(a, b) & {p[1]}(b, c) -> {p[2]}(a, c)")
    more(pairs, lambda p: f"{p[0]}(a, b) -> {p[1]}(b, a)")
    more(exclusions, lambda p: f"~({p[0]}(a, b) & {p[1]}(a, b))")
    for first in range(counts):
        members = ", ".join(f"{name}(a, b)" for name in PREDICATES[4 * first % 20 : 4 * first % 20 + 4])
        rule = Rule(parse(f"exactly_one({members})"))
        found[rule.id] = rule
    return list(found.values())


class Student(nn.Module):
    """(B, N, 4) objects -> log-odds (20, B, N, N)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, len(PREDICATES))
        )

    def forward(self, objects: Tensor) -> Tensor:
        """One answer for each predicate and ordered pair."""
        size = objects.shape[1]
        pairs = [objects[:, :, None].expand(-1, -1, size, -1), objects[:, None].expand(-1, size, -1, -1)]
        logits: Tensor = self.layers(torch.cat(pairs, -1))
        return logits.movedim(-1, 0)


def training_step(
    student: Student, constraints: rulekd.Constraints | None, size: int, mask: Tensor | None
) -> Callable[[], None]:
    """One step on fixed random scenes."""
    generator = torch.Generator().manual_seed(0)
    objects = torch.randn(SCENES, size, 4, generator=generator)
    labels = (torch.rand(len(PREDICATES), SCENES, size, size, generator=generator) < 0.2).float()
    optimiser = torch.optim.AdamW(student.parameters(), 1e-3)

    def step() -> None:
        logits = student(objects)
        loss = binary_cross_entropy_with_logits(logits, labels)
        if constraints is not None:
            loss = loss + constraints(dict(zip(PREDICATES, logits.unbind(0), strict=True)), mask=mask).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def beside(repeats: int) -> str:
    """Fifty rules beside two students."""
    rows = []
    for hidden in (55, 208):
        for masked in (False, True):
            mask = (
                torch.arange(16)[None] < torch.tensor([16, 12])[torch.arange(SCENES) % 2][:, None] if masked else None
            )
            torch.manual_seed(0)
            steps = {"alone": training_step(Student(hidden), None, 16, mask)}
            for name, semantics, p in (
                ("product", "product", 1),
                ("product, p = 2", "product", 2),
                ("coherent",) * 2 + (1,),
            ):
                steps[name] = training_step(Student(hidden), rulekd.compile(rules(), semantics, p), 16, mask)
            times = interleaved(steps, repeats)
            alone = times.pop("alone")
            size = sum(parameter.numel() for parameter in Student(hidden).parameters())
            for name, (least, middle) in times.items():
                more = (
                    f"{least - alone[0]:.1f}",
                    f"{100 * (least / alone[0] - 1):+.0f} %",
                    f"{100 * (middle / alone[1] - 1):+.0f} %",
                )
                rows.append([f"{size:,}", name, "half padded" if masked else "none", f"{alone[0]:.1f}", *more])
    return table(["parameters", "semantics", "mask", "step alone, ms", "rules, ms", "least", "median"], rows)


def planning() -> str:
    """A thousand rules, from their texts to the first loss; the least of three times."""
    texts = [rule.text for rule in rules(970, 15, 10, 5)]
    values = {name: torch.zeros(1, 2, 2) for name in PREDICATES}
    taken: dict[str, list[float]] = {}
    for _ in range(3):
        marks = [("", time.process_time())]
        formulas = [parse(text) for text in texts]
        marks.append(("texts are read", time.process_time()))
        made = [Rule(formula) for formula in formulas]
        _ = [rule.id for rule in made]
        marks.append(("rules get their ids, which those of a graph have", time.process_time()))
        constraints = rulekd.compile(made)
        marks.append(("rules are planned", time.process_time()))
        _ = constraints(values).loss
        marks.append(("they are laid out at the first batch", time.process_time()))
        for (_, start), (what, stop) in itertools.pairwise(marks):
            taken.setdefault(what, []).append(1000 * (stop - start))
    return table(["1,000 rules", "ms"], [[what, f"{min(times):.0f}"] for what, times in taken.items()])


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(beside(options.repeats), planning(), sep="\n\n")


if __name__ == "__main__":
    main()
