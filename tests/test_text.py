"""Names from files and users are shown as they are, but for what a terminal would obey or nothing can show."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from ghn.analysis.compare import compare
from ghn.drawing.style import to_bytes
from ghn.errors import DataError
from ghn.files import write_atomic
from ghn.report import print_report, write_report
from ghn.report.model import Report
from ghn.report.words import slug
from ghn.text import one_line, printable

HOSTILE = "\x1b[31m\x07a\rb\0\u202etxt\ud800\u2028\x9b"
NAMES = (HOSTILE, "word " * 50, "../../etc/passwd", "网络", "")


def test_what_a_terminal_would_obey_is_escaped() -> None:
    assert printable(HOSTILE) == r"\x1b[31m\x07a\rb\x00\u202etxt\ud800\u2028\x9b"
    assert printable("a µ\tb\n网络 é 🦊") == "a µ\tb\n网络 é 🦊"


def test_a_line_is_one_and_as_long_as_it_may_be() -> None:
    assert one_line("a\nb\t c") == "a b c"
    assert one_line("n" * 10**7) == "n" * 77 + "..." and len(one_line("\x1b" * 300)) == 80


def test_errors_show_it_escaped() -> None:
    error = DataError(f"{HOSTILE} is wrong", got=HOSTILE, fix="mend it")
    assert "\x1b" not in str(error) and str(error).splitlines()[1] == f"  got:      {printable(HOSTILE)}"


def test_what_utf8_cannot_hold_is_written_as_json_reads_it(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", json.dumps({"name": "é\ud800"}, ensure_ascii=False))
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "é\ud800"}


@pytest.mark.parametrize("name", NAMES)
def test_reports_take_any_name(name: str, tmp_path: Path) -> None:
    values = np.arange(12.0)
    comparison = compare({name: values, "b": -values}, values, bootstrap=0, baselines={}, reference_name=name or "a")
    report = Report([comparison], title=name or "a", protocol=[name], warnings=[name], metadata={name: name})
    write_report(report, tmp_path / "report")
    console = Console(file=io.StringIO(), width=100)
    print_report(report, console)
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    for text in (page, console.file.getvalue()):
        assert not set(text) & set("\x1b\x07\0\u202e\u2028\x9b")
    assert max(len(path.name) for path in (tmp_path / "report" / "figures").iterdir()) < 100


def test_pictures_and_file_names() -> None:
    figure = Figure()
    figure.add_subplot().set_title(HOSTILE)
    assert to_bytes(figure, "png") and figure.axes[0].get_title() == printable(HOSTILE)
    assert slug("../" + "A b" * 100).startswith("a-ba-b") and len(slug("A b" * 100)) <= 60
