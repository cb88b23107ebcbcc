"""Predictor: any torch module, read in the words of a vocabulary. Teachers and students are both one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kg import ArityError, RulekdError, UnknownNameError, Vocabulary
from kg.errors import unknown
from kg.messages import did_you_mean, listed
from rulekd.facts import Facts
from rulekd.scenes import Scenes, SceneSet

#: Facts are kept dense up to this many bytes; beyond it the caller is shown the arithmetic and the way out.
MEMORY_BUDGET = 4 * 2**30


class Predictor:
    """A module and the words that it speaks.

    module: any ``nn.Module``.
    vocabulary: the predicates that it answers for.
    inputs(scenes): the arguments of one call of the module, a tuple (or one value).
    outputs(result): log-odds by predicate name: (B,), (B, N), (B, N, N), ... ; without it the module itself
        must return such a mapping.
    groups: softmax groups by name, each a list of predicates of which exactly one holds. For them
        ``outputs`` gives class scores, and the predictor turns these into log-odds, log p - log(1 - p) with
        p the softmax, so that everything behind it reads one kind of number.
    thresholds: the probability at which each predicate counts as true (0.5 where unsaid).
    slots: N of a network that always answers for so many places, such as one output a known object. It is then given
        scenes padded to ``slots`` places, and what it says beyond a batch's own N is about nobody and is cut off.

    >>> import torch
    >>> from rulekd.scenes import Scenes
    >>> class Wider(torch.nn.Module):
    ...     def forward(self, size):
    ...         return {"wider": size[:, :, None, 0] - size[:, None, :, 0]}
    >>> scenes = Scenes.from_objects([[{"size": (2, 1, 1)}, {"size": (1, 1, 1)}]])
    >>> Predictor(Wider(), {"wider": 2}, inputs=lambda s: s["size"]).logits(scenes)["wider"][0, 0, 1].item()
    1.0
    """

    def __init__(
        self,
        module: nn.Module,
        vocabulary: Vocabulary | Mapping[str, int],
        inputs: Callable[[Scenes], Any],
        outputs: Callable[[Any], Mapping[str, Tensor]] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        thresholds: Mapping[str, float] | None = None,
        slots: int | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise RulekdError(
                f"the network is a {type(module).__name__}, no torch.nn.Module",
                hint="Put it into a module whose forward calls it: its weights and mode are asked for.",
            )
        self.module = module
        self.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        self.inputs = inputs
        self.outputs = outputs
        self.groups = {name: tuple(members) for name, members in (groups or {}).items()}
        self.thresholds = dict(thresholds or {})
        self.slots = slots
        if slots is not None and slots < 1:
            raise RulekdError(f"slots is {slots}", hint="Give the number of places that the network answers for.")
        for name, members in self.groups.items():
            arities = {self.vocabulary.find(member, where=f"softmax group {name!r}: ").arity for member in members}
            if len(members) < 2 or len(arities) > 1:
                raise RulekdError(
                    f"softmax group {name!r} holds {', '.join(members) or 'nothing'}",
                    hint="A group needs two or more predicates of one arity.",
                )
        for name, threshold in self.thresholds.items():
            self.vocabulary.find(name, where="thresholds: ")
            if not 0 <= threshold <= 1:
                raise RulekdError(f"threshold of {name!r} is {threshold}", hint="Give a probability, 0 to 1.")

    def with_module(self, module: nn.Module) -> Predictor:
        """The same reading of another module: a wrapped one, a copy, the same network with other weights."""
        return Predictor(module, self.vocabulary, self.inputs, self.outputs, self.groups, self.thresholds, self.slots)

    @property
    def parameters(self) -> int:
        """Number of trainable parameters of the module."""
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)

    @property
    def device(self) -> torch.device:
        """Where the module's weights are (the CPU for a module without any)."""
        first = next(iter(self.module.parameters()), None)
        return torch.device("cpu") if first is None else first.device

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of the module's weights and thresholds."""
        digest = hashlib.sha256(repr(sorted(self.thresholds.items())).encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:12]

    def __call__(self, scenes: Scenes) -> dict[str, Tensor]:
        """``logits(scenes)``."""
        return self.logits(scenes)

    def logits(self, scenes: Scenes) -> dict[str, Tensor]:
        """Log-odds by predicate of arity k, each (B, N, ..., N) with k object axes; gradients reach the module."""
        width = scenes.mask.shape[1]
        if self.slots is not None:
            scenes = self._in_slots(scenes)
        arguments = self.inputs(scenes)
        result = self.module(*arguments) if isinstance(arguments, tuple) else self.module(arguments)
        named = result if self.outputs is None else self.outputs(result)
        if not isinstance(named, Mapping):
            raise RulekdError(
                f"the module returned a {type(named).__name__}, not logits by predicate name",
                hint="Give outputs=lambda result: {'left_of': result[..., 0], ...}.",
            )
        checked = {name: self._checked(name, named, scenes) for name in self.vocabulary}
        for members in self.groups.values():
            checked |= _group_log_odds({member: checked[member] for member in members})
        return {name: value[(slice(None),) + (slice(0, width),) * (value.dim() - 1)] for name, value in checked.items()}

    def _in_slots(self, scenes: Scenes) -> Scenes:
        assert self.slots is not None  # asked for only then
        if scenes.mask.shape[1] > self.slots:
            raise RulekdError(
                f"scenes of {scenes.mask.shape[1]} places are given to a network with {self.slots} slots",
                hint="Give the number of places that the network answers for as slots, or other scenes.",
            )
        return scenes.pad(self.slots)

    def _checked(self, name: str, named: Mapping[str, Tensor], scenes: Scenes) -> Tensor:
        if name not in named:
            raise UnknownNameError(
                f"the network's answer lacks {name!r}, which the vocabulary names; it has {listed(named) or 'nothing'}",
                hint=f"{did_you_mean(name, named)} Use the same names in both: outputs=lambda result: {{...}}.".strip(),
            )
        value, arity = named[name], self.vocabulary[name].arity
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise RulekdError(
                f"the network's logits for {name!r} have the type {kind}",
                hint="Give floating log-odds; of decisions (bool), say 20.0 * (2.0 * decided - 1.0).",
            )
        wanted = (len(scenes),) + (scenes.mask.shape[1],) * arity
        if tuple(value.shape) != wanted:
            wider = value.dim() == len(wanted) and all(n > m for n, m in zip(value.shape[1:], wanted[1:], strict=True))
            raise ArityError(
                f"the network's logits for {name!r} have shape {tuple(value.shape)}; arity {arity} needs {wanted}",
                hint=(
                    "Batches are cut to their largest scene: cut what inputs() takes, [:, :scenes.mask.shape[1]], "
                    "or give the number of places that the network always answers for as slots."
                    if wider and arity
                    else "Check the vocabulary's arity, and that outputs() picks one channel."
                ),
            )
        return value

    def dry_run(self, scenes: SceneSet | Scenes) -> None:
        """Ask about two scenes and check every name, shape and number; raise what a long run would meet later."""
        held = scenes.scenes if isinstance(scenes, SceneSet) else scenes
        if len(held) == 0:
            raise RulekdError("there are no scenes to ask the network about", hint="Check the file and the part.")
        self._refuse_too_small(held)
        few = held.select(range(min(2, len(held)))).trim() if isinstance(scenes, SceneSet) else held
        try:
            once, again = self.answers(few), self.answers(few)
        except RulekdError:
            raise
        except Exception as error:
            raise RulekdError(
                f"the network cannot be asked about scene {few.names[0]!r}: {type(error).__name__}: {error}",
                hint="The fault lies in the module, inputs() or outputs(); the traceback (--debug) shows where.",
            ) from error
        for name in self.vocabulary:
            # what is not asked about may be NaN each time, as what a network says of an object and itself
            if not torch.allclose(once[name], again[name], rtol=0, atol=0, equal_nan=True):
                raise RulekdError(
                    f"the network answers differently each time it is asked about {name!r}",
                    hint="Switch off dropout and sampling in eval mode, or fix its random state.",
                )

    def _refuse_too_small(self, scenes: Scenes) -> None:
        """Raise where no scene has as many objects as any predicate speaks of."""
        most = int(scenes.mask.sum(1).max())
        needed = {name: 1 if p.diagonal and p.arity else p.arity for name, p in self.vocabulary.items()}
        if needed and min(needed.values()) > most:
            name = min(needed, key=needed.__getitem__)
            have = f"more than {most} object" if most else "any object"
            raise RulekdError(
                f"none of the {len(scenes)} scenes has {have}, and {name!r} speaks of {needed[name]}",
                hint="Check the mask (True where there is an object), and what was left out of the scenes.",
            )

    @torch.no_grad()
    def answers(self, batch: Scenes) -> dict[str, Tensor]:
        """``logits`` in evaluation mode, without gradients, on the CPU; an error where one is NaN or infinite."""
        training = self.module.training
        self.module.eval()
        try:
            answers = self.logits(batch.to(self.device))
        finally:
            self.module.train(training)
        given = {name: value.detach().float().cpu() for name, value in answers.items()}
        _refuse_unusable(given, batch)
        return given

    def facts(self, scenes: SceneSet, *, batch_size: int = 64, progress: Callable[[int], None] | None = None) -> Facts:
        """Ask about every scene, in batches on the module's device; the answers are kept on the CPU.

        progress: called with the number of scenes done after each batch.
        """
        check_memory(scenes, self.vocabulary)
        size = scenes.scenes.mask.shape[1]
        values = {
            name: torch.zeros((len(scenes),) + (size,) * predicate.arity) for name, predicate in self.vocabulary.items()
        }
        done = 0
        for batch in scenes.batches(batch_size):
            answers = self.answers(batch)
            for name, value in answers.items():
                places = (slice(done, done + len(batch)), *(slice(0, width) for width in value.shape[1:]))
                values[name][places] = value
            done += len(batch)
            if progress is not None:
                progress(done)
        mask = scenes.scenes.mask.cpu()
        return Facts(
            values,
            mask=mask,
            valid=diagonal_validity(mask, self.vocabulary),
            group=scenes.scenes.group,
            thresholds=self.thresholds,
            names=scenes.scenes.names,
            exclusive=tuple(self.groups.values()),
        )


