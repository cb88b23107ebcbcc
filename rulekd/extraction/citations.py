"""Scenes that obey a rule, and scenes that break it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from kg import Citation, Rule
from rulekd.grounding import View, ground

#: Examples and counterexamples cited with a rule, each.
CITED = 3


def with_citations(
    rules: Sequence[Rule], live: Tensor, broken: Tensor, view: View, images: Mapping[str, View]
) -> list[Rule]:
    """The rules with a few groundings that obey and that break each, from different scenes.

    live, broken: (K, B) int64, the groundings of each rule in each scene.
    """
    cited = []
    for rule, alive, wrong in zip(rules, live, broken, strict=True):
        assert rule.evidence is not None, "mined rules carry evidence"
        kept, lost = ((alive - wrong).nonzero().flatten()[:CITED], wrong.nonzero().flatten()[:CITED])
        evidence = replace(
            rule.evidence,
            examples=_cite(rule, view, images, kept, broken=False),
            counterexamples=_cite(rule, view, images, lost, broken=True),
        )
        cited.append(replace(rule, evidence=evidence))
    return cited


def _cite(rule: Rule, view: View, images: Mapping[str, View], scenes: Tensor, *, broken: bool) -> tuple[Citation, ...]:
    if not len(scenes):
        return ()
    index = scenes.to(view.facts.objects.device)
    part = ground(rule.formula, view.select(index), {name: image.select(index) for name, image in images.items()})
    wanted = part.broken if broken else part.live & ~part.broken
    found = []
    for place, scene in enumerate(scenes.tolist()):
        # A world counts real objects only, in their order.
        number = view.facts.objects[scene].long().cumsum(0) - 1
        where = number[torch.nonzero(wanted[place])[0]].tolist()
        name = view.facts.name(scene)
        found.append(Citation(scene=name, binding=tuple(zip(part.variables, where, strict=True)), world=name))
    return tuple(found)
