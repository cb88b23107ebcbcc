"""Gradient search: scenes moved, step by step, to where a rule is broken most surely.

Of each made scene one grounding is followed. With u in [0, 1] the place of every value in its range, the softened
margin of breaking is climbed by Adam in u, its gradient first divided by its largest entry: a pocket far away may have
a gradient of 1e-12, and its direction counts. A scene that no longer gains is put aside, and the next candidate takes
its lane.

Each begins by *sliding* while its body is true: what would change the body's margin is taken out of the gradient,
g - (g.b / b.b) b with b the gradient of the body. Where body and head rise together, climbing alone comes to rest where
both are about to turn, far from a pocket amid safe ground.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kg import Formula, Tried
from rulekd.extraction.probing.asking import Asking
from rulekd.extraction.probing.attempts import Attempts, bound, valid_at
from rulekd.extraction.probing.margins import margin
from rulekd.extraction.probing.space import Space, Values
from rulekd.scenes import Scenes
from rulekd.scenes.turns import beside

#: Adam in units of the range: first step, its decay by step, the two momenta.
STEP, DECAY, MOMENTA = 0.05, 0.97, (0.5, 0.9)

#: Steps without a gain after which a lane takes the next candidate, and what counts as a gain, log-odds.
PATIENCE, GAIN = 20, 1e-2

#: Steps of sliding.
SLIDE = 10

#: Softness of the margin that is climbed, log-odds: the parts within it share the gradient.
SOFTNESS = 1.0

#: Entries of a gradient below this share of the largest are 0: their squares would be, and Adam divides by these.
FAINT = 1e-16
TINY = 1e-30

#: The name of the moments of a step that all objects take together.
COMMON = "all centres"


@dataclass
class _Lanes:
    """S scenes on their way. u, first, second: place in the range and Adam's moments, (S, ...) by name. age: steps of
    each lane since its start; idle: since its last gain. best: what was met, values with breach (S,)."""

    start: Tensor
    objects: Tensor
    low: Values
    high: Values
    u: Values
    first: Values
    second: Values
    age: Tensor
    idle: Tensor
    best: Values
    breach: Tensor

    @classmethod
    def of(cls, candidates: Attempts, space: Space, given: Scenes) -> _Lanes:
        low, high = space.bounds(given.select(candidates.start))
        width = {name: (high[name] - low[name]).clamp_min(TINY) for name in low}
        placed = dict(candidates.values)
        if "yaw" in placed:  # a made yaw is written as the given ones are, which may be a turn off
            placed["yaw"] = beside(placed["yaw"], (low["yaw"] + high["yaw"]) / 2)
        u = {name: ((value - low[name]) / width[name]).clamp(0, 1) for name, value in placed.items()}
        zero = torch.zeros(len(candidates))
        return cls(
            candidates.start.clone(),
            candidates.objects.clone(),
            low,
            high,
            u,
            {name: torch.zeros_like(value) for name, value in _with_common(u).items()},
            {name: torch.zeros_like(value) for name, value in _with_common(u).items()},
            zero.clone(),
            zero.clone(),
            {name: value.clone() for name, value in candidates.values.items()},
            torch.full_like(zero, -torch.inf),
        )

    def put_(self, lane: int, other: _Lanes) -> None:
        """Another single lane in the place of this one."""
        for name in ("start", "objects", "age", "idle", "breach"):
            getattr(self, name)[lane] = getattr(other, name)[0]
        for name in ("low", "high", "u", "first", "second", "best"):
            for key, value in getattr(self, name).items():
                value[lane] = getattr(other, name)[key][0]

    def attempts(self, lanes: Tensor) -> Attempts:
        """The best that these lanes met."""
        best = {name: value[lanes].clone() for name, value in self.best.items()}
        return Attempts(self.start[lanes].clone(), best, self.objects[lanes].clone(), self.breach[lanes].clone())


def climb(
    asking: Asking,
    space: Space,
    given: Scenes,
    candidates: Attempts,
    lanes: int,
    steps: int,
    deadline: float,
    enough: float = math.inf,
    body: Formula | None = None,
) -> tuple[Tried, Attempts]:
    """(how often it was asked and broken, the best that each followed scene came to).

    candidates: where to begin, in order; ``lanes`` of them are followed at once. deadline: on the monotonic clock.
    enough: the breach with which a scene is left as it is. body: what sliding scenes keep as true as it is; without it
    none slides.
    """
    width = min(lanes, len(candidates))
    state = _Lanes.of(candidates.select(torch.arange(width)), space, given)
    following, asked, broken = width, 0, 0
    done: list[Attempts] = []
    for _ in range(steps):
        if time.monotonic() > deadline:
            break
        breach = _step_(asking, space, given, state, enough, body)
        asked, broken = asked + width, broken + int((breach > 0).sum())
        over = (state.idle >= PATIENCE) | (state.breach >= enough)
        if following >= len(candidates) and bool((state.breach >= enough).all()):
            break
        for lane in over.nonzero().flatten().tolist():
            if following >= len(candidates):
                break
            done.append(state.attempts(torch.tensor([lane])))
            state.put_(lane, _Lanes.of(candidates.select(torch.tensor([following])), space, given))
            following += 1
    done.append(state.attempts(torch.arange(width)))
    return Tried(asked, broken), Attempts.cat(done)


def _step_(asking: Asking, space: Space, given: Scenes, state: _Lanes, enough: float, body: Formula | None) -> Tensor:
    """Ask where the lanes are, note what is best, and move them on. Returns the breach (S,) where they were."""
    leaves = {name: value.clone().requires_grad_() for name, value in state.u.items()}
    with torch.enable_grad():
        values = {n: state.low[n] + leaf * (state.high[n] - state.low[n]) for n, leaf in leaves.items()}
        made = space.made(given.select(state.start), values)
        answers = asking(made)
        objects = bound(asking.formula, state.objects)
        soft = -margin(asking.formula, answers, objects, softness=SOFTNESS)
        grads = _gradient(soft, leaves, keep=body is not None)
        if body is not None:
            alive = margin(body, answers, objects, softness=SOFTNESS)
            slides = (alive > 0) & (state.age < SLIDE)
            grads = _without(grads, _gradient(alive, leaves), slides)
    with torch.no_grad():
        breach = -margin(asking.formula, answers, objects)
        breach = torch.where(valid_at(asking.formula, answers, objects), breach, -torch.inf)
    gained = breach > state.breach + GAIN
    better = (breach > state.breach) & (state.breach < enough)
    for name, value in space.values(made).items():
        state.best[name] = torch.where(_laid(better, value), value.detach(), state.best[name])
    state.breach = torch.where(better, breach, state.breach)
    state.idle = torch.where(gained, 0.0, state.idle + 1)
    state.age = state.age + 1
    if grads:
        _climb_(state, grads)
    return breach


def _gradient(value: Tensor, leaves: Values, keep: bool = False) -> Values:
    """Of a value (S,), by the names of what it depends on; 0 where it is not finite."""
    if not value.requires_grad:
        return {}
    found = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, retain_graph=keep)
    return {n: torch.nan_to_num(g, 0.0, 0.0, 0.0) for n, g in zip(leaves, found, strict=True) if g is not None}


def _without(grads: Values, body: Values, slides: Tensor) -> Values:
    """The gradient less its part along that of the body, in the lanes that slide."""

    def dot(one: Values, other: Values) -> Tensor:
        parts = [(one[n] * other[n]).double().flatten(1).sum(1) for n in one if n in other]
        return torch.stack(parts).sum(0) if parts else torch.zeros(len(slides)).double()

    along = torch.where(slides, dot(grads, body) / dot(body, body).clamp_min(TINY), 0.0)
    return {n: (g - _laid(along, g) * body[n]).to(g) if n in body else g for n, g in grads.items()}


def _climb_(state: _Lanes, known: Values) -> None:
    """One step of Adam upwards in every lane, within the range."""
    largest = torch.stack([grad.flatten(1).abs().amax(1) for grad in known.values()]).amax(0).clamp_min(TINY)
    one, two = MOMENTA
    moved = {}
    for name, grad in _with_common(known).items():
        grad = grad / _laid(largest, grad)
        grad = torch.where(grad.abs() > FAINT, grad, 0.0)
        state.first[name] = one * state.first[name] + (1 - one) * grad
        state.second[name] = two * state.second[name] + (1 - two) * grad**2
        age = _laid(state.age, grad)
        mean, spread = state.first[name] / (1 - one**age), state.second[name] / (1 - two**age)
        # TINY: a pocket far away is told by a weak gradient that never changes its direction
        moved[name] = STEP * DECAY**age * mean / (spread.sqrt() + TINY)
    for name in known:
        step = moved[name] + moved[COMMON] if name == "center" else moved[name]
        state.u[name] = (state.u[name] + step).clamp(0, 1)


def _with_common(by_name: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With what all centres have in common, (S, 1, 3): relations of two objects pull these apart or together with a
    force beside which nothing is felt of where in the room the two of them are."""
    given = dict(by_name)
    return (
        given | {COMMON: given["center"].double().sum(1, keepdim=True).to(given["center"])}
        if "center" in given
        else given
    )


def _laid(lanes: Tensor, value: Tensor) -> Tensor:
    """(S,) laid along the first axis of a value."""
    return lanes.reshape(-1, *(1,) * (value.dim() - 1))
