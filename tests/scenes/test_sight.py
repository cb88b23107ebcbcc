"""What a camera sees: rays against brute force, and scenes of two boxes whose answer is known."""

from __future__ import annotations

import numpy as np

from rulekd.scenes.sight import blocked, visible_points

CAMERA = np.array([0.0, -5.0, 1.0])


def look(
    low: list[list[float]], high: list[list[float]], through: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    open_ = np.zeros((len(low), len(low)), dtype=bool) if through is None else through
    return visible_points(np.array(low), np.array(high), open_, CAMERA, 64, np.random.default_rng(0))


def test_rays_against_many_small_steps() -> None:
    random = np.random.default_rng(1)
    low = random.uniform(-1, 0.5, (40, 3))
    high = low + random.uniform(0.1, 1, (40, 3))
    points = random.uniform(-0.5, 0.5, (60, 3)) + np.array([0, 1, 0])
    camera = np.array([0.0, -2.0, 0.2])
    steps = np.linspace(0, 1, 4001)[None, :, None]
    path = camera + steps * (points[:, None] - camera)
    shrunk = 2e-3  # a ray that only grazes a corner may fall between two steps
    inside = ((path[:, :, None] > low + shrunk) & (path[:, :, None] < high - shrunk)).all(-1).any(1)
    around = ((path[:, :, None] > low - shrunk) & (path[:, :, None] < high + shrunk)).all(-1).any(1)
    found = blocked(camera, points, low, high)
    assert bool((inside <= found).all())
    assert bool((found <= around).all())
    assert 0.05 < found.mean() < 0.95


def test_one_box_shows_its_front_top_and_nothing_else() -> None:
    points, visible = look([[-0.5, 0, 0]], [[0.5, 1, 0.8]])
    front, top = np.isclose(points[0, :, 1], 0), np.isclose(points[0, :, 2], 0.8)
    assert bool(visible[0])
    assert bool((front | top).all())
    assert front.any()
    assert top.any()


def test_what_stands_behind_a_wall_is_not_seen() -> None:
    points, visible = look([[-3, 0, 0], [-0.5, 2, 0]], [[3, 0.2, 4], [0.5, 3, 1]])
    assert visible.tolist() == [True, False]
    assert not points[1].any()


def test_a_screen_hides_one_half() -> None:
    points, visible = look([[-3, 0, 0], [-1, 2, 0]], [[0, 0.2, 4], [1, 3, 1]])
    assert visible.tolist() == [True, True]
    # the camera looks along x = 0, where the screen ends
    assert (points[1, :, 0] > -1e-9).all()


def test_an_open_shelf_shows_what_it_holds() -> None:
    low, high = [[-1.0, 0, 0], [-0.2, 0.4, 0.5]], [[1.0, 1, 2], [0.2, 0.6, 0.7]]
    assert look(low, high)[1].tolist() == [True, False]
    through = np.array([[False, False], [True, False]])
    points, visible = look(low, high, through)
    assert visible.tolist() == [True, True]
    assert np.isclose(points[1, :, 1], 0.4).any()


def test_few_visible_points_are_repeated() -> None:
    # seen from 5 m in front, the screen up to 0.65 hides what lies 2 m behind its front up to 0.65 * 7 / 5.2 = 0.875
    points, visible = look([[-3, 0, 0], [-1, 2, 0]], [[0.65, 0.2, 4], [1, 3, 1]])
    assert points[1, :, 0].min() > 0.875
    assert bool(visible[1])
    assert 1 <= len(np.unique(points[1], axis=0)) < 64
