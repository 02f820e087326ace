"""One writer a folder: a lock that dies with its process, and a note of who holds it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ghn.errors import ExistsError
from ghn.files import from_json, write_atomic

LOCK, HOLDER = ".lock", ".lock.json"  # in the folder; the first stays, empty: whoever waits for it has it open


@contextmanager
def locked(folder: Path | str) -> Iterator[None]:
    """Keeps a folder, made when missing, for this process until the end; the system frees it when the process dies.

    Other machines are kept out as far as the file system passes locks on to them.

    Raises:
        ExistsError: another run writes there; says which, where, and since when.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / LOCK, timeout=0), folder / HOLDER
    try:
        lock.acquire()
    except Timeout:
        fix = "wait for its end, or choose another folder (out=...)"
        raise ExistsError("another run writes into this folder", got=f"{folder}: {_told(holder)}", fix=fix) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_atomic(holder, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def holds_results(folder: Path) -> bool:
    """Whether there is anything in a folder beside a lock."""
    return folder.exists() and any(path.name not in (LOCK, HOLDER) for path in folder.iterdir())


def _told(holder: Path) -> str:
    """Who holds a lock, as its note says."""
    try:
        note = from_json(holder.read_bytes())
        return f"process {note['pid']} on {note['host']}, since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # not written yet
        return "a process that began just now"
