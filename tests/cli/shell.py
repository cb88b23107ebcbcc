"""The program as a person calls it: words in, stdout, stderr and exit code out."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rulekd.cli.app import app
from rulekd.cli.manners import run


@dataclass(frozen=True)
class Outcome:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """stdout, which must be exactly one JSON object."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def rulekd(*words: object) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(app, [str(word) for word in words])
    return Outcome(code, out.getvalue(), err.getvalue())


def fresh_rulekd(*words: object, after: str = "") -> Outcome:
    """Run a command in a process of its own; ``after`` is python that runs when it is done."""
    code = "import sys\nfrom rulekd.cli.app import app\nfrom rulekd.cli.manners import run\n"
    code += f"code = run(app, {[str(word) for word in words]!r})\n{after}\nsys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


def seconds_of_a_process(act: Callable[[], object]) -> float:
    """Seconds of processor time that the processes started by ``act`` took, the best of three.

    Not by the clock: other tests run beside.
    """
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        act()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def assert_refused(outcome: Outcome, error: str, hint: str = "") -> None:
    """Exit code 2, nothing on stdout, one error line and one hint line."""
    assert outcome.code == 2
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert len(lines) == 2, outcome.err
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert lines[1].startswith("hint: ")
    assert hint in lines[1]
