"""The folder of real data is found by one variable, and missed without a fuss."""

from __future__ import annotations

from pathlib import Path

import pytest

from rulekd.scenes.data import VARIABLE, data_file, data_folder


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "a.csv").write_text("")
    assert data_folder() == tmp_path
    assert data_file("a.csv") == tmp_path / "a.csv"
    assert data_file("b.csv") is None


def test_a_folder_that_is_not_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    assert data_folder() is None
    assert data_file("a.csv") is None
