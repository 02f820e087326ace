"""What a reader sees: page, figures, terminal table, and the folder they are written to."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ghn.analysis.compare import compare
from ghn.analysis.comparison import Comparison
from ghn.drawing.style import to_bytes
from ghn.errors import DataError, ExistsError
from ghn.report import figures as drawing
from ghn.report.comparison import print_report, report_document, to_text, write_report
from ghn.report.model import Report, read_report
from ghn.report.sentences import headline, row_sentences, summary, verdict
from ghn.report.words import DASH, MINUS, NO_BREAK, duration, number, quantity, share
from ghn.report.write import draw, escape, render

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects what the tests ask about, and fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.alts: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        loads = [found[name] or "" for name in ("src", "href", "srcset", "data", "action") if name in found]
        self.loads += [load for load in loads if not load.startswith("#")]  # within the page
        self.ids += [found["id"] or ""] if "id" in found else []
        self.alts += [found.get("alt") or ""] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.words.append(data)


@pytest.fixture(scope="module")
def folder(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "new" / "report"
    assert write_report(report, folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def source(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Reader:
    reader = Reader()
    reader.feed(source)
    assert reader.open == []
    return reader


class TestPage:
    def test_needs_nothing_from_outside(self, source: str, page: Reader) -> None:
        assert page.loads
        assert all(load.startswith("data:image/svg+xml;base64,") for load in page.loads)
        assert not {"script", "link", "iframe", "object"} & page.tags
        assert not re.search(r"https?://|url\(|@import", source)
        for load in page.loads:
            svg = base64.b64decode(load.split(",", 1)[1]).decode()
            assert not re.search(r"""(href|src)=["'](?!#|data:image/png)""", svg)

    def test_every_picture_is_told_in_words(self, page: Reader) -> None:
        assert all("Kendall" in alt for alt in page.alts)
        assert len(page.alts) == len(page.loads)
        assert len(page.ids) == len(set(page.ids))

    def test_names_from_outside_are_escaped(self, source: str, evil: str) -> None:
        assert evil not in source
        assert html.escape(evil, quote=False).split("(")[0] in source

    def test_says_everything(self, page: Reader, report: Report) -> None:
        text = " ".join(" ".join(page.words).split())
        for expected in (
            "A title",
            "Trained by hand.",
            "expect a bad order",
            "machine / cores",
            "python evaluate.py",
            "58 of 60 networks",
            headline(report.comparisons[0]).replace(NO_BREAK, " "),
            *(text.replace(NO_BREAK, " ") for _, text in row_sentences(report.comparisons[0]).items),
            "set aside failed on 55 of 60 networks",
            "|net~3|",
            "reason not given",
            "ceiling: a second training (16 networks, 3 seeds)",
            "random order",
            "3.5 h",
            summary(report.comparisons[0]),
        ):
            assert expected in text, expected

    def test_every_number_comes_from_the_json(self, folder: Path, source: str) -> None:
        """The page drawn from the file alone is the page that was written."""
        data = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        document = report_document(Report.from_json(data))
        assert render(document, draw(document)) == source

    def test_sections_of_one_heading_have_names_of_their_own(self, small: Report) -> None:
        document = report_document(Report([*small.comparisons, *small.comparisons]))
        reader = Reader()
        reader.feed(render(document, draw(document)))
        assert {"s-against-reference", "s-against-reference-2"} < set(reader.ids)
        assert len(reader.ids) == len(set(reader.ids))

    def test_table_shows_value_and_interval(self, source: str, comparison: Comparison) -> None:
        found = comparison.row("good").get("kendall")
        cell = f'{number(found.value)}<span class="interval">[{number(found.low)}, {number(found.high)}]</span>'
        assert f'<td class="best">{cell}</td>' in source


