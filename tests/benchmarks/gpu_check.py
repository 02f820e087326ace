"""`python -m tests.benchmarks.gpu_check --out FOLDER [--device cuda|cpu] [--quick]`: everything on a GPU, in one run.

One process that ends within `--seconds` (under four minutes by default) and leaves gpu-check.json and gpu-check.html.
A section that fails is reported with its traceback, one that takes too long is stopped, and the next goes on.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ghn.files import write_atomic
from ghn.report.document import Block, Cell, Document, Heading, Items, Line, Table, Text, listed
from ghn.report.write import write_document
from tests.benchmarks import measure
from tests.benchmarks.measure import Figure

SECONDS = 215.0  # in all; beside it come imports before and the page after
GRACE = 15.0  # then a process that hangs is ended from outside of Python
AGAIN = 5.0  # seconds until one that has not stopped is told again


class OutOfTime(BaseException):
    """A section's time is up; nothing that catches errors catches it."""


@dataclass(frozen=True)
class Context:
    """What sections are told.

    Attributes:
        device: `cuda` or `cpu`.
        quick: whether to see no more than that it works.
        until: when all must be done, by `time.monotonic`.
    """

    device: str
    quick: bool
    until: float

    def left(self) -> float:
        """Seconds until all must be done."""
        return self.until - time.monotonic()

    def size(self, full: int, quick: int) -> int:
        """How many."""
        return quick if self.quick else full


Section = Callable[[Context], Iterator[Figure]]


@dataclass
class Result:
    """What came of a section: its figures, as many as there was time for.

    `state` is `done`, `failed`, `stopped` (its time was up) or `left out` (there was none left).
    """

    name: str
    state: str = "left out"
    seconds: float = 0.0
    figures: list[Figure] = field(default_factory=list)
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict."""
        return {**vars(self), "figures": [figure.to_json() for figure in self.figures]}


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Raises `OutOfTime` in the main thread when time is up, and again until it is obeyed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_section(name: str, section: Section, context: Context, seconds: float) -> Result:
    """Runs one section; whatever it raises, but Ctrl-C, is part of the result."""
    result, started = Result(name), time.monotonic()
    if seconds <= 0:
        return result
    try:
        with stopped_after(seconds):
            for figure in section(context):
                result.figures.append(figure)
                print(f"  {figure.name}: {figure.value:.4g} {figure.unit}", flush=True)
        result.state = "done"
    except OutOfTime:
        result.state, result.error = "stopped", f"it was given {seconds:.0f} seconds"
    except KeyboardInterrupt:
        raise
    except BaseException:
        result.state, result.error = "failed", traceback.format_exc()
        print(result.error, flush=True)
    result.seconds = time.monotonic() - started
    with suppress(Exception):  # what broke the device breaks this too
        if context.device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
    return result


def check(context: Context, sections: Mapping[str, tuple[Section, float]], out: Path) -> list[Result]:
    """Runs all sections; the JSON is written anew after each, so that nothing that is known is lost.

    Args:
        context: for all of them.
        sections: by name, with the seconds that each may take at most; the last takes what is left.
        out: folder of the files.
    """
    results = [Result(name) for name in sections]
    started = datetime.now(UTC).isoformat(timespec="seconds")
    about = measure.machine("cpu") | {"device": context.device, "quick": context.quick}
    try:
        for k, (name, (section, most)) in enumerate(sections.items()):
            print(f"{name} ({context.left():.0f} s left)", flush=True)
            results[k] = run_section(name, section, context, min(most, context.left()))
            _write(out, started, about, results)
    finally:
        _write(out, started, about, results)
        write_document(document(started, about, results), out, "gpu-check-*")
    return results


def _write(out: Path, started: str, about: Mapping[str, Any], results: Sequence[Result]) -> None:
    content = {"created": started, "machine": about, "sections": [result.to_json() for result in results]}
    write_atomic(out / "gpu-check.json", json.dumps(content, indent=1) + "\n")


# --- the page ---


def document(created: str, about: Mapping[str, Any], results: Sequence[Result]) -> Document:
    """One page of all sections."""
    facts = Items(tuple((name, str(value)) for name, value in about.items()), "facts")
    blocks: list[Block] = [listed(summary(results), kind="answers"), facts]
    for result in results:
        blocks += [Heading(2, f"{result.name}: {result.state}"), Text(f"{result.seconds:.1f} s", soft=True)]
        if result.figures:
            blocks.append(_table(result))
        if result.error:
            blocks.append(listed(*result.error.strip().splitlines(), kind="warnings", title=result.state))
    return Document("gpu-check", f"ghn on {about['device']}", created, tuple(blocks))


def summary(results: Sequence[Result]) -> str:
    """One sentence."""
    states = [result.state for result in results]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    missed = [figure.name for result in results for figure in result.figures if figure.met is False]
    return f"Sections: {counts}." + (f" Missed: {'; '.join(missed)}." if missed else " No target was missed.")


def _table(result: Result) -> Table:
    lines = []
    for f in result.figures:
        target = "-" if f.target is None else f"{'at least' if f.at_least else 'at most'} {f.target:g}"
        met = {None: "-", True: "yes", False: "NO"}[f.met]
        texts = (f.name, f"{f.value:.4g}", f.unit, target, met, f.note)
        lines.append(Line(tuple(Cell(text) for text in texts)))
    return Table(result.name, ("what", "median", "unit", "target", "met", "how"), tuple(lines), left=(2, 3, 4, 5))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything; the exit status tells whether all of it was done."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/gpu-check"), help="folder of both files")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="as little as shows that it works")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="in all")
    parser.add_argument("--only", nargs="+", help="sections")
    a = parser.parse_args(argv)
    context = Context(a.device, a.quick, time.monotonic() + a.seconds)
    if a.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; --device cpu shows that the script works")
    faulthandler.dump_traceback_later(a.seconds + GRACE, exit=True)  # a call into the device that never returns
    try:
        from tests.benchmarks.gpu_sections import SECTIONS

        if unknown := set(a.only or ()) - SECTIONS.keys():
            parser.error(f"no such sections: {sorted(unknown)}; there are {', '.join(SECTIONS)}")
        warnings.filterwarnings("ignore")
        logging.disable(logging.INFO)
        chosen = {name: one for name, one in SECTIONS.items() if not a.only or name in a.only}
        results = check(context, chosen, a.out)
    finally:
        faulthandler.cancel_dump_traceback_later()
    print(summary(results))
    print(f"{a.out / 'gpu-check.html'} and {a.out / 'gpu-check.json'}")
    return int(any(result.state != "done" for result in results))


if __name__ == "__main__":
    raise SystemExit(main())
