"""What a survey says: every part in every shape, and no number that is not the survey's."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean, stdev
from typing import Any

import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from survey_case import EVIL, SPACE, survey

from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import Statistic
from ghn.app.estimators import ESTIMATORS
from ghn.report.document import Document
from ghn.report.model import ABOUT, FAMILIES, UNKNOWN, Part, Survey, about
from ghn.report.survey.answers import answers
from ghn.report.survey.pages import file_names, survey_document
from ghn.report.survey.sections import survey_table
from ghn.report.tables import ordered
from ghn.report.words import DASH, MINUS, budget, count, duration, number, pairs_right, quantity, regret, spread
from ghn.report.write import escape, markdown, render

TRUST = "How far can you trust it?"
SENTENCE = re.compile(r"[.](?:\s|$)")


def text_of(found: Survey) -> str:
    """All that the Markdown pages say, in plain letters."""
    return plain(survey_document(found, SPACE))


def plain(document: Document) -> str:
    said = re.sub(r"\\([^\w\s])", r"\1", "\n".join(markdown(document).values())).replace(MINUS, "-").replace("**", "")
    return said.replace("\N{NO-BREAK SPACE}", " ")


def html_of(document: Document) -> str:
    return render(document, defaultdict(bytes))


@pytest.fixture(scope="module", autouse=True)
def nothing_is_drawn() -> Iterator[None]:
    """Pictures are looked at in test_survey_write.py; here each document would wait for its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "survey.cost_figure.draw_costs",
            "survey.sections.bias_map",
            "survey.sections.likeness_map",
            "survey.sections.pair_figure",
            "stability.draw_fidelities",
            "stability.draw_halvings",
            "sets.draw_combinations",
        ):
            patch.setattr(f"ghn.report.{name}", lambda *_: Figure())
        yield


@pytest.fixture(scope="module")
def found() -> Survey:
    return survey()


@pytest.fixture(scope="module")
def document(found: Survey) -> Document:
    return survey_document(found, SPACE)


def test_every_estimator_of_the_registry_is_described_in_two_sentences_and_one() -> None:
    assert set(ABOUT) == set(ESTIMATORS)
    for name, words in (*ABOUT.items(), ("unknown", UNKNOWN)):
        assert words.family in FAMILIES, name
        assert len(SENTENCE.findall(words.what)) == 2 and words.what.endswith("."), name
        assert len(SENTENCE.findall(words.when)) == 1 and words.when.endswith("."), name
        assert not re.search(r"\d", words.what + words.when), f"{name}: figures come from the survey"
    assert about(None) is UNKNOWN


def test_amounts_in_words(found: Survey) -> None:
    assert pairs_right(Statistic(0.5, 0.42, 0.56)) == "75 % [71, 78]"
    assert pairs_right(Statistic(-1.0)) == "0 %" and "unknown" in pairs_right(Statistic(None))
    assert [count(value) for value in (None, 0, 3.79e6, 6.47e8, 1.2e9)] == [DASH, "0", "3.79 M", "647 M", "1.2 G"]
    assert [budget(value) for value in (60, 3600, 86400, 600)] == ["a minute", "an hour", "a day", "10 min"]
    assert spread([0.5]) == "" and spread([0.5, 0.7]) == "0.60 ± 0.14"
    fractions, percents = (part.comparison for part in found.parts)
    assert regret(Statistic(0.0123, 0.0, 0.02), fractions) == "1.23 [0.00, 2.00] points"
    assert regret(Statistic(1.23), percents) == "1.23 points"
    assert regret(Statistic(1.234), replace(percents, reference_unit="ms")) == "1.23 ms"


