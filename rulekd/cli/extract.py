"""`rulekd extract`: read the laws that a network obeys out of its answers, into a graph file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.errors import RulekdError
from rulekd.cli.choices import FAMILIES, check_choice, check_network, check_positive, check_scenes
from rulekd.cli.completing import families as families_of
from rulekd.cli.completing import run_folders
from rulekd.cli.given import check_fraction, load_scenes, refuse_existing
from rulekd.cli.kg import record
from rulekd.cli.manners import JsonFlag, answer, log
from rulekd.cli.progress import progress

Network = Annotated[
    str,
    typer.Option(
        help="A run directory, module:build or file.py:build (a function that returns a Predictor).",
        autocompletion=run_folders,
    ),
]
SceneFile = Annotated[Path, typer.Option(help="A file of scenes; those of its test part are not read.")]


def extract(
    teacher: Network,
    scenes: SceneFile,
    out: Annotated[Path, typer.Option(help="The graph file to write, such as rooms.kg.json; never an existing one.")],
    seed: Annotated[int, typer.Option(help="Of the random translation and scaling.")] = 0,
    families: Annotated[
        list[str] | None,
        typer.Option(help="Only these families, divided by commas; all unless said.", autocompletion=families_of),
    ] = None,
    tolerance: Annotated[float | None, typer.Option(help="Largest violation rate of a law, a fraction.")] = None,
    hunt: Annotated[bool, typer.Option("--hunt", help="Look for made scenes that break each axiom.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Make scenes in which rules are live that few given scenes speak of.")
    ] = False,
    reach: Annotated[
        float, typer.Option(help="How far made scenes may go from given ones, a share of the range of each value.")
    ] = 1.0,
    budget: Annotated[
        float | None,
        typer.Option(help="Seconds for asking and mining; what they do not suffice for is named in the notes."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="For each rule that is hunted, and for each that is probed.")] = 20.0,
    as_json: JsonFlag = False,
) -> None:
    """Ask a network about scenes, and write the laws that it obeys as a knowledge graph."""
    refuse_existing(out)
    wanted = [name.strip() for given in families or [] for name in given.split(",") if name.strip()]
    for name in wanted:
        check_choice("family", name, FAMILIES)
    limit = None if tolerance is None else check_fraction("--tolerance", tolerance)
    if not 0 < reach <= 1 or not seconds > 0:
        raise RulekdError(
            f"--reach is {reach}, --seconds {seconds}", hint="Give a share above 0, up to 1, and more than 0 seconds."
        )
    check_positive(budget=budget)
    check_scenes(scenes)
    check_network(teacher, trained=True)
    # networks and scenes bring torch: what can be refused was refused before
    from rulekd.cli.networks import load_teacher
    from rulekd.extraction import Effort
    from rulekd.extraction.extract import extract as extract_rules

    effort = Effort(reach=reach, seconds=seconds, seed=seed)
    loaded = load_teacher(teacher, load_scenes(scenes))
    with progress() as show:
        graph = extract_rules(
            loaded.predictor,
            loaded.scenes,
            tolerance=limit,
            families=wanted or None,
            seed=seed,
            hunt=effort if hunt else None,
            probe=effort if probe else None,
            budget_seconds=budget,
            progress=show,
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    graph.save(out)
    log(f"written: {out}")
    axioms = graph.axioms()
    result = {
        "file": out,
        "rules": [record(rule) for rule in axioms],
        "entailed": len(graph) - len(axioms),
        "notes": graph.notes,
    }
    answer(result, str(graph), as_json=as_json)
