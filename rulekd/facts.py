"""Facts: what a network, or a data set, says about scenes, as tensors by predicate."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kg import ArityError, RulekdError, Vocabulary
from kg.errors import unknown
from rulekd.truth import along, real_groundings


@dataclass(frozen=True, repr=False)
class Facts:
    """Truth of every grounding of every predicate in a batch of scenes.

    values: by predicate of arity k a tensor (B, N, ..., N) with k object axes; floating = log-odds that a
        network said, bool = given. A floating value of 0 is probability one half.
    mask: (B, N) bool, True where there is an object; None = every place holds one.
    valid: by predicate a bool tensor of the shape of its values, False where nobody may ask. Without an entry
        the groundings of a predicate of arity >= 2 that repeat an object are invalid (a pair network's answer
        about an object and itself is noise); an entry is taken at its word, within the mask.
    group: for each scene the independent unit that it belongs to, also as an array; None = each scene is its own.
    thresholds: the probability at which a predicate counts as true; 0.5 where unsaid.
    names: for each scene the id by which it is cited; None = its number.
    exclusive: sets of predicates of which exactly one holds by construction (the softmax groups of a network).

    >>> facts = Facts({"near": torch.tensor([[[0.0, 3.0], [-3.0, 0.0]]])})
    >>> facts.crisp("near")[0].tolist()
    [[False, True], [False, False]]
    >>> facts.validity("near")[0].tolist()
    [[False, True], [True, False]]
    """

    values: Mapping[str, Tensor]
    mask: Tensor | None = None
    valid: Mapping[str, Tensor] = field(default_factory=dict)
    group: Sequence[str] | Tensor | NDArray[Any] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    names: Sequence[str] | None = None
    exclusive: tuple[tuple[str, ...], ...] = ()
    # Asked for again with every rule that is counted; the tensors are never written to.
    _kept: dict[tuple[str, str | int], Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping):
            raise RulekdError(
                f"values are a {type(self.values).__name__}",
                hint="Give tensors by predicate: {'left_of': tensor, ...}.",
            )
        if not self.values:
            raise RulekdError("facts without predicates", hint="Give at least one tensor by predicate name.")
        for name in self.values:
            if not isinstance(name, str):
                raise RulekdError(f"a predicate is called {name!r}", hint="Give names as words: 'left_of'.")
        handed: dict[str, object] = {f"the tensor of {name!r}": value for name, value in self.values.items()}
        handed |= {} if self.mask is None else {"the mask": self.mask}
        _check_tensors(handed | {f"the validity of {name!r}": valid for name, valid in self.valid.items()})
        batch = next((len(value) for value in self.values.values() if value.dim()), 0)
        objects = self.mask.shape[1] if self.mask is not None else _objects(self.values)
        masked = self.mask is not None
        if self.mask is None:
            device = next(iter(self.values.values())).device
            object.__setattr__(self, "mask", torch.ones(batch, objects, dtype=torch.bool, device=device))
        elif self.mask.dtype != torch.bool or self.mask.dim() != 2:
            raise RulekdError(
                f"mask has shape {tuple(self.mask.shape)} and type {self.mask.dtype}",
                hint="Give a bool tensor (B, N), True where there is an object.",
            )
        elif len(self.mask) != batch:
            raise RulekdError(f"mask has {len(self.mask)} rows for {batch} scenes", hint="Give one a scene.")
        for name, value in self.values.items():
            _check(name, value, batch, objects, masked)
        for name, valid in self.valid.items():
            if name not in self.values:
                raise RulekdError(f"validity is given for {name!r}, which has no values", hint="Remove it.")
            if valid.dtype != torch.bool or valid.shape != self.values[name].shape:
                raise RulekdError(
                    f"validity of {name!r} has shape {tuple(valid.shape)} and type {valid.dtype}; "
                    f"its values have shape {tuple(self.values[name].shape)}",
                    hint="Give a bool tensor of the same shape.",
                )
        for name, threshold in self.thresholds.items():
            if name not in self.values or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
                raise RulekdError(
                    f"threshold of {name!r} is {threshold!r}",
                    hint=f"Give a probability, 0 to 1, for one of {', '.join(self.values)}.",
                )
        for name in {name for group in self.exclusive for name in group}:
            if name not in self.values:
                raise unknown("predicate", name, self.values, where="a set of which exactly one holds names an ")
        for title, given in (("group", self.group), ("names", self.names)):
            if given is not None and not isinstance(given, Sequence | Tensor | np.ndarray):
                raise RulekdError(f"{title} is a {type(given).__name__}", hint="Give a sequence, one entry a scene.")
            if given is not None and len(given) != batch:
                raise RulekdError(f"{title} has {len(given)} entries for {batch} scenes", hint="Give one a scene.")
            if given is not None:  # a tensor's entries as the numbers that they are, by which they are told apart
                object.__setattr__(self, title, _told_apart(title, given))

    def __len__(self) -> int:
        return self.objects.shape[0]

    def __repr__(self) -> str:
        """What it is about, never the tensors.

        >>> Facts({"near": torch.zeros(2, 3, 3), "chair": torch.zeros(2, 3, dtype=torch.bool)})
        Facts(2 scenes of up to 3 objects: near/2 log-odds, chair/1 given)
        """
        kinds = {
            name: f"{name}/{value.dim() - 1} {'given' if value.dtype == torch.bool else 'log-odds'}"
            for name, value in self.values.items()
        }
        return f"Facts({len(self):,} scenes of up to {self.objects.shape[1]:,} objects: {', '.join(kinds.values())})"

    @property
    def objects(self) -> Tensor:
        """(B, N) bool, True where there is an object."""
        assert self.mask is not None  # the constructor fills it in
        return self.mask

    @property
    def vocabulary(self) -> Vocabulary:
        """The predicates with the arity of their tensors."""
        return Vocabulary({name: value.dim() - 1 for name, value in self.values.items()})

    @property
    def units(self) -> Tensor:
        """(B,) int64: the number of each scene's independent unit, counted from 0 in order of appearance."""
        if self.group is None:
            return torch.arange(len(self), device=self.objects.device)
        seen: dict[object, int] = {}
        return torch.tensor([seen.setdefault(key, len(seen)) for key in self.group], device=self.objects.device)

    @property
    def populated(self) -> Tensor:
        """(B,) bool: the scenes with enough objects for one of the predicates; nothing can be asked about others."""
        return self.objects.sum(1) >= min((value.dim() - 1 for value in self.values.values()), default=0)

    def independent(self, scenes: Tensor | None = None) -> int:
        """The number of independent units that some (B,) bool of the scenes, all by default, speak for."""
        some = self.populated if scenes is None else self.populated & scenes
        return len(set(self.units[some].tolist()))

    def name(self, scene: int) -> str:
        """The id by which scene number ``scene`` is cited."""
        return str(scene) if self.names is None else str(self.names[scene])

    def crisp(self, predicate: str) -> Tensor:
        """Bool, shape of the values: probability above the predicate's threshold; given facts as they are."""
        value = self.values[predicate]
        if value.dtype == torch.bool:
            return value
        key = ("crisp", predicate)
        if key not in self._kept:
            self._kept[key] = value > log_odds(self.thresholds.get(predicate, 0.5))
        return self._kept[key]

    def validity(self, predicate: str) -> Tensor:
        """Bool, shape of the values: True where the grounding may be asked about (real, and meaningful, objects)."""
        arity = self.values[predicate].dim() - 1
        if predicate not in self.valid:
            return self.groundings(arity)
        key = ("valid", predicate)
        if key not in self._kept:
            allowed = self.valid[predicate]
            for axis in range(arity):
                allowed = allowed & along(self.objects, axis, arity)
            self._kept[key] = allowed
        return self._kept[key]

    def told(self, predicate: str) -> int:
        """How many groundings of the predicate are true and may be asked about."""
        key = ("told", predicate)
        if key not in self._kept:
            self._kept[key] = (self.crisp(predicate) & self.validity(predicate)).count_nonzero()
        return int(self._kept[key])

    def places(self, predicate: str, *, asked: bool = True) -> Tensor:
        """(K, 3) int64: scene and two distinct real objects, where a relation is true and may be asked about.

        asked: False = where it may not be asked about.
        """
        key = ("true" if asked else "never", predicate)
        if key not in self._kept:
            valid = self.validity(predicate)
            self._kept[key] = ((valid & self.crisp(predicate) if asked else ~valid) & self.groundings(2)).nonzero()
        return self._kept[key]

    def groundings(self, variables: int) -> Tensor:
        """(B, N, ..., N) bool, one axis a variable: True where they stand for real and distinct objects."""
        key = ("groundings", variables)
        if key not in self._kept:
            self._kept[key] = real_groundings(self.objects, variables)
        return self._kept[key]

    def to(self, device: torch.device | str) -> Facts:
        """The same facts on a device, where they are counted."""
        return replace(
            self,
            values={name: value.to(device) for name, value in self.values.items()},
            mask=self.objects.to(device),
            valid={name: value.to(device) for name, value in self.valid.items()},
        )

    def select(self, index: Tensor) -> Facts:
        """The facts of the scenes numbered by ``index`` (K,) int64."""
        rows, group = index.tolist(), self.group
        assert not isinstance(group, Tensor)  # the constructor reads it out
        return replace(
            self,
            values={name: value[index] for name, value in self.values.items()},
            mask=self.objects[index],
            valid={name: value[index] for name, value in self.valid.items()},
            group=None if group is None else [group[row] for row in rows],
            names=[self.name(row) for row in rows],
        )

    def only(self, predicates: Sequence[str]) -> Facts:
        """The same facts about fewer predicates."""
        return replace(
            self,
            values={name: self.values[name] for name in predicates},
            valid={name: value for name, value in self.valid.items() if name in predicates},
            thresholds={name: value for name, value in self.thresholds.items() if name in predicates},
            exclusive=tuple(group for group in self.exclusive if set(group) <= set(predicates)),
        )


