"""Scenes as tensors: batches, sets, geometry, transforms, readers and a generator of rooms.

Layer: the lowest of ``rulekd``. It may import ``kg``, torch and numpy (matplotlib for drawings), and nothing else of
``rulekd``.
"""

from rulekd.scenes.scene_set import SceneSet
from rulekd.scenes.scenes import Scenes

__all__ = ["SceneSet", "Scenes"]
