"""What the shell offers after TAB: rules of a graph file, run directories, built-in networks. Loads no torch."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import typer

from kg import KnowledgeGraph, RulekdError
from rulekd.cli.choices import FAMILIES, NETWORKS
from rulekd.run_files import RECORD

#: A person waits for the answer: larger graph files are not read for it.
LARGEST_GRAPH = 20_000_000


def rule_names(context: typer.Context, incomplete: str) -> list[str]:
    """The rules of the graph file that stands before on the line."""
    file = context.params.get("file")
    try:
        if file is None or Path(file).stat().st_size > LARGEST_GRAPH:
            return []
        names = [rule.name for rule in KnowledgeGraph.load(file).rules()]
    except (RulekdError, OSError):
        return []  # the command itself will say what is wrong
    return [_quoted(name) for name in names if name.startswith(incomplete)]


def run_folders(incomplete: str) -> list[str]:
    """Run directories, and folders on the way to one, with a stroke at their end."""
    parent = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    try:
        folders = sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    shown = [str(path) if (path / RECORD).exists() else f"{path}/" for path in folders]
    return [_quoted(path) for path in shown if path.startswith(incomplete)]


def networks(incomplete: str) -> list[str]:
    """Built-in networks and run directories."""
    return [name for name in NETWORKS if name.startswith(incomplete)] + run_folders(incomplete)


def families(incomplete: str) -> list[str]:
    """Families of rules; several may stand behind each other, divided by commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in FAMILIES if name.startswith(last)]


class Offer(str):
    """A word as it must stand on the line.

    Typer keeps what begins with the typed word, from which it has taken the quotation marks; here that is decided.
    """

    def startswith(self, *_: object) -> bool:
        """It was chosen already."""
        return True


def _quoted(word: str) -> str:
    """The word for the line: ``near(a, b)`` means something else to bash, which does not quote by itself.

    Where the person has opened a quotation mark, bash goes on inside it.
    """
    last = os.environ.get("COMP_WORDS", "").split(" ")[-1]
    by_bash = os.environ.get("_RULEKD_COMPLETE") == "complete_bash"
    return Offer(shlex.quote(word)) if by_bash and last[:1] not in ("'", '"') else word
