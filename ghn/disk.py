"""What the system says when a file cannot be written, as one error with what to do.

Whatever of ghn writes does it within `writing`; what others write for it (TensorBoard) is told by `refusal` in the end.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ghn.errors import GhnError, WriteError

GO_ON = "then go on: resume=true"
IN_PYTHON = "go on with resume=True"  # a command says it its own way
ROOM = f"make room there, {GO_ON}; all that was finished is kept"
ELSEWHERE = "write elsewhere (out=...)"
FIXES = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: f"raise the limit of a file's size (ulimit -f), or {ELSEWHERE}; {GO_ON}",
    errno.EROFS: ELSEWHERE,
    errno.EACCES: f"get the right to write there, or {ELSEWHERE}",
    errno.EPERM: f"get the right to write there, or {ELSEWHERE}",
    errno.ENOTDIR: f"a file stands where a folder should: move it away, or {ELSEWHERE}",
    errno.EEXIST: f"a file stands where a folder should: move it away, or {ELSEWHERE}",
    errno.ENOENT: "check the path: it, or the folder of it, is not there, or not any more",
    errno.EISDIR: f"a folder stands where a file should: move it away, or {ELSEWHERE}",
    errno.ENAMETOOLONG: f"give a shorter name, or {ELSEWHERE}",
    errno.ELOOP: f"links lead in a circle: mend them, or {ELSEWHERE}",
    errno.EIO: f"the disk or the network fails: {ELSEWHERE}",
}
SHOWN = 200  # characters of a path, the end of which says most


def refusal(error: OSError, path: Path | str | None = None) -> WriteError | None:
    """The error that says what to do about an OSError; None where it is of something else, or said already."""
    if isinstance(error, GhnError) or error.errno not in FIXES:
        return None
    where = str(error.filename if path is None else path)
    where = where if len(where) <= SHOWN else f"...{where[-SHOWN:]}"
    what = "cannot be written" if path is not None else "cannot be read or written"
    return WriteError(f"{where} {what}", error.errno, got=error.strerror, fix=FIXES[error.errno])


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Around what writes a file or makes a folder.

    Raises:
        WriteError: it cannot be; any other error goes through.
    """
    try:
        yield
    except OSError as error:
        if (told := refusal(error, path)) is None:
            raise
        raise told from error