class TestFirstPage:
    def test_answers_come_first_and_are_about_ten(self, found: Survey) -> None:
        lines = answers(found)
        assert [question for question, _ in lines[:2]] == ["If you have a minute or an hour,", "If you have a day,"]
        assert 6 <= len(lines) <= 11

    def test_advice_is_told_with_cost_trust_and_regret(self, found: Survey) -> None:
        one = found.advice[-1]
        text = dict(answers(found))["If you have a day,"]
        assert f"use dear: {duration(one.total_seconds)} for 1,000 candidates, after 61.5 min paid once" in text
        assert f"{pairs_right(one.kendall)} of cases" in text and pairs_right(one.best_half) in text
        assert regret(one.regret, found.parts[-1].comparison) in text

    def test_references_that_an_estimator_needs_are_told(self, found: Survey) -> None:
        advice = replace(found.advice[0], label="poor")
        assert (
            "needs trained networks to learn from: their cost is not counted"
            in answers(replace(found, advice=(advice,)))[0][1]
        )

    def test_none_fast_enough(self, found: Survey) -> None:
        nothing = Statistic(None)
        one = replace(
            found.advice[0],
            label=None,
            total_seconds=None,
            chosen_by=None,
            kendall=nothing,
            best_half=nothing,
            regret=nothing,
        )
        said = text_of(replace(found, advice=(one,)))
        assert "If you have a minute, no estimator here is fast enough for 1,000 candidates." in said
        assert "Not advised here" not in said  # of no estimator, as none was

    def test_advice_on_other_networks_than_those_shown(self, found: Survey) -> None:
        assert "All figures in these lines stand on 59 networks: a published table." in dict(answers(found))[TRUST]
        one = replace(
            found.advice[0], kendall=Statistic(0.5), told_on="the other half", fooled="overrates deep networks: 0.77"
        )
        lines = dict(answers(replace(found, advice=(one,))))
        assert "networks that the choice had not seen; what follows, on 59 networks" in lines[TRUST]
        assert "good: overrates deep networks: 0.77." in lines["Where will it fool you?"]

    def test_an_order_that_could_not_be_measured(self, found: Survey) -> None:
        one = replace(found.advice[0], kendall=Statistic(None))
        assert "could not be measured" in answers(replace(found, advice=(one,)))[0][1]

    def test_what_is_no_better_than_chance_is_not_advised(self, found: Survey) -> None:
        one = replace(found.advice[0], kendall=Statistic(0.2, -0.1, 0.5))
        said = answers(replace(found, advice=(one,)))[0][1]
        assert said.startswith("no estimator chosen here is clearly better than chance; the one chosen is good: ")

    def test_warnings_and_notes_stand_before_the_results(self, document: Document) -> None:
        said = plain(document)
        assert said.index("Before you read on") < said.index("A note.") < said.index("Order and cost against")

    def test_biases_are_told_where_they_are_certain(self, found: Survey) -> None:
        part = found.parts[-1]
        effects = tuple(replace(e, significant=e.row == "good" and e.property == "depth") for e in part.bias.effects)
        bias = replace(part.bias, effects=effects)
        text = dict(answers(with_part(found, bias=bias)))["Where will it fool you?"]
        assert re.search(
            r"good: overrates (deep|shallow) networks: .*1 of 4 estimators overrate (deep|shallow) networks", text
        )


class TestTable:
    def test_order_of_rows(self, found: Survey) -> None:
        table = survey_table(found, found.parts[0], {})
        names = [line.cells[0].text for line in table.lines]
        assert names[0].startswith("ceiling") and names[1:3] == ["1. good", "2. dear"]
        assert names[5:] == ["broken", "Baselines", "live parameters", "random order"]
        kendalls = [float(line.cells[4].text) for line in table.lines[1:5]]
        assert kendalls == sorted(kendalls, reverse=True)

    def test_cells(self, found: Survey) -> None:
        table = survey_table(found, found.parts[0], {})
        rows = {line.cells[0].text: dict(zip(table.head, line.cells, strict=False)) for line in table.lines}
        row, good = found.parts[0].comparison.row("good"), rows["1. good"]
        kendall = row.get("kendall")
        assert kendall.low is not None and kendall.high is not None
        assert good["Kendall"].text == number(kendall.value)
        assert good["Kendall"].below == (f"[{kendall.low:.2f}, {kendall.high:.2f}]", "seeds 0.73 ± 0.03")
        assert good["regret@10, points"].below[-1] == "seeds 0.15 ± 0.07"  # of fractions, in points
        assert good["time a network"].text == "12.3 ms" and good["multiply-adds a network"].text == "3.21 M"
        assert rows["2. dear"]["one-off time"].text == "61.5 min"
        assert rows["4. poor"]["failed"].text == "1" and rows["broken"]["failed"].text == "60"
        assert rows["broken"]["Kendall"].text == "set aside"

    def test_best_of_a_column_leaves_the_ceiling_out(self, found: Survey) -> None:
        table = survey_table(found, found.parts[0], {})
        best = [line.cells[0].text for line in table.lines if line.kind != "group" and line.cells[4].best]
        assert best == ["1. good"]


