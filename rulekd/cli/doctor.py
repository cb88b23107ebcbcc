"""`rulekd doctor`: is everything here that rulekd needs, and what to change if not."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import typer

from kg.tables import fields
from rulekd.cli.manners import NO, JsonFlag, answer

OLDEST_PYTHON = (3, 11)


def doctor(as_json: JsonFlag = False) -> None:
    """Check Python, torch, threads, packages and data; say what to change. Exit code 1 when something is missing."""
    found = {
        "python": {"version": platform.python_version(), "executable": sys.executable, "system": platform.platform()},
        "packages": _packages(),
        "torch": _torch(),
        "threads": {"cores": os.cpu_count(), **{name: os.environ.get(name) for name in ("OMP_NUM_THREADS",)}},
        "data": _data(),
    }
    faults, advice = _faults(found), _advice(found)
    result = {"healthy": not faults, **found, "faults": faults, "advice": advice}
    answer(result, _text(found, faults, advice), as_json=as_json)
    if faults:
        raise typer.Exit(NO)


def _packages() -> dict[str, str | None]:
    """Installed version of each package that rulekd requires; None where it is missing."""
    names = [line.split(";")[0] for line in requires("rulekd") or [] if "extra ==" not in line]
    return {"rulekd": version("rulekd"), **{name: _version(name) for name in map(_name, names)}}


def _name(requirement: str) -> str:
    """The package's name of a requirement such as ``torch>=2.4``."""
    end = next((place for place, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> dict[str, Any] | None:
    try:
        # torch takes seconds to load, and a doctor must be able to say that it does not load at all
        import torch
    except (ImportError, OSError) as broken:
        return {"error": str(broken)}
    cuda = torch.cuda.is_available()
    return {
        "version": torch.__version__,
        "built_for": f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU",
        "device": torch.cuda.get_device_name(0) if cuda else "cpu",
        "threads": torch.get_num_threads(),
    }


def _data() -> dict[str, Any]:
    # loaded here because it brings torch, which may be broken
    try:
        from rulekd.scenes.data import VARIABLE, data_folder
    except (ImportError, OSError):
        return {"folder": None, "sets": []}
    folder = data_folder()
    sets = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder is not None else []
    return {"variable": VARIABLE, "folder": folder, "sets": sets}


def _faults(found: dict[str, Any]) -> list[str]:
    faults = []
    if sys.version_info < OLDEST_PYTHON:
        faults.append(f"Python {found['python']['version']} is too old: install 3.11 or newer, then make install")
    faults += [f"the package {name} is missing: make install" for name, v in found["packages"].items() if v is None]
    if "error" in found["torch"]:
        faults.append(f"torch does not load ({found['torch']['error']}): make install again, in a fresh .venv")
    return faults


def _advice(found: dict[str, Any]) -> list[str]:
    advice = []
    threads, cores = found["torch"].get("threads"), found["threads"]["cores"]
    if threads is not None and cores is not None and threads > cores:
        advice.append(f"torch uses {threads} threads on {cores} cores: set OMP_NUM_THREADS={cores}")
    if found["torch"].get("device") == "cpu" and found["torch"].get("built_for", "CPU") != "CPU":
        advice.append("torch is built for CUDA and sees no GPU: check the driver, or go on with the CPU")
    if found["data"]["folder"] is None:
        advice.append("no folder of real data sets: tests that need one are skipped; RULEKD_DATA=folder names it")
    return advice


def _text(found: dict[str, Any], faults: list[str], advice: list[str]) -> str:
    python, torch, data = found["python"], found["torch"], found["data"]
    shown = f"{torch.get('version')}, built for {torch.get('built_for')}, runs on {torch.get('device')}"
    packages = "\n".join(f"{name} {number or 'MISSING'}" for name, number in found["packages"].items())
    threads = f"{torch.get('threads', '?')} of torch on {found['threads']['cores']} cores"
    lines = [
        ("python", f"{python['version']} ({python['executable']})"),
        ("system", python["system"]),
        ("torch", torch.get("error") or shown),
        ("threads", threads + f"; OMP_NUM_THREADS is {found['threads']['OMP_NUM_THREADS'] or 'not set'}"),
        ("data", f"{data['folder']}: {', '.join(data['sets'])}" if data["folder"] else "none"),
        ("packages", packages),
        ("faults", "\n".join(faults)),
        ("advice", "\n".join(advice)),
    ]
    return fields(lines) + "\n" + ("NOT READY" if faults else "ready")
