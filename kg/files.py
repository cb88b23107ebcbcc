"""Writing a file so that a crash at any moment leaves either the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Replace the file at ``path`` by ``content``, text in UTF-8: a new file beside it, flushed to disk, then renamed.

    A reader sees the old content or the new one, never a mixture. On an error (full disk, no permission) the old file
    is untouched, nothing is left behind, and the OSError goes on to the caller.
    """
    target = Path(path).resolve()  # through a link: the file that it names is replaced, not the link
    beside = target.with_name(f".{target.name[:80]}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        with open(beside, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(beside, target.stat().st_mode & 0o7777)
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            error.filename = os.fspath(path)  # the file that was asked for, not the one beside it
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself last through a power cut, where the system can."""
    with contextlib.suppress(OSError):  # folders cannot be opened or synced everywhere
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
