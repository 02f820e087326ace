"""What the site is made of: links lead to its pages, and what is committed of the survey is what its JSON makes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from ghn.report.model import Survey, read_survey
from ghn.report.words import duration, number, pairs_right, with_interval

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE_OF = {"docs/log.md": "log.md", "docs/img/a.svg": "img/a.svg", "README.md": "project/readme.md"}


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shipped() -> Survey:
    return read_survey(DOCS / "survey")


def test_the_short_page_is_what_the_json_makes(shipped: Survey) -> None:
    page = tool("survey_page").short_page(shipped)
    assert page == (DOCS / "survey" / "index.md").read_text(), "run: python docs/tools/survey_page.py"
    assert len(page.encode()) < 60_000


def test_which_estimator_says_what_the_survey_advises(shipped: Survey) -> None:
    page = (DOCS / "which-estimator.md").read_text()
    assert shipped.report.metadata["command"].removesuffix(" resume=true") in page
    rows = [line for line in page.splitlines() if line.startswith(("| a minute", "| an hour", "| a day"))]
    for row, one in zip(rows, shipped.advice, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2:5] == [duration(one.total_seconds), pairs_right(one.kendall), pairs_right(one.best_half)]
    comparison = shipped.parts[-1].comparison
    for name in ("live parameters", "MeCo", "combined (hypernetwork, MeCo, size)", "one-shot bank"):
        assert with_interval(comparison.row(name).get("kendall")) in page
    for name in ("DARTS bank", "ENAS bank", "SMASH"):
        assert number(comparison.row(name).get("kendall").value) in page


@pytest.mark.parametrize(
    ("uri", "home", "text", "led"),
    [
        ("a.md", "docs/a.md", "[x](../README.md#use)", "[x](project/readme.md#use)"),
        ("a.md", "docs/a.md", "[x](log.md) [y](#here) [z](https://a.b/c.md)", None),
        ("a.md", "docs/a.md", "[x](nowhere.md)", None),
        ("a.md", "docs/a.md", "```\n[x](../README.md)\n```", None),
        ("project/readme.md", "README.md", "[x](docs/log.md)", "[x](../log.md)"),
        (
            "project/readme.md",
            "README.md",
            '<a href="docs/log.md#x"><img src="docs/img/a.svg"></a>',
            '<a href="../log.html#x"><img src="../img/a.svg"></a>',
        ),
        ("a.md", "docs/a.md", "<details><summary>x</summary>", '<details markdown="1"><summary>x</summary>'),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(uri: str, home: str, text: str, led: str | None) -> None:
    assert tool("site_pages").led(text, uri, home, PAGE_OF) == (text if led is None else led)


def test_links_say_titles_in_place_of_the_names_of_files() -> None:
    text = "[log.md](log.md#a), [the log](log.md), [docs/log.md](log.md), [other.md](other.md)"
    led = "[Log](log.md#a), [the log](log.md), [Log](log.md), [other.md](other.md)"
    assert tool("site_pages").led(text, "a.md", "docs/a.md", PAGE_OF, {"log.md": "Log"}) == led


def test_every_page_has_a_place_in_the_navigation() -> None:
    config = (DOCS.parent / "mkdocs.yml").read_text()
    listed = set(re.findall(r"^ +- (?:[\w -]+: )?([\w/.-]+\.md)$", config, re.MULTILINE))
    uris = [uri for uri in tool("site_pages").collect() if uri.endswith(".md")]
    pages = {uri for uri in uris if not uri.startswith(("examples/", "survey/"))}
    assert pages == {page for page in listed if not page.startswith(("examples/", "survey/"))}


def test_the_navigation_has_every_estimator_of_the_survey(shipped: Survey) -> None:
    config = (DOCS.parent / "mkdocs.yml").read_text()
    assert re.findall(r"- survey/(\w+)\.md", config)[1:] == [cost.key for cost in shipped.costs]


def test_the_reference_names_what_is_there() -> None:
    names = re.findall(r"^::: ([\w.]+)$", "\n".join(p.read_text() for p in DOCS.glob("reference/*.md")), re.MULTILINE)
    assert len(names) > 100 and len(set(names)) >= len(names) - 1  # `compare` stands on two pages
    for name in names:  # a module, or a name that a module defines: looked up in the source, as the site does
        root = DOCS.parent
        module = root / f"{name.replace('.', '/')}.py"
        within, _, last = name.rpartition(".")
        of = root / f"{within.replace('.', '/')}.py"
        of = of if of.exists() else of.with_suffix("") / "__init__.py"
        package = module.with_suffix("") / "__init__.py"
        there = of.exists() and re.search(rf"^(?:class|def) {last}\b", of.read_text(), re.MULTILINE)
        assert module.exists() or package.exists() or there, name
