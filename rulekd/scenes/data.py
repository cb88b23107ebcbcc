"""Where real data sets lie for tests and benchmarks; none of them is part of the project."""

from __future__ import annotations

import os
from pathlib import Path

#: The one place that names the folder: RULEKD_DATA, or beside the checkout.
VARIABLE = "RULEKD_DATA"
BESIDE = Path("..") / "shared" / "data"


def data_folder() -> Path | None:
    """The folder of real data sets, or None where there is none (tests then skip, and say so)."""
    checkout = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get(VARIABLE) or checkout / BESIDE)
    return folder if folder.is_dir() else None


def data_file(*parts: str) -> Path | None:
    """A file of that folder, or None."""
    folder = data_folder()
    path = None if folder is None else folder.joinpath(*parts)
    return path if path is not None and path.exists() else None
