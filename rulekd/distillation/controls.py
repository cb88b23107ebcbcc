"""Controls: what a claim about rules must be held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from kg import Formula, Rule, RulekdError, Vocabulary
from kg.formulas import Atom, Under, walk
from kg.variables import rebuild
from rulekd.grounding import View, count
from rulekd.predictor import labels_as_facts
from rulekd.scenes import SceneSet
from rulekd.scenes.transforms import unacted

#: The truth breaks a shuffled rule in more than this share of its live groundings.
BROKEN = 0.10

#: Draws for one rule before it is given up.
TRIES = 200


def shuffled(rules: Sequence[Rule], scenes: SceneSet, seed: int = 0) -> list[Rule]:
    """As many rules of the same shapes, their predicates redrawn slot by slot, each broken by the labels of ``scenes``.

    Each occurrence of a predicate is replaced by a random one of the same arity, until the labels break the rule in
    more than 10 % of its live groundings. Laws under a transform need scenes with definitions, by which labels of
    the image are known.
    """
    generator = torch.Generator().manual_seed(seed)
    facts = labels_as_facts(scenes)
    view = View(facts, scenes.scenes)
    images: dict[str, View] = {}
    made: dict[str, Rule] = {}
    for rule in rules:
        if isinstance(rule.formula, Under):
            transform = rule.formula.transform
            if unacted(transform, scenes.scenes) or not scenes.definitions:
                raise RulekdError(
                    f"rule {rule.name!r} cannot be shuffled: nobody knows the labels of scenes under {transform}",
                    hint="Give scenes with definitions, or leave laws under transforms out.",
                )
            if str(transform) not in images:
                images[str(transform)] = View(labels_as_facts(scenes.transformed(transform, seed=seed)))
        for _ in range(TRIES):
            drawn = Rule(_redrawn(rule.formula, facts.vocabulary, generator))
            if drawn.id not in made and _broken(drawn.formula, view, images):
                made[drawn.id] = drawn
                break
        else:
            raise RulekdError(
                f"no shuffling of rule {rule.name!r} is broken by the labels in {TRIES} draws",
                hint="Give more scenes, or more predicates of its arity.",
            )
    return list(made.values())


def _redrawn(formula: Formula, words: Vocabulary, generator: torch.Generator) -> Formula:
    if isinstance(formula, Atom):
        alike = [name for name, predicate in words.items() if predicate.arity == len(formula.arguments)]
        return Atom(alike[int(torch.randint(len(alike), (), generator=generator))], formula.arguments)
    names: Mapping[str, str] = {}
    return rebuild(formula, lambda part: _redrawn(part, words, generator), names)


def _broken(formula: Formula, view: View, images: Mapping[str, View]) -> bool:
    spoken = [atom.predicate for atom in walk(formula) if isinstance(atom, Atom)]
    if len(spoken) > 2 and len(set(spoken)) == 1 and not isinstance(formula, Under):
        return False  # exactly_one(p, p, p) is broken by every truth and teaches nothing about laws
    live, broken = count(formula, view, images)
    return float(broken.sum()) > BROKEN * float(live.sum())
