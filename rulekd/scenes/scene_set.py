"""SceneSet: many scenes, where they came from, their parts and batches."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kg.errors import ArityError, RulekdError
from kg.formulas import Formula, Transform
from kg.predicates import Predicate, Vocabulary
from rulekd.scenes.definitions import relabelled
from rulekd.scenes.objects import check_names_differ
from rulekd.scenes.parts import check_part, parts_of
from rulekd.scenes.points import with_points
from rulekd.scenes.readers import Content, read, write
from rulekd.scenes.scenes import Index, Scenes
from rulekd.scenes.transforms import apply


@dataclass(frozen=True, eq=False)
class SceneSet:
    """Many scenes in the CPU's memory, padded to their longest; batches of them go to where a network is.

    scenes: all of them. vocabulary: the predicates of their labels (by the labels' arities, when unsaid).
    definitions: what predicates mean in geometry, each an Iff whose left side is the predicate's atom; by these
    labels are recomputed where scenes have been transformed. source: where they came from, for provenance.

    >>> scenes = SceneSet(Scenes.from_objects([[{"center": (0, 0, 0)}], [{"center": (1, 0, 0)}]]))
    >>> len(scenes), len(scenes[1:])
    (2, 1)
    """

    scenes: Scenes
    vocabulary: Vocabulary = None  # type: ignore[assignment] # the constructor fills it in
    definitions: Mapping[str, Formula] = field(default_factory=dict)
    source: str = "memory"

    def __post_init__(self) -> None:
        if self.scenes.device.type != "cpu":
            object.__setattr__(self, "scenes", self.scenes.to("cpu"))
        self.scenes.check()
        check_names_differ(self.scenes.names)
        labelled = {name: value.dim() - 1 for name, value in self.scenes.labels.items()}
        words = self.vocabulary if self.vocabulary is not None else Vocabulary(labelled)
        for name, arity in labelled.items():
            if name in words and words[name].arity != arity:
                raise ArityError(
                    f"labels of {name!r} have arity {arity}; the vocabulary says {words[name].arity}",
                    hint="Check the vocabulary, or the shape of the labels.",
                )
        unsaid = {name: Predicate(name, arity) for name, arity in labelled.items() if name not in words}
        if unsaid:
            words = words.merge(Vocabulary(unsaid))
        object.__setattr__(self, "vocabulary", words)

    @classmethod
    def load(cls, path: str | Path, *, format: str | None = None, **options: Any) -> SceneSet:
        """Scenes of a file, by its format: ``.jsonl`` ours, ``.json`` CLEVR, ``.csv`` boxes, each also with ``.gz``.

        format: "jsonl", "clevr" or "csv", where the name does not say it; options: those of the format's reader.
        """
        return cls.of(read(Path(path), format, options))

    @classmethod
    def of(cls, content: Content) -> SceneSet:
        """What a reader, or a generator, made."""
        made = cls(content.scenes, definitions=content.definitions, source=content.source)
        return made if content.vocabulary is None else replace(made, vocabulary=content.vocabulary)

    def save(self, path: str | Path) -> None:
        """Write everything as JSON lines (``.jsonl``, ``.jsonl.gz``), whole or not at all; ``load`` gives it back."""
        write(Path(path), Content(self.scenes, self.vocabulary, self.definitions, self.source))

    def __len__(self) -> int:
        return len(self.scenes)

    def __repr__(self) -> str:
        words = ", ".join(f"{name}/{predicate.arity}" for name, predicate in self.vocabulary.items())
        count = f"{len(self)} scenes, {int(self.scenes.mask.sum())} objects"
        return f"SceneSet({count}, {words or 'no labels'}; {self.source})"

    def __getitem__(self, index: int | slice) -> SceneSet:
        return self.select([index] if isinstance(index, int) else index)

    def select(self, index: Index) -> SceneSet:
        """The scenes numbered by ``index``, in its order."""
        return replace(self, scenes=self.scenes.select(index))

    def batches(self, size: int, shuffle: bool = False, generator: torch.Generator | None = None) -> Iterator[Scenes]:
        """Every scene once, ``size`` at a time (the last batch may be shorter), each padded to its own longest."""
        if size < 1:
            raise RulekdError(f"batches of {size} scenes", hint="Give a size of 1 or more.")
        order = torch.randperm(len(self), generator=generator) if shuffle else torch.arange(len(self))
        for first in range(0, len(self), size):
            yield self.scenes.select(order[first : first + size]).trim()

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        return parts_of(self.scenes.group)

    @property
    def parts(self) -> np.ndarray:
        """(S,) text: train, validate or test, by the hash of each scene's group."""
        return self._parts[0]

    @property
    def evidence_parts(self) -> np.ndarray:
        """(S,) text: discover or confirm; empty for test, which extraction never sees."""
        return self._parts[1]

    def part(self, *names: str) -> SceneSet:
        """The scenes of one part or several: train, validate, test; discover, confirm. Having none is an error."""
        for name in names:
            check_part(name)
        chosen = np.isin(self.parts, names) | np.isin(self.evidence_parts, names)
        if not chosen.any():
            raise RulekdError(
                f"no scene is in the part {' or '.join(names) or '(none named)'}: {len(self)} scenes in "
                f"{len(set(self.scenes.group))} groups are split by a hash of the group",
                hint="Use more scenes; a group is never split.",
            )
        return self.select(torch.from_numpy(chosen))

    def share(self, f: float, seed: int = 0) -> SceneSet:
        """A random share of the scenes, at least one, in their order; a smaller share lies within a larger one."""
        return self.divide(f, seed)[0]

    def divide(self, f: float, seed: int = 0) -> tuple[SceneSet, SceneSet]:
        """``share(f, seed)``, and the scenes that are not in it."""
        few, others = self.divided(f, seed)
        return self.select(few), self.select(others)

    def divided(self, f: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """The numbers of the scenes of both sides of ``divide``, ascending."""
        if not 0 < f <= 1:
            raise RulekdError(f"a share of {f}", hint="Give a share above 0, up to 1.")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        count = max(1, math.floor(f * len(self) + 0.5))
        return order[:count].sort().values, order[count:].sort().values

    def relabel(self, scenes: Scenes, given: Scenes | None = None) -> Scenes:
        """The scenes with labels computed from the definitions; other labels of ``given`` (or ``scenes``) are dropped.

        given: where definitions that speak of other predicates read these, when they are not defined themselves.
        """
        return relabelled(scenes, self.definitions, given)

    def transformed(self, transform: Transform, seed: int = 0) -> SceneSet:
        """The scenes under a transform, with labels as far as the definitions give them. seed: of random transforms."""
        moved = apply(transform, self.scenes, generator=torch.Generator().manual_seed(seed))
        return replace(self, scenes=self.relabel(moved, given=self.scenes))

    def with_points(
        self,
        count: int = 24,
        noise: float = 0.05,
        jitter: float = 0.10,
        seed: int = 0,
        shape_attribute: str = "shape",
        color_attribute: str = "color",
    ) -> SceneSet:
        """The same scenes with surface points, (B, N, P, 6) = x, y, z in metres and red, green, blue.

        count: P. noise: standard deviation of each point, metres. jitter: of each object as a whole, metres.
        shape_attribute: category of the true shape (cube or box, sphere, cylinder); boxes where it is absent.
        """
        made = with_points(self.scenes, count, noise, jitter, seed, shape_attribute, color_attribute)
        return replace(self, scenes=made)

    @cached_property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of all values, names and labels, independent of padding and of where they are kept."""
        digest = hashlib.sha256()
        trimmed = self.scenes.to("cpu").trim()
        for title, value in sorted(trimmed.content().items()):
            digest.update(title.encode())
            if isinstance(value, torch.Tensor):
                digest.update(repr((tuple(value.shape), str(value.dtype))).encode())
                digest.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
            else:
                digest.update(repr(value).encode())
        return digest.hexdigest()[:12]
