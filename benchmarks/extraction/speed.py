"""How fast groundings are counted, and how much memory mining takes beside its facts.

    count     all chains over seven relations (1,372 candidates) on 1,000 scenes of 24 objects, 13.8 million triples
    mine      the box world, clean, start to end with the cover: 200 and 1,000 scenes of 12
    stream    10,000 scenes of 32 objects and 20 relations, read from disk through memory maps

    python -m benchmarks.extraction.speed --tasks count mine stream

One thread. Seconds are the least of --repeat; memory is the peak of the process over what it held before, in MB
(memory maps count as they are read and can be given back by the system at any time; they are shown apart).
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

import rulekd
from rulekd.extraction.counting import count_chains
from rulekd.facts import Facts
from tests.extraction.boxworld import box_world, facts_of


def timed(work: Callable[[], object], repeat: int) -> float:
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def peak() -> float:
    """MB that this process has held at most, anonymous memory and maps alike."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def random_relations(scenes: int, objects: int, relations: int, seed: int) -> Facts:
    generator = torch.Generator().manual_seed(seed)
    shape = (scenes, objects, objects)
    return Facts({f"r{place}": torch.rand(shape, generator=generator) < 0.3 for place in range(relations)})


def on_disk(folder: Path, scenes: int, objects: int, relations: int) -> Facts:
    """Orders, their converses and unrelated noise, written scene by scene and mapped."""
    values, generator = {}, torch.Generator().manual_seed(0)
    for place in range(relations):
        file = str(folder / f"r{place}")
        mapped = torch.from_file(file, shared=True, size=scenes * objects**2, dtype=torch.bool)
        mapped = mapped.reshape(scenes, objects, objects)
        for first in range(0, scenes, 500):
            seeded = torch.Generator().manual_seed(place // 2 * 100_000 + first)
            x = torch.rand(500, objects, generator=seeded)
            apart = x[:, :, None] - x[:, None]
            noise = torch.rand(apart.shape, generator=generator) < 0.1
            mapped[first : first + 500] = noise if place >= relations // 2 else (apart if place % 2 else -apart) > 0.1
        values[f"r{place}"] = mapped
    return Facts(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["count", "mine", "stream"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stream-scenes", type=int, default=10_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| task | seconds | peak memory beside what was held before, MB |")
    print("|---|---|---|")
    if "count" in options.tasks:
        facts = random_relations(1000, 24, 7, 0)
        before = peak()
        seconds = timed(lambda: count_chains(facts), options.repeat)
        print(f"| 1,372 chains over {1000 * 24**3:,} triples | {seconds:.2f} | {peak() - before:.0f} |", flush=True)
    if "mine" in options.tasks:
        rulekd.mine(facts_of(box_world(60, seed=1)))
        for scenes in (200, 1000):
            facts = facts_of(box_world(scenes, seed=1))
            before = peak()
            seconds = timed(lambda given=facts: rulekd.mine(given), options.repeat)  # type: ignore[misc] # a default binds it
            print(f"| mine, box world, {scenes:,} scenes | {seconds:.2f} | {peak() - before:.0f} |", flush=True)
    if "stream" in options.tasks:
        with tempfile.TemporaryDirectory() as folder:
            facts = on_disk(Path(folder), options.stream_scenes, 32, 20)
            size = sum(value.numel() for value in facts.values.values()) / 2**20
            before = peak()
            started = time.perf_counter()
            graph = rulekd.mine(facts)
            seconds = time.perf_counter() - started
            print(
                f"| mine, {options.stream_scenes:,} scenes of 32 objects, 20 relations ({size:.0f} MB of facts, "
                f"{len(graph)} rules) | {seconds:.1f} | {peak() - before:.0f} |"
            )


if __name__ == "__main__":
    main()
