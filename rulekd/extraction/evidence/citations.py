"""Scenes that obey a rule, and scenes that break it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from kg import Citation, Rule
from rulekd.extraction.counting.fans import fan, fan_grounding
from rulekd.extraction.counting.matrices import through_middle
from rulekd.extraction.counting.sides import two_sided
from rulekd.grounding import View, ground

#: Examples and counterexamples cited with a rule, each.
CITED = 3


def with_citations(
    rules: Sequence[Rule], live: Tensor, broken: Tensor, view: View, images: Mapping[str, View]
) -> list[Rule]:
    """The rules with a few groundings that obey and that break each, from different scenes.

    live, broken: (K, B) int64, the groundings of each rule in each scene.
    """
    wanted: dict[int, list[tuple[int, bool]]] = {}
    for place, (alive, wrong) in enumerate(zip(live, broken, strict=True)):
        for lost, count in ((False, alive - wrong), (True, wrong)):
            for scene in count.nonzero().flatten()[:CITED].tolist():
                wanted.setdefault(scene, []).append((place, lost))
    found: dict[tuple[int, bool], list[Citation]] = {}
    for scene in sorted(wanted):
        index = torch.tensor([scene], device=view.facts.objects.device)
        here, moved = view.select(index), {name: image.select(index) for name, image in images.items()}
        # A world counts real objects only, in their order.
        number = (here.facts.objects[0].long().cumsum(0) - 1).tolist()
        name = view.facts.name(scene)
        for place, lost in wanted[scene]:
            binding = tuple((v, number[o]) for v, o in _grounding(rules[place], here, moved, broken=lost))
            found.setdefault((place, lost), []).append(Citation(scene=name, binding=binding, world=name))
    cited = []
    for place, rule in enumerate(rules):
        assert rule.evidence is not None, "mined rules carry evidence"
        kept, broke = (tuple(found.get((place, lost), ())) for lost in (False, True))
        cited.append(replace(rule, evidence=replace(rule.evidence, examples=kept, counterexamples=broke)))
    return cited


def _grounding(rule: Rule, view: View, images: Mapping[str, View], *, broken: bool) -> list[tuple[str, int]]:
    """An object for each variable, in one scene that has such a grounding: it breaks the rule, or it keeps it.

    Where three objects are joined two by two, no array over all three is made.
    """
    law, shared = two_sided(rule.formula), fan(rule.formula)
    if law is not None and law.left.chain:
        return sorted(zip(law.names, through_middle(law, view.facts, broken=broken), strict=True))
    if shared is not None:
        left, right, _ = shared
        (middle,) = set(left.arguments) & set(right.arguments)
        names = (middle, *({*left.arguments} - {middle}), *({*right.arguments} - {middle}))
        return sorted(zip(names, fan_grounding(shared, view.facts, broken=broken), strict=True))
    part = ground(rule.formula, view, images)
    where = torch.nonzero((part.broken if broken else part.live & ~part.broken)[0])[0]
    return list(zip(part.variables, where.tolist(), strict=True))
