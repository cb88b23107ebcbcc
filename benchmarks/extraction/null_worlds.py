"""Worlds without laws that join predicates: what is confirmed there is a false discovery.

    permuted    the box world, the objects of every scene renamed anew for every predicate: laws of a single predicate
                stay true, everything that joins two is chance
    frequent    an order, a sparse relation, and two that are true for nine pairs in ten, whatever the others say
    uneven      the same, but how frequent they are differs by scene: from 55 % to all of the pairs, 90 % in the mean
    few         the permuted world with ten scenes only
    unknown     as frequent, of 95 %; half of the groundings may not be asked about, the same of every predicate
    copies      as frequent, of 95 %, with 80 rooms of which there are eight copies each, in one group

    python -m benchmarks.extraction.null_worlds --runs 20

A rule is false when it is confirmed, speaks of two predicates or more, and does not follow from the confirmed
rules of single predicates. Listed are also rules that are shown as not confirmed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch

import rulekd
from kg import Atom, Rule
from kg.formulas import walk
from kg.reasoning import entails
from rulekd.facts import Facts
from tests.extraction.boxworld import box_world, facts_of, permuted


def base_rates(scenes: int, objects: int, seed: int, *, uneven: bool = False, share: float = 0.9) -> Facts:
    """Two relations with structure, two that are frequent and unrelated to anything, and two properties."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.rand(scenes, objects, generator=generator)
    pairs = (scenes, objects, objects)
    rate = torch.full((scenes, 1, 1), share)
    if uneven:  # 1 - 0.45 u^3.5 has mean 0.9
        rate = 1 - 0.45 * torch.rand(scenes, 1, 1, generator=generator) ** 3.5
    return Facts(
        {
            "less": place[:, :, None] < place[:, None],
            "linked": torch.rand(pairs, generator=generator) < 0.15,
            "usual": torch.rand(pairs, generator=generator) < rate,
            "common": torch.rand(pairs, generator=generator) < rate,
            "some": torch.rand(scenes, objects, generator=generator) < 0.3,
            "most": torch.rand(scenes, objects, generator=generator) < rate[:, 0],
        }
    )


def half_known(facts: Facts, seed: int) -> Facts:
    """The same half of the groundings of all predicates of an arity may be asked about."""
    generator = torch.Generator().manual_seed(seed)
    asked = {value.shape: torch.rand(value.shape, generator=generator) < 0.5 for value in facts.values.values()}
    return replace(facts, valid={name: asked[value.shape] for name, value in facts.values.items()})


def copied(facts: Facts, times: int) -> Facts:
    """Every scene so many times, its copies in one group."""
    index = torch.arange(len(facts)).repeat_interleave(times)
    return replace(facts.select(index), group=index, names=None)


def world(name: str, scenes: int, seed: int) -> Facts:
    match name:
        case "permuted":
            return permuted(facts_of(box_world(scenes, seed=seed)), seed)
        case "few":
            return permuted(facts_of(box_world(10, seed=seed)), seed)
        case "unknown":
            return half_known(base_rates(scenes, 12, seed, share=0.95), seed)
        case "copies":
            return copied(base_rates(80, 12, seed, share=0.95), 8)
        case _:
            return base_rates(scenes, 12, seed, uneven=name == "uneven")


def false_rules(rules: tuple[Rule, ...], *, confirmed: bool) -> list[str]:
    """The rules that join predicates and follow from no law of a single one."""
    asked = [rule for rule in rules if rule.evidence is not None and rule.evidence.confirmed is confirmed]
    single = [rule.formula for rule in rules if len(_spoken(rule)) == 1]
    return [rule.text for rule in asked if len(_spoken(rule)) > 1 and not entails(single, rule.formula)]


def _spoken(rule: Rule) -> set[str]:
    return {atom.predicate for atom in walk(rule.formula) if isinstance(atom, Atom)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=["permuted", "frequent", "uneven", "few", "unknown", "copies"])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| world | scenes | runs | false rules confirmed | runs with any | unconfirmed ones listed | seconds a run |")
    print("|---|---|---|---|---|---|---|")
    for name in options.worlds:
        confirmed, shown, runs_with, taken = [], 0, 0, 0.0
        for run in range(options.runs):
            facts = world(name, options.scenes, options.seed + run)
            started = time.perf_counter()
            rules = rulekd.mine(facts).rules()
            taken += time.perf_counter() - started
            wrong = false_rules(rules, confirmed=True)
            confirmed += wrong
            shown += len(false_rules(rules, confirmed=False))
            runs_with += bool(wrong)
        print(
            f"| {name} | {len(facts)} | {options.runs} | {len(confirmed)} | {runs_with} | {shown} | "
            f"{taken / options.runs:.2f} |",
            flush=True,
        )
        for text in sorted(set(confirmed))[:8]:
            print(f"|   | | | `{text}` | | | |")


if __name__ == "__main__":
    main()
