"""A survey on disk and on a terminal, and its picture of order against cost."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from survey_case import SPACE, survey

from ghn.analysis.correlation import Statistic
from ghn.drawing.style import canvas, place_labels
from ghn.errors import ExistsError
from ghn.report.model import ZERO_COST, Survey
from ghn.report.survey.cost_figure import Point, cost_pictures, draw_costs, front_of, points_of
from ghn.report.survey.pages import print_survey, write_survey
from ghn.report.words import number

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects ids and links, and fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.tags.add(tag)
        self.links += [found["href"]] if "href" in found else []
        self.ids += [found["id"]] if "id" in found else []
        self.images += [(found["src"], found["alt"])] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def found() -> Survey:
    """One reference is enough to be written."""
    whole = survey()
    return replace(whole, parts=whole.parts[:1], costs=whole.costs[:2], combinations=None)


@pytest.fixture(scope="module")
def folder(found: Survey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "new" / "survey"
    assert write_survey(found, SPACE, folder) == folder / "survey.html"
    return folder


class TestFolder:
    def test_files(self, folder: Path) -> None:
        assert {path.name for path in folder.iterdir()} == {"survey.html", "index.md", "good.md", "dear.md", "figures"}
        stems = {kind: {p.stem for p in (folder / "figures").glob(f"*.{kind}")} for kind in ("svg", "png")}
        assert stems["svg"] == stems["png"]
        wanted = {"survey-1-cost-seconds-all", "survey-1-cost-macs-best-half", "survey-1-bias", "survey-1-pair-good"}
        assert wanted < stems["svg"]

    def test_markdown_leads_to_files_that_are_there(self, folder: Path) -> None:
        shown = set()
        for page in folder.glob("*.md"):
            links = set(re.findall(r"(?<!\\)\]\(([\w./-]+)\)", page.read_text())) - {
                "survey.json"
            }  # the job writes that
            assert all((folder / link).is_file() for link in links)
            shown |= {link for link in links if link.startswith("figures/")}
        assert {Path(link).name for link in shown} == {path.name for path in (folder / "figures").glob("*.svg")}

    def test_page_needs_nothing_else(self, folder: Path) -> None:
        reader = Reader()
        reader.feed((folder / "survey.html").read_text())
        assert not reader.open and not reader.tags & {"script", "link", "iframe"}
        assert reader.images and all(src.startswith("data:image/") and alt for src, alt in reader.images)
        assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
        assert len(set(reader.ids)) == len(reader.ids)

    def test_pictures_fit_a_phone_and_have_few_colours(self, folder: Path) -> None:
        with Image.open(folder / "figures" / "survey-1-cost-seconds-all.png") as image:
            assert image.size[0] <= 1000 and image.mode == "P"  # 8.5-point letters are then 12 pixels high at 400

    def test_a_second_survey_replaces_the_first(
        self, found: Survey, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        own = folder / "figures" / "mine.png", folder / "notes.md"
        for path in own:
            path.write_text("mine")
        monkeypatch.setattr("ghn.report.write.to_bytes", lambda *_: before[folder / "figures" / "survey-1-bias.png"])
        write_survey(replace(found, costs=found.costs[:1], stability=None, advice=()), SPACE, folder)
        assert not (folder / "dear.md").exists() and not (folder / "figures" / "survey-stability-fidelity.svg").exists()
        assert all(path.read_text() == "mine" for path in own)
        for path in own:
            path.unlink()
        for path, data in before.items():
            path.write_bytes(data)

    def test_pages_of_others_are_not_overwritten(self, found: Survey, tmp_path: Path) -> None:
        (tmp_path / "good.md").write_text("# My notes")
        with pytest.raises(ExistsError, match="no survey wrote"):
            write_survey(found, SPACE, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["good.md"]

    def test_a_crash_leaves_the_old_survey(self, found: Survey, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = (folder / "survey.html").read_bytes(), (folder / "index.md").read_bytes()

        def crash(*_: object) -> bytes:
            raise RuntimeError("no memory")

        monkeypatch.setattr("ghn.report.write.to_bytes", crash)
        with pytest.raises(RuntimeError):
            write_survey(replace(found, advice=()), SPACE, folder)
        assert before == ((folder / "survey.html").read_bytes(), (folder / "index.md").read_bytes())


def printed(found: Survey, width: int, terminal: bool = False) -> str:
    file = io.StringIO()
    print_survey(found, Console(file=file, width=width, force_terminal=terminal, color_system=None))
    return file.getvalue()


class TestTerminal:
    def test_log_files_get_every_column_and_the_answers(self) -> None:
        text = printed(survey(), 80)
        for word in ("Spearman", "multiply-adds", "1. good", "ceiling", "Baselines", "Does paying more help?"):
            assert word in text
        for part in survey().parts:
            assert number(part.comparison.row("dear").get("spearman").value) in text
        assert "A note." in text and "\u2212" not in text

    def test_narrow_terminals_get_fewer_columns_and_whole_numbers(self) -> None:
        text = printed(survey(), 100, terminal=True)
        assert "Spearman" not in text and "regret@10" in text and "…" not in text
        assert max(map(len, text.splitlines())) <= 100


def texts(figure: Figure) -> str:
    (axes,) = figure.axes
    said = [axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)]
    return "\n".join([*said, *axes.get_legend_handles_labels()[1]])


class TestCostFigure:
    def test_front(self) -> None:
        values = [(1.0, 0.5), (2.0, 0.4), (3.0, 0.6), (3.0, 0.7), (0.5, 0.1), (9.0, 0.7)]
        points = [Point(str(i), "", ZERO_COST, cost, Statistic(value)) for i, (cost, value) in enumerate(values)]
        assert front_of(points) == [4, 0, 3]

    def test_points_are_those_of_known_cost(self) -> None:
        found = survey()
        comparison = found.parts[0].comparison
        assert [point.name for point in points_of(found, comparison, "kendall", "seconds")] == ["good", "dear", "poor"]
        assert [point.name for point in points_of(found, comparison, "kendall", "macs")] == ["good", "dear"]

    def test_key_names_every_row_and_how_it_stands(self) -> None:
        found = survey()
        comparison = found.parts[0].comparison
        said = texts(draw_costs(found, found.parts[0]))
        assert f"1  good: {number(comparison.row('good').get('kendall').value)}, 12.3 ms" in said
        assert "not drawn" in said and "broken: set aside" in said
        assert f"a  live parameters: {number(comparison.row('live parameters').get('kendall').value)}" in said
        assert comparison.ceiling is not None
        assert f"ceiling {number(comparison.ceiling.statistics['kendall'].value)}" in said
        for label in ("Pareto front", "best baseline", "zero cost", "hypernetwork"):
            assert label in said

    def test_pictures_come_in_pairs_and_only_where_costs_are_known(self) -> None:
        found = survey()
        subjects = [picture.subject for picture in cost_pictures(found, found.parts[0])]
        assert subjects == ["seconds kendall", "seconds kendall_best_half", "macs kendall", "macs kendall_best_half"]
        unknown = replace(found, costs=tuple(replace(cost, macs=None) for cost in found.costs))
        assert [p.subject for p in cost_pictures(unknown, found.parts[0])] == subjects[:2]

    def test_what_costs_nothing_has_a_place_on_the_axis(self) -> None:
        found = survey()
        free = replace(found, costs=tuple(replace(cost, macs=0.0) for cost in found.costs))
        (axes,) = draw_costs(free, found.parts[0], "kendall", "macs").axes
        assert np.isfinite(axes.get_xlim()).all() and axes.get_xlim()[0] > 0

    def test_thirty_labels_in_a_crowd_do_not_overlap(self) -> None:
        rng = np.random.default_rng(0)
        spots = [(float(x), float(y), str(i)) for i, (x, y) in enumerate(rng.random((30, 2)) * [1.0, 0.6], start=1)]
        figure, axes = canvas(4.3, 5.0)
        axes.plot([x for x, _, _ in spots], [y for _, y, _ in spots], "o", markersize=5)
        place_labels(figure, axes, spots)
        figure.draw_without_rendering()
        boxes = [label.get_window_extent().shrunk(0.9, 0.7) for label in axes.texts]
        assert len(boxes) == len(spots)
        assert not [1 for i, one in enumerate(boxes) for other in boxes[:i] if one.overlaps(other)]
