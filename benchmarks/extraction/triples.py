"""One graph of entities, as link prediction uses them: what is listed, how long it takes, and how much memory.

Every folder of triples (head, relation, tail; one a line) is read as one scene: an entity is an object, a relation a
predicate, and what no triple says is false. The sets are found through RULEKD_DATA.

    python -m benchmarks.extraction.triples --sets umls family countries/countries_S1

Memory is that of the whole process, facts included, so that of several sets the largest counts.
"""

from __future__ import annotations

import argparse
import re
import resource
import time
from pathlib import Path

import torch

import rulekd
from rulekd.facts import Facts
from rulekd.scenes.data import data_file

#: Files that hold triples; others of a folder list names.
PARTS = ("facts.txt", "train.txt", "valid.txt", "test.txt")


def graph_of(folder: Path) -> Facts:
    """All parts of a set together."""
    lines = [line for name in PARTS if (folder / name).exists() for line in (folder / name).read_text().splitlines()]
    triples = sorted({(head, re.sub(r"\W", "_", word), tail) for head, word, tail in map(str.split, lines)})
    number = {name: place for place, name in enumerate(sorted({one for h, _, t in triples for one in (h, t)}))}
    values = {word: torch.zeros(1, len(number), len(number), dtype=torch.bool) for _, word, _ in triples}
    for head, word, tail in triples:
        values[word][0, number[head], number[tail]] = True
    return Facts(values)


def main() -> None:
    """Print a row a set, and its first axioms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["countries/countries_S1", "umls", "family"])
    parser.add_argument("--show", type=int, default=8, help="axioms to print")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.sets:
        folder = data_file("triples", *name.split("/"))
        if folder is None:
            print(f"{name}: skipped, not here (RULEKD_DATA)")
            continue
        facts = graph_of(folder)
        told = sum(facts.told(word) for word in facts.values)
        started = time.perf_counter()
        graph = rulekd.mine(facts)
        seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{name}: {facts.objects.shape[1]:,} entities, {len(facts.values)} relations, {told:,} facts; "
            f"{len(graph)} rules listed, {len(graph.axioms())} axioms; {seconds:.1f} s, {peak:,.0f} MB"
        )
        print(f"  {next(note for note in graph.notes if 'candidates were proposed' in note)}")
        for rule in graph.axioms()[: options.show]:
            evidence = rule.evidence
            assert evidence is not None
            print(f"  {evidence.violations:,} of {evidence.support:,} broken: {rule.formula}")


if __name__ == "__main__":
    main()