class TestFigures:
    def test_far_outliers_do_not_flatten_the_rest(self, comparison: Comparison) -> None:
        axes = drawing.scatter(comparison, "good").axes[0]
        assert axes.get_xlim()[0] > -100
        assert "1 further out" in axes.get_xlabel()

    def test_ranks_are_within_one_and_n(self, comparison: Comparison) -> None:
        axes = drawing.ranks(comparison, "good").axes[0]
        points = np.concatenate([collection.get_offsets() for collection in axes.collections])
        assert len(points) == comparison.n
        assert points.min() >= 1
        assert points.max() <= comparison.n

    def test_parts_differ_without_colour(self, comparison: Comparison) -> None:
        worse, best, fifth = drawing.ranks(comparison, "good").axes[0].collections
        assert len(worse.get_facecolor()) == 0
        assert len(best.get_facecolor()) == 1
        assert len(fifth.get_paths()[0].vertices) < len(best.get_paths()[0].vertices)

    def test_the_best_few_are_marked(self, comparison: Comparison) -> None:
        others, top, best = drawing.scatter(comparison, "good").axes[0].collections
        estimate, reference = (
            np.array(v, dtype=float) for v in (comparison.row("good").estimates, comparison.reference)
        )
        known = np.array(comparison.common)
        assert len(top.get_offsets()) == 10 and len(others.get_offsets()) == comparison.n - 10
        assert sorted(top.get_offsets()[:, 0]) == sorted(estimate[known])[-10:]
        assert best.get_offsets()[0, 1] == reference[known].max()
        assert len(others.get_facecolor()) == 0 and len(top.get_facecolor()) == 1  # without colour, too
        assert len({len(one.get_paths()[0].vertices) for one in (others, top, best)}) == 3

    def test_far_worse_networks_do_not_flatten_the_rest(self) -> None:
        values = np.append(np.linspace(0.90, 0.94, 30), 0.1)
        axes = drawing.scatter(compare({"a": values}, values, bootstrap=0), "a").axes[0]
        assert axes.get_ylim()[0] > 0.8 and "1 further out" in axes.get_xlabel()

    def test_many_points_do_not_make_a_heavy_page(self) -> None:
        values = np.random.default_rng(0).normal(size=5000)
        many = compare({"a": values}, values + 1, bootstrap=0)
        assert len(to_bytes(drawing.scatter(many, "a"), "svg")) < 200_000

    def test_same_data_same_bytes_and_no_global_state(self, comparison: Comparison) -> None:
        before = dict.copy(mpl.rcParams)
        for kind in ("svg", "png"):
            one, two = (to_bytes(drawing.dots(comparison), kind) for _ in range(2))
            assert one == two
        assert dict.copy(mpl.rcParams) == before


class TestTerminal:
    @pytest.mark.parametrize("width", [80, 120, 200])
    def test_nothing_is_cut_off(self, report: Report, width: int) -> None:
        console = Console(width=width, force_terminal=True, record=True, file=io.StringIO())
        print_report(report, console)
        text = console.export_text()
        assert "…" not in text
        assert max(len(line) for line in text.splitlines()) <= width

    def test_a_log_file_gets_plain_text(self, report: Report, comparison: Comparison) -> None:
        text = to_text(report)
        assert "\x1b" not in text
        assert MINUS not in text
        assert all(line == line.rstrip() for line in text.splitlines())
        for expected in (
            "Against own trainings (58 of 60",
            "random order",
            "ceiling",
            "aside",
            "Warning: Trained",
        ):
            assert expected in text
        assert f"{comparison.row('good').get('kendall').value:.2f}" in text


