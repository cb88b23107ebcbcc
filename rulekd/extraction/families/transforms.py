"""Which transformation of the scene maps which predicate onto which: invariances, and permutations.

A transform acts on what the network sees. Agreement is counted where either side is true: most pairs are false
before and after, and would make any law look good.
"""

from __future__ import annotations

from collections.abc import Iterator

from kg import Formula, Iff, Under, parse_transform
from rulekd.extraction.discovery import Discovery, Proposals

#: Asked of every network unless the caller names others.
DEFAULT_TRANSFORMS = tuple(
    parse_transform(text)
    for text in (
        "translate",
        "scale",
        "mirror_x",
        "mirror_y",
        "mirror_z",
        "rotate_z(90 deg)",
        "rotate_z(180 deg)",
        "rotate_z(270 deg)",
    )
)

#: Two laws whose shares of disagreement differ by less fit equally well.
TIE = 0.01


def transforms(seen: Discovery) -> Proposals:
    """For each transform and predicate the law that fits best.

    Among laws that fit equally well (to one in a hundred), that which maps the predicate onto itself comes first,
    then one that reads the objects in the same order: near(a, b) <-> near(a, b), not near(a, b) <-> near(b, a).
    """
    return Proposals.gather(_laws(seen))


def _laws(seen: Discovery) -> Iterator[tuple[Formula, bool]]:
    for transform in seen.images:
        for arity in (1, 2):
            if arity not in seen.arities():
                continue
            atoms, either, differ = seen.image_counts(transform, arity)
            share = (differ / either.clamp_min(1)).tolist()
            size = len(atoms) // arity
            for i in range(size):
                least = min(share[i]) + TIE
                best = next(j for j in [i, *range(len(atoms))] if share[i][j] <= least)
                for j in range(len(atoms)):
                    fits = j == best and seen.holds(float(either[i, j]), float(differ[i, j]))
                    yield Under(transform, Iff(atoms[i], atoms[j])), fits
