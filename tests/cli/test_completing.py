"""After TAB: the shell is answered at once, without torch, with what can stand there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kg import KnowledgeGraph
from rulekd.cli import choices
from rulekd.extraction import FAMILIES
from rulekd.networks import NETWORKS
from rulekd.scenes.parts import EVIDENCE, PARTS
from rulekd.scenes.readers import READERS
from tests.cli.shell import seconds_of_a_process

RULES = ["left_of(a, b) <-> right_of(b, a)", "near(a, b) <-> near(b, a)", "touching(a, b) <-> touching(b, a)"]


def offers(*words: str, shell: str = "bash", folder: Path | None = None) -> list[str]:
    """What a shell is answered when TAB is pressed behind these words."""
    line = ["rulekd", *words]
    variables = {"_RULEKD_COMPLETE": f"complete_{shell}", "COMP_WORDS": " ".join(line), "COMP_CWORD": str(len(words))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "rulekd"],
        env={**os.environ, **variables, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "kg" in loaded
    assert loaded & {"torch", "numpy", "sklearn", "matplotlib", "sympy"} == set()
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rooms.kg.json"
    KnowledgeGraph.of(RULES).save(path)
    return path


def test_commands() -> None:
    assert set(offers("kg", "")) >= {"list", "show", "accept", "reject"}
    assert offers("runs", "l") == ["list"]


def test_rules_of_the_graph_file(file: Path) -> None:
    assert offers("kg", "show", str(file), "inv") == ["'inverse(left_of, right_of)'"]  # bash needs the quotation marks
    assert offers("kg", "reject", str(file), "symm") == ["'symmetric(near)'", "'symmetric(touching)'"]
    assert offers("kg", "reject", str(file), "'symmetric(n") == ["symmetric(near)"]  # and here they are open
    assert offers("kg", "show", str(file), "zzz") == []


def test_a_damaged_graph_offers_nothing(file: Path) -> None:
    file.write_text("{")
    assert offers("kg", "show", str(file), "") == []


def test_files_are_left_to_the_shell(file: Path) -> None:
    assert offers("kg", "list", "") == []


def test_runs_and_networks(tmp_path: Path) -> None:
    for name in ("runs/teacher", "runs/.draft", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs/teacher/run.json").write_text("{}")
    assert offers("runs", "show", "runs/", folder=tmp_path) == ["runs/teacher"]
    assert offers("eval", "--run", "", folder=tmp_path) == ["other/", "runs/"]
    assert offers("train", "--student", "", folder=tmp_path) == [*choices.NETWORKS, "other/", "runs/"]
    assert offers("extract", "--teacher", "no/such/", folder=tmp_path) == []


def test_families_are_offered_one_after_the_other(tmp_path: Path) -> None:
    assert offers("extract", "--families", "co", folder=tmp_path) == ["compositions", "conjunctions", "concepts"]
    assert offers("extract", "--families", "pairs,tr", folder=tmp_path) == ["pairs,transforms"]


def test_the_lists_of_choices_are_true() -> None:
    assert list(NETWORKS) == list(choices.NETWORKS)
    assert list(FAMILIES) == list(choices.FAMILIES)
    assert (*PARTS, *EVIDENCE) == choices.PARTS
    suffixes = [suffix for reader in READERS.values() for suffix in reader.suffixes]
    assert [suffix for suffix in suffixes if not suffix.endswith(choices.SUFFIXES)] == []
    assert set(choices.SUFFIXES) <= set(suffixes)


def test_answers_at_once(file: Path) -> None:
    assert seconds_of_a_process(lambda: offers("kg", "show", str(file), "")) < 1.2  # 0.5 were seen


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_the_shell(shell: str) -> None:
    # without this variable the option takes no value and looks at the processes above it for the shell
    variables = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "rulekd", "--show-completion", shell]
    shown = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=True)
    assert "_RULEKD_COMPLETE=complete_" + shell in shown.stdout
