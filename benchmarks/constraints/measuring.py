"""Times that take turns, and peaks of memory in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median


def interleaved(
    steps: Mapping[str, Callable[[], object]], repeats: int, warm: int = 2, calls: int = 1
) -> dict[str, tuple[float, float]]:
    """(least, median) milliseconds of processor time of each step; they take turns, so that all meet the same load.

    Processor time of this process, and not time on the wall: others may be at work on the machine. calls: in a row at
    each turn, of which the mean is taken, for steps so short that the turns themselves would be measured.
    """
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(warm + repeats):
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(calls):
                step()
            if turn >= warm:
                taken[name].append(1000 * (time.process_time() - start) / calls)
    return {name: (min(times), median(times)) for name, times in taken.items()}


def peak(step: Callable[[], object]) -> float:
    """Megabytes by which this process grows while the step runs, at most. Run it in a process of its own.

    The kernel's own high-water mark, so that what libraries allocate on their own counts as well (Linux only).
    """
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmHWM")
    step()
    return (_resident("VmHWM") - before) / 1024


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def in_a_process_of_its_own(script: str, arguments: Sequence[str]) -> str:
    """What the script prints."""
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)