def with_part(found: Survey, **changes: Any) -> Survey:
    return replace(found, parts=(*found.parts[:-1], replace(found.parts[-1], **changes)))


def with_comparison(found: Survey, **changes: Any) -> Survey:
    return with_part(found, comparison=replace(found.parts[-1].comparison, **changes))


def only(found: Survey, label: str) -> Survey:
    """A survey of one estimator."""

    def narrow(part: Part) -> Part:
        comparison, bias = part.comparison, part.bias
        rows = tuple(row for row in comparison.rows if row.kind == "baseline" or row.name == label)
        kept = {row.name for row in rows}
        bias = replace(
            bias,
            rows=tuple(row for row in bias.rows if row.name in kept),
            effects=tuple(e for e in bias.effects if e.row in kept),
            wrong_pairs=tuple(p for p in bias.wrong_pairs if p.row in kept),
            likenesses=tuple(x for x in bias.likenesses if {x.one, x.other} <= kept),
        )
        return Part(replace(comparison, rows=rows), {}, bias)

    costs = tuple(cost for cost in found.costs if cost.label == label)
    advice = tuple(one for one in found.advice if one.label == label)
    return replace(found, costs=costs, parts=tuple(map(narrow, found.parts)), advice=advice, combinations=None)


class TestWhatIsMissing:
    def test_stability_and_combinations(self, found: Survey) -> None:
        said = text_of(
            replace(found, stability=None, combinations=None, notes=("No stability: none.", "No combinations: few."))
        )
        assert "# Stability" not in said and "# Combinations" not in said
        assert "No stability: none." in said and "No combinations: few." in said

    def test_ceiling_spread_and_intervals(self, found: Survey) -> None:
        part = found.parts[0]
        rows = tuple(
            replace(row, statistics={k: Statistic(s.value) for k, s in row.statistics.items()}, versus=None)
            for row in part.comparison.rows
        )
        comparison = replace(part.comparison, ceiling=None, rows=rows)
        said = text_of(replace(found, parts=(replace(part, comparison=comparison, spread={}),)))
        assert "ceiling: a second" not in said and "seeds 0." not in said and "For scale" not in said
        assert "clearly better than the strongest" not in said  # nothing says so without an interval

    def test_costs(self, found: Survey) -> None:
        costs = tuple(replace(cost, seconds=None, macs=None, one_off_seconds=None) for cost in found.costs)
        said = text_of(replace(found, costs=costs))
        assert "Order against seconds" not in said and "Does paying more help" not in said
        assert "Cost a network: unknown" in said

    def test_one_estimator(self, found: Survey) -> None:
        said = text_of(only(found, "good"))
        assert "of 1 " not in said.split("Where it errs")[0] or "1 of 1" in said
        assert "The commonest bias" not in said and "no two estimators" in said

    def test_properties_that_do_not_vary(self, found: Survey) -> None:
        bias = replace(found.parts[-1].bias, properties=(), effects=(), left_out={"depth": "it is the same"})
        said = text_of(with_part(found, bias=bias))
        assert "No property of networks varies" in said and "depth (it is the same)" in said

    def test_groups_of_equal_size(self, found: Survey) -> None:
        one = replace(found, parts=found.parts[-1:])
        assert "inside equal live parameters" in text_of(one)
        assert "nside equal live parameters" not in text_of(with_comparison(one, levels=None))

    def test_nothing_but_a_row_that_was_set_aside(self, found: Survey) -> None:
        said = text_of(only(found, "broken"))
        assert "not analysed, as its order was set aside" in said and "failed on 60 of 60" in said


def test_names_of_files_are_safe_and_different(found: Survey) -> None:
    keys = ("index", "a/b", "a b", "../x", "ghn_depths")
    costs = tuple(replace(found.costs[0], key=key, label=key) for key in keys)
    names = file_names(replace(found, costs=costs))
    assert names["ghn_depths"] == "ghn_depths" and len(set(names.values())) == len(keys)
    assert all(re.fullmatch(r"[\w-]+", name) and name != "index" for name in names.values())