def diagonal_validity(mask: Tensor, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """Validity of the predicates that have a meaning on the diagonal: every grounding."""
    return {
        name: torch.ones((mask.shape[0],) + (mask.shape[1],) * p.arity, dtype=torch.bool, device=mask.device)
        for name, p in vocabulary.items()
        if p.diagonal and p.arity > 1
    }


def check_memory(scenes: SceneSet, vocabulary: Vocabulary, budget: int = MEMORY_BUDGET) -> None:
    """Raise, with the arithmetic and the way out, when dense facts about ``scenes`` would not fit the budget."""
    count, size = len(scenes), scenes.scenes.mask.shape[1]
    needed = sum(4 * count * size**predicate.arity for predicate in vocabulary.values())
    if needed > budget:
        raise RulekdError(
            f"facts about {count} scenes of {size} objects and {len(vocabulary)} predicates need "
            f"{needed / 2**30:.1f} GiB; the budget is {budget / 2**30:.1f} GiB",
            hint="Ask about fewer scenes (scenes[:1000]) or fewer predicates.",
        )


def labels_as_facts(scenes: SceneSet, vocabulary: Vocabulary | None = None) -> Facts:
    """The labels of scenes as given facts: the truth that a data set claims, by which rules get their second ledger."""
    stored = scenes.scenes
    words = scenes.vocabulary if vocabulary is None else vocabulary
    missing = [name for name in words if name not in stored.labels]
    if missing:
        raise unknown("label", missing[0], stored.labels, where="scenes: ")
    valid = dict(diagonal_validity(stored.mask, words))
    for name in words:
        if name in stored.label_valid:
            facts = Facts(
                {name: stored.labels[name]}, mask=stored.mask, valid={n: v for n, v in valid.items() if n == name}
            )
            valid[name] = facts.validity(name) & stored.label_valid[name]
    return Facts(
        {name: stored.labels[name] for name in words},
        mask=stored.mask,
        valid=valid,
        group=stored.group,
        names=stored.names,
    )


def _group_log_odds(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """log p_i - log(1 - p_i) = s_i - logsumexp of the other scores, exact where p is all but 0 or 1."""
    stacked = torch.stack(list(scores.values()))
    odds = {}
    for place, name in enumerate(scores):
        others = torch.cat([stacked[:place], stacked[place + 1 :]])
        odds[name] = stacked[place] - torch.logsumexp(others, dim=0)
    return odds


def _refuse_unusable(answers: Mapping[str, Tensor], batch: Scenes) -> None:
    for name, value in answers.items():
        bad = ~torch.isfinite(value) & Facts({name: value}, mask=batch.mask.cpu()).validity(name)
        if bool(bad.any()):
            where = bad.nonzero()[0].tolist()
            raise RulekdError(
                f"the network's logit for {name!r} is {value[tuple(where)].item()} in scene "
                f"{batch.names[where[0]]!r}, objects {where[1:]}",
                hint="Look for a division by zero or an overflow in the network; nothing was written.",
            )