class TestWords:
    def test_numbers(self) -> None:
        assert [number(value) for value in (0.456, -0.5, -0.001, None)] == ["0.46", MINUS + "0.50", "0.00", DASH]
        assert [quantity(value) for value in (0.01234, 15625, None)] == ["0.0123", "15,625", DASH]
        times = (None, 0, 2e-5, 0.08, 1.5, 300, 11160)
        assert [duration(time) for time in times] == [DASH, "0 s", "20 µs", "80 ms", "1.5 s", "5 min", "3.1 h"]

    def test_losing_to_a_baseline_is_said(self) -> None:
        rng = np.random.default_rng(0)
        truth = rng.normal(size=200)
        found = compare(
            {"weak": truth + 3 * rng.normal(size=200)},
            truth,
            baselines={"strong": truth + 0.1 * rng.normal(size=200)},
        )
        assert verdict(found.row("weak")) == "worse"
        assert "and weak loses to it. No estimator here is clearly better than that baseline." in summary(found)
        turned = compare(
            {"strong": found.row("strong").estimates}, truth, baselines={"weak": found.row("weak").estimates}
        )
        assert "which strong beats." in summary(turned)

    def test_no_order_at_all(self) -> None:
        found = compare({"flat": np.ones(20)}, np.arange(20), bootstrap=0)
        assert summary(found) == "Against reference, on 20 networks: no estimator gives an order."


class TestFirstSight:
    def test_all_begin_with_the_same_sentences(self, folder: Path, report: Report, page: Reader) -> None:
        sentences = [headline(report.comparisons[0]), *(t for _, t in row_sentences(report.comparisons[0]).items)]
        shown = " ".join(" ".join(page.words).split())
        text = " ".join(" ".join(line.split()) for line in to_text(report).splitlines())
        made = (folder / "report.md").read_text()
        assert text.startswith(sentences[0].replace(NO_BREAK, " "))
        assert made.split("\n\n")[2:4] == ["## Against own trainings", f"- {escape(sentences[0])}"]
        for sentence in sentences:
            assert sentence.replace(NO_BREAK, " ") in shown.replace(NO_BREAK, " ")
            assert " ".join(sentence.split()) in text and escape(sentence) in made

    def test_a_picture_comes_before_all_that_is_folded(self, source: str, comparison: Comparison) -> None:
        before, _, _ = source.partition("<details")
        assert before.count("<img") == 1 and "Triangles are the 10 networks" in before
        assert "<table" not in before and "With intervals" not in before
        assert "<details open" not in source

    def test_keyboard_and_schemes(self, source: str, page: Reader) -> None:
        assert source.index('<a class="skip" href="#results">') < source.index("<header>")
        assert '<main id="results" tabindex="-1">' in source
        assert source.count('<div class="scroll" tabindex="0" role="region" aria-label=') == source.count("<table>")
        assert ":focus-visible" in source and "@media (prefers-color-scheme: dark)" in source
        assert "figure img { background: #fff" in source  # ink is dark

    def test_losing_to_counting_is_in_the_first_line(self) -> None:
        rng = np.random.default_rng(0)
        truth = rng.normal(size=200)
        weak, strong = truth + 3 * rng.normal(size=200), np.exp(truth + 0.1 * rng.normal(size=200))
        lost = headline(compare({"weak": weak}, truth, live_params=strong))
        assert re.match(r"weak puts the better .* [56]\d.% of cases; counting live parameters in 9\d.%: it loses", lost)
        won = headline(compare({"strong": strong}, truth, live_params=np.exp(weak)))
        assert re.match(r"strong puts .* 9\d.% of cases; counting live parameters in [56]\d.%: clearly better", won)
        even = headline(compare({"same": strong}, truth, live_params=strong))
        assert "no clear difference" in even
        alone = headline(compare({"weak": weak}, truth, baselines={}, bootstrap=0))
        assert re.fullmatch(r"weak puts the better of two networks first in [56]\d.% of cases \(200 .*\)\.", alone)

    def test_sentences_of_odd_rows(self, comparison: Comparison) -> None:
        said = dict(row_sentences(comparison).items)
        assert said["broken"] == "set aside, as it failed on 55 of 60 networks."
        assert said["flat"] == "gives every network the same value, which is no order."
        assert "the ceiling, from 16 networks" in said["A second training"]
        assert said["good"].count("(counting: ") == 1 and "(" not in said["A random order"]

    def test_reports_of_before_say_it_too(self, comparison: Comparison) -> None:
        data = comparison.to_json()
        for row in data["rows"]:
            row["statistics"] = {k: v for k, v in row["statistics"].items() if not k.startswith("concordance")}
            if row["versus"]:
                del row["versus"]["counting"], row["versus"]["concordance"]
        old, new = headline(Comparison.from_json(data)), headline(comparison)
        assert old == new.replace(": clearly better", "")

    def test_shares(self) -> None:
        shares = (0.0, 0.0001, 0.004, 0.874, 0.9951, 0.99999, 1.0)
        assert [share(v).replace(NO_BREAK, "") for v in shares] == [
            "0%",
            "0.1%",
            "0.4%",
            "87%",
            "99.5%",
            "99.9%",
            "100%",
        ]


