"""`rulekd scenes`: look at, make and check files of scenes."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kg.errors import FileFormatError, RulekdError, unknown
from kg.tables import aligned, fields, page_width, percent
from rulekd.cli.given import refuse_existing
from rulekd.cli.manners import NO, JsonFlag, answer, log, overview

if TYPE_CHECKING:
    from rulekd.scenes import Scenes, SceneSet

commands = typer.Typer(callback=overview, invoke_without_command=True)

File = Annotated[
    Path, typer.Argument(help="A file of scenes: .jsonl, CLEVR .json, boxes .csv; each also .gz.", metavar="FILE")
]


@commands.command("show")
def show(
    file: File,
    scene: Annotated[str | None, typer.Option(help="Only this scene: its name, or its number from 0.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draw the scene (the first, unless named): .png or .svg.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a file holds, or one scene as a table and a picture."""
    if out is not None:
        refuse_existing(out)
    scenes = _load(file)
    if scene is None and out is None:
        answer(_summary(scenes), _summary_text(scenes), as_json=as_json)
        return
    number = _find(scenes, scene or "0")
    objects, facts = _objects(scenes.scenes, number), _facts(scenes, number)
    shown: dict[str, Any] = {"scene": scenes.scenes.names[number], "objects": objects, "facts": facts}
    if out is not None:
        # drawing brings matplotlib
        from rulekd.scenes.drawing import draw

        shown["picture"] = draw(scenes.scenes, number, out)
        log(f"drawn: {out}")
    answer(shown, _scene_text(shown), as_json=as_json)


