"""The program ``rulekd``: every command in one table."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from kg.errors import RulekdError
from rulekd.cli import compare, demo, doctor, evaluate, extract, kg, runs, scenes, train
from rulekd.cli.manners import JsonFlag, answer, overview, run

app = typer.Typer(
    help="Read the laws that a trained network knows, edit them, and train a small network on them.",
    rich_markup_mode=None,
)

Version = Annotated[bool, typer.Option("--version", help="Show the version.")]
#: ``run`` takes it out of the words, wherever it stands; it is declared here for the help.
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")]


@app.callback(invoke_without_command=True)
def rulekd(
    context: typer.Context,
    version: Version = False,
    debug: Debug = False,
    as_json: JsonFlag = False,
) -> None:
    if version:
        number = installed_version("rulekd")
        answer({"version": number}, f"rulekd {number}", as_json=as_json)
        raise typer.Exit(0)
    if as_json:
        command = context.invoked_subcommand or "COMMAND"
        raise RulekdError(f"--json stands before {command}", hint=f"Put it behind: rulekd {command} ... --json.")
    overview(context)


# Groups of commands, then single ones; a new command is a file and a line here.
app.add_typer(kg.commands, name="kg", help="List, show, accept and reject the rules of a knowledge graph.")
app.add_typer(scenes.commands, name="scenes", help="Show, generate and check files of scenes.")
app.add_typer(runs.commands, name="runs", help="List and show what has been trained.")
app.command("demo")(demo.demo)
app.command("extract")(extract.extract)
app.command("train")(train.train)
app.command("compare")(compare.compare)
app.command("eval")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Entry point of the program ``rulekd``."""
    sys.exit(run(app, sys.argv[1:]))
