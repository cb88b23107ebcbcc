"""The program ``rulekd``: every command in one table."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from rulekd.cli import compare, demo, doctor, evaluate, extract, kg, scenes, train
from rulekd.cli.manners import answer, overview, run

app = typer.Typer(
    help="Read the laws that a trained network knows, edit them, and train a small network on them.",
    add_completion=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        answer(None, f"rulekd {installed_version('rulekd')}", as_json=False)
        raise typer.Exit(0)


Version = Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")]
#: ``run`` takes it out of the words, wherever it stands; it is declared here for the help.
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")]


@app.callback(invoke_without_command=True)
def rulekd(
    context: typer.Context,
    version: Version = False,
    debug: Debug = False,
) -> None:
    overview(context)


# Groups of commands, then single ones; a new command is a file and a line here.
app.add_typer(kg.commands, name="kg", help="List, show, accept and reject the rules of a knowledge graph.")
app.add_typer(scenes.commands, name="scenes", help="Show, generate and check files of scenes.")
app.command("demo")(demo.demo)
app.command("extract")(extract.extract)
app.command("train")(train.train)
app.command("compare")(compare.compare)
app.command("eval")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Entry point of the program ``rulekd``."""
    sys.exit(run(app, sys.argv[1:]))