class TestFolder:
    def test_everything_is_there_and_opens(self, folder: Path, report: Report) -> None:
        assert read_report(folder).comparisons == report.comparisons
        pictures = sorted(path.name for path in (folder / "figures").iterdir())
        assert "1-dots-kendall.png" in pictures
        assert "1-scatter-good.png" in pictures
        assert "1-ranks-random-order.png" in pictures
        with Image.open(folder / "figures" / "1-scatter-good.png") as image:
            assert image.size[0] >= 700
        assert not list(folder.rglob(".*"))

    def test_never_over_an_existing_report(self, tmp_path: Path, small: Report) -> None:
        write_report(small, tmp_path)
        (tmp_path / "mine.txt").write_text("mine")
        (tmp_path / "figures" / "9-dots-old.png").write_text("old")
        (tmp_path / "figures" / "mine.png").write_text("mine")
        with pytest.raises(
            ExistsError, match=r"got:      report.html and report.md and report.json in .*\n.*overwrite=True"
        ):
            write_report(small, tmp_path)
        write_report(small, tmp_path, overwrite=True)
        assert (tmp_path / "mine.txt").read_text() == (tmp_path / "figures" / "mine.png").read_text() == "mine"
        assert not (tmp_path / "figures" / "9-dots-old.png").exists()

    def test_never_over_markdown_of_others(self, tmp_path: Path, small: Report) -> None:
        (tmp_path / "report.md").write_text("mine")
        with pytest.raises(ExistsError, match=r"no report of ghn"):
            write_report(small, tmp_path, overwrite=True)
        assert (tmp_path / "report.md").read_text() == "mine" and not (tmp_path / "report.html").exists()

    def test_figures_of_others_stay_where_no_report_was(self, tmp_path: Path, small: Report) -> None:
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "1-my-own.png").write_text("mine")
        write_report(small, tmp_path)
        assert (tmp_path / "figures" / "1-my-own.png").read_text() == "mine"

    def test_a_crash_while_drawing_leaves_the_old_report(
        self, tmp_path: Path, small: Report, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_report(small, tmp_path)
        before = (tmp_path / "report.html").read_bytes()
        monkeypatch.setattr("ghn.report.write.render", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            write_report(Report(small.comparisons, title="new"), tmp_path, overwrite=True)
        assert (tmp_path / "report.html").read_bytes() == before

    @pytest.mark.parametrize("text", [None, "{", "{}"])
    def test_unreadable(self, tmp_path: Path, text: str | None) -> None:
        if text is not None:
            (tmp_path / "report.json").write_text(text)
        with pytest.raises(DataError, match="report"):
            read_report(tmp_path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Report:
    """A report that draws one picture only."""
    monkeypatch.setattr("ghn.report.comparison.pictures", lambda comparison: drawing.pictures(comparison)[:1])
    values = np.arange(12.0)
    return Report([compare({"one": values}, values**2, bootstrap=0, baselines={})])
