"""`rulekd extract`: from a network to a graph file."""

from __future__ import annotations

from pathlib import Path

import pytest

from kg import KnowledgeGraph
from rulekd.distillation.run import load_run
from rulekd.scenes import SceneSet
from tests.cli.conftest import Trained
from tests.cli.shell import assert_refused, rulekd

#: A teacher that knows left from right exactly: a network without weights.
EXACT = """
import torch
import rulekd

class Sides(torch.nn.Module):
    def forward(self, center):
        far = 40 * (center[:, None, :, 0] - center[:, :, None, 0])
        return {"left_of": far, "right_of": -far}

def build():
    return rulekd.Predictor(Sides(), {"left_of": 2, "right_of": 2}, inputs=lambda s: s["center"])
"""


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("exact") / "sides.py"
    path.write_text(EXACT)
    return f"{path}:build"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred scenes of five things, without labels."""
    path = tmp_path_factory.mktemp("bare") / "s.csv"
    lines = ["scene,x,y,z,width,depth,height"]
    lines += [f"{n},{(7 * n + 5 * k * k) % 11 + 0.01 * k},{k},0,1,1,1" for n in range(200) for k in range(5)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_writes_the_laws_that_hold(bare: Path, exact: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "g.kg.json"
    done = rulekd("extract", "--teacher", exact, "--scenes", bare, "--out", out, "--json")
    assert done.code == 0
    assert set(done.value) == {"file", "rules", "entailed", "notes"}
    graph = KnowledgeGraph.load(out)
    assert [rule["id"] for rule in done.value["rules"]] == [rule.id for rule in graph.axioms()]
    assert done.value["entailed"] == len(graph) - len(graph.axioms())
    for law in ("left_of(a, b) <-> right_of(b, a)", "left_of(a, b) & left_of(b, c) -> left_of(a, c)"):
        assert law in graph
    assert "under mirror_x: left_of(a, b) <-> right_of(a, b)" in graph
    assert "left_of(a, b) <-> left_of(b, a)" not in graph


def test_only_the_families_that_are_named(bare: Path, exact: str, tmp_path: Path) -> None:
    words = ["extract", "--teacher", exact, "--scenes", bare, "--seed", 2]
    done = rulekd(*words, "--families", "algebra, pairs", "--out", tmp_path / "g.kg.json")
    assert done.code == 0
    graph = KnowledgeGraph.load(tmp_path / "g.kg.json")
    assert {rule.provenance.family for rule in graph.rules()} <= {"algebra", "pairs"}
    assert len(graph)
    assert "transitive" in done.out  # the table, for a person
    assert graph.provenance.seed == 2


def test_what_a_budget_did_not_suffice_for_is_named(bare: Path, exact: str, tmp_path: Path) -> None:
    done = rulekd(
        "extract", "--teacher", exact, "--scenes", bare, "--budget", 0.001, "--out", tmp_path / "g.kg.json", "--json"
    )
    assert done.code == 0
    assert any("not asked, the time was used up" in note for note in done.value["notes"])
    assert any("candidates not examined, the time was used up" in note for note in done.value["notes"])


def test_a_run_directory_is_a_teacher(trained: Trained, tmp_path: Path) -> None:
    words = ["extract", "--teacher", trained.teacher, "--scenes", trained.bare, "--families", "algebra"]
    assert rulekd(*words, "--out", tmp_path / "g.kg.json").code == 0
    provenance = KnowledgeGraph.load(tmp_path / "g.kg.json").provenance
    assert provenance.teacher == load_run(trained.teacher).fingerprint
    assert provenance.data == SceneSet.load(trained.bare).fingerprint


def test_nothing_is_overwritten(trained: Trained) -> None:
    before = trained.graph.read_bytes()
    words = ["extract", "--teacher", trained.teacher, "--scenes", trained.bare, "--out", trained.graph]
    assert_refused(rulekd(*words), "exists already", "--out")
    assert trained.graph.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["--families", "algbra"], "unknown family 'algbra'", "Did you mean 'algebra'?"),
        (["--budget", "0"], "--budget is 0.0", "above 0"),
        (["--tolerance", "3"], "--tolerance is 3.0", "fraction"),
        (["--hunt", "--reach", "2"], "--reach is 2.0", "up to 1"),
        (["--hunt", "--seconds", "0"], "--seconds 0.0", "more than 0"),
        (["--teacher", "room-transformer"], "untrained", "Train it first"),
        (["--teacher", "{folder}"], "no run directory", "--out"),
        (["--scenes", "{folder}/none.jsonl"], "no file of scenes", "scenes generate"),
    ],
)
def test_what_is_refused(trained: Trained, tmp_path: Path, words: list[str], error: str, hint: str) -> None:
    given: list[object] = [word.replace("{folder}", str(trained.folder)) for word in words]
    usual = ["--teacher", trained.teacher, "--scenes", trained.bare]
    done = rulekd("extract", *usual, "--out", tmp_path / "g.kg.json", *given)
    assert_refused(done, error, hint)
    assert not (tmp_path / "g.kg.json").exists()


def test_hunts_and_probes_are_kept_and_shown(bare: Path, exact: str, tmp_path: Path) -> None:
    out = tmp_path / "g.kg.json"
    words = ["extract", "--teacher", exact, "--scenes", bare, "--families", "pairs", "--seconds", 5]
    assert rulekd(*words, "--hunt", "--probe", "--out", out).code == 0
    law = "left_of(a, b) <-> right_of(b, a)"
    shown = rulekd("kg", "show", out, law)
    assert shown.code == 0
    assert "hunted" in shown.out
    assert "made scenes that break it: random 0 of 1,024, gradient 0 of 1,920" in shown.out
    assert "changed: center" in shown.out
    told = rulekd("kg", "show", out, law, "--json").value["evidence"]["hunt"]
    assert told["random"] == {"asked": 1024, "broken": 0}
    probed = [rule.name for rule in KnowledgeGraph.load(out).rules() if rule.evidence and rule.evidence.probes]
    assert all("probed" in rulekd("kg", "show", out, name).out for name in probed)
    assert "hunted" not in rulekd("kg", "show", _plain(tmp_path, words), law).out


def _plain(tmp_path: Path, words: list[object]) -> Path:
    out = tmp_path / "plain.kg.json"
    assert rulekd(*words, "--out", out).code == 0
    return out
