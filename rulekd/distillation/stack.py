"""Several networks of one architecture as one: their weights stacked, every layer computed for all of them at once.

A small network keeps a processor busy with the calls, not with the arithmetic; R of them side by side cost little more
than one. Run r of

    Stack([f_1, ..., f_R])(x_1, ..., x_R)

is f_r(x_r): the inputs of all runs stand one after the other on the first axis, R x B scenes, and so do the outputs.
No run sees another's scenes or weights, so gradients, and everything an optimiser does element by element, are those
of R trainings apart.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.utils._pytree import tree_map


class Stack(nn.Module):
    """R modules as one. Its parameters are copies with a new first axis (R, ...); ``unstack_`` writes them back.

    >>> few = [nn.Linear(3, 2) for _ in range(4)]
    >>> x = torch.randn(4 * 5, 3)
    >>> apart = torch.cat([one(some) for one, some in zip(few, x.chunk(4))])
    >>> bool(torch.isclose(Stack(few)(x), apart, atol=1e-6).all())
    True
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.runs = len(modules)
        weights, buffers = stack_module_state(list(modules))
        self._names = (tuple(weights), tuple(buffers))
        trained = dict(modules[0].named_parameters())
        for name, value in weights.items():
            self.register_parameter(_flat(name), nn.Parameter(value.detach(), trained[name].requires_grad))
        for name, value in buffers.items():
            self.register_buffer(_flat(name), value)
        # The skeleton's own weights are never read. In a tuple it is no submodule, and its weights are not trained.
        self._skeleton = (copy.deepcopy(modules[0]).to("meta"),)

    def forward(self, *arguments: Any) -> Any:
        """Each run's module on its part of the arguments; tensors are (R x B, ...), and so are those of the result."""
        skeleton = self._skeleton[0].train(self.training)
        weights = {name: getattr(self, _flat(name)) for name in self._names[0]}
        buffers = {name: getattr(self, _flat(name)) for name in self._names[1]}

        def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], given: tuple[Any, ...]) -> Any:
            return functional_call(skeleton, (weights, buffers), given)

        split = _over_tensors(lambda t: t.reshape(self.runs, t.shape[0] // self.runs, *t.shape[1:]), arguments)
        result = torch.vmap(one, randomness="different")(weights, buffers, split)
        return _over_tensors(lambda t: t.reshape(-1, *t.shape[2:]), result)

    @torch.no_grad()
    def unstack_(self, modules: Sequence[nn.Module]) -> None:
        """Write the weights and buffers of each run into the module that it came from, in place."""
        for run, module in enumerate(modules):
            own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
            for name in (*self._names[0], *self._names[1]):
                own[name].copy_(getattr(self, _flat(name))[run])


def why_apart(modules: Sequence[nn.Module], ask: Callable[[nn.Module, int], dict[str, Tensor]]) -> str:
    """Why some modules cannot be stacked; empty when they can.

    ask: the answers of a module to the scenes of run number r, or of a stack to those of all runs (r = -1); the
    stack's answers are held against those of the modules one by one.
    """
    kinds = {(type(one), *((name, tuple(t.shape), t.dtype) for name, t in one.state_dict().items())) for one in modules}
    if len(kinds) > 1:
        return "the students differ in architecture"
    if not any(p.requires_grad for p in modules[0].parameters()):
        return "the students have no trainable parameters"
    apart = [ask(one, run) for run, one in enumerate(modules)]
    try:
        together = ask(Stack(modules), -1)
    except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        return f"the student cannot be computed for several seeds at once: {str(error).splitlines()[0]:.160}"
    for name, value in together.items():
        wanted = torch.cat([answers[name] for answers in apart])
        if not torch.allclose(value, wanted, rtol=1e-3, atol=1e-3):  # logits; sums are taken in another order
            return f"stacked students answer differently about {name!r}: their scenes do not stay apart"
    return ""


def _flat(name: str) -> str:
    """A parameter's dotted name as one that can be registered, and that no attribute of a module has."""
    return "stacked__" + name.replace(".", "__")


def _over_tensors(act: Callable[[Tensor], Tensor], tree: Any) -> Any:
    return tree_map(lambda leaf: act(leaf) if isinstance(leaf, Tensor) else leaf, tree)
