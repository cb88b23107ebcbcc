"""Where things stand in one generated room: furniture by the walls, chairs at desks, things on and in things."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rulekd.scenes.furniture import ANCHORS, KINDS

#: Least and most extent of a room along x and along y, in units of 5 cm.
ROOM = (76, 120)
#: Attempts to place one thing before it is given up.
TRIES = 12
#: Chances of a rug, and that a piece of furniture by a wall stands at the front wall, where it hides the others.
RUG, FRONT_WALL = 0.45, 0.1
#: Chance that a desk has a monitor and a keyboard before anything else.
SCREEN = 0.5
#: Height of one compartment of a shelf or cabinet, in units of 5 cm.
COMPARTMENT = 7


@dataclass(frozen=True)
class Placed:
    """One thing in a room: its kind, the least corner and the extents of its hull, units of 5 cm.

    quarters: its yaw in quarter turns. host: the number of what it stands on or lies in, -1 = the floor.
    within: does it lie in the host?
    """

    kind: str
    low: tuple[int, int, int]
    hull: tuple[int, int, int]
    quarters: int
    color: str
    host: int = -1
    within: bool = False

    @property
    def high(self) -> tuple[int, int, int]:
        """The greatest corner."""
        return (self.low[0] + self.hull[0], self.low[1] + self.hull[1], self.low[2] + self.hull[2])

    @property
    def size(self) -> tuple[int, int, int]:
        """Extents along its own axes."""
        width, depth, height = self.hull
        return (depth, width, height) if self.quarters % 2 else (width, depth, height)


def furnish(count: int, random: np.random.Generator) -> tuple[tuple[int, int], list[Placed]]:
    """A room of ``count`` things: its extents along x and y from (0, 0), and the things; those that host come first."""
    while True:
        room = Room((int(random.integers(*ROOM, endpoint=True)), int(random.integers(*ROOM, endpoint=True))), random)
        room.fill(count)
        if len(room.things) == count:
            return room.extents, room.things


class Room:
    """A room that is being furnished."""

    def __init__(self, extents: tuple[int, int], random: np.random.Generator) -> None:
        self.extents = extents
        self.random = random
        self.things: list[Placed] = []

    def fill(self, count: int) -> None:
        """Place furniture, then chairs, then small things, until there are ``count`` or nothing more fits."""
        names, weights = list(ANCHORS), np.array(list(ANCHORS.values()))
        anchors = int(self.random.integers(2, min(5, 1 + count // 2), endpoint=True))
        if self.random.random() < RUG:
            self.rug()
        for kind in self.random.choice(names, size=anchors, p=weights / weights.sum()):
            self.by_wall(str(kind)) if KINDS[str(kind)].place == "wall" else self.anywhere(str(kind))
        for number, thing in enumerate(list(self.things)):
            if thing.kind in ("desk", "table") and len(self.things) < count - 1 and self.random.random() < 0.75:
                for _ in range(int(self.random.integers(1, 2 if thing.kind == "table" else 1, endpoint=True))):
                    self.chair(number)
            if thing.kind == "desk" and len(self.things) < count - 1 and self.random.random() < SCREEN:
                self.on(number, "monitor")
                self.on(number, "keyboard")
        for _ in range(TRIES * count):
            if len(self.things) >= count:
                del self.things[count:]
                return
            self.small()

    # ------------------------------------------------------------------------------ the floor

    def rug(self) -> None:
        """A rug, with a table or nothing on it."""
        placed = self.anywhere("rug")
        if placed and self.random.random() < 0.6:
            self.on(len(self.things) - 1, "table")

    def by_wall(self, kind: str) -> bool:
        """With its back to a wall, looking into the room."""
        for _ in range(TRIES):
            own = self._extents(kind)
            front = self.random.random() < FRONT_WALL
            wall = 2 if front else int(self.random.choice([0, 1, 3]))  # quarters of yaw: 0 back, 1 left, 3 right wall
            width, depth = self._turned(own, wall)
            x = {1: 0, 3: self.extents[0] - width}.get(wall)
            y = {0: self.extents[1] - depth, 2: 0}.get(wall)
            x = self._between(0, self.extents[0] - width) if x is None else x
            y = self._between(0, self.extents[1] - depth) if y is None else y
            if self._stand(kind, (x, y), own, wall):
                return True
        return False

    def anywhere(self, kind: str) -> bool:
        """Free on the floor, a little away from the walls."""
        for _ in range(TRIES):
            own, quarters = self._extents(kind), int(self.random.integers(4))
            width, depth = self._turned(own, quarters)
            x = self._between(4, self.extents[0] - width - 4)
            y = self._between(4, self.extents[1] - depth - 4)
            if self._stand(kind, (x, y), own, quarters):
                return True
        return False

    def chair(self, at: int) -> bool:
        """At a desk's front, or at any side of a table, looking at it; up to 10 cm away, or touching."""
        host = self.things[at]
        if host.low[2] > 0:
            return False  # a table on a rug: the chair would stand half on the rug
        for _ in range(TRIES):
            own = self._extents("chair")
            side = host.quarters if host.kind == "desk" else int(self.random.integers(4))
            quarters = (side + 2) % 4
            width, depth = self._turned(own, quarters)
            gap = int(self.random.integers(0, 2, endpoint=True))
            along_x = self._between(host.low[0] - 1, host.high[0] - width + 1)
            along_y = self._between(host.low[1] - 1, host.high[1] - depth + 1)
            # a thing of yaw 0 looks along -y; each quarter turn, counter-clockwise, turns that to +x, +y, -x
            x, y = [
                (along_x, host.low[1] - gap - depth),
                (host.high[0] + gap, along_y),
                (along_x, host.high[1] + gap),
                (host.low[0] - gap - width, along_y),
            ][side]
            if self._stand("chair", (x, y), own, quarters):
                return True
        return False

    def _stand(self, kind: str, at: tuple[int, int], own: tuple[int, int, int], quarters: int) -> bool:
        """On the floor, if it lies within the room and meets nothing that stands there."""
        width, depth = self._turned(own, quarters)
        x, y = at
        if x < 0 or y < 0 or x + width > self.extents[0] or y + depth > self.extents[1]:
            return False
        placed = Placed(kind, (x, y, 0), (width, depth, own[2]), quarters, self._color(kind))
        if any(thing.host < 0 and _meet_in_plan(placed, thing) for thing in self.things):
            return False
        self.things.append(placed)
        return True

    # --------------------------------------------------------------------------- small things

    def small(self) -> bool:
        """One more thing: on something, in something, or a plant or box on the floor."""
        draw = self.random.random()
        if draw < 0.06:
            return self.anywhere(str(self.random.choice(["plant", "box"])))
        inside = draw < 0.35
        hosts = [n for n, t in enumerate(self.things) if (KINDS[t.kind].holds if inside else KINDS[t.kind].carries)]
        if not hosts:
            return False
        host = int(self.random.choice(hosts))
        kind = KINDS[self.things[host].kind]
        wanted = str(self.random.choice(kind.holds if inside else kind.carries))
        return self.within(host, wanted) if inside else self.on(host, wanted)

    def on(self, host: int, kind: str) -> bool:
        """On the host's top, wholly over it, beside what stands there already."""
        carrier = self.things[host]
        others = [thing for thing in self.things if thing.host == host and not thing.within]
        for _ in range(TRIES):
            own = self._extents(kind)
            quarters = carrier.quarters if kind in ("monitor", "keyboard") else int(self.random.integers(4))
            width, depth = self._turned(own, quarters)
            if width > carrier.hull[0] or depth > carrier.hull[1]:
                continue
            x = self._between(carrier.low[0], carrier.high[0] - width)
            y = self._between(carrier.low[1], carrier.high[1] - depth)
            placed = Placed(kind, (x, y, carrier.high[2]), (width, depth, own[2]), quarters, self._color(kind), host)
            if not any(_meet_in_plan(placed, other) for other in others) and not self._crowded(placed):
                self.things.append(placed)
                return True
        return False

    def within(self, host: int, kind: str) -> bool:
        """In one of the host's compartments, 5 cm from its sides, beside what lies there already."""
        holder = self.things[host]
        for _ in range(TRIES):
            own, quarters = self._extents(kind), int(self.random.integers(4))
            width, depth = self._turned(own, quarters)
            levels = max(1, (holder.hull[2] - 1) // COMPARTMENT)
            z = holder.low[2] + 1 + COMPARTMENT * int(self.random.integers(levels))
            if width + 2 > holder.hull[0] or depth + 2 > holder.hull[1] or z + own[2] + 1 > holder.high[2]:
                continue
            x = self._between(holder.low[0] + 1, holder.high[0] - width - 1)
            y = self._between(holder.low[1] + 1, holder.high[1] - depth - 1)
            placed = Placed(kind, (x, y, z), (width, depth, own[2]), quarters, self._color(kind), host, True)
            if not self._crowded(placed):
                self.things.append(placed)
                return True
        return False

    def _crowded(self, placed: Placed) -> bool:
        """Would it be where another thing is, or stick out of what it lies in?"""
        holders = set()
        number, inner = placed.host, placed.within
        while number >= 0:
            if inner:
                holders.add(number)
            number, inner = self.things[number].host, self.things[number].within
        return any(
            placed.high[2] >= thing.high[2] if n in holders else _meet(placed, thing)
            for n, thing in enumerate(self.things)
        )

    # --------------------------------------------------------------------------- random choices

    def _between(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high, endpoint=True)) if high >= low else low

    def _extents(self, kind: str) -> tuple[int, int, int]:
        ranges = (KINDS[kind].width, KINDS[kind].depth, KINDS[kind].height)
        width, depth, height = (int(self.random.integers(low, high, endpoint=True)) for low, high in ranges)
        return width, depth, height

    def _color(self, kind: str) -> str:
        return str(self.random.choice(KINDS[kind].colors))

    @staticmethod
    def _turned(own: tuple[int, int, int], quarters: int) -> tuple[int, int]:
        return (own[1], own[0]) if quarters % 2 else (own[0], own[1])


def _meet_in_plan(one: Placed, other: Placed) -> bool:
    return all(one.low[axis] < other.high[axis] and other.low[axis] < one.high[axis] for axis in range(2))


def _meet(one: Placed, other: Placed) -> bool:
    return all(one.low[axis] < other.high[axis] and other.low[axis] < one.high[axis] for axis in range(3))