@commands.command("generate")
def generate(
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl or .jsonl.gz; never an existing one.")],
    count: Annotated[int, typer.Option(help="How many rooms.")] = 100,
    seed: Annotated[int, typer.Option(help="The same seed makes the same rooms.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Make furnished rooms with exact contacts, labels from definitions, and points as a camera sees them."""
    refuse_existing(out)
    if count < 1:
        raise RulekdError(f"{count} rooms", hint="Give a --count of 1 or more.")
    if seed < 0:
        raise RulekdError(f"--seed is {seed}", hint="Give a whole number, 0 or more.")
    if not out.name.lower().removesuffix(".gz").endswith(".jsonl"):
        raise RulekdError(f"{out}: scenes are written as JSON lines", hint="Name the file .jsonl or .jsonl.gz.")
    # the generator brings torch
    from rulekd.scenes.rooms import generate as rooms

    scenes = rooms(count, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    scenes.save(out)
    log(f"written: {out}")
    answer({"file": out, **_summary(scenes)}, _summary_text(scenes), as_json=as_json)


@commands.command("check")
def check(file: File, as_json: JsonFlag = False) -> None:
    """Read every value of a file and compare its labels with its definitions. Exit code 1 when something is wrong."""
    _refuse_missing(file)
    try:
        scenes = _load(file)
    except RulekdError as wrong:
        # the file is there and cannot be used: that is the answer
        problems = [f"{wrong.message}" + (f" ({wrong.hint})" if wrong.hint else "")]
        unsound = {"file": file, "sound": False, "problems": problems, "notes": []}
        answer(unsound, _verdict(file, problems, []), as_json=as_json)
        raise typer.Exit(NO) from None
    problems, notes = _against_definitions(scenes), _notes(scenes)
    result = {"file": file, "sound": not problems, **_summary(scenes), "problems": problems, "notes": notes}
    answer(result, _verdict(file, problems, notes), as_json=as_json)
    if problems:
        raise typer.Exit(NO)


def _refuse_missing(file: Path) -> None:
    if not file.exists():
        raise FileFormatError(f"there is no file {str(file)!r}", hint="Check the path; `scenes generate` makes rooms.")


def _load(file: Path) -> SceneSet:
    _refuse_missing(file)
    # scenes are tensors: torch loads now, and not for commands that need none
    from rulekd.scenes import SceneSet

    return SceneSet.load(file)


def _find(scenes: SceneSet, name: str) -> int:
    """The number of a scene by its name, or by the number itself."""
    names = scenes.scenes.names
    if name in names:
        return names.index(name)
    if name.isdecimal() and int(name) < len(names):
        return int(name)
    raise unknown("scene", name, names)


def _summary(scenes: SceneSet) -> dict[str, Any]:
    """What the set holds, for JSON."""
    held = scenes.scenes
    labels = {}
    for name in scenes.vocabulary:
        if name in held.labels:
            arity, true = scenes.vocabulary[name].arity, int(held.labels[name].sum())
            asked = _groundings(scenes, name)
            labels[name] = {"arity": arity, "true": true, "share": true / asked if asked else None}
    return {
        "scenes": len(scenes),
        "objects": int(held.mask.sum()),
        "groups": len(set(held.group)),
        "parts": {part: int((scenes.parts == part).sum()) for part in ("train", "validate", "test")},
        "columns": held.known(),
        "labels": labels,
        "definitions": {name: str(formula) for name, formula in scenes.definitions.items()},
        "fingerprint": scenes.fingerprint,
    }


def _groundings(scenes: SceneSet, name: str) -> int:
    """How many groundings of a predicate the labels answer for."""
    # facts know which groundings may be asked about
    from rulekd.facts import Facts

    held = scenes.scenes
    valid = Facts({name: held.labels[name]}, mask=held.mask).validity(name)
    if name in held.label_valid:
        valid = valid & held.label_valid[name]
    return int(valid.sum())


def _summary_text(scenes: SceneSet) -> str:
    held = _summary(scenes)
    parts = ", ".join(f"{part} {count}" for part, count in held["parts"].items())
    lines = [
        ("scenes", f"{held['scenes']} in {held['groups']} groups ({parts})"),
        ("objects", str(held["objects"])),
        ("columns", ", ".join(held["columns"])),
        ("fingerprint", held["fingerprint"]),
    ]
    text = fields(lines)
    if held["labels"]:
        rows = [["label", "true", "share", "means"]]
        for name, label in held["labels"].items():
            meaning = _meaning(held["definitions"].get(name, ""))
            rows.append([f"{name}/{label['arity']}", f"{label['true']:,}", percent(label["share"]), meaning])
        text += "\n\n" + "\n".join(aligned(rows, wrapped=3))
    return text


def _meaning(definition: str) -> str:
    """The right side of a definition: the left one is the label itself."""
    return definition.partition(" <-> ")[2]


def _objects(scenes: Scenes, number: int) -> list[dict[str, Any]]:
    """The objects of one scene as dicts; an attribute without a known value is null."""
    objects: list[dict[str, Any]] = []
    for place in scenes.mask[number].nonzero()[:, 0].tolist():
        one: dict[str, Any] = {"object": len(objects)}
        if scenes.object_ids is not None:
            one["id"] = scenes.object_ids[number][len(objects)]
        for name, column in (("center", scenes.center), ("size", scenes.size)):
            if column is not None:
                one[name] = [round(value, 4) for value in column[number, place].tolist()]
        if scenes.yaw is not None:
            one["yaw"] = round(float(scenes.yaw[number, place]), 4)
        for name, column in scenes.categories.items():
            code = int(column[number, place])
            one[name] = scenes.category_names[name][code] if code >= 0 else None
        for name, column in scenes.numbers.items():
            one[name] = round(float(column[number, place]), 4)
        objects.append(one)
    return objects


def _facts(scenes: SceneSet, number: int) -> dict[str, list[list[int]]]:
    """The true groundings of each label, as the objects' numbers in ``_objects``."""
    held = scenes.scenes
    place = {old: new for new, old in enumerate(held.mask[number].nonzero()[:, 0].tolist())}
    return {
        name: [[place[p] for p in grounding] for grounding in labels[number].nonzero().tolist()]
        for name, labels in held.labels.items()
    }


def _scene_text(shown: dict[str, Any]) -> str:
    objects = shown["objects"]
    text = f"scene {shown['scene']}"
    if objects:
        heads = list(objects[0])
        text += "\n" + "\n".join(aligned([heads, *([_cell(one[head]) for head in heads] for one in objects)]))
    room = page_width() - max(map(len, shown["facts"]), default=0) - 2
    said = [
        (name, textwrap.fill(", ".join(f"({','.join(map(str, grounding))})" for grounding in true), max(20, room)))
        for name, true in shown["facts"].items()
    ]
    return text + ("\n\n" + fields(said) if said else "")


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{number:.2f}" for number in value)
    if isinstance(value, float):
        return f"{value:.2f}"
    return "-" if value is None else str(value)


def _against_definitions(scenes: SceneSet) -> list[str]:
    """Where labels and definitions disagree."""
    defined = [name for name in scenes.definitions if name in scenes.scenes.labels]
    if not defined:
        return []
    computed, problems = scenes.relabel(scenes.scenes), []
    for name in defined:
        wrong = computed.labels[name] ^ scenes.scenes.labels[name]
        if name in scenes.scenes.label_valid:
            wrong = wrong & scenes.scenes.label_valid[name]
        if bool(wrong.any()):
            first = wrong.nonzero()[0].tolist()
            problems.append(
                f"{int(wrong.sum())} labels of {name!r} are not what its definition says; the first: scene "
                f"{scenes.scenes.names[first[0]]!r}, objects {first[1:]}"
            )
    return problems


def _notes(scenes: SceneSet) -> list[str]:
    """What is allowed and yet worth knowing."""
    notes = [
        f"the label {name!r} is never true" for name, label in scenes.scenes.labels.items() if not bool(label.any())
    ]
    empty = int((~scenes.scenes.mask.any(dim=1)).sum())
    if empty:
        notes.append(f"{empty} scenes have no objects")
    missing = [part for part in ("train", "validate", "test") if not (scenes.parts == part).any()]
    return notes + [f"no scene is in the part {part!r}" for part in missing]


def _verdict(file: Path, problems: list[str], notes: list[str]) -> str:
    lines = [f"problem: {problem}" for problem in problems] + [f"note: {note}" for note in notes]
    return "\n".join([*lines, f"{file}: {'NOT sound' if problems else 'sound'}"])
