"""Boxes as CSV, one object a row."""

from __future__ import annotations

from pathlib import Path

from rulekd.scenes.readers.content import Content


def read(path: Path) -> Content:
    """Scenes of a CSV file."""
    raise NotImplementedError
