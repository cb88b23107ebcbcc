"""Do 95 % intervals of the violation rate contain it, and how wide are they?

p holds for three pairs in ten, q where p holds except at violations, which come in clusters: a scene in ten has five
times as many as the mean says, the others what is left. The true rate is the mean over 5,000 fresh scenes of the
share of live groundings of p(a, b) -> q(a, b) that are broken.

    counted     the rule is given and counted on the scenes
    mined       the scenes are mined with a tolerance of a half, and the rule's printed interval is taken, where listed

    python -m benchmarks.extraction.intervals --runs 200

Cover: the share of runs whose interval contains the true rate. Width without a violation: of the interval of a rule
that is live and unbroken in every scene.
"""

from __future__ import annotations

import argparse

import torch

import rulekd
from kg import parse
from rulekd.extraction.evidence.tally import ledger, tally
from rulekd.facts import Facts
from rulekd.grounding import View

RULE = parse("p(a, b) -> q(a, b)")
Interval = tuple[float, float]


def world(scenes: int, rate: float, seed: int, objects: int = 8) -> Facts:
    generator = torch.Generator().manual_seed(seed)
    pairs = (scenes, objects, objects)
    bad = torch.rand(scenes, 1, 1, generator=generator) < 0.1
    broken = torch.rand(pairs, generator=generator) < torch.where(bad, 5 * rate, 5 * rate / 9)
    p = torch.rand(pairs, generator=generator) < 0.3
    return Facts({"p": p, "q": torch.where(p, ~broken, torch.rand(pairs, generator=generator) < 0.1)})


def counted(facts: Facts) -> Interval | None:
    return ledger(tally(RULE, View(facts))).interval


def mined(facts: Facts) -> Interval | None:
    graph = rulekd.mine(facts, tolerance=0.5, families=["pairs"])
    for rule in graph.rules():
        if rule.evidence is not None and rule.text == str(RULE):
            return rule.evidence.interval
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--scenes", nargs="+", type=int, default=[10, 50, 200])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.0, 0.01, 0.05])
    parser.add_argument("--seed", type=int, default=40_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| interval | scenes | rate | runs with it | contain the rate | mean width | width without a violation |")
    print("|---|---|---|---|---|---|---|")
    for rate in options.rates:
        truth = ledger(tally(RULE, View(world(5000, rate, options.seed - 1)), {})).rate or 0.0
        for scenes in options.scenes:
            for name, read in (("counted", counted), ("mined", mined)):
                clean = read(world(scenes, 0.0, options.seed - 2))
                found = [read(world(scenes, rate, options.seed + run)) for run in range(options.runs)]
                some = [one for one in found if one is not None]
                cover = sum(low <= truth <= high for low, high in some) / max(1, len(some))
                width = sum(high - low for low, high in some) / max(1, len(some))
                bare = "not listed" if clean is None else f"{clean[1] - clean[0]:.4f}"
                print(
                    f"| {name} | {scenes} | {truth:.2%} | {len(some)} of {options.runs} | {cover:.1%} | {width:.4f} | "
                    f"{bare} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
