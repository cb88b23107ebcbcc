"""`rulekd runs`: what has been trained, and everything about one training. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kg.errors import FileFormatError
from kg.tables import aligned, fields, percent
from rulekd.cli.completing import run_folders
from rulekd.cli.manners import JsonFlag, answer, overview
from rulekd.run_files import FINISHED, RunFiles, inspect, runs_under

commands = typer.Typer(callback=overview, invoke_without_command=True)

#: How many lines of the ledger a person is shown; JSON has them all.
SHOWN_EPOCHS = 12


@commands.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds them.", metavar="FOLDER")] = Path("runs"),
    as_json: JsonFlag = False,
) -> None:
    """List the run directories under a folder; those that cannot be read stand there with the reason."""
    if not folder.is_dir():
        said = "is no folder" if folder.exists() else "is not there"
        raise FileFormatError(
            f"the folder of runs {str(folder)!r} {said}",
            hint="Name one: rulekd runs list FOLDER; `rulekd train` fills it.",
        )
    found = list(runs_under(folder))
    answer({"folder": folder, "runs": [summary(run) for run in found]}, _table(found, folder), as_json=as_json)


@commands.command("show")
def show(
    run: Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN", autocompletion=run_folders)],
    as_json: JsonFlag = False,
) -> None:
    """Show one run: what was asked, with what it was made, how the loss went, what lies in the folder."""
    if not run.is_dir():
        said = "is a file" if run.exists() else "is not there"
        raise FileFormatError(
            f"the run directory {str(run)!r} {said}", hint="`rulekd runs list FOLDER` names those that are."
        )
    found = inspect(run)
    if not found.record and found.problems:
        raise FileFormatError(
            found.problems[0], hint="`rulekd runs list FOLDER` names the run directories of a folder."
        )
    details = {**summary(found), "record": found.record, "ledger": found.ledger, "files": found.sizes}
    answer(details, _details(found), as_json=as_json)


def summary(run: RunFiles) -> dict[str, Any]:
    """A run as it is listed in JSON; what it does not say is null."""
    record = run.record
    last = run.ledger[-1] if run.ledger else {}
    return {
        "run": run.folder,
        "state": run.state,
        "time": record.get("time"),
        "kind": _kind(run) or None,
        "student": _student(record) or None,
        "parameters": record.get("parameters"),
        "steps": last.get("step"),
        "loss": last.get("loss"),
        "seed": record.get("seed"),
        "measures": record.get("measures"),
        "verdict": record.get("verdict"),
        "warnings": record.get("warnings"),
        "problems": run.problems,
    }


def _kind(run: RunFiles) -> str:
    """``SoftLabels + Rules``: the transfers that it learned by; ``comparison`` before them where it is one."""
    ways = " + ".join(str(transfer.get("kind", "?")) for transfer in _mappings(run.record.get("transfers")))
    compared = run.record.get("kind") == "comparison" or (run.folder / FINISHED).exists()
    return f"comparison {ways}".strip() if compared else ways


def _student(record: Mapping[str, Any]) -> str:
    network = record.get("network")
    if not isinstance(network, dict):
        return ""
    return str(network.get("build") or network.get("network") or "")


def _mappings(given: Any) -> list[Mapping[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def _table(runs: Sequence[RunFiles], folder: Path) -> str:
    if not runs:
        return f"no runs in {folder}"
    heads = ["run", "state", "time", "learned by", "student", "parameters", "steps", "loss", "seed", "came out"]
    lines = aligned([heads, *(_row(run, folder) for run in runs)], wrapped=heads.index("came out"))
    return "\n".join([*lines, *(f"broken: {problem}" for run in runs for problem in run.problems)])


def _row(run: RunFiles, folder: Path) -> list[str]:
    said = summary(run)
    return [
        str(run.folder.relative_to(folder)),
        str(said["state"]),
        str(said["time"] or "-")[:16].replace("T", " "),
        *(str(said[name] or "-") for name in ("kind", "student")),
        _number(said["parameters"]),
        _number(said["steps"]),
        _number(said["loss"]),
        str(said["seed"] if said["seed"] is not None else "-"),
        _outcome(said),
    ]


def _outcome(said: Mapping[str, Any]) -> str:
    measures = said["measures"]
    if isinstance(measures, dict):
        return f"macro-F1 {percent(measures.get('f1'))}, violated {percent(measures.get('violation'))}"
    return str(said["verdict"] or "-")


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else "-"


def _details(run: RunFiles) -> str:
    record, said = run.record, summary(run)
    command = record.get("command")
    lines = [
        ("run", str(run.folder)),
        ("state", run.state),
        ("time", str(said["time"] or "")),
        ("command", " ".join(map(str, command)) if isinstance(command, list) else ""),
        ("student", _network(record)),
        ("learned by", "\n".join(_options(transfer, "kind") for transfer in _mappings(record.get("transfers")))),
        ("training", _options(record["training"]) if isinstance(record.get("training"), dict) else ""),
        ("seed", "" if said["seed"] is None else str(said["seed"])),
        ("teacher", _named(record, "teacher")),
        ("scenes", _named(record, "scenes")),
        ("environment", _options(record["environment"]) if isinstance(record.get("environment"), dict) else ""),
        ("came out", _outcome(said) if said["measures"] or said["verdict"] else ""),
        ("ledger", "\n".join(_ledger(run.ledger))),
        ("warnings", "\n".join(map(str, said["warnings"] or []))),
        ("files", fields([(name, f"{size:,} bytes") for name, size in run.sizes.items()])),
        ("problems", "\n".join(run.problems)),
    ]
    return fields(lines)


def _network(record: Mapping[str, Any]) -> str:
    parts = [_student(record)]
    parts += [f"{_number(record['parameters'])} parameters"] if "parameters" in record else []
    parts += [f"fingerprint {record['fingerprint']}"] if "fingerprint" in record else []
    return ", ".join(part for part in parts if part)


def _options(values: Mapping[str, Any], head: str = "") -> str:
    named = ", ".join(f"{name} {value}" for name, value in values.items() if name != head and value is not None)
    return f"{values.get(head, '')}: {named}" if head else named


def _named(record: Mapping[str, Any], what: str) -> str:
    """A file or folder that the run remembers, its fingerprint then, and whether it is still there."""
    path = record.get(what)
    if path is None:
        return ""
    gone = "" if ":" in str(path) or Path(str(path)).exists() else "; not there any more"
    return f"{path}, fingerprint {record.get(f'{what}_fingerprint', 'unknown')}{gone}"


def _ledger(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    if not entries:
        return []
    every = max(1, -(-len(entries) // SHOWN_EPOCHS))
    shown = [entry for place, entry in enumerate(entries) if place % every == 0 or place == len(entries) - 1]
    terms = list(entries[-1]["terms"])
    rows = [["step", "loss", *terms]]
    rows += [[f"{e['step']:,}", _number(e["loss"]), *(_number(e["terms"].get(name)) for name in terms)] for e in shown]
    return aligned(rows)
