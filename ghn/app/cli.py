"""The command line of both scripts and of `ghn`: help, what does not fit, and how a run ends."""

from __future__ import annotations

import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from omegaconf import DictConfig, OmegaConf

from ghn.app.program import NAME, started
from ghn.disk import GO_ON, IN_PYTHON, refusal
from ghn.errors import GhnError, RankError, WriteError
from ghn.train.launch import launched

FAILED, MISTYPED, INTERRUPTED = 1, 2, 130  # exit codes of `ghn`; a script that ends with a message has 1
HELP = {"--help", "-h"}
_PLAIN = re.compile(r"[\w./+@%:-]+( [\w./+@%:-]+)*", re.ASCII)  # in overrides, what needs no quotes


class Ended(SystemExit):
    """The end of a process with a message, and the exit code that `ghn` gives it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def start(config: str, main: Callable[[], object]) -> None:
    """Runs a script, or prints the help of its config; what does not fit ends with a message, not a traceback."""
    from ghn import __version__
    from ghn.app.flags import check_flags, flags_last
    from ghn.app.help import help_text
    from ghn.app.overrides import check_overrides

    arguments = flags_last(sys.argv[1:])
    with answering():
        if HELP & {*arguments} or arguments == ["help"]:
            print(help_text(config, [a for a in arguments if not a.startswith("-") and a != "help"]))
            return
        if "--version" in arguments:  # hydra would give its own
            print(f"{NAME} {__version__}")
            return
        check_flags(arguments)
        check_overrides(config, arguments)
    sys.argv[1:] = arguments
    main()


@contextmanager
def answering(status: int = MISTYPED) -> Iterator[None]:
    """Around what is done before any work: what is wrong, such as a command line, ends with a message."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # an ASCII terminal, or a name that no encoding has, ends no run
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()
    except GhnError as error:
        _end(f"error: {error}", status=status)


@contextmanager
def told(script: str, folder: str) -> Iterator[None]:
    """Ends with a message where an error is raised on purpose, or a file cannot be written, and with the command that
    goes on at Ctrl-C, or when there is room again.

    Of several ranks the first that ends says why.
    """
    try:
        try:
            yield
            sys.stdout.flush()
        except BrokenPipeError:
            _reader_left()
        except OSError as error:  # from what others write
            if (refused := refusal(error)) is None:
                raise
            raise refused from error
    except RankError as error:
        _end(f"error: {error}\n", script if error.fix is None else None, folder)
    except WriteError as error:
        said = "\n".join([f"error: {error}", *_notes(error), ""])
        _end(said, script if GO_ON in (error.fix or "") else None, folder)
    except GhnError as error:
        _end("\n".join([f"error: {error}", *_notes(error)]))
    except KeyboardInterrupt as end:
        _end(f"\n{'; '.join([str(end) or 'interrupted', *_notes(end)])}; ", script, folder, status=INTERRUPTED)


def _notes(error: BaseException) -> list[str]:
    """What an error has been given on its way, but for how one goes on in Python."""
    return [note.partition(f"; {IN_PYTHON}")[0] for note in vars(error).get("__notes__", ())]


def _end(message: str, script: str | None = None, folder: str = "", status: int = FAILED) -> NoReturn:
    """Leaves with a message, said by one rank alone, and with the command of a script that goes on."""
    if launched():
        from ghn.train.ranks import last_words

        if (told := last_words(folder)) is None:
            sys.exit(status)
        folder = told
    if script is not None:
        message += f"go on with: {resume_command([script], sys.argv[1:], folder)}"
    raise Ended(message.rstrip("\n"), status)


def _reader_left() -> NoReturn:
    """Leaves without a word where whoever read the output has left, as `| head` does: with the status of SIGPIPE."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still to be written goes nowhere
    sys.exit(128 + 13)


def plain(cfg: DictConfig) -> dict[str, Any]:
    """A config as plain dicts and lists."""
    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    return options


def resume_command(program: Sequence[str], arguments: Sequence[str], folder: str) -> str:
    """The command that goes on with the run in `folder`, as a shell would read it."""
    same = [argument for argument in arguments if not argument.startswith(("out=", "resume="))]
    return shlex.join([*started(program), *same, f"out={as_typed(folder)}", "resume=true"])


def as_typed(text: str) -> str:
    """A value of an override as it is typed: quoted where hydra would read it as something else than a text."""
    if _PLAIN.fullmatch(text):
        return text
    return '"{}"'.format(re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', r"\""), text))
