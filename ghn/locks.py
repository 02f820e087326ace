"""Who may write: locks on folders and on single files that die with their process, and what dead writers left.

A lock is a file of its own, which says who holds it and goes away when it is given back. What is locked may be replaced
meanwhile, and a lock that a killed process left is taken over. Processes that a holder starts, forked ones too, neither
hold its lock nor keep it alive.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from ghn.disk import writing
from ghn.errors import ExistsError

LOCK = ".lock"  # of a folder; that of a file is `.NAME.lock` beside it
WRITTEN = (
    "figures",
    "heirs",
    "readings",
    "scores",
    "states",
    "steps",
    "trainings",
    "trials",
)  # folders in that of a run
_BEGAN = time.time() - 1  # clocks of files are coarse
_LONG = 200  # bytes of a name to which nothing is added
_POLL = 0.005  # seconds between looks at a lock that is waited for
_TEMPORARY = re.compile(r"\..+\.(\d+)\.[0-9a-f]{8}\.tmp", re.DOTALL)
_EMPTY = ("log.jsonl", "drawn.jsonl")  # of a training that was killed before its first line
_held: dict[Path, tuple[int, int]] = {}  # folders that this process holds, with process and thread


class Lock:
    """A lock that is taken when this is made, and given back by `release`, or when the process ends.

    Args:
        path: of the lock's file.
        what: the file or folder that is locked.
        fix: what the user can do.
        wait: until it is free, and do not refuse.

    Raises:
        ExistsError: another holds it; says which process, where, and since when.
        WriteError: the lock cannot be written.
    """

    def __init__(self, path: Path, what: Path, fix: str, *, wait: bool = False) -> None:
        self._path, self._what, self._process = path, what, os.getpid()
        self._lock = FileLock(path, timeout=-1 if wait else 0, poll_interval=_POLL, thread_local=False)
        with writing(what):
            try:
                self._lock.acquire()
            except Timeout:
                kind = "folder" if path.name == LOCK else "file"
                raise ExistsError(f"another run writes into this {kind}", got=self._told(), fix=fix) from None
        if wait:  # nobody is refused, so nobody asks
            return
        since = datetime.now(UTC).isoformat(timespec="seconds")
        note = {"pid": self._process, "host": socket.gethostname(), "since": since}
        try:
            with writing(what):
                path.write_text(json.dumps(note))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Gives it back; a second time, and in a forked process, it does nothing."""
        if self._lock.is_locked and os.getpid() == self._process:
            with suppress(OSError):  # Windows removes no open file
                self._path.unlink()
            self._lock.release()

    def __del__(self) -> None:
        self.release()

    def _told(self) -> str:
        """What is locked, and by whom."""
        try:
            note = json.loads(self._path.read_bytes())
            return f"{self._what}: process {note['pid']} on {note['host']}, since {note['since']}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # not written yet
            return f"{self._what}: a process that began just now"


def lock_of(path: Path, *, wait: bool = False) -> Lock:
    """The lock of a file, which is refused while another process, or another writer of this one, holds it."""
    fix = "wait for its end, or give another file to write to"
    return Lock(_beside(path, LOCK), path, fix, wait=wait)


@contextmanager
def file_locked(path: Path | str) -> Iterator[None]:
    """Waits for the lock of a file that several processes write, and holds it until the end."""
    lock = lock_of(Path(path), wait=True)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked(folder: Path | str) -> Iterator[None]:
    """Keeps a folder, made when missing, for this process until the end; the system frees it when the process dies.

    What killed runs left half-written is removed first. Within, the same thread may lock it again, which does nothing.
    Folders that were made here, and got nothing, go away again. Other machines are kept out as far as the file system
    passes locks on to them.

    Raises:
        ExistsError: another run writes there; says which, where, and since when.
        WriteError: the folder cannot be made, or not be written into.
    """
    folder, me = Path(folder), (os.getpid(), threading.get_ident())
    with writing(folder):
        key = folder.resolve()
    if _held.get(key) == me:
        yield
        return
    with writing(folder):
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder / LOCK, folder, "wait for its end, or choose another folder (out=...)")
    _held[key] = me
    try:
        sweep(folder)
        yield
    finally:
        del _held[key]
        lock.release()
        with suppress(OSError):  # where one holds something
            for path in made:
                path.rmdir()


def holds_results(folder: Path) -> bool:
    """Whether there is anything in a folder beside what a run leaves that was killed before it had done anything."""
    return folder.exists() and not all(map(_is_left_over, folder.iterdir()))


def holds_any(folder: Path, kept: Sequence[str]) -> bool:
    """Whether a folder holds what matches one of some patterns."""
    return any(any(folder.glob(one)) for one in kept)


def begins_anew(folder: Path, kept: Sequence[str] | None = None) -> bool:
    """Whether there is nothing to go on with in a folder, which is said: its name may have been mistyped.

    There is what matches a pattern of `kept`, or anything at all (None).
    """
    if holds_results(folder) if kept is None else holds_any(folder, kept):
        return False
    print(f"nothing to go on with in {folder}; starting anew", file=sys.stderr)
    return True


def temporary(path: Path) -> Path:
    """A name beside a file, for what will take its place; `sweep` knows it."""
    return _beside(path, f".{os.getpid()}.{secrets.token_hex(4)}.tmp")


def _beside(path: Path, end: str) -> Path:
    """A hidden name beside a file; of a long one, which it would make too long, a shorter one of its own."""
    name = path.name
    if len(name.encode(errors="replace")) > _LONG:
        name = f"{name[:40]}-{sha256(name.encode(errors='replace')).hexdigest()[:16]}"
    return path.with_name(f".{name}{end}")


def sweep(folder: Path) -> None:
    """Removes what dead processes were writing into a folder that is locked, and into those that runs make there."""
    for inside in (folder, *(folder / name for name in WRITTEN)):
        _sweep(inside.iterdir() if inside is folder else inside.rglob(".*.tmp"))


def sweep_shared(folder: Path) -> None:
    """Removes what dead processes were writing into a folder that others may write into at this moment.

    These may run on other machines, where nobody here can ask for them; files younger than an hour are left to them.
    """
    with suppress(OSError):  # there is none yet
        _sweep(folder.iterdir(), before=time.time() - 3600)


def _sweep(paths: Iterable[Path], before: float = math.inf) -> None:
    for path in paths:
        if (known := _TEMPORARY.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            with suppress(OSError):  # of another user, or on a disk that is read only
                written = path.stat().st_mtime
                if written < before and not _is_at_work(int(known[1]), written):
                    path.unlink()


def _is_left_over(path: Path) -> bool:
    """Whether a file is a lock, half-written, or a log without a line."""
    name = path.name
    if name.startswith(".") and (name.endswith(LOCK) or _TEMPORARY.fullmatch(name)):
        return True
    return name in _EMPTY and path.is_file() and not path.stat().st_size


def _is_at_work(process: int, written: float) -> bool:
    """Whether a process of this machine may be writing what was last written then."""
    if process == os.getpid():
        return written >= _BEGAN  # else one that had this number before, as in a container
    if os.name == "nt":  # where asking would be a signal
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number that a process has
        return True
    return True
