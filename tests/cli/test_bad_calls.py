"""Every bad call of the command line, a row a case: the words, what the error line shows, what the hint line says.

Each ends with exit code 2, nothing on stdout, one error line, one hint line and no traceback; nothing is written, and
nothing that was there is changed. Words in braces are files: those of ``Trained`` (scenes, bare, graph, teacher,
student), {own} a person's networks, {d} a folder of damaged files, {out} a place where nothing lies.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Trained
from tests.cli.damaged import MARK, damaged_files
from tests.cli.shell import rulekd

TRAIN = "train --scenes {bare} --out {out} --device cpu --steps 2"
POINTS = f"{TRAIN} --student point-student"
TAUGHT = f"{POINTS} --teacher"
READ = "train --student point-student --out {out} --device cpu --steps 2 --scenes"
MINE = "extract --scenes {bare} --out {out} --teacher"
COMPARE = "compare --teacher {teacher} --scenes {bare} --device cpu --steps 2"

#: (the words, what stands in the error line, what stands in the hint line)
Row = tuple[str, str, str]

WORDS: list[Row] = [
    ("--bogus", "No such option: --bogus", "rulekd --help"),
    ("frobnicate", "No such command 'frobnicate'", "rulekd --help"),
    ("scenes genrate", "No such command 'genrate'. Did you mean 'generate'?", "rulekd scenes --help"),
    ("scenes show", "Missing argument 'FILE'", "rulekd scenes show --help"),
    ("train", "Missing option '--student'", "rulekd train --help"),
    ("doctor --jsn", "No such option: --jsn (Possible options: --json)", "rulekd doctor --help"),
    ("--json kg list x", "--json stands before kg", "rulekd kg ... --json"),
    (f"{POINTS} --step 4", "No such option: --step", "rulekd train --help"),
]

SCENES: list[Row] = [
    (f"{READ} {{d}}/none.jsonl", "none.jsonl", "scenes generate"),
    (f"{READ} {{d}}/no-run", "no-run: is a folder", "a file of scenes"),
    (f"{READ} {{d}}/picture.png", "'.png'", ".jsonl"),
    (f"{READ} {{graph}}", "g.kg.json: is a graph and holds no scenes", "Give the scenes"),
    (f"{READ} {{d}}/empty.jsonl", "empty.jsonl: is empty", "complete"),
    (f"{READ} {{d}}/cut.jsonl", "cut.jsonl, line 21", "cut off there"),
    (f"{READ} {{d}}/cut.jsonl.gz", "cut.jsonl.gz: cannot be read", "complete"),
    (f"{READ} {{d}}/future.jsonl", "version 99; this program reads up to 1", "newer"),
    (f"{READ} {{d}}/twice.jsonl", "line 3: two scenes are named 'room 3-0'", "its own name"),
    (f"{READ} {{d}}/endless.jsonl", "line 2: scene 'room 3-0', object 0: center is [", "3 numbers"),
    (f"{READ} {{d}}/noise.jsonl", "not UTF-8 text (byte 0)", "UTF-8"),
    ("scenes show {d}/none.jsonl --json", "none.jsonl", "scenes generate"),
    ("scenes show {d}/cut.jsonl", "cut.jsonl, line 21", "cut off there"),
    ("scenes check {d}/none", "d/none", "scenes generate"),
    ("scenes show {bare} --scene 99", "unknown scene '99'", "one of these"),
    ("scenes show {bare} --out {out}.gif", ".gif: pictures are .png or .svg", "Name the file so"),
    ("scenes show {bare} --out {graph}", "g.kg.json exists already", "--out"),
    ("scenes generate --out {bare}", "bare.jsonl exists already", "--out"),
    ("scenes generate --out {out}.txt", ".txt: scenes are written as JSON lines", ".jsonl"),
    ("scenes generate --out /proc/x.jsonl", "/proc/x.jsonl cannot be made", "--out"),
    ("scenes generate --out {out}.jsonl --count 0", "0 rooms", "1 or more"),
    ("scenes generate --out {out}.jsonl --count many", "'--count'", "rulekd scenes generate --help"),
    ("scenes generate --out {out}.jsonl --seed -1", "seed is -1", "0 or more"),
]

NETWORKS: list[Row] = [
    (f"{TRAIN} --student point-studnet", "unknown network 'point-studnet'", "Did you mean 'point-student'?"),
    (f"{TRAIN} --student runs/none", "no run directory 'runs/none'", "rulekd train"),
    (f"{TRAIN} --student nowhere.py:build", "there is no file 'nowhere.py'", "before the colon"),
    (f"{TRAIN} --student no_such_module:build", "there is no module 'no_such_module'", "file.py:build"),
    (f"{TRAIN} --student {{d}}/fails.py:build", "imports 'no_such_package'", "Install it"),
    (f"{TRAIN} --student {{own}}:biuld", "unknown function 'biuld'", "Did you mean 'build'?"),
    (f"{TRAIN} --student {{own}}:wrong", "returned a int, not a Predictor", "rulekd.Predictor"),
    (f"{TRAIN} --student {{own}}:broken", "raised ValueError: no weights here", "--debug"),
    (f"{TRAIN} --student {{own}}:greedy", "takes 2 arguments", "the scenes"),
    (f"{TRAIN} --student {{own}}:MARK", "MARK is a str, no function", "returns a Predictor"),
    (f"{TRAIN} --student {{own}}:never_sure", "'left_of' is nan in scene 'room 3-0', objects [0, 1]", "overflow"),
    (f"{TRAIN} --student {{own}}:never_the_same", "differently each time it is asked about 'left_of'", "dropout"),
    (f"{TRAIN} --student {{own}}:flat", "'left_of' have shape (2, 6); arity 2 needs (2, 6, 6)", "arity"),
    (f"{TRAIN} --student {{own}}:failing", "scene 'room 3-0': KeyError: 'right_of'", "outputs()"),
    (f"{TRAIN} --student {{own}}:build --kg {{graph}}", "speaks of an unknown predicate 'right_of'", "one of these"),
    (f"{TAUGHT} {{own}}:never_sure", "'left_of' is nan in scene 'room 3-0'", "overflow"),
    (f"{TAUGHT} {{own}}:never_the_same", "differently each time", "dropout"),
    (f"{TAUGHT} room-transformer", "is untrained", "--student room-transformer"),
    (f"{TAUGHT} {{graph}}", "no run directory", "rulekd train"),
    (f"{TAUGHT} {{d}}/no-weights", "no-weights/weights.safetensors cannot be loaded", "restore it"),
    (f"{TAUGHT} {{d}}/cut-weights", "cut-weights/weights.safetensors cannot be loaded", "restore it"),
    (f"{TAUGHT} {{d}}/pickled-weights", "pickled-weights/weights.safetensors cannot be loaded", "restore it"),
    (f"{TAUGHT} {{d}}/future-run", "run.json has version 99; this program reads up to 1", "newer"),
    (f"{TAUGHT} {{d}}/cut-run", "cut-run/run.json cannot be read", "train again"),
    (f"{TAUGHT} {{d}}/no-run", "it has no run.json", "--out made"),
    (f"{MINE} {{own}}:never_sure", "'left_of' is nan in scene 'room 3-0', objects [0, 1]", "overflow"),
    (f"{MINE} {{own}}:never_the_same", "differently each time", "dropout"),
    (f"{MINE} {{own}}:flat", "'left_of' have shape (2, 6)", "arity"),
    (f"{MINE} room-transformer", "is untrained", "Train it first"),
    (f"{MINE} {{d}}/pickled-weights", "cannot be loaded", "restore it"),
    ("eval --run {d}/pickled-weights", "cannot be loaded", "restore it"),
    ("eval --run {d}/no-weights", "cannot be loaded", "restore it"),
    ("eval --run {graph}", "it has no run.json", "--out made"),
    ("eval --run {student} --teacher none", "unknown network 'none'", "--help"),
]

GRAPHS: list[Row] = [
    ("kg list {d}/none", "d/none: cannot be read", "path"),
    ("kg list {d}", "Is a directory", "path"),
    ("kg list {bare}", "bare.jsonl: is not a knowledge graph, but may be scenes", "saved"),
    ("kg list {d}/picture.png", "picture.png: is not a text file", "rulekd saved"),
    ("kg list {d}/cut.kg.json", "cut.kg.json: is not JSON at line", "copy"),
    ("kg list {d}/future.kg.json", "has version 99, and this program knows version 1", "newer"),
    ("kg list {d}/other.kg.json", "is not a knowledge graph", "rulekd saved"),
    ("kg list {d}/foreign.kg.json", "'beside(a, b) <-> beside(b, a)', whose id is", "by hand"),
    ("kg list {graph} --status good", "'good'", "rulekd kg list --help"),
    ("kg show {graph} nothing", "unknown rule 'nothing'; the graph has 3 rules", "rulekd kg list"),
    ("kg show {graph} 'symetric(near)'", "unknown rule 'symetric(near)'", "symmetric(near)"),
    ("kg reject {graph} 'near(a,'", "unknown rule 'near(a,'", "rulekd kg list"),
    ("kg reject {graph} '<img onerror=x>'", "unknown rule '<img onerror=x>'", "rulekd kg list"),
    ("kg accept {graph}", "Missing argument 'RULE...'", "rulekd kg accept --help"),
    ("kg accept {d}/cut.kg.json x", "is not JSON at line", "copy"),
    (f"{POINTS} --kg none.kg.json", "no graph 'none.kg.json'", "rulekd extract"),
    (f"{POINTS} --kg {{d}}/cut.kg.json", "is not JSON at line", "copy"),
    (f"{POINTS} --kg {{d}}/future.kg.json", "has version 99", "newer"),
    (f"{POINTS} --kg {{bare}}", "bare.jsonl: is not a knowledge graph, but may be scenes", "saved"),
    ("eval --run {student} --kg {d}/cut.kg.json", "is not JSON at line", "copy"),
]

NUMBERS: list[Row] = [
    (f"{POINTS} --share 1.5", "--share is 1.5", "up to 1"),
    (f"{POINTS} --share nan", "--share is nan", "up to 1"),
    (f"{POINTS} --share 0", "--share is 0.0", "above 0"),
    (f"{POINTS} --epochs 2", "--epochs 2 and --steps 2", "one of them"),
    (f"{POINTS} --steps 1.5", "'--steps'", "rulekd train --help"),
    (f"{POINTS} --steps 0", "--steps is 0", "above 0"),
    (f"{POINTS} --batch-size 0", "--batch-size is 0", "above 0"),
    (f"{POINTS} --learning-rate 0", "--learning-rate is 0.0", "above 0"),
    (f"{POINTS} --learning-rate nan", "--learning-rate is nan", "finite"),
    (f"{POINTS} --learning-rate inf", "--learning-rate is inf", "finite"),
    (f"{POINTS} --labels-weight nan", "--labels-weight is nan", "finite"),
    (f"{POINTS} --labels-weight 0", "nothing to learn", "--labels-weight"),
    (f"{POINTS} --temperature 4", "--temperature 4.0 without --teacher", "teacher"),
    (f"{TAUGHT} {{teacher}} --temperature nan", "--temperature is nan", "finite"),
    (f"{TAUGHT} {{teacher}} --temperature 0", "--temperature is 0.0", "above 0"),
    (f"{POINTS} --device tpu", "unknown device 'tpu'", "cpu"),
    (f"{MINE} {{teacher}} --tolerance nan", "--tolerance is nan", "above 0, below 1"),
    (f"{MINE} {{teacher}} --tolerance 2", "--tolerance is 2.0", "above 0, below 1"),
    (f"{MINE} {{teacher}} --tolerance 0", "--tolerance is 0.0", "above 0, below 1"),
    (f"{MINE} {{teacher}} --families algebar", "unknown family 'algebar'", "'algebra'"),
    ("eval --run {student} --part tset", "unknown part 'tset'", "'test'"),
    ("eval --run {student} --fail-below f1", "--fail-below 'f1'", "f1=0.9"),
    ("eval --run {student} --fail-below f2=1", "unknown measure 'f2'", "one of these"),
    ("eval --run {student} --fail-below f1=nan", "'nan' is no number", "fractions"),
    ("eval --run {student} --fail-above violation=90", "90 is no fraction", "fractions"),
    ("demo --seed -1 --out {out}", "--seed is -1", "0 or more"),
    (f"{COMPARE} --student point-student --seeds 0 --out {{out}}", "--seeds is 0", "10 for a verdict"),
    (f"{COMPARE} --student point-student --share nan --kg {{graph}} --out {{out}}", "--share is nan", "up to 1"),
]

PLACES: list[Row] = [
    (f"{POINTS.replace('{out}', '{teacher}')}", "teacher exists already", "--out"),
    (f"{POINTS.replace('{out}', '{graph}')}", "g.kg.json exists already", "--out"),
    (f"{POINTS.replace('{out}', '{graph}/x')}", "g.kg.json is no folder", "--out"),
    (f"{POINTS.replace('{out}', '/proc/x')}", "nothing can be written in /proc", "--out"),
    (f"{POINTS} --resume", "there is no checkpoint.safetensors", "Leave --resume out"),
    (f"{MINE.replace('{out}', '{graph}')} {{teacher}}", "g.kg.json exists already", "--out"),
    (f"{MINE.replace('{out}', '{graph}/x')} {{teacher}}", "g.kg.json is no folder", "--out"),
    (f"{MINE.replace('{out}', '/proc/x.kg.json')} {{teacher}}", "nothing can be written in /proc", "--out"),
    ("demo --out {teacher}", "teacher exists already", "--out"),
    ("demo --out {graph}", "g.kg.json exists already", "--out"),
    (f"{COMPARE} --student point-student --out {{teacher}}", "teacher exists already", "--out"),
    (f"{COMPARE} --student {{student}} --out {{out}}", "is a run directory", "built-in"),
    ("runs list {d}/none", "none' is not there", "runs list FOLDER"),
    ("runs list {graph}", "g.kg.json' is no folder", "runs list FOLDER"),
    ("runs show {d}/none", "none' is not there", "runs list FOLDER"),
    ("runs show {d}/no-run", "it has no run.json", "runs list FOLDER"),
    ("runs show {d}/future-run", "has version 99", "runs list FOLDER"),
]

TABLE = [*WORDS, *SCENES, *NETWORKS, *GRAPHS, *NUMBERS, *PLACES]


@pytest.fixture(scope="module")
def places(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = damaged_files(trained, tmp_path_factory.mktemp("bad") / "d")
    files = {name: getattr(trained, name) for name in ("scenes", "bare", "graph", "teacher", "student")}
    return {**files, "d": folder, "own": folder / "own.py"}


def content(*folders: Path) -> dict[Path, str]:
    """Every file with what is in it; python's own caches do not count."""
    files = (path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in files}


