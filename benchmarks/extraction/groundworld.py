"""Rooms with utterances, "the leftmost chair", "the chair between the tables", and a network that learns them.

An utterance is a scene of its own, its room the group: ``relation()`` is one of ``RELATIONS``, ``asked()`` the category
of what is asked for, ``anchor()`` that of what it is beside, unknown where nothing is. ``target`` is true of the one
object that is meant; utterances that are met by none or by several are not made.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import rulekd
from rulekd import Scenes, SceneSet

CATEGORIES = ("chair", "table", "lamp", "sofa", "shelf", "plant")
OBJECTS = 12

#: What each utterance means, of the things of the category that is asked for.
MEANT = {
    "leftmost": "category(a) = asked() & (forall b: category(b) = asked() -> x(a) <= x(b))",
    "frontmost": "category(a) = asked() & (forall b: category(b) = asked() -> y(a) <= y(b))",
    "second_left": "category(a) = asked() & (exists b: category(b) = asked() & x(a) > x(b))"
    " & ~(exists b, c: category(b) = asked() & x(a) > x(b) & category(c) = asked() & x(a) > x(c))",
    "largest": "category(a) = asked() & (forall b: category(b) = asked() -> volume(a) >= volume(b))",
    "nearest": "category(a) = asked() & (forall b, c: category(b) = asked() & category(c) = anchor()"
    " -> distance(a, c) <= distance(b, c))",
    "farthest": "category(a) = asked() & (forall b, c: category(b) = asked() & category(c) = anchor()"
    " -> distance(a, c) >= distance(b, c))",
    "left_of": "category(a) = asked() & (exists b: category(b) = anchor() & x(a) - x(b) <= -0.3)",
    "between": "category(a) = asked() & (exists b, c: category(b) = anchor() & category(c) = anchor()"
    " & distance(a, b) + distance(a, c) <= 1.2 * distance(b, c))",
}
RELATIONS = tuple(MEANT)

#: Utterances that name an anchor, and how many things of that category the room has.
ANCHORS = {"nearest": 1, "farthest": 1, "left_of": 1, "between": 2}

#: Utterances that are tried in a room.
TRIED = 6


def utterances(rooms: int, seed: int, *, labelled: bool = True) -> SceneSet:
    """Utterances of so many random rooms, some four of each."""
    draw = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=draw)

    room = torch.arange(rooms).repeat_interleave(TRIED)
    center = (uniform(rooms, OBJECTS, 3) * torch.tensor([6.0, 5.0, 2.0]))[room]
    size = (0.2 + 0.8 * uniform(rooms, OBJECTS, 3))[room]
    mask = (torch.arange(OBJECTS) < torch.randint(7, OBJECTS + 1, (rooms, 1), generator=draw))[room]
    category = torch.randint(0, len(CATEGORIES), (rooms, OBJECTS), generator=draw)[room]
    number = (nn.functional.one_hot(category, len(CATEGORIES)) * mask[..., None]).sum(1)
    relation = torch.randint(0, len(RELATIONS), (len(room),), generator=draw)
    needed = torch.tensor([ANCHORS.get(name, 0) for name in RELATIONS])[relation]

    def chosen(allowed: Tensor) -> Tensor:
        weights = uniform(*allowed.shape) * allowed
        return torch.where(allowed.any(1), weights.argmax(1), -1)

    asked = chosen(number >= 2)
    others = nn.functional.one_hot(asked.clamp_min(0), len(CATEGORIES)) == 0
    anchor = chosen((number == needed[:, None]) & (needed[:, None] > 0) & others)
    kind = mask & (category == asked[:, None])
    beside = mask & (category == anchor[:, None])
    meant = _meant(center, size, kind, beside)[relation, torch.arange(len(room))]
    kept = ((needed == 0) | (anchor >= 0)) & (asked >= 0) & (meant.sum(1) == 1)
    scenes = Scenes(
        mask=mask[kept],
        center=center[kept],
        size=size[kept],
        categories={"category": category[kept].masked_fill(~mask[kept], -1)},
        category_names={"category": CATEGORIES},
        scene_categories={"relation": relation[kept], "asked": asked[kept], "anchor": anchor[kept]},
        scene_category_names={"relation": RELATIONS, "asked": CATEGORIES, "anchor": CATEGORIES},
        group=tuple(f"room {number}" for number in room[kept].tolist()),
        labels={"target": meant[kept]} if labelled else {},
    )
    return SceneSet(scenes)


def _meant(center: Tensor, size: Tensor, kind: Tensor, beside: Tensor) -> Tensor:
    """(relations, B, N) bool: what each utterance would mean, from the arrays themselves."""
    x = center[..., 0]
    length = torch.cdist(center, center)
    one = length.masked_fill(~beside[:, None], 0.0).sum(2)  # the distance to the only anchor
    order = x.masked_fill(~kind, torch.inf).argsort(1)
    enough = (kind.sum(1) >= 2)[:, None]
    detour = length[:, :, :, None] + length[:, :, None, :] <= 1.2 * length[:, None]
    two = beside[:, :, None] & beside[:, None] & ~torch.eye(OBJECTS, dtype=torch.bool)
    return torch.stack(
        [
            _least(x, kind),
            _least(center[..., 1], kind),
            nn.functional.one_hot(order[:, 1], OBJECTS).bool() & kind & enough,
            _least(-size.prod(2), kind),
            _least(one, kind),
            _least(-one, kind),
            kind & (x - x.masked_fill(~beside, 0.0).sum(1, keepdim=True) <= -0.3),
            kind & (detour & two[:, None]).flatten(2).any(2),
        ]
    )


def _least(values: Tensor, kind: Tensor) -> Tensor:
    return nn.functional.one_hot(values.masked_fill(~kind, torch.inf).argmin(1), OBJECTS).bool() & kind


class Grounder(nn.Module):
    """Attention among the objects; log-odds of each to be the one that is meant, by a softmax over all."""

    def __init__(self, width: int = 96, layers: int = 3) -> None:
        super().__init__()
        inputs = 6 + len(CATEGORIES) + 2 + len(RELATIONS)
        self.inner = nn.Linear(inputs, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.outer = nn.Linear(width, 1)

    def forward(self, objects: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """objects: (B, N, inputs), mask: (B, N)."""
        logits = self.outer(self.layers(self.inner(objects), src_key_padding_mask=~mask))[..., 0]
        logits = logits.masked_fill(~mask, -1e4)
        chance = logits.softmax(1).clamp(1e-6, 1 - 1e-6)
        return {"target": chance.log() - (-chance).log1p()}


def inputs(scenes: Scenes) -> tuple[Tensor, Tensor]:
    """What the network sees: places and sizes, categories, and which of them the utterance names."""
    category = scenes.categories["category"]
    named = [(category == scenes.scene_categories[name][:, None])[..., None] for name in ("asked", "anchor")]
    words = nn.functional.one_hot(scenes.scene_categories["relation"].long(), len(RELATIONS))
    one_hot = nn.functional.one_hot(category.long().clamp_min(0), len(CATEGORIES))
    spread = words[:, None].expand(-1, category.shape[1], -1)
    parts = [scenes["center"] / 3, scenes["size"], one_hot, *named, spread]
    return torch.cat([part.float() for part in parts], 2) * scenes.mask[..., None], scenes.mask


def grounder(seed: int, steps: int, rooms: int, batch: int = 256) -> rulekd.Predictor:
    """A network trained on the utterances of so many rooms."""
    torch.manual_seed(seed)
    scenes = utterances(rooms, 100 + seed).scenes
    objects, mask = inputs(scenes)
    truth = scenes.labels["target"].long().argmax(1)
    network = Grounder()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        index = torch.randint(0, len(truth), (batch,), generator=draw)
        loss = nn.functional.cross_entropy(network(objects[index], mask[index])["target"], truth[index])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    return rulekd.Predictor(network.eval(), {"target": 1}, inputs=inputs)
