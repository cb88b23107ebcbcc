"""What the front page shows runs: its scripts, with small stand-ins, and the options of its commands."""

from __future__ import annotations

import re
import shlex
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import typer
from torch import Tensor, nn

import kg
import rulekd
from rulekd.cli.app import app
from rulekd.report.style import PICTURE_STYLE
from rulekd.scenes import rooms

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of the front page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def block(language: str, holds: str) -> str:
    """The one that holds these words."""
    (found,) = [text for text in blocks(language) if holds in text]
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rooms, a few steps, and of what is read out of so poor a network two rules that a better one would obey."""
    distill, extract, generate = rulekd.distill, rulekd.extract, rooms.generate

    def few_rooms(count: int, seed: int) -> rulekd.SceneSet:
        assert count == 300
        return generate(40, seed, objects=(4, 6), points=8)

    def quickly(*given: Any) -> rulekd.Run:
        return distill(*given, training=rulekd.Training(steps=3, device="cpu"))

    def two_rules(teacher: rulekd.Predictor, scenes: rulekd.SceneSet) -> kg.KnowledgeGraph:
        found = extract(teacher, scenes, families=["algebra"])
        rules = ["near(a, b) <-> near(b, a)", "left_of(a, b) <-> right_of(b, a)"]
        return kg.KnowledgeGraph.of(rules, found.vocabulary)

    monkeypatch.setattr(rooms, "generate", few_rooms)
    monkeypatch.setattr(rulekd, "distill", quickly, raising=False)
    monkeypatch.setattr(rulekd, "extract", two_rules, raising=False)


@pytest.mark.usefixtures("small")
def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block("python", "rulekd.extract("), names)
    assert {path.name for path in tmp_path.iterdir()} == {"rooms.kg.json", "report.html"}
    kept = kg.KnowledgeGraph.load("rooms.kg.json")
    assert [rule.text for rule in kept.rules(kg.Status.REJECTED)] == ["near(a, b) <-> near(b, a)"]
    assert names["run"].student is names["student"].module
    assert "rules violated" in capsys.readouterr().out


class OfPairs(nn.Module):
    """(B, N, 7) boxes and a mask -> (B, N, N, 3), whose channels tell where they come from."""

    def forward(self, boxes: Tensor, mask: Tensor) -> Tensor:
        assert boxes.shape[2] == 7
        assert mask.dtype == torch.bool
        x = boxes[..., 0]
        return torch.stack(
            [x[:, None, :] - x[:, :, None], x[:, :, None] + 0 * x[:, None], x[:, :, None] * x[:, None]], -1
        )


def test_a_network_of_ones_own() -> None:
    names: dict[str, Any] = {"kg": kg, "rulekd": rulekd, "big_network": OfPairs()}
    exec(block("python", "big_network"), names)
    scenes = rooms.generate(3, 0, objects=(4, 5), points=None)
    names["teacher"].dry_run(scenes)
    answers = names["teacher"].logits(scenes.scenes)
    x = scenes.scenes["center"][..., 0]
    assert torch.equal(answers["chair"], x * x)  # the third channel, of each thing with itself
    assert torch.equal(answers["on"], x[:, :, None].expand_as(answers["on"]))


def test_rules_in_a_loop_of_ones_own() -> None:
    weights = nn.Parameter(torch.zeros(2, 4, 4))
    asked: list[Tensor] = []

    def network(images: Tensor) -> dict[str, Tensor]:
        asked.append(images)
        return {"left_of": weights + images}

    size, mask = (2, 4, 4), torch.ones(2, 4, dtype=torch.bool)
    images = torch.randn(size, generator=torch.Generator().manual_seed(0)) * 5
    names: dict[str, Any] = {
        "rulekd": rulekd,
        "loader": [SimpleNamespace(images=images, mask=mask)] * 2,
        "network": network,
        "task_loss": torch.zeros(()),
    }
    exec(block("python", "rulekd.compile("), names)
    assert len(asked) == 2
    assert weights.grad is not None
    assert float(weights.grad.abs().sum()) > 0


# ------------------------------------------------------------------ commands


def commands(group: Any, name: str = "rulekd") -> dict[str, Any]:
    """Every command of the program by the words that call it."""
    found: dict[str, Any] = {}
    for word, one in group.commands.items():
        found |= commands(one, f"{name} {word}") if hasattr(one, "commands") else {f"{name} {word}": one}
    return found


def lines(text: str) -> list[list[str]]:
    """The words of each line that calls the program, lines that go on joined."""
    joined = text.replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in joined.splitlines() if line.startswith("rulekd ")]


def test_the_commands_of_the_front_page_exist() -> None:
    known = commands(typer.main.get_command(app))
    used = [words for text in blocks("sh") for words in lines(text)]
    assert len(used) >= 5
    for words in used:
        (name,) = [each for each in known if " ".join(words).startswith(f"{each} ") or " ".join(words) == each]
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words
    mentioned = set(re.findall(r"`(rulekd(?: [a-z]+)+)", README))
    groups = {name.rsplit(" ", 1)[0] for name in known}
    for words in mentioned:
        assert any(words == name or words.startswith(f"{name} ") for name in known.keys() | groups), words


def test_what_the_front_page_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_make_knows_its_two_commands() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in block("sh", "make demo").splitlines():
        target = line.split()[1]
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_picture_is_drawn_by_the_program() -> None:
    """docs/rule.svg is what ``kg show --out`` draws of the rule beside it: its style, its text, two scenes."""
    drawn = (ROOT / "docs/rule.svg").read_text(encoding="utf-8")
    assert PICTURE_STYLE in drawn
    assert drawn.count("<svg ") == 3
    (shown,) = re.findall(r'rulekd kg show blocks\.kg\.json "([^"]+)"', README)
    assert escape(shown) in drawn
