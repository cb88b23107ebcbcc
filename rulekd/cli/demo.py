"""`rulekd demo`: the whole way on generated rooms, in a few minutes, with a report at its end."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg import Rule, in_words
from kg.errors import RulekdError
from kg.tables import aligned, percent, rate_text
from rulekd.cli.manners import JsonFlag, answer
from rulekd.cli.progress import progress

if TYPE_CHECKING:
    from rulekd.demo import Demonstration, Settings
    from rulekd.distillation import Measures

#: Where the demonstration is written when nothing is said.
DEFAULT_OUT = Path("demo-out")


def demo(
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to make; a new numbered one in demo-out unless said.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of rooms, weights and batches.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Rooms, a teacher, its rules, three students, a comparison and a report: the whole way in a few minutes."""
    if seed < 0:
        raise RulekdError(f"--seed is {seed}", hint="Give a whole number, 0 or more.")
    folder = folder_for(out)
    # everything else brings torch
    from rulekd.demo import Settings

    perform(Settings(seed=seed), folder, as_json=as_json)


def folder_for(out: Path | None) -> Path:
    """The folder to write to: the one that is named, if nothing is in it; otherwise demo-out, or demo-out/1, .. ."""
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RulekdError(f"{out} exists already, and nothing is overwritten", hint="Choose another --out.")
        return out
    if not DEFAULT_OUT.exists():
        return DEFAULT_OUT
    if not DEFAULT_OUT.is_dir():
        raise RulekdError(f"{DEFAULT_OUT} is a file, not a folder", hint="Name a folder: --out DIR.")
    if not any(DEFAULT_OUT.iterdir()):
        return DEFAULT_OUT
    return next(folder for n in itertools.count(1) if not (folder := DEFAULT_OUT / str(n)).exists())


def perform(settings: Settings, folder: Path, *, as_json: bool) -> None:
    """The demonstration with these settings, into this folder."""
    # as above: everything else brings torch
    import torch

    # the same
    from rulekd.demo import demonstrate, report_of
    from rulekd.report import strongest, write

    torch.set_num_threads(1)  # the tensors are small: more threads would wait for each other
    folder.mkdir(parents=True, exist_ok=True)
    with progress() as show:
        found = demonstrate(settings, show)
    found.graph.save(folder / "rooms.kg.json")
    found.scenes.save(folder / "rooms.jsonl.gz")
    about = {"scenes": str((folder / "rooms.jsonl.gz").resolve()), "scenes_fingerprint": found.scenes.fingerprint}
    teacher = found.teaching.save(folder / "teacher", about=about | {"measures": _student(found.teacher)})
    about |= {"teacher": str(teacher.resolve()), "teacher_fingerprint": found.teaching.predictor.fingerprint}
    for name, run in found.runs.items():
        measured = {"measures": _student(found.students[name])}
        run.save(folder / f"student-{name.replace('+', '-')}", about=about | measured)
    report = write(report_of(found), folder / "report.html")
    rules = strongest(found.graph)
    result = {
        "teacher": {"f1": found.teacher.f1, "parameters": found.teacher.parameters},
        "students": {name: _student(measures) for name, measures in found.students.items()},
        "rules": [_record(rule) for rule in rules],
        "report": report,
    }
    answer(result, _text(found, rules, report), as_json=as_json)


def _student(measures: Measures) -> dict[str, Any]:
    return {name: getattr(measures, name) for name in ("f1", "violation", "fidelity", "parameters")}


def _record(rule: Rule) -> dict[str, Any]:
    evidence = rule.evidence
    assert evidence is not None  # the strongest rules are those with the best evidence
    return {
        "id": rule.id,
        "name": rule.name,
        "text": rule.text,
        "confidence": evidence.confidence,
        "rate": evidence.rate,
        "interval": evidence.interval,
        "support": evidence.support,
    }


def _text(found: Demonstration, rules: tuple[Rule, ...], report: Path) -> str:
    # as above: everything else brings torch
    from rulekd.demo import TITLES

    heads = ["network", "parameters", "macro-F1", "rules violated", "fidelity"]
    rows = [heads, _row("teacher", found.teacher)]
    rows += [_row(TITLES[name], measures) for name, measures in found.students.items()]
    told = f"students are told about {found.told} of {len(found.scenes.part('train'))} rooms"
    lines = [*aligned(rows), "", f"on {len(found.scenes.part('test'))} test rooms; {told}", ""]
    lines.append(f"The strongest of {len(found.graph.axioms())} axioms ({len(found.graph)} rules with what follows):")
    for number, rule in enumerate(rules, 1):
        lines += [f"{number:2}. {in_words(rule)}", f"    {rule.text}", f"    {_evidence(rule)}"]
    return "\n".join([*lines, "", f"report: {report}"])


def _row(name: str, measures: Measures) -> list[str]:
    shares = [percent(value) for value in (measures.f1, measures.violation, measures.fidelity)]
    return [name, f"{measures.parameters:,}", *shares]


def _evidence(rule: Rule) -> str:
    evidence = rule.evidence
    assert evidence is not None  # as in _record
    broken = f"{evidence.violations:,} of {evidence.support:,}"
    said = f"teacher: {broken} break it, rate at 95 % {rate_text(evidence.interval)}"
    data = evidence.data
    return said if data is None else f"{said}; in the data: {data.violations:,} of {data.support:,}"
