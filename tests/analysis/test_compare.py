"""compare: what it computes, whom it leaves out, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghn.analysis import correlation as ranking
from ghn.analysis.compare import LIVE_PARAMETERS, RANDOM_ORDER, compare
from ghn.analysis.comparison import Comparison
from ghn.errors import ConfigError, DataError
from ghn.report.model import Report

N = 60  # of the fixtures
DOCS = Path(__file__).resolve().parents[2] / "docs" / "report.md"


class TestRows:
    def test_estimators_first_then_the_default_baselines(self, comparison: Comparison, evil: str) -> None:
        assert [row.name for row in comparison.estimators] == ["good", evil, "broken", "flat"]
        assert [row.name for row in comparison.baselines] == [LIVE_PARAMETERS, RANDOM_ORDER]

    def test_all_rows_stand_on_the_common_subset(self, comparison: Comparison, data: dict[str, Any], evil: str) -> None:
        kept = np.isfinite(data["scores"]["good"])
        assert (comparison.n_given, comparison.n) == (N, N - 2)
        assert comparison.common == kept.tolist()
        for name in ("good", evil):
            expected = ranking.kendall(data["scores"][name][kept], data["reference"][kept])
            assert comparison.row(name).get("kendall").value == pytest.approx(expected)
            assert comparison.row(name).n == N - 2

    def test_a_row_that_mostly_failed_is_set_aside(self, comparison: Comparison) -> None:
        broken = comparison.row("broken")
        assert broken.set_aside == f"failed on {N - 5} of {N} networks"
        assert (broken.n, broken.failed, broken.statistics) == (0, N - 5, {})
        assert any("broken is set aside" in text for text in comparison.warnings)

    def test_failures_are_listed_with_reasons(self, comparison: Comparison, evil: str) -> None:
        found = [failure for failure in comparison.failures if failure.estimator == "good"]
        assert [(failure.item, failure.reason) for failure in found] == [("|net~3|", evil), ("|net~8|", None)]

    def test_a_constant_estimate_is_undefined_and_said_so(self, comparison: Comparison) -> None:
        assert comparison.row("flat").get("kendall").value is None
        assert any("flat gives every network the same value" in text for text in comparison.warnings)

    def test_the_strongest_baseline_is_the_bar(self, comparison: Comparison) -> None:
        versus = comparison.row("good").versus
        assert versus is not None
        assert versus.baseline == LIVE_PARAMETERS
        bar = comparison.row(LIVE_PARAMETERS).get("kendall").value
        assert versus.kendall.value == pytest.approx(comparison.row("good").get("kendall").value - bar)
        assert comparison.row(LIVE_PARAMETERS).versus is None

    def test_costs(self, comparison: Comparison, data: dict[str, Any], evil: str) -> None:
        good = comparison.row("good")
        assert good.seconds == pytest.approx(data["seconds"]["good"].mean())
        assert good.one_off_seconds == 3.5 * 3600
        assert comparison.row(evil).seconds is None

    def test_levels_and_ceiling(self, comparison: Comparison, data: dict[str, Any]) -> None:
        assert comparison.levels is not None
        assert comparison.levels.networks >= 5 * comparison.levels.count > 0
        assert comparison.ceiling is not None
        assert (comparison.ceiling.n, comparison.ceiling.seeds) == (16, 3)
        complete = data["seeds"][:16]
        expected = ranking.ceiling(complete, bootstrap=0)["kendall"].value
        assert comparison.ceiling.statistics["kendall"].value == pytest.approx(expected)

    def test_too_few_repeated_networks_are_no_ceiling_but_a_warning(self, data: dict[str, Any]) -> None:
        data["seeds"][5:] = np.nan
        found = compare(**(data | {"bootstrap": 0}))
        assert found.ceiling is None
        assert any("only 5 networks were trained with all 3 seeds" in text for text in found.warnings)

    def test_baselines_of_the_caller_replace_the_default(self) -> None:
        found = compare({"a": np.arange(20)}, np.arange(20), baselines={"b": np.ones(20)}, bootstrap=0)
        assert [row.name for row in found.rows] == ["a", "b"]
        assert found.row("a").versus is None  # a constant is no bar


class TestJson:
    def test_round_trip(self, comparison: Comparison, report: Report) -> None:
        text = json.dumps(comparison.to_json(), allow_nan=False)
        assert Comparison.from_json(json.loads(text)) == comparison
        text = json.dumps(report.to_json(), allow_nan=False)
        again = Report.from_json(json.loads(text))
        assert again.comparisons == report.comparisons
        assert json.dumps(again.to_json()) == text

    def test_every_key_is_documented(self, report: Report) -> None:
        prose = re.sub(r"```.*?```", "", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
        documented = set(re.findall(r"`([^`]+)`", prose))
        keys = set(_keys(report.to_json()))
        assert {"kendall_within_groups", "regret@k", "versus", "reason", "low"} <= keys
        assert sorted(keys - documented) == []

    @pytest.mark.parametrize("cls", [Report, Comparison])
    def test_another_schema(self, cls: type) -> None:
        with pytest.raises(DataError, match="got:      schema 'other/9'\n  expected: schema 'ghn"):
            cls.from_json({"schema": "other/9"})

    def test_a_missing_or_unknown_key(self, report: Report) -> None:
        data = report.to_json()
        del data["comparisons"][0]["rows"][0]["failed"]
        with pytest.raises(DataError, match=r"JSON is damaged\n.*failed"):
            Report.from_json(data)


class TestWrongInput:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"reference": np.ones(N)}, f"all references are equal.*\n  got:      {N} times 1"),
            ({"reference": np.r_[np.nan, np.arange(N - 1.0)]}, f"not finite\n  got:      1 of {N}.*index 0"),
            ({"scores": {"a": np.ones(N - 1)}}, rf"'a' has the wrong shape\n  got:      \({N - 1},\)"),
            ({"scores": {"a": ["x"] * N}}, "'a' is not a list of numbers"),
            ({"ids": ["same"] * N}, "appear more than once\n  got:      1 repeated ids, the first 'same'"),
            ({"ids": ["one"]}, "ids do not match"),
            ({"seeds": np.ones((3, 2))}, r"seeds do not match.*\n  got:      shape \(3, 2\)"),
            ({"live_params": np.full(N, np.nan)}, "live_params are not finite"),
            ({"errors": {"good": ["x"]}}, "errors of 'good' do not match"),
            ({"seconds": {"good": -1.0}}, "seconds of 'good' are not times"),
            ({"scores": {"a": np.full(N, np.nan)}, "errors": None}, "too few networks.*\n.*a failed on 60"),
        ],
    )
    def test_data(self, data: dict[str, Any], change: dict[str, Any], message: str) -> None:
        only = {"seconds": None, "one_off_seconds": None, "errors": None} if "scores" in change else {}
        with pytest.raises(DataError, match=message):
            compare(**(data | only | change))

    def test_fewer_than_ten(self) -> None:
        with pytest.raises(DataError, match="too few items to rank\n  got:      9"):
            compare({"a": np.arange(9)}, np.arange(9))

    def test_no_common_subset(self) -> None:
        left, right = np.arange(30.0), np.arange(30.0)
        left[:15], right[15:] = np.nan, np.nan
        with pytest.raises(
            DataError, match="0 of 30; a failed on 15: no reason given; b failed on 15: out of memory\n"
        ):
            compare(
                {"a": left, "b": right}, np.arange(30), errors={"b": [None] * 15 + ["out of memory\n  on the GPU"] * 15}
            )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"scores": {}}, "no estimator to compare"),
            (
                {"baselines": {"good": np.arange(N)}},
                r"both an estimator and a baseline\n  got:      \['good'\]",
            ),
            ({"seconds": {"typo": 1.0}}, r"rows that do not exist\n  got:      \['typo'\]"),
            ({"ks": (0,)}, "at least 1"),
            ({"ks": (1.5,)}, "whole numbers"),
            ({"bootstrap": -1}, "0 to 1,000,000"),
            ({"min_level": 1}, "min_level >= 2"),
        ],
    )
    def test_settings(self, data: dict[str, Any], change: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            compare(**(data | change))


def _keys(value: Any) -> list[str]:
    """All keys of nested JSON, what is free in `metadata` aside."""
    if isinstance(value, list):
        return [key for one in value for key in _keys(one)]
    if not isinstance(value, dict):
        return []
    inner = [key for name, one in value.items() if name != "metadata" for key in _keys(one)]
    return [re.sub(r"@\d+$", "@k", name) for name in value] + inner