def check_log_odds(facts: Facts) -> None:
    """Raise RulekdError for floating values that are all 0 or 1: as log-odds 0 is a guess, and 1 hardly more."""
    for name, value in facts.values.items():
        if value.is_floating_point() and value.numel() and bool(((value == 0) | (value == 1)).all()) and value.any():
            raise RulekdError(
                f"all values of {name!r} are 0.0 or 1.0, and floating values are read as log-odds",
                hint="Give truth as bool (values.bool()), and probabilities p as torch.logit(p).",
            )


def log_odds(probability: float) -> float:
    """log(p / (1 - p)); infinite at 0 and 1."""
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability) - math.log1p(-probability)


def _told_apart(title: str, given: Sequence[Any] | Tensor | NDArray[Any]) -> tuple[Any, ...]:
    """One entry a scene, each of them no tensor and hashable; otherwise an error."""
    entries = given.tolist() if isinstance(given, Tensor | np.ndarray) else given
    found = tuple(one.tolist() if isinstance(one, Tensor) else one for one in entries)
    for scene, one in enumerate(found):
        if not isinstance(one, Hashable):
            raise RulekdError(
                f"{title} has {one!r:.80} for scene {scene}", hint="Give one text or number a scene, in one row."
            )
    return found


def _objects(values: Mapping[str, Tensor]) -> int:
    return next((value.shape[1] for value in values.values() if value.dim() > 1), 0)


