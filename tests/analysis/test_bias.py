"""measure_bias: what it finds, in numbers and in words, whom it leaves out, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghn.analysis.bias import Bias, Effect, measure_bias
from ghn.analysis.compare import compare
from ghn.analysis.correlation import Statistic
from ghn.errors import ConfigError, DataError
from ghn.report.bias import findings, likeness_findings, mean_of_two, overrates, wrong_pair
from ghn.report.words import MINUS

N = 160
DOCS = Path(__file__).resolve().parents[2] / "docs" / "bias.md"


def world(n: int = N, seed: int = 0) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Networks whose quality depends on depth, and estimators with known errors."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    properties = {
        "depth": (truth + rng.normal(size=n)).round(),
        "pools": rng.integers(5, size=n).astype(float),
        "constant": np.full(n, 3.0),
    }
    noise = rng.normal(size=(4, n))
    scores = {
        "clean": truth + 0.6 * noise[0],
        "pools": truth - 0.5 * properties["pools"] + 0.3 * noise[1],
        "deep": truth + 0.8 * properties["depth"] + 0.3 * noise[2],
        "pools too": truth - 0.5 * properties["pools"] + 0.3 * noise[3],
    }
    seeds = truth[:, None] + 0.1 * rng.normal(size=(n, 3))
    given = {
        "scores": scores,
        "reference": truth,
        "seeds": seeds,
        "bootstrap": 100,
        "ids": [f"net {i}" for i in range(n)],
    }
    return given, properties


@pytest.fixture(scope="module")
def bias() -> Bias:
    given, properties = world()
    return measure_bias(compare(**given), properties, seeds=given["seeds"], permutations=999)


def effect(bias: Bias, row: str, name: str) -> Effect:
    return next(found for found in bias.effects if (found.row, found.property) == (row, name))


class TestEffects:
    def test_planted_biases_are_found_with_their_signs(self, bias: Bias) -> None:
        pools, deep = effect(bias, "pools", "pools"), effect(bias, "deep", "depth")
        assert pools.significant and pools.partial.high < -0.5
        assert deep.significant and deep.partial.low > 0.5
        assert pools.p <= pools.corrected < 0.05

    def test_a_clean_estimator_has_none(self, bias: Bias) -> None:
        assert [found.significant for found in bias.of("clean")] == [False, False]
        assert [found.significant for found in bias.of("random order")] == [False, False]

    def test_a_constant_property_is_left_out_with_a_word(self, bias: Bias) -> None:
        assert bias.properties == ("depth", "pools")
        assert bias.left_out == {"constant": f"the same for all {N} networks (3)"}

    def test_strongest_first(self, bias: Bias) -> None:
        assert [found.property for found in bias.of("pools")] == ["pools", "depth"]

    def test_estimators_are_corrected_apart_from_baselines(self) -> None:
        given, properties = world()
        alone = measure_bias(compare(**given, baselines={}), properties, permutations=999)
        many = {f"b{i}": properties["depth"] + i * 1e-3 for i in range(5)}
        beside = measure_bias(compare(**given, baselines=many), properties, permutations=999)
        rows = len(given["scores"]) * 2
        assert [one.corrected for one in alone.effects] == [one.corrected for one in beside.effects[:rows]]

    def test_so_many_permutations_that_something_can_be_found(self) -> None:
        given, properties = world()
        found = measure_bias(compare(**given), properties, permutations=9)
        assert found.settings.permutations == 2 * 5 * 2 / 0.05
        assert effect(found, "pools", "pools").significant

    def test_no_property_that_varies(self) -> None:
        given, _ = world()
        found = measure_bias(compare(**given), {"constant": np.ones(N)}, permutations=99)
        assert found.effects == ()
        assert findings(found, "clean") == ["not analysed: no property varies over these networks"]


class TestCommonSubset:
    def test_failures_are_left_out_for_all(self) -> None:
        given, properties = world()
        given["scores"]["clean"][:7] = np.nan
        given["scores"]["mostly failed"] = np.r_[np.arange(30.0), np.full(N - 30, np.nan)]
        found = measure_bias(compare(**given), properties, permutations=99)
        kept = {key: {k: v[7:] for k, v in given[key].items()} for key in ("scores",)}
        del kept["scores"]["mostly failed"]
        again = compare(**{**given, **kept, "reference": given["reference"][7:], "seeds": None, "ids": None})
        assert found.n == N - 7
        assert "mostly failed" not in [row.name for row in found.rows]
        expected = measure_bias(again, {k: v[7:] for k, v in properties.items()}, permutations=99)
        judged = [one for one in expected.effects if one.row in given["scores"]]
        assert [one for one in found.effects if one.row in given["scores"]] == judged
        first = found.pairs_of("pools")[0].better
        assert first.id == f"net {first.index}" and first.index >= 7
        assert first.reference == given["reference"][first.index]

    def test_a_constant_estimate_is_not_analysed(self) -> None:
        given, properties = world()
        given["scores"]["flat"] = np.ones(N)
        given["scores"]["perfect"] = given["reference"] ** 3
        found = measure_bias(compare(**given), properties, permutations=99)
        for name in ("flat", "perfect"):
            assert {one.partial.value for one in found.of(name)} == {None}
            assert findings(found, name) == ["not analysed: it gives every network the same value, or makes no error"]

    def test_properties_may_be_nan_where_nobody_is_compared(self) -> None:
        given, properties = world()
        given["scores"]["clean"][0] = properties["depth"][0] = np.nan
        assert measure_bias(compare(**given), properties, permutations=99).n == N - 1


class TestNoise:
    def test_from_seeds_or_given(self, bias: Bias) -> None:
        assert bias.noise == pytest.approx(0.1, rel=0.1)
        assert bias.margin == pytest.approx(1.96 * 2**0.5 * bias.noise)
        assert bias.repeated == N
        given, properties = world()
        told = measure_bias(compare(**given), properties, noise=0.5, permutations=99)
        assert (told.noise, told.second_training, told.repeated) == (0.5, None, 0)
        for pair in told.wrong_pairs:
            assert pair.better.reference - pair.worse.reference > told.margin

    def test_a_second_training_shows_the_bias_that_noise_feigns(self, bias: Bias) -> None:
        second = bias.second_training["depth"]
        assert second.value > 0
        weak = Effect("x", "depth", Statistic(second.value / 2), 0.01, 0.01, True)
        assert bias.feigned(weak)
        assert not bias.feigned(effect(bias, "deep", "depth"))
        assert not bias.feigned(Effect("x", "depth", Statistic(-0.5), 0.01, 0.01, True))

    def test_too_few_repeated_networks(self) -> None:
        given, properties = world()
        given["seeds"][9:, 1:] = np.nan
        found = measure_bias(compare(**given), properties, seeds=given["seeds"], permutations=99)
        assert found.second_training is None
        assert found.noise is not None


class TestPairs:
    def test_disjoint_and_really_reversed(self, bias: Bias) -> None:
        pairs = bias.pairs_of("pools")
        assert len(pairs) == 3
        assert len({one.index for pair in pairs for one in (pair.better, pair.worse)}) == 6
        for pair in pairs:
            assert pair.better.reference_rank < pair.worse.reference_rank
            assert pair.better.estimate_rank > pair.worse.estimate_rank
            assert pair.better.estimate < pair.worse.estimate
            apart = pair.worse.reference_rank - pair.better.reference_rank
            assert pair.confidence <= apart / (N - 1) + 1e-12

    def test_in_words(self, bias: Bias) -> None:
        pair = bias.pairs_of("pools")[0]
        text = wrong_pair(bias, pair)
        assert f"network {pair.worse.id} at place {pair.worse.estimate_rank:g} and {pair.better.id} at" in text
        assert f"of {N}" in text


class TestLikeness:
    def test_same_errors_and_different_ones(self, bias: Bias) -> None:
        assert bias.likeness("pools", "pools too").low > 0.7
        assert bias.likeness("pools too", "pools") == bias.likeness("pools", "pools too")
        assert abs(bias.likeness("clean", "pools").value) < 0.3
        rows = len(bias.rows)
        assert len(bias.likenesses) == rows * (rows - 1) // 2

    def test_in_words(self, bias: Bias) -> None:
        text = likeness_findings(bias)
        assert any(
            re.match(r"clean and (pools|deep).* err differently enough .*: combining them should help", one)
            for one in text
        )
        assert any("pools and pools too err alike" in one for one in text)
        assert not any("random order" in one for one in text)

    def test_the_mean_of_two(self) -> None:
        rng = np.random.default_rng(0)
        truth, common, own, other = rng.normal(size=(4, 200_000))
        one, two = truth + common + own, truth + common + 2 * other
        estimates = np.stack([x / x.std() for x in (one, two)])
        quality = [float(np.corrcoef(x, truth)[0, 1]) for x in estimates]
        residuals = [x - q * truth for x, q in zip(estimates, quality, strict=True)]
        expected = np.corrcoef(estimates.mean(0), truth)[0, 1]
        found = mean_of_two(*quality, alike=float(np.corrcoef(*residuals)[0, 1]))
        assert found == pytest.approx(expected, abs=0.01)

    def test_nobody_to_combine(self) -> None:
        rng = np.random.default_rng(0)
        only = compare({"one": np.arange(40.0)}, np.arange(40.0) + rng.normal(size=40), bootstrap=20)
        assert "none to combine" in likeness_findings(measure_bias(only, {}, permutations=9))[0]


class TestWords:
    def test_a_finding_has_its_figure(self) -> None:
        found = Effect("x", "convolutions", Statistic(-0.41, -0.47, -0.34), 0.0001, 0.001, True)
        assert overrates(found) == f"overrates networks with few convolutions: {MINUS}0.41 [{MINUS}0.47, {MINUS}0.34]"
        found = Effect("x", "width", Statistic(0.2), 0.0001, 0.001, True)
        assert overrates(found) == "overrates wide networks: 0.20"

    def test_significant_ones_or_that_there_is_none(self, bias: Bias) -> None:
        first = findings(bias, "pools")[0]
        assert first.startswith(f"overrates networks with few pools: {MINUS}0.")
        (none,) = findings(bias, "clean")
        assert re.fullmatch(
            r"no bias found in 2 properties \(least corrected p 0\.\d\d; intervals reach about ±0\.\d\d\)", none
        )

    def test_what_noise_may_explain_is_said(self, bias: Bias) -> None:
        weak = Effect("clean", "depth", Statistic(bias.second_training["depth"].value / 2), 0.001, 0.001, True)
        changed = Bias.from_json({**bias.to_json(), "effects": [_json(weak)]})
        assert f"a second training of {N} networks shows 0." in findings(changed, "clean")[0]


class TestJson:
    def test_round_trip(self, bias: Bias) -> None:
        text = json.dumps(bias.to_json(), allow_nan=False)
        assert Bias.from_json(json.loads(text)) == bias
        assert json.loads(text)["schema"] == "ghn.bias/1"

    def test_every_key_is_documented(self, bias: Bias) -> None:
        prose = re.sub(r"```.*?```", "", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
        documented = set(re.findall(r"`([^`]+)`", prose))
        skipped = {"depth", "pools", "constant"}
        assert sorted(set(_keys(bias.to_json())) - documented - skipped) == []

    def test_damaged(self, bias: Bias) -> None:
        with pytest.raises(DataError, match=r"expected: schema .ghn\.bias/1."):
            Bias.from_json({"schema": "ghn.report/1"})
        for change in ({"effects": [{"row": "x"}]}, {"surprise": 1}, {"rows": None}):
            with pytest.raises(DataError, match=r"JSON is damaged(.|\n)*docs/bias.md"):
                Bias.from_json({**bias.to_json(), **change})


class TestWrongInput:
    def test_too_few_networks(self) -> None:
        given, _ = world(9)
        with pytest.raises(DataError, match="too few items to rank\n  got:      9"):
            compare(**given)

    @pytest.mark.parametrize(
        ("properties", "message"),
        [
            ({"depth": np.ones(N - 1)}, rf"'depth' has the wrong shape\n  got:      \({N - 1},\)"),
            ({"depth": np.full(N, np.nan)}, "'depth' is not finite for every network"),
            ({"depth": ["deep"] * N}, "'depth' is not a list of numbers"),
        ],
    )
    def test_properties(self, properties: dict[str, Any], message: str) -> None:
        with pytest.raises(DataError, match=message):
            measure_bias(compare(**world()[0]), properties)

    @pytest.mark.parametrize("settings", [{"noise": -1.0}, {"pairs": -1}, {"level": 0.0}, {"permutations": 0}])
    def test_settings(self, settings: dict[str, Any]) -> None:
        given, properties = world()
        with pytest.raises(ConfigError):
            measure_bias(compare(**given), properties, **settings)

    def test_seeds(self) -> None:
        given, properties = world()
        with pytest.raises(DataError, match="seeds do not match the comparison"):
            measure_bias(compare(**given), properties, seeds=np.ones((N, 1)))


def _json(found: Effect) -> dict[str, Any]:
    return {
        "row": found.row,
        "property": found.property,
        "partial": {"value": found.partial.value, "low": None, "high": None},
        "p": found.p,
        "corrected": found.corrected,
        "significant": found.significant,
    }


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for one in value.values() for key in _keys(one))]
    return [key for one in value for key in _keys(one)] if isinstance(value, list) else []
