"""How values show themselves: one short line each, and cards in which nothing from elsewhere is read as markup."""

from __future__ import annotations

import base64
import copy
import importlib
import inspect
import pickle
import pkgutil
import re
from dataclasses import replace
from html.parser import HTMLParser
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
import toy
from torch import nn

import ghn
from ghn.analysis.compare import compare
from ghn.display import brief, card, facts, named, picture, table
from ghn.drawing.style import to_bytes
from ghn.graph import GraphBuilder
from ghn.graph.diagram import Diagram
from ghn.graph.picture import diagram_figure, graph_svg
from ghn.report.model import Report
from ghn.scoring.initialise import Coverage
from ghn.scoring.model import Model
from ghn.scoring.scores import Scores
from ghn.search.ladder import LadderResult
from ghn.search.plan import Plan
from ghn.search.result import SearchResult
from ghn.spaces import DARTS, FunctionSpace, NASBench101, NASBenchMacro, NATSBenchSize, ViT
from ghn.spaces.modules import ModuleSpace
from ghn.tasks import from_arrays
from ghn.types import Reference, Score, Trial

HOSTILE = "<script>alert('x')</script>\"&\x1b[31m\u202e$x^$"
IMAGES = ((3, 16, 16), 10)


class Reader(HTMLParser):
    """What a browser would read of a card; tags that do not nest are an error."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.alts: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.alts += [dict(attrs).get("alt") or ""] if tag == "img" else []
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(shown: str) -> Reader:
    reader = Reader()
    reader.feed(shown)
    assert reader.open == [] and reader.handlers == []
    assert set(reader.tags) <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "img"}
    assert "\x1b" not in shown and "\u202e" not in shown
    assert all(reader.alts)
    return reader


def hostile_compared() -> Any:
    values = np.arange(12.0)
    given: dict[str, Any] = {"baselines": {"b" + HOSTILE: values[::-1]}, "bootstrap": 20}
    more: dict[str, Any] = {
        "reference_name": HOSTILE,
        "reference_unit": HOSTILE,
        "ids": [f"{HOSTILE}{i}" for i in range(12)],
    }
    return compare({HOSTILE: values}, values**2, **given, **more, warnings=[HOSTILE])


def hostile_graph() -> Any:
    builder = GraphBuilder((3, 4, 4))
    return builder.build(builder.add("global_pool", builder.input, name=HOSTILE))


def hostile_search() -> SearchResult:
    found = SearchResult(stopped=HOSTILE)
    found.add(Trial("0", HOSTILE), Score(1.0))
    return found


def hostile_task() -> Any:
    images, labels = np.zeros((30, 3, 8, 8), dtype=np.uint8), [f"{HOSTILE}{i % 2}" for i in range(30)]
    return from_arrays(HOSTILE, (images, labels), classes=[f"{HOSTILE}0", f"{HOSTILE}1"])


def cards() -> dict[str, Any]:
    """One of everything that has a card, with hostile names wherever a name can come from elsewhere."""
    score = Score(0.5, extra={HOSTILE: HOSTILE})
    failed = Score.failed(HOSTILE)
    compared = hostile_compared()
    plan = Plan.__new__(Plan)
    return {
        "score": score,
        "failure": failed,
        "scores": Scores([score, failed], [HOSTILE, HOSTILE]),
        "comparison": compared,
        "report": Report((compared,), title=HOSTILE, warnings=(HOSTILE,)),
        "graph": hostile_graph(),
        "network": toy.SPACE.network(toy.SPACE.sample(Random(0))),
        "search": hostile_search(),
        "ladder": LadderResult(HOSTILE, score, plan, {HOSTILE: 1}, {HOSTILE: 0}, {HOSTILE: 1.0}, np.eye(1), []),
        "images": hostile_task(),
        "table": from_arrays(HOSTILE, (np.random.rand(40, 3), np.arange(40) % 2)),  # noqa: NPY002
        "coverage": Coverage((HOSTILE,), (HOSTILE,), 0.5, (HOSTILE,)),
        "modules": ModuleSpace({HOSTILE: nn.Sequential(nn.Flatten(), nn.Linear(4, 2))}, torch.zeros(1, 1, 2, 2)),
    }


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    return cards()


NAMES = (
    *("score", "failure", "scores", "comparison", "report", "graph", "network", "search", "ladder", "images", "table"),
    *("coverage", "modules"),
)


@pytest.mark.parametrize("name", NAMES)
def test_cards_escape_hostile_names(shown: dict[str, Any], name: str) -> None:
    assert set(NAMES) == set(shown)
    found = shown[name]._repr_html_()
    reader = read(found)
    if name not in ("graph", "network"):  # which show operations, and no names
        assert "alert('x')" in reader.text
    for drawing in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", found):
        assert b"<script" not in base64.b64decode(drawing)


@pytest.mark.parametrize("name", NAMES)
def test_a_repr_is_one_short_line(shown: dict[str, Any], name: str) -> None:
    line = repr(shown[name])
    assert len(line) <= 200 and len(line.splitlines()) == 1
    assert "tensor(" not in line and "array(" not in line and "\x1b" not in line and "\u202e" not in line


def test_every_card_of_the_package_is_tried(shown: dict[str, Any], toy_model: Model) -> None:
    """Whoever gives a class a card enters it in `cards` above."""
    have = {type(one) for one in (*shown.values(), toy_model, *SPACES)}
    for info in pkgutil.walk_packages(ghn.__path__, "ghn."):
        if info.name.startswith(("ghn.adapters", "ghn.app", "ghn.families.curves", "ghn.families.surrogates")):
            continue  # need extras, or have none
        for one in vars(importlib.import_module(info.name)).values():
            if inspect.isclass(one) and one.__module__.startswith("ghn.") and "_repr_html_" in vars(one):
                assert any(issubclass(kind, one) for kind in have), one


SPACES = [
    toy.SPACE,
    DARTS(*IMAGES),
    NASBench101(*IMAGES),
    NASBenchMacro(*IMAGES),
    NATSBenchSize(*IMAGES),
    ViT(*IMAGES),
    FunctionSpace(lambda choose: nn.Flatten(choose("start", [1])), (3, 2, 2)),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda one: one.name)
def test_spaces_show_their_settings_and_a_member(space: Any) -> None:
    text = read(space._repr_html_()).text
    assert space.name in text and "a member" in text
    assert len(repr(space).splitlines()) == 1 and len(repr(space)) < 250


def test_models_show_what_they_are(toy_model: Model) -> None:
    text = read(toy_model._repr_html_()).text
    assert toy_model.space.name in text and f"{sum(p.numel() for p in toy_model.net.parameters()):,}" in text
    assert repr(toy_model).startswith("Model(ghn, space='nasbench201', task=")


def test_scores_are_a_list_that_knows_names(toy_model: Model, toy_task: Any) -> None:
    archs = [toy_model.space.sample(Random(i)) for i in range(4)]
    scores = toy_model.score([*archs, "|nonsense~0|", nn.Flatten()], task=toy_task)
    assert isinstance(scores, list) and scores == list(scores) and type(scores[:2]) is list
    assert scores.names[:4] == tuple(map(toy_model.space.format, archs)) and scores.names[4:] == (
        "|nonsense~0|",
        "Flatten",
    )
    assert scores.values[:4] == [score.value for score in scores[:4]] and np.isnan(scores.values[4])
    for again in (pickle.loads(pickle.dumps(scores)), copy.deepcopy(scores), copy.copy(scores)):
        assert again.names == scores.names and len(again) == 6
    best = max(scores[:4], key=lambda one: one.value)
    rows = re.findall(r"<tr>.*?</tr>", scores._repr_html_())
    assert f"{best.value:.4f}" in rows[1] and "malformed" in rows[-2] + rows[-1]
    assert repr(scores).startswith("Scores(6 scores, best ")


def test_many_scores_show_the_best_alone() -> None:
    many = Scores([Score(float(i)) for i in range(100)], [f"net {i}" for i in range(100)])
    text = read(many._repr_html_()).text
    assert "net 99" in text and "net 79" not in text and "80 more." in text
    assert "no value, 1 failed: why" in repr(Scores([Score.failed("why")])) and "0 scores" in repr(Scores())


def test_graphs_are_drawn_unless_they_are_too_large() -> None:
    builder = GraphBuilder((3, 8, 8))
    x = builder.input
    for i in range(200):
        x = builder.add("conv", x, name=f"c{i}", out=3, kernel=3, padding=1)
        if i == 2:
            small = builder.build(x)
    large = builder.build(x)
    svg = graph_svg(small)
    assert svg is not None and svg.startswith(b"<?xml") and "<img" in small._repr_html_()
    assert graph_svg(large) is None and "Too large to be drawn" in large._repr_html_()
    assert repr(small) == "Graph(4 nodes, [3, 8, 8] -> [3, 8, 8])"


def test_labels_of_pictures_are_text() -> None:
    drawn = to_bytes(diagram_figure(Diagram(HOSTILE, (HOSTILE, "+", "out"), ((0, 1), (1, 2)), frozenset({2}))), "svg")
    assert b"<script" not in drawn and b"</svg>" in drawn


def test_lines_of_dataclasses() -> None:
    task = toy.make_task()
    assert "<Split of" in repr(task) and "uint8>" in repr(task.train)
    assert repr(Score(0.5)) == "Score(value=0.5)"
    assert repr(Score(1 / 3, std=0.1, extra={"a": 1})) == "Score(value=0.333333, std=0.1, extra={'a': 1})"
    assert repr(Trial("0", ("a", 1))) == "Trial(id='0', arch=('a', 1))"
    values = {str(i): 0.5 for i in range(99)}
    assert (
        repr(Reference("a table", "", values, {})) == "Reference(name='a table', unit='', values=<99 items>, seeds={})"
    )
    assert repr(replace(task, name="x" * 1000)).count("x") < 60
    assert brief(Score) is Score and named(3, "three", x=torch.zeros(2, 3)) == "int(three, x=<Tensor [2, 3] float32>)"


def test_parts_of_cards() -> None:
    text = card("<t>", facts({"a<": None, "b<": [3, 4], "c": 1234567, "d": True}), table(("x<",), [("<y>",)]))
    assert read(text).text == "<t>b<3 x 4c1,234,567dyesx<<y>"
    assert 'tabindex="0"' in picture(b"", "png", "<alt>", tall=100) and "&lt;alt&gt;" in picture(b"", "png", "<alt>")