def _check_tensors(handed: Mapping[str, object]) -> None:
    """Raise where anything is no dense tensor, or not on the device of the first."""
    first: tuple[str, torch.device] | None = None
    for what, given in handed.items():
        if not isinstance(given, Tensor):
            raise RulekdError(f"{what} is a {type(given).__name__}, no tensor", hint="Convert with torch.as_tensor.")
        if given.layout != torch.strided:
            raise RulekdError(f"{what} is of layout {given.layout}", hint="Give a dense one: tensor.to_dense().")
        first = first or (what, given.device)
        if given.device != first[1]:
            raise RulekdError(
                f"{what} is on {given.device}, and {first[0]} on {first[1]}",
                hint="Move all to one device: tensor.to(device).",
            )


def _check(name: str, value: Tensor, batch: int, objects: int, masked: bool) -> None:
    wanted = (batch,) + (objects,) * (value.dim() - 1)
    if value.dim() == 0 or tuple(value.shape) != wanted:
        if masked and value.dim() > 1 and set(value.shape[1:]) == {value.shape[1]} != {objects}:
            raise ArityError(
                f"the mask has {objects} places, and values of {name!r} have shape {tuple(value.shape)}",
                hint="Give both a place for each object: a mask (B, N) for values (B, N) or (B, N, N).",
            )
        raise ArityError(
            f"values of {name!r} have shape {tuple(value.shape)}; a batch of {batch} scenes of {objects} objects "
            f"needs ({batch},{f' {objects},' * max(value.dim() - 1, 0)} ...)",
            hint="Give (B,) for arity 0, (B, N) for 1, (B, N, N) for 2, and so on.",
        )
    if value.dtype != torch.bool and not value.is_floating_point():
        raise RulekdError(
            f"values of {name!r} have type {value.dtype}",
            hint="Give floating log-odds, or bool for facts that are given (values.bool() for 0 and 1).",
        )
