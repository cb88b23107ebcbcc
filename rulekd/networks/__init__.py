"""The built-in networks: a teacher that sees objects and a student that sees raw points.

Layer: above ``scenes`` and ``predictor``, which it may import; below ``distillation`` and the command line.
``NETWORKS`` is the table of them all.
"""

from rulekd.networks.building import NETWORKS, build, describe, from_spec
from rulekd.networks.points import PointStudent
from rulekd.networks.room import RoomTransformer

__all__ = ["NETWORKS", "PointStudent", "RoomTransformer", "build", "describe", "from_spec"]