def test_names_from_users_are_text_and_never_markup(found: Survey, document: Document) -> None:
    page = html_of(document)
    assert "<b>me" not in page and "&lt;b&gt;me &amp; you" in page
    assert "<b>" not in "".join(markdown(document).values())
    assert escape("a|b_c [x](y) <i> $z$") == r"a\|b\_c \[x\](y) \<i\> \$z\$"
    assert escape("1. one") == r"1\. one" and escape("- one") == r"\- one" and escape("+0.13 more") == "+0.13 more"
    assert EVIL in plain(document)


def test_markdown_is_read_as_it_was_meant(document: Document) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for text in markdown(document).values():
        page = reader.render(text)
        for table in re.findall(r"<table>.*?</table>", page, re.DOTALL):
            assert len({len(re.findall(r"<t[hd]", row)) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)}) == 1
        assert "<s>" not in page and "\\" not in re.sub(r"<[^>]+>", "", page)
    assert html.escape(EVIL) in reader.render(markdown(document)["index.md"])


def test_html_and_markdown_say_the_same(document: Document) -> None:
    page = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html_of(document), flags=re.DOTALL)
    numbers = re.compile(r"\d+\.\d+")
    assert set(numbers.findall(page)) == set(numbers.findall(re.sub(r"!\[.*\]\(.*\)", "", plain(document))))


def leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, dict | list):
        for one in data.values() if isinstance(data, dict) else data:
            yield from leaves(one)
    else:
        yield data


def known(data: dict[str, Any]) -> set[str]:
    """Every way in which a number of the JSON may be written."""
    texts: set[str] = set()
    values = [float(one) for one in leaves(data) if isinstance(one, int | float)]
    spreads = [spread for part in data["parts"] for row in part["spread"].values() for spread in row.values()]
    values += [one for spread in spreads if len(spread) > 1 for one in (mean(spread), stdev(spread))]
    for value in values:
        for scaled in (value, 100 * value):
            texts |= {number(scaled), quantity(scaled)}
        texts |= {duration(abs(value)), count(abs(value))}
    texts |= {one for one in leaves(data) if isinstance(one, str)}
    return {found for text in texts for found in re.findall(r"\d+(?:\.\d+)+", text)}


def test_every_fraction_on_the_pages_is_of_the_json(found: Survey, document: Document) -> None:
    said = re.sub(r"reach about ±\S+", "", plain(document))  # a median over intervals
    strange = set(re.findall(r"\d+(?:\.\d+)+", said)) - known(found.to_json())
    assert not strange


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("advice", 0, "total_seconds"), 33.44, "33.4 s"),
        (("advice", 0, "kendall", "value"), 0.1357, "0.14"),
        (("advice", 2, "regret", "high"), 7.7777, "7.78"),
        (("costs", 1, "one_off_seconds"), 7.77e5, "216 h"),
        (("costs", 0, "macs"), 9.876e6, "9.88 M"),
        (("costs", 0, "seconds"), 0.0777, "77.7 ms"),
        (("costs", 2, "failed"), 4321, "4321"),
        (("parts", 0, "comparison", "rows", 0, "statistics", "kendall_best_fifth", "low"), -0.9876, "-0.99"),
        (("parts", 0, "comparison", "ceiling", "statistics", "spearman", "value"), 0.9876, "0.99"),
        (("parts", 0, "spread", "good", "kendall"), [0.1111, 0.1222], "0.12 ± 0.01"),
        (("parts", 1, "bias", "likenesses", 0, "partial", "value"), -0.9876, "-0.99"),
        (("stability", "steps", 0, "last", "value"), 0.9876, "0.99"),
        (("combinations", "combinations", 0, "development"), 0.9876, "0.99"),
    ],
)
def test_a_number_that_changes_in_the_json_changes_on_the_pages(
    found: Survey, document: Document, path: tuple[Any, ...], value: Any, text: str
) -> None:
    data = json.loads(json.dumps(found.to_json()))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    after = survey_document(Survey.from_json(data), SPACE)
    assert plain(after).count(text) > plain(document).count(text)
    assert html_of(after).replace(MINUS, "-").count(text) > html_of(document).replace(MINUS, "-").count(text)


def test_numbers_of_estimators_are_those_of_the_table(found: Survey) -> None:
    comparison: Comparison = found.parts[0].comparison
    assert [(place, row.name) for place, row in ordered(comparison)] == [
        (1, "good"),
        (2, "dear"),
        (3, EVIL),
        (4, "poor"),
        (None, "broken"),
    ]