@pytest.mark.parametrize(("words", "error", "hint"), TABLE, ids=[row[0] for row in TABLE])
def test_a_bad_call_is_told(
    words: str, error: str, hint: str, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = content(places["d"].parent, places["bare"].parent)
    given = {name: str(path) for name, path in (places | {"out": tmp_path / "out"}).items()}
    done = rulekd(*(word.format(**given) for word in shlex.split(words)))
    said = [line for line in done.err.splitlines() if not line.startswith("note: ")]
    assert (done.code, done.out, len(said)) == (2, "", 2), done.err
    assert said[0].startswith("error: ")
    assert error in said[0]
    assert said[1].startswith("hint: ")
    assert hint in said[1]
    assert list(tmp_path.iterdir()) == []  # nothing is written, and the weights that are a pickle have not run
    assert not (Path.cwd() / MARK).exists()
    assert content(places["d"].parent, places["bare"].parent) == before  # and nothing is lost


def needs_torch(row: Row) -> bool:
    """Is it wrong in what only tensors tell: what stands in a file of scenes, or what a person's function answers?"""
    words = row[0]
    inside = any(f"{{d}}/{name}" in words for name in ("empty", "cut.js", "future.jsonl", "twice", "endless", "noise"))
    own = "{own}" in words or "fails.py" in words
    return inside or own or words == f"{READ} {{graph}}" or "--scene 99" in words or ".gif" in words


#: A process to which torch is missing: it reads calls as JSON and prints what each says on stderr.
WITHOUT_TORCH = """
import contextlib, io, json, sys
sys.modules["torch"] = None
from rulekd.cli.app import app
from rulekd.cli.manners import run
said = []
for words in json.load(sys.stdin):
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        run(app, words)
    said.append(err.getvalue())
print(json.dumps(said))
"""


def test_the_others_are_refused_without_torch(places: dict[str, Path], tmp_path: Path) -> None:
    given = {name: str(path) for name, path in (places | {"out": tmp_path / "out"}).items()}
    calls = json.dumps([[word.format(**given) for word in shlex.split(row[0])] for row in TABLE])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        input=calls,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    heard = json.loads(done.stdout)
    late = [row[0] for row, error in zip(TABLE, heard, strict=True) if not needs_torch(row) and row[1] not in error]
    assert late == []
    assert sum(map(needs_torch, TABLE)) < len(TABLE) / 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there(trained: Trained, tmp_path: Path) -> None:
    words = f"{POINTS.replace('cpu', 'cuda')}".format(bare=trained.bare, out=tmp_path / "x")
    done = rulekd(*shlex.split(words))
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        [
            "error: device 'cuda' was asked for, and torch sees none",
            "hint: Run 'rulekd doctor'; use --device cpu.",
        ],
    )
    assert not (tmp_path / "x").exists()
