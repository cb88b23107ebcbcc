"""Is a law one of the vocabulary, or one of these scenes?

Where scenes have definitions, new scenes can be made that no room would look like: every object is put where some
object of some scene was, and the labels are computed anew. A confirmed rule that no such scene breaks is a law of the
vocabulary; one that they break holds in this domain only (no two things of CLEVR stand closer than its camera margin).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from kg import Kind, Rule, Vocabulary
from kg.formulas import Under, predicates
from rulekd.extraction.evidence.confirmation import MIN_SUPPORT
from rulekd.grounding import View, count
from rulekd.predictor import labels_as_facts
from rulekd.scenes import SceneSet

#: Scrambled copies of the scenes.
COPIES = 2

#: Objects are moved by up to this many steps of the grid along each axis, metres; steps keep contacts possible.
STEPS, GRID = 4, 0.05


def sort_kinds(rules: Sequence[Rule], scenes: SceneSet, vocabulary: Vocabulary, seed: int = 0) -> list[Rule]:
    """The rules with their kind, as far as scrambled scenes tell: a rule with too few live groundings keeps its own."""
    known = Vocabulary({name: p for name, p in vocabulary.items() if name in scenes.definitions})
    if not known or scenes.scenes.center is None:
        return list(rules)
    made = [scrambled(scenes, seed + copy) for copy in range(COPIES)]
    views = [View(labels_as_facts(one, known), one.scenes) for one in made]
    images: dict[str, list[View]] = {}
    sorted_rules = []
    for rule in rules:
        spoken = set(predicates(rule.formula))
        if rule.kind is not Kind.UNKNOWN or not spoken <= set(known):
            sorted_rules.append(rule)
            continue
        if isinstance(rule.formula, Under) and str(rule.formula.transform) not in images:
            moved = [one.transformed(rule.formula.transform, seed=seed) for one in made]
            images[str(rule.formula.transform)] = [View(labels_as_facts(one, known)) for one in moved]
        live = broken = 0
        for copy, view in enumerate(views):
            alive, wrong = count(rule.formula, view, {name: list_of[copy] for name, list_of in images.items()})
            live, broken = live + int(alive.sum()), broken + int(wrong.sum())
        kind = Kind.DOMAIN if broken else Kind.VOCABULARY if live >= MIN_SUPPORT else Kind.UNKNOWN
        sorted_rules.append(replace(rule, kind=kind))
    return sorted_rules


def scrambled(scenes: SceneSet, seed: int) -> SceneSet:
    """Every object where some object of some scene stood, moved by a few steps of a grid; labels by definition."""
    generator = torch.Generator().manual_seed(seed)
    stored = scenes.scenes
    places = stored["center"].clone()
    real = stored.mask.nonzero(as_tuple=True)
    count_of = len(real[0])
    moves = torch.randint(-STEPS, STEPS + 1, (count_of, 3), generator=generator) * GRID
    places[real] = places[real][torch.randperm(count_of, generator=generator)] + moves.to(places.dtype)
    moved = replace(stored, center=places, labels={}, label_valid={}, points=None)
    return replace(scenes, scenes=scenes.relabel(moved, given=stored))
