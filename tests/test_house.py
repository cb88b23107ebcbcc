"""The house keeps its order: who may import whom, what loads when, what every file says of itself."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: What each layer may import beside itself and kg. Everything directly under rulekd/ has a line here.
BELOW_GROUNDING = {"truth", "scenes", "facts", "predictor"}
BELOW_DISTILLATION = BELOW_GROUNDING | {"run_files", "grounding", "extraction", "constraints", "networks"}
MAY_IMPORT: dict[str, set[str]] = {
    "truth": set(),
    "scenes": {"truth"},
    "facts": {"truth", "scenes"},
    "predictor": {"scenes", "facts"},
    "run_files": set(),
    "networks": BELOW_GROUNDING,
    "grounding": BELOW_GROUNDING,
    "extraction": BELOW_GROUNDING | {"grounding"},
    "constraints": BELOW_GROUNDING | {"grounding"},
    "distillation": BELOW_DISTILLATION,
    "report": BELOW_DISTILLATION | {"distillation"},
    "demo": BELOW_DISTILLATION | {"distillation", "report"},
    "cli": BELOW_DISTILLATION | {"distillation", "report", "demo"},
    "__main__": {"cli"},
}

#: The same inside rulekd/extraction/, of its folders and of what the families look at; what stands above them is free.
EXTRACTION: dict[str, set[str]] = {
    "counting": {"stopwatch"},
    "evidence": {"counting"},
    "fitting": {"evidence"},
    "probing": {"counting", "evidence"},
    "discovery": {"counting", "evidence", "fitting", "stopwatch"},
    "families": {"counting", "evidence", "fitting", "discovery", "stopwatch"},
}

#: Imports against the arrows that are allowed, each with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("rulekd/distillation/run.py", "rulekd.report.of_run"): "Run.report(path): where people look for it; when called",
    ("rulekd/distillation/run.py", "rulekd.report.write"): "the same",
    ("rulekd/distillation/comparison.py", "rulekd.report.of_comparison"): "Comparison.report(path): as Run.report",
    ("rulekd/distillation/comparison.py", "rulekd.report.write"): "the same",
}

#: The symbolic half must open on a laptop at once.
HEAVY = ("torch", "lightning_fabric", "sklearn", "scipy", "matplotlib")

MAX_LINES = 450


@dataclass(frozen=True)
class Import:
    """One import statement. target: the dotted name; inner: does it stand inside a function?"""

    file: Path
    line: int
    target: str
    inner: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def modules(root: Path, package: str) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def imports(file: Path, root: Path) -> Iterator[Import]:
    """Every import of a file: relative ones resolved, `from x import y` as x.y, import_module("x") as well."""
    place = file.relative_to(root)
    package = place.parts[:-1]
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        for target in _targets(node, package):
            yield Import(place, getattr(node, "lineno", 0), target, id(node) in inner)


def _targets(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
        module = ".".join(part for part in (start, node.module or "") if part)
        return [f"{module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__"}:
            return [str(node.args[0].value)]
    return []


def wrong_arrows(root: Path) -> list[str]:
    """The imports that go against the arrows, each as `file:line imports name: reason`."""
    wrong = []
    for file in modules(root, "kg"):
        for found in imports(file, root):
            top = found.target.split(".")[0]
            if top in {"rulekd", *HEAVY}:
                wrong.append(f"{found}: kg is the symbolic half and never imports {top}")
    for file in modules(root, "rulekd"):
        layer = file.relative_to(root / "rulekd").parts[0].removesuffix(".py")
        if layer == "__init__":
            continue  # the table of contents names every layer
        if layer not in MAY_IMPORT:
            wrong.append(f"{file.relative_to(root)}:1 is in no layer: give rulekd/{layer} a line in MAY_IMPORT")
            continue
        wrong += [f"{found}: {reason}" for found in imports(file, root) if (reason := _against(found, layer, root))]
    return wrong


def _against(found: Import, layer: str, root: Path) -> str:
    parts = found.target.split(".")
    if parts[0] != "rulekd":
        return ""
    if len(parts) == 1 or not ((root / "rulekd" / parts[1]).is_dir() or (root / "rulekd" / f"{parts[1]}.py").exists()):
        # reading the version is no arrow: the table of contents itself holds it
        return "" if parts[1:] == ["__version__"] else "name the module that it lives in, not the table of contents"
    if parts[1] == layer == "extraction":
        return _inside_extraction(found, parts)
    excepted = found.inner and (found.file.as_posix(), found.target) in EXCEPTIONS
    if parts[1] == layer or parts[1] in MAY_IMPORT[layer] or excepted:
        return ""
    allowed = ", ".join(sorted(MAY_IMPORT[layer])) or "kg only"
    return f"{layer} may import {allowed}"


def _inside_extraction(found: Import, parts: list[str]) -> str:
    room, target = found.file.parts[2].removesuffix(".py"), parts[2] if len(parts) > 2 else ""
    if room not in EXTRACTION or target in EXTRACTION[room] | {room}:
        return ""
    return f"extraction/{room} may import {', '.join(sorted(EXTRACTION[room]))}"


def unexplained(root: Path) -> list[str]:
    """Imports inside a function without a comment beside them or above them; one comment serves a block of imports."""
    found = []
    for package in ("kg", "rulekd"):
        for file in modules(root, package):
            lines = file.read_text(encoding="utf-8").splitlines()
            for each in imports(file, root):
                first = each.line - 1
                while lines[first - 1].strip().startswith(("import ", "from ", "try:")) and first:
                    first -= 1
                if each.inner and not any("#" in line for line in lines[max(first - 1, 0) : each.line]):
                    found.append(f"{each}: an import inside a function needs its reason beside it")
    return found


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_go_one_way() -> None:
    assert wrong_arrows(ROOT) == []


def test_benchmarks_call_one_another_by_their_full_names() -> None:
    """`python -m benchmarks.x.y` finds no neighbour by its own name."""
    files = sorted((ROOT / "benchmarks").rglob("*.py"))
    assert len(files) > 20
    stems = {file.stem for file in files}
    wrong = [str(one) for file in files for one in imports(file, ROOT) if one.target.split(".")[0] in stems]
    assert wrong == []


def test_imports_inside_functions_say_why() -> None:
    assert unexplained(ROOT) == []


@pytest.mark.parametrize("package", ["kg", "rulekd"])
def test_every_module_says_what_it_is(package: str) -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in modules(ROOT, package)
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("package", ["kg", "rulekd"])
def test_every_folder_of_code_is_a_package(package: str) -> None:
    folders = {file.parent for file in modules(ROOT, package)}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("package", ["kg", "rulekd"])
def test_files_stay_readable(package: str) -> None:
    long = {
        str(f.relative_to(ROOT)): n
        for f in modules(ROOT, package)
        if (n := len(f.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


def test_the_symbolic_half_opens_at_once() -> None:
    loaded = set(json.loads(in_a_fresh_process("import json, sys, kg; print(json.dumps(list(sys.modules)))")))
    assert "kg" in loaded
    assert loaded & {*HEAVY, "rulekd", "sympy", "pysat"} == set()


def test_the_table_of_contents_loads_nothing() -> None:
    loaded = set(json.loads(in_a_fresh_process("import json, sys, rulekd; print(json.dumps(list(sys.modules)))")))
    assert loaded & {*HEAVY, "sympy", "pysat"} == set()


@pytest.mark.parametrize("package", ["kg", "rulekd"])
def test_what_a_table_of_contents_promises_is_there(package: str) -> None:
    code = f"import {package}; print([name for name in {package}.__all__ if getattr({package}, name, None) is None])"
    assert in_a_fresh_process(code).strip() == "[]"


# The readers above, on a house with faults planted in it.


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("kg/worlds.py", "import kg\nimport torch\n", "kg/worlds.py:2 imports torch"),
        ("kg/worlds.py", "def f():\n    from rulekd import scenes  # why\n", "kg/worlds.py:2 imports rulekd.scenes"),
        (
            "kg/worlds.py",
            "from importlib import import_module\nimport_module('torch')\n",
            "kg/worlds.py:2 imports torch",
        ),
        ("rulekd/scenes/a.py", "from rulekd.facts import Facts\n", "rulekd/scenes/a.py:1 imports rulekd.facts.Facts"),
        ("rulekd/scenes/a.py", "from ..facts import Facts\n", "rulekd/scenes/a.py:1 imports rulekd.facts.Facts"),
        ("rulekd/scenes/a.py", "\nfrom .. import facts\n", "rulekd/scenes/a.py:2 imports rulekd.facts"),
        ("rulekd/facts.py", "from rulekd import Scenes\n", "rulekd/facts.py:1 imports rulekd.Scenes"),
        (
            "rulekd/extraction/counting/a.py",
            "from rulekd.extraction.families.pairs import pairs\n",
            "rulekd/extraction/counting/a.py:1 imports rulekd.extraction.families.pairs.pairs: extraction/counting may",
        ),
        ("rulekd/novel/__init__.py", "", "rulekd/novel/__init__.py:1 is in no layer"),
    ],
)
def test_a_wrong_import_is_named(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    for folder in ("kg", "rulekd/scenes", str(Path(file).parent)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "rulekd/facts.py").write_text("from rulekd.scenes import a\nimport kg\nimport torch\n")
    assert wrong_arrows(tmp_path) == []
    (tmp_path / file).write_text(text)
    complaints = wrong_arrows(tmp_path)
    assert len(complaints) == 1
    assert complaints[0].startswith(complaint)


def test_an_unexplained_inner_import_is_named(tmp_path: Path) -> None:
    (tmp_path / "kg").mkdir()
    (tmp_path / "rulekd").mkdir()
    (tmp_path / "kg/a.py").write_text(
        "def f():\n    import json\n\ndef g():\n    import csv  # loaded only when asked\n"
    )
    assert [line.split(":")[:2] for line in unexplained(tmp_path)] == [["kg/a.py", "2 imports json"]]
