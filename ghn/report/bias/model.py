"""What an analysis of biases holds, and its JSON; `docs/bias.md` documents every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ghn.ranking import Statistic
from ghn.report.codec import check_schema, damaged, plain

BIAS_SCHEMA = "ghn.bias/1"


@dataclass(frozen=True, slots=True)
class BiasRow:
    """An estimator or baseline that was analysed: its name, its kind, and its rank correlation with the reference."""

    name: str
    kind: str
    kendall: Statistic


@dataclass(frozen=True, slots=True)
class Effect:
    """How a row's errors go with a property.

    Attributes:
        row: the estimator or baseline.
        property: the property.
        partial: Spearman's partial correlation of estimate and property given the reference; positive where
            networks with more of it are overrated. None for a constant estimate or a perfect one.
        p: of the permutation test, before correction.
        corrected: corrected for all pairs of a row of this kind and a property.
        significant: whether `corrected` is below the level.
    """

    row: str
    property: str
    partial: Statistic
    p: float | None
    corrected: float | None
    significant: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A network as the reference and an estimate see it; ranks are among the n, 1 = best, ties sharing their mean."""

    index: int
    id: str
    reference: float
    estimate: float
    reference_rank: float
    estimate_rank: float


@dataclass(frozen=True, slots=True)
class WrongPair:
    """Two networks that a row puts in the wrong order; `confidence` as in `ghn.ranking.Reversal`."""

    row: str
    better: Judged
    worse: Judged
    confidence: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether two rows err alike: the correlation of their rank residuals."""

    one: str
    other: str
    partial: Statistic


@dataclass(frozen=True, slots=True)
class BiasSettings:
    """How the biases were computed; `level` is that of `Effect.significant`."""

    bootstrap: int
    permutations: int
    seed: int
    level: float


@dataclass(frozen=True, slots=True)
class Bias:
    """Where estimators err.

    Attributes:
        reference_name: as in the comparison.
        reference_unit: as in the comparison.
        n: networks, on which all rows were compared.
        rows: estimators first, then baselines; rows that the comparison set aside are not here.
        properties: those that vary.
        left_out: property -> why it was not analysed.
        effects: of each row with each property.
        second_training: property -> what a second training of the same networks shows as an estimate: the bias that
            the reference's noise feigns. None where the seeds are not known.
        repeated: networks on which `second_training` rests.
        noise: standard deviation of one training's reference, in its unit; None when unknown.
        margin: least difference of two references in `wrong_pairs`, in their unit.
        wrong_pairs: most decided first within each row.
        likenesses: of each two rows.
        settings: how it was computed.
    """

    reference_name: str
    reference_unit: str
    n: int
    rows: tuple[BiasRow, ...]
    properties: tuple[str, ...]
    left_out: dict[str, str]
    effects: tuple[Effect, ...]
    second_training: dict[str, Statistic] | None
    repeated: int
    noise: float | None
    margin: float
    wrong_pairs: tuple[WrongPair, ...]
    likenesses: tuple[Likeness, ...]
    settings: BiasSettings

    def row(self, name: str) -> BiasRow:
        """The row of that name."""
        return next(row for row in self.rows if row.name == name)

    def of(self, row: str) -> list[Effect]:
        """The effects of a row, strongest first, undefined ones last."""
        found = [effect for effect in self.effects if effect.row == row]
        return sorted(found, key=lambda effect: -abs(effect.partial.value or 0.0))

    def pairs_of(self, row: str) -> list[WrongPair]:
        """The pairs that a row gets most confidently wrong."""
        return [pair for pair in self.wrong_pairs if pair.row == row]

    def likeness(self, one: str, other: str) -> Statistic:
        """The correlation of two rows' residuals, in either order."""
        return next(found.partial for found in self.likenesses if {found.one, found.other} == {one, other})

    def feigned(self, effect: Effect) -> bool:
        """Whether a second training shows as much: then the reference's noise explains it."""
        value = effect.partial.value
        second = (self.second_training or {}).get(effect.property)
        if value is None or second is None or second.value is None or value * second.value <= 0:
            return False
        far = second.high if second.value > 0 else second.low
        return abs(value) <= abs(second.value if far is None else far)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears (null does)."""
        return {"schema": BIAS_SCHEMA, **plain(asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Bias:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, or keys missing or unknown.
        """
        check_schema(data, BIAS_SCHEMA)
        try:
            return _bias(data)
        except (KeyError, TypeError, AttributeError) as error:
            raise damaged(error, "docs/bias.md") from error


def _bias(data: Mapping[str, Any]) -> Bias:
    second = data["second_training"]
    built = {
        "rows": tuple(BiasRow(**{**row, "kendall": Statistic(**row["kendall"])}) for row in data["rows"]),
        "properties": tuple(data["properties"]),
        "left_out": dict(data["left_out"]),
        "effects": tuple(Effect(**_with_partial(one)) for one in data["effects"]),
        "second_training": second and {name: Statistic(**one) for name, one in second.items()},
        "wrong_pairs": tuple(
            WrongPair(**{**pair, "better": Judged(**pair["better"]), "worse": Judged(**pair["worse"])})
            for pair in data["wrong_pairs"]
        ),
        "likenesses": tuple(Likeness(**_with_partial(one)) for one in data["likenesses"]),
        "settings": BiasSettings(**data["settings"]),
    }
    return Bias(**{**{key: value for key, value in data.items() if key != "schema"}, **built})


def _with_partial(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "partial": Statistic(**data["partial"])}
