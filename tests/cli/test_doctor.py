"""`rulekd doctor`: what it finds, and what it says when something is missing."""

from __future__ import annotations

from importlib.metadata import version

import pytest
import torch

from rulekd.cli import doctor
from tests.cli.shell import rulekd


def test_tells_what_is_installed() -> None:
    found = rulekd("doctor", "--json")
    assert found.code == 0
    value = found.value
    assert value["healthy"] is True
    assert value["torch"]["version"] == torch.__version__
    assert value["packages"]["networkx"] == version("networkx")
    assert {"rulekd", "torch", "lightning-fabric", "python-sat", "typer"} <= set(value["packages"])
    assert "pytest" not in value["packages"]
    assert rulekd("doctor").out.rstrip().endswith("\nready")


def test_a_missing_package_is_a_fault_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "lark" else "1.0")
    found = rulekd("doctor", "--json")
    assert found.code == 1
    assert found.value["faults"] == ["the package lark is missing: make install"]
    assert "NOT READY" in rulekd("doctor").out


def test_a_torch_that_does_not_load_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_torch", lambda: {"error": "libcudart.so: cannot open"})
    found = rulekd("doctor", "--json")
    assert found.code == 1
    assert "libcudart.so: cannot open" in found.value["faults"][0]
    assert "libcudart.so: cannot open" in rulekd("doctor").out


def test_advice_about_threads() -> None:
    found = {"threads": {"cores": 2}, "torch": {"threads": 8}, "data": {"folder": "x"}}
    assert doctor._advice(found) == ["torch uses 8 threads on 2 cores: set OMP_NUM_THREADS=2"]


@pytest.mark.parametrize("text", ["torch>=2.4", "torch", "torch (>=2.4)", "torch[extra]>=1"])
def test_reads_the_name_of_a_requirement(text: str) -> None:
    assert doctor._name(text) == "torch"
