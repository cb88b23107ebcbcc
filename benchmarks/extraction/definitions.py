"""Definitions and transform laws read off trained networks, against what is known to be true.

Boxes: each seed trains a network on pairs of boxes (``pairworld``) and reads definitions of its three relations from
fresh scenes without labels. CLEVR: directions from the labels of the file, with its view and without any, where the
direction is no axis. Transforms: eleven for each relation, 22 of the 33 laws true by definition.

    python -m benchmarks.extraction.definitions --seeds 3 --scenes 16000

The CLEVR scenes are found through RULEKD_DATA; without them that table is left out, and said so.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace

import torch

import kg
import rulekd
from benchmarks.extraction.pairworld import NAMES, pair_world, teacher
from kg.formulas import Iff, Transform, Under
from kg.terms import TERMS
from rulekd.extraction.discovery import Discovery
from rulekd.extraction.families.definitions import choose, fronts, questions
from rulekd.extraction.fitting.intervals import literals
from rulekd.extraction.fitting.questions import fidelity, sites_of, told
from rulekd.grounding import View, count
from rulekd.predictor import labels_as_facts
from rulekd.scenes import SceneSet
from rulekd.scenes.data import data_file

TRANSFORMS = (
    "translate_x", "translate_y", "translate_z", "scale", "mirror_x", "mirror_y", "mirror_z",
    "exchange_yz", "exchange_xy", "exchange_objects", "translate_first",
)  # fmt: skip

#: By definition: which of the transforms leave each relation as it is.
TRUE = {
    "left_of": {"translate_x", "translate_y", "translate_z", "scale", "mirror_y", "mirror_z", "exchange_yz"},
    "on": {"translate_x", "translate_y", "translate_z", "mirror_x", "mirror_y", "exchange_xy"},
    "inside": set(TRANSFORMS) - {"exchange_objects", "translate_first"},
}


def main() -> None:
    """Print three Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--scenes", type=int, default=16_000)
    parser.add_argument("--steps", type=int, default=20_000, help="training steps of each network")
    parser.add_argument("--pairs", type=int, default=1_000_000, help="pairs that each network learns from")
    parser.add_argument("--width", type=int, default=256, help="of its two layers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clevr()
    print("| seed | relation | literals | network's F1 | to the network | to the truth | seconds | definition |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    laws = []
    for seed in range(options.first, options.first + options.seeds):
        network = teacher(seed, options.steps, options.pairs, options.width)
        boxes(network, seed, options.scenes)
        laws += transforms(network, seed, options.scenes // 4)
    print("\n| seed | relation | true found | false refused | network obeys: true laws | false laws |")
    print("| --- | --- | --- | --- | --- | --- |")
    print("\n".join(laws))


def boxes(network: rulekd.Predictor, seed: int, count: int) -> None:
    """One line a relation, and its thresholds under it."""
    started = time.monotonic()
    graph = rulekd.extract(network, pair_world(count, 5000 + seed, labelled=False), families=["definitions"])
    seconds = time.monotonic() - started
    fresh = pair_world(8000, 9000 + seed)
    said, labels = network.facts(fresh), labels_as_facts(fresh)
    sites = sites_of(labels, fresh.scenes, ("a", "b"))
    for name in NAMES:
        found = [r for r in graph.rules() if isinstance(r.formula, Iff) and str(r.formula.left) == f"{name}(a, b)"]
        if not found or not isinstance(found[0].formula, Iff):
            print(f"| {seed} | {name} | - | | | | | none found |")
            continue
        rule, body = found[0], found[0].formula.right
        true, answer = (sites.read(each.crisp(name)) > 0 for each in (labels, said))
        here = told(body, sites)
        print(
            f"| {seed} | {name} | {sum(1 for _ in literals(body))} | {fidelity(answer, true):.4f} "
            f"| {fidelity(here, answer):.4f} | {fidelity(here, true):.4f} | {seconds:.1f} | `{body}` |"
        )
        definition = rule.evidence.definition if rule.evidence else None
        for threshold in definition.thresholds if definition else ():
            print(f"|  |  |  |  |  |  |  | {threshold.literal}: {threshold} |")


def transforms(network: rulekd.Predictor, seed: int, count: int) -> list[str]:
    """One line a relation: laws found and refused by the data, and how far the network obeys each kind."""
    wanted = [Transform(name) for name in TRANSFORMS]
    graph = rulekd.extract(network, pair_world(count, 7000 + seed), families=["transforms"], transforms=wanted)
    lines = []
    for name in NAMES:
        laws = {t: kg.parse(f"under {t}: {name}(a, b) <-> {name}(a, b)") for t in TRANSFORMS}
        found = {
            transform
            for transform, law in laws.items()
            if law in graph
            and (evidence := graph.rule(law).evidence) is not None
            and evidence.data is not None
            and evidence.data.rate == 0
        }
        obeyed = {t: share_obeyed(network, law, pair_world(count, 7000 + seed)) for t, law in laws.items()}
        true = [f"{t} {obeyed[t]:.0%}" for t in TRANSFORMS if t in TRUE[name]]
        false = [f"{t} {obeyed[t]:.0%}" for t in TRANSFORMS if t not in TRUE[name]]
        lines.append(
            f"| {seed} | {name} | {len(found & TRUE[name])} of {len(TRUE[name])} "
            f"| {len(TRANSFORMS) - len(TRUE[name]) - len(found - TRUE[name])} of {len(TRANSFORMS) - len(TRUE[name])} "
            f"| {', '.join(true)} | {', '.join(false)} |"
        )
    return lines


def share_obeyed(network: rulekd.Predictor, law: kg.Formula, scenes: SceneSet) -> float:
    """Of the groundings where the network says yes before or after, the share where it says the same."""
    assert isinstance(law, Under)
    image = View(network.facts(scenes.transformed(law.transform)))
    live, broken = count(law, View(network.facts(scenes)), {str(law.transform): image})
    return 1 - float(broken.sum()) / max(1, int(live.sum()))


def clevr() -> None:
    """Directions of the four relations, from the file's labels."""
    path = data_file("clevr", "CLEVR_train_scenes_1000.json.gz")
    if path is None:
        print("CLEVR: skipped, the scenes are not here (RULEKD_DATA)\n")
        return
    scenes = SceneSet.load(path)
    names = ("left", "right", "front", "behind")
    facts = labels_as_facts(scenes, kg.Vocabulary(dict.fromkeys(names, 2)))
    graph = rulekd.extract(
        _of_labels(names),
        SceneSet(scenes.scenes.with_labels({n: scenes.scenes.labels[n] for n in names})),
        families=["definitions"],
    )
    print("| relation | seen from | direction off by | definition | interval |\n| --- | --- | --- | --- | --- |")
    for rule in graph.rules():
        known = rule.evidence.definition if rule.evidence else None
        interval = known.thresholds[0] if known else ""
        print(f"| {rule.text.split('(')[0]} | the view | 0 | `{rule.text}` | {interval} |")
    view = scenes.scenes.axes()[0]
    seen = Discovery(facts, scenes=replace(scenes.scenes, view=None))
    for question, columns in questions(seen):
        printed = fronts(question, columns)
        body = choose(question, printed, len(columns))[0].body
        axis = {"left": -view[0], "right": view[0], "front": -view[1], "behind": view[1]}[question.atom.predicate]
        off = angle(body, axis.double())
        print(f"| {question.atom.predicate} | the file's axes | {off:.3f} degrees | `{body}` | |")
    print()


def angle(body: kg.Formula, axis: torch.Tensor) -> float:
    """Degrees between the direction in plan that a comparison of positions of a speaks of and the given one."""
    if not isinstance(body, kg.Compare):
        return math.nan
    weights = [0.0, 0.0]
    for term, sign in ((body.left, 1.0), (body.right, -1.0)):
        for place, weight in _weights(term, sign):
            weights[place] += weight
    turned = -1.0 if body.operator in ("<", "<=") else 1.0
    found = math.atan2(turned * weights[1], turned * weights[0])
    off = found - math.atan2(float(axis[1]), float(axis[0]))
    return abs(math.degrees(math.atan2(math.sin(off), math.cos(off))))


def _weights(term: kg.Term, sign: float) -> list[tuple[int, float]]:
    match term:
        case kg.Feature(name, ("a",)) if name in TERMS and TERMS[name].axis in (0, 1):
            return [(int(TERMS[name].axis or 0), sign)]
        case kg.Arithmetic("+", left, right):
            return _weights(left, sign) + _weights(right, sign)
        case kg.Arithmetic("-", left, right):
            return _weights(left, sign) + _weights(right, -sign)
        case kg.Arithmetic("*", kg.Number(value), right):
            return _weights(right, sign * value)
        case _:
            return []


def _of_labels(names: tuple[str, ...]) -> rulekd.Predictor:
    """A network that says what the labels say, so that the whole way can be gone with them."""

    class Labels(torch.nn.Module):
        def forward(self, labels: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            """As log-odds of +-10."""
            return {name: 20.0 * value - 10.0 for name, value in labels.items()}

    return rulekd.Predictor(
        Labels(), dict.fromkeys(names, 2), inputs=lambda s: {name: s.labels[name].float() for name in names}
    )


if __name__ == "__main__":
    main()
