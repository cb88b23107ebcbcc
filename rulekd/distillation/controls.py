"""Controls: what a claim about rules must be held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from kg import Formula, Rule, RulekdError, Vocabulary
from kg.formulas import Atom, Under, predicates
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
    """Rules of the same shapes, their predicates redrawn slot by slot, each broken by the truth about ``scenes``.

    The truth is what definitions say, and the labels where there are none: labels may be noisy, and noise breaks true
    rules too. Each occurrence of a predicate is replaced by a random one of the same arity, until the truth breaks the
    rule in more than 10 % of its live groundings. As many rules as are given, less those of which no draw is broken,
    or new, and laws under a transform where nobody knows the labels of the image: scenes without definitions.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = {**scenes.scenes.labels, **scenes.relabel(scenes.scenes).labels}
    facts = labels_as_facts(replace(scenes, scenes=scenes.scenes.with_labels(labels, scenes.scenes.label_valid)))
    view = View(facts, scenes.scenes)
    images: dict[str, View] = {}
    made: dict[str, Rule] = {}
    for rule in rules:
        if isinstance(rule.formula, Under):
            transform = rule.formula.transform
            if unacted(transform, scenes.scenes) or not scenes.definitions:
                continue
            if str(transform) not in images:
                images[str(transform)] = View(labels_as_facts(scenes.transformed(transform, seed=seed)))
        for _ in range(TRIES):
            drawn = Rule(_redrawn(rule.formula, facts.vocabulary, generator))
            if drawn.id not in made and _broken(drawn.formula, view, images):
                made[drawn.id] = drawn
                break
    if rules and not made:
        raise RulekdError(
            f"none of {len(rules)} rules has a shuffled counterpart that the truth breaks",
            hint="Give more scenes, labels of more predicates, or definitions.",
        )
    return list(made.values())


def _redrawn(formula: Formula, words: Vocabulary, generator: torch.Generator) -> Formula:
    if isinstance(formula, Atom):
        alike = [name for name, predicate in words.items() if predicate.arity == len(formula.arguments)]
        return Atom(alike[int(torch.randint(len(alike), (), generator=generator))], formula.arguments)
    names: Mapping[str, str] = {}
    return rebuild(formula, lambda part: _redrawn(part, words, generator), names)


def _broken(formula: Formula, view: View, images: Mapping[str, View]) -> bool:
    spoken = predicates(formula)
    if len(spoken) > 2 and len(set(spoken)) == 1 and not isinstance(formula, Under):
        return False  # exactly_one(p, p, p) is broken by every truth and teaches nothing about laws
    live, broken = count(formula, view, images)
    return float(broken.sum()) > BROKEN * float(live.sum())
