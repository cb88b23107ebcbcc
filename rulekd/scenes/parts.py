"""Parts of a scene set, by a fixed hash of each scene's group: stable over subsets, orders, machines and years."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from kg.errors import unknown

#: Shares of the groups: 25 % test, 15 % validate, the rest train.
TEST, VALIDATE = 0.25, 0.15
#: Independently, of every group that is not test: 40 % discover, the rest confirm.
DISCOVER = 0.40
PARTS = ("train", "validate", "test")
EVIDENCE = ("discover", "confirm")


def part_of(group: str) -> tuple[str, str]:
    """(train, validate or test; discover, confirm or nothing) of a group; extraction never sees test.

    The first eight bytes of sha256(group), as a share of 2^64, decide the first; the next eight the second.

    >>> part_of("room 1") == part_of("room 1")
    True
    """
    first, second = shares(group)
    if first < TEST:
        return "test", ""
    return "validate" if first < TEST + VALIDATE else "train", "discover" if second < DISCOVER else "confirm"


def shares(group: str) -> tuple[float, float]:
    """Two independent numbers in [0, 1) that a group's name decides: its place among the parts, and for evidence."""
    digest = hashlib.sha256(group.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64, int.from_bytes(digest[8:16], "big") / 2**64


def parts_of(groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Two (S,) arrays of text: the training part, and the evidence part, of each scene."""
    known = {group: part_of(group) for group in set(groups)}
    training = np.array([known[group][0] for group in groups], dtype="<U8")
    evidence = np.array([known[group][1] for group in groups], dtype="<U8")
    return training, evidence


def check_part(name: str) -> None:
    """Raise for a name that is no part."""
    if name not in PARTS + EVIDENCE:
        raise unknown("part", name, PARTS + EVIDENCE)
