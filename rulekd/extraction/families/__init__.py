"""One file a family of laws: from what is counted on the discovery part to what is worth confirming."""

from __future__ import annotations

from collections.abc import Callable

from rulekd.extraction.discovery import Discovery, Proposals
from rulekd.extraction.families import (
    algebra,
    compositions,
    concepts,
    conjunctions,
    decisions,
    definitions,
    pairs,
    referring,
    transforms,
    typed,
)

#: Every family of laws, cheap ones first: in this order they are examined. To add one, write its file and a line here.
FAMILIES: dict[str, Callable[[Discovery], Proposals]] = {
    "algebra": algebra.algebra,
    "pairs": pairs.pairs,
    "compositions": compositions.compositions,
    "conjunctions": conjunctions.conjunctions,
    "typed": typed.typed,
    "concepts": concepts.concepts,
    "transforms": transforms.transforms,
    "decisions": decisions.decisions,
    "definitions": definitions.definitions,
    "referring": referring.referring,
}
