"""How fast groundings are counted, and how much memory mining takes beside its facts.

    count     all chains over seven relations (1,372 candidates) on 1,000 scenes of 24 objects, 13.8 million triples
    mine      the box world, clean, start to end with the cover: 200 and 1,000 scenes of 12
    stream    10,000 scenes of 32 objects and 20 relations, read from disk through memory maps

    python -m benchmarks.extraction.speed --tasks count mine stream

One thread. Seconds are the least of --repeat. Memory is the most that the process held of its own while it worked, over
what it held before, in MB; the mapped facts are not among it: the system reads and drops them as it likes.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

import rulekd
from kg import Formula, KnowledgeGraph, parse
from kg.reasoning import entails
from rulekd.extraction.counting.candidates import count_chains
from rulekd.facts import Facts
from tests.extraction.boxworld import box_world, facts_of


def timed(work: Callable[[], object], repeat: int) -> float:
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def own() -> float:
    """MB of memory that are the process's own, without maps of files (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) / 1024


class Peak:
    """The most memory that is held between entering and leaving, over what was held before, MB; looked at 50 times a
    second."""

    def __enter__(self) -> Peak:
        self.most = self.before = own()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.most = max(self.most, own())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def megabytes(self) -> float:
        return self.most - self.before


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


def planted(facts: Facts) -> list[Formula]:
    """The laws of the orders among the relations: each is transitive, and the converse of its neighbour."""
    orders = list(facts.values)[: len(facts.values) // 2]
    laws = [f"{name}(a, b) & {name}(b, c) -> {name}(a, c)" for name in orders]
    laws += [f"{one}(a, b) <-> {other}(b, a)" for one, other in zip(orders[::2], orders[1::2], strict=True)]
    return [parse(law) for law in laws]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["count", "mine", "stream"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stream-scenes", type=int, default=10_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| task | seconds | peak memory beside the facts, MB |")
    print("|---|---|---|")
    if "count" in options.tasks:
        facts = random_relations(1000, 24, 7, 0)
        with Peak() as peak:
            seconds = timed(lambda: count_chains(facts), options.repeat)
        print(f"| 1,372 chains over {1000 * 24**3:,} triples | {seconds:.2f} | {peak.megabytes:.0f} |", flush=True)
    if "mine" in options.tasks:
        rulekd.mine(facts_of(box_world(60, seed=1)))
        for scenes in (200, 1000):
            facts = facts_of(box_world(scenes, seed=1))
            with Peak() as peak:
                seconds = timed(lambda given=facts: rulekd.mine(given), options.repeat)  # type: ignore[misc] # a default binds it
            print(f"| mine, box world, {scenes:,} scenes | {seconds:.2f} | {peak.megabytes:.0f} |", flush=True)
    if "stream" in options.tasks:
        graphs: list[KnowledgeGraph] = []
        with tempfile.TemporaryDirectory() as folder:
            facts = on_disk(Path(folder), options.stream_scenes, 32, 20)
            rulekd.mine(facts.select(torch.arange(40)))  # what is loaded once is not counted
            size = sum(value.numel() for value in facts.values.values()) / 2**20
            with Peak() as peak:
                seconds = timed(lambda: graphs.append(rulekd.mine(facts)), 1)
            orders, found = planted(facts), [rule.formula for rule in graphs[0].axioms()]
            print(
                f"| mine, {options.stream_scenes:,} scenes of 32 objects, 20 relations ({size:.0f} MB of facts, "
                f"{sum(entails(found, law) for law in orders)} of {len(orders)} planted laws) | {seconds:.1f} | "
                f"{peak.megabytes:.0f} |"
            )


if __name__ == "__main__":
    main()
