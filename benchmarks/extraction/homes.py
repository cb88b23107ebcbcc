"""What the relations of real homes mean, read off their labels, and which things stand in which relation to which.

Definitions are searched on one home (its regions are the scenes) and then put to every home there is: a label that a
definition tells otherwise counts as an error. The homes (VLA-3D) are found through RULEKD_DATA.

    python -m benchmarks.extraction.homes --learn HM3D --picture homes.svg
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

import kg
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.concepts import concepts, measured
from rulekd.extraction.families.conditions import conditions
from rulekd.extraction.families.definitions import choose, fronts, questions
from rulekd.extraction.fitting.questions import sites_of, told
from rulekd.predictor import labels_as_facts
from rulekd.report.concepts import draw
from rulekd.scenes import SceneSet
from rulekd.scenes.data import data_folder


def main() -> None:
    """Print definitions with their errors in every home, then triples; draw these."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learn", default="HM3D", help="part of the path of the home that is searched")
    parser.add_argument("--relations", nargs="*", default=["closest", "farthest", "near", "above", "on"])
    parser.add_argument("--triples", type=int, default=15)
    parser.add_argument("--joining", nargs="*", default=["on", "inside", "hanging_on", "above", "near"])
    parser.add_argument("--picture", type=Path, default=None, help="where to draw the triples")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = data_folder()
    paths = sorted((folder / "vla3d").rglob("*_scene_graph.json*")) if folder is not None else []
    if not paths:
        print("skipped: the homes are not here (RULEKD_DATA)")
        return
    homes = {path.parent.name: SceneSet.load(path) for path in paths}
    learnt = next(home for path, home in zip(paths, homes.values(), strict=True) if options.learn in str(path))
    facts = labels_as_facts(learnt)
    seen = Discovery(facts, scenes=learnt.scenes)
    print("| relation | rule | macro-F1 | " + " | ".join(f"{name}: wrong / true" for name in homes) + " | seconds |")
    print("| --- | --- | --- |" + " --- |" * (len(homes) + 1))
    for question, columns in questions(seen):
        if question.atom.predicate not in options.relations:
            continue
        started = time.monotonic()
        chosen, _ = choose(question, fronts(question, columns), len(columns))
        seconds = f"{time.monotonic() - started:.1f}"
        line = f"| {question.atom.predicate} | `{kg.Iff(question.atom, chosen.body)}` | {chosen.fidelity:.4f} | "
        print(
            line + " | ".join(errors(home, question.atom, chosen.body) for home in homes.values()) + f" | {seconds} |"
        )
        for condition in conditions(question, chosen.body):
            told_by = " | ".join(errors(home, question.atom, condition.head, True) for home in homes.values())
            print(f"| | `{condition}` | | {told_by} | |")
    triples = measured(concepts(seen).triples, facts, learnt.scenes)
    triples = [triple for triple in triples if triple.relation in options.joining]
    triples = sorted(triples, key=lambda triple: (-triple.interval[0], triple.key))[: options.triples]
    print("\n" + "\n".join(f"- {triple}" for triple in triples))
    if options.picture is not None and triples:
        draw(triples, options.picture)


def errors(home: SceneSet, atom: kg.Atom, body: kg.Formula, implied: bool = False) -> str:
    """How many labels a definition tells otherwise (a condition is broken by), of how many true ones."""
    facts = labels_as_facts(home)
    if atom.predicate not in facts.values:
        return "-"
    sites = sites_of(facts, home.scenes, atom.arguments)
    known = sites.read(facts.validity(atom.predicate)) > 0
    true = sites.read(facts.crisp(atom.predicate)) > 0
    said = told(body, sites)
    wrong = known & true & ~said if implied else known & (true ^ said)
    return f"{int(wrong.sum())} / {int((true & known).sum())}"


if __name__ == "__main__":
    main()
