"""What a grounding network means by its words, against what is known to be meant.

Each seed trains a network on utterances in random rooms (``groundworld``) and reads it without any label: eight
utterances, a formula each. Fidelity and truth are two-class macro-F1 of the printed formula on fresh utterances of that
word, against the network and against what is meant. Beside it the number of confirmed rules where the words are dealt
anew, so that nothing is to be found.

    python -m benchmarks.extraction.referring --seeds 2 3 4
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import torch

import rulekd
from benchmarks.extraction.groundworld import MEANT, grounder, utterances
from kg.formulas import Iff
from rulekd.extraction.fitting.questions import fidelity, sites_of, told
from rulekd.predictor import labels_as_facts
from rulekd.scenes import SceneSet


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--rooms", type=int, default=1000, help="rooms that are asked about")
    parser.add_argument("--steps", type=int, default=4000, help="training steps of each network")
    parser.add_argument("--taught", type=int, default=40_000, help="rooms that each network learns from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| seed | utterance | network's F1 | to the network | to what is meant | confirmed | formula |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for seed in options.seeds:
        network = grounder(seed, options.steps, options.taught)
        read(network, seed, options.rooms)


def read(network: rulekd.Predictor, seed: int, rooms: int) -> None:
    """One line an utterance."""
    started = time.monotonic()
    graph = rulekd.extract(network, utterances(rooms, 5000 + seed, labelled=False), families=["referring"])
    seconds = time.monotonic() - started
    fresh = utterances(4000, 9000 + seed)
    said, labels = network.facts(fresh), labels_as_facts(fresh)
    sites = sites_of(labels, fresh.scenes, ("a",))
    answers, truths = (sites.read(each.crisp("target")) > 0 for each in (said, labels))
    for place, word in enumerate(MEANT):
        spoken = (fresh.scenes.scene_categories["relation"] == place)[sites.scene].numpy()
        found = [rule for rule in graph.rules() if f'relation() = "{word}" & target(a) <->' in rule.text]
        known = f"| {seed} | {word} | {fidelity(answers[spoken], truths[spoken]):.4f} |"
        if not found or not isinstance(found[0].formula, Iff):
            print(f"{known} | | | none found |")
            continue
        here = told(found[0].formula.right, sites, labels)
        body = str(found[0].formula.right).removeprefix(f'relation() = "{word}" & ')
        confirmed = found[0].evidence is not None and found[0].evidence.confirmed
        print(
            f"{known} {fidelity(here[spoken], answers[spoken]):.4f} | {fidelity(here[spoken], truths[spoken]):.4f} "
            f"| {'yes' if confirmed else 'no'} | `{body}` |"
        )
    others = len(graph) - len({word for word in MEANT for r in graph.rules() if f'"{word}" & target' in r.text})
    false = dealt(network, seed, rooms)
    print(f"| {seed} | {seconds:.0f} s, {others} further; words dealt anew: {false} confirmed | | | | | |")


def dealt(network: rulekd.Predictor, seed: int, rooms: int) -> int:
    """Confirmed rules about utterances whose word is another one's, which the network never heard."""
    asked = utterances(rooms, 5000 + seed, labelled=False)
    answers = network.facts(asked).values["target"]
    words = asked.scenes.scene_categories["relation"]
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed))
    scenes = replace(
        asked.scenes,
        scene_categories={**asked.scenes.scene_categories, "relation": words[order]},
        tensors={"answers": answers},
    )
    echo = rulekd.Predictor(
        torch.nn.Identity(),
        {"target": 1},
        inputs=lambda some: some.tensors["answers"][:, : some.mask.shape[1]],
        outputs=lambda result: {"target": result},
    )
    graph = rulekd.extract(echo, SceneSet(scenes), families=["referring"])
    return sum(rule.evidence is not None and rule.evidence.confirmed for rule in graph.rules())


if __name__ == "__main__":
    main()
