"""`import kg` is instant: no tensors, no solver, no parser, no graph library."""

from __future__ import annotations

import subprocess
import sys


def _fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_loads_nothing_heavy() -> None:
    heavy = ["torch", "numpy", "scipy", "sympy", "networkx", "pysat", "lark", "sklearn", "matplotlib", "rulekd"]
    assert _fresh(f"import sys, kg; print([name for name in {heavy!r} if name in sys.modules])") == "[]\n"


def test_import_takes_little_time() -> None:
    timed = "import time; t = time.process_time(); import kg; print(time.process_time() - t)"
    assert min(float(_fresh(timed)) for _ in range(3)) < 0.5  # 0.05 s here; the margin is for slow machines


def test_using_a_whole_graph_loads_no_tensors() -> None:
    code = (
        "import sys, kg; g = kg.KnowledgeGraph.of(['p(a) -> q(a)', 'q(a) -> r(a)', 'p(a) -> r(a)']).with_entailment(); "
        "assert kg.KnowledgeGraph.from_networkx(g.to_networkx()) == g; print('torch' in sys.modules, len(g.axioms()))"
    )
    assert _fresh(code) == "False 2\n"


def test_every_exported_name_is_there() -> None:
    assert _fresh("import kg; print([name for name in kg.__all__ if not hasattr(kg, name)])") == "[]\n"
