"""Where estimators err: the map, who overrates what, who errs like whom, and wrong pairs as graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghn.report.bias.cell_picture import pair_figure
from ghn.report.bias.figures import bias_map, likeness_map
from ghn.report.bias.model import Bias
from ghn.report.bias.properties import PROPERTIES
from ghn.report.bias.words import findings, likeness_findings, wrong_pair
from ghn.report.survey.document import Block, Drawing, Drawings, Fold, Heading, Items, Text, listed
from ghn.report.survey.model import Part
from ghn.report.words import quantity
from ghn.types import Space

_FINDINGS = 1  # said of a row on the first page; all of them are on its own


def bias_section(part: Part, number_of: int, shown: Mapping[str, str], space: Space[Any]) -> list[Block]:
    """The map, who overrates what, who errs like whom, and the wrong pairs of a few.

    Args:
        part: of the survey.
        number_of: the part, from 1.
        shown: rows whose most confidently wrong pair is drawn here, and names of their files.
        space: of the networks.
    """
    bias = part.bias
    head: list[Block] = [Heading(2, f"Biases against {bias.reference_name}")]
    if not bias.rows:
        return [*head, Text("No row could be analysed.")]
    if not bias.properties:
        head.append(Text("No property of networks varies, so no bias can be looked for."))
    else:
        drawn = Drawing(f"survey-{number_of}-bias", bias_map(bias), f"Biases over {bias.n} networks, as listed below.")
        head += [Text(_how(bias), soft=True), Drawings((drawn,)), Heading(3, "In words")]
        for kind, title in (("estimator", ""), ("baseline", "Baselines")):
            words = Items(tuple((row.name, _strongest(bias, row.name)) for row in bias.rows if row.kind == kind))
            if words.items:
                head.append(Fold(title, (words,)) if title else words)
    if bias.left_out:
        head.append(Text("Not analysed: " + "; ".join(f"{k} ({v})" for k, v in bias.left_out.items()) + ".", soft=True))
    if bias.properties:
        head.append(
            Fold(
                "What the properties are",
                (listed(*(f"{n}: {PROPERTIES[n]}" for n in bias.properties if n in PROPERTIES)),),
            )
        )
    if len(bias.rows) > 1 and bias.likenesses:
        alike = " ".join(likeness_findings(bias))
        picture = Drawing(f"survey-{number_of}-likeness", likeness_map(bias), f"Correlation of rank residuals. {alike}")
        head += [Heading(3, "Who errs like whom"), listed(*likeness_findings(bias)), Drawings((picture,))]
    pairs = [p for row, file in shown.items() for p in wrong_pairs(part, number_of, row, file, space)]
    return [
        *head,
        *([Heading(3, "Pairs that the advised estimators get most confidently wrong"), *pairs] if pairs else []),
    ]


def _strongest(bias: Bias, row: str) -> str:
    found = findings(bias, row)
    more = len(found) - _FINDINGS
    return "; ".join(found[:_FINDINGS]) + (f"; {more} more {'is' if more == 1 else 'are'} weaker" if more > 0 else "")


def _how(bias: Bias) -> str:
    tests = f"{bias.settings.permutations:,} permutations"
    text = (
        "What an estimate still has to do with a property of networks when the reference is known: Spearman's "
        f"partial rank correlation, {bias.n:,} networks. Stars: significant at {quantity(bias.settings.level)} after "
        f"correction for all pairs of estimator and property ({tests}). Positive: networks with more of it are "
        "overrated."
    )
    if bias.second_training is not None:
        text += f" A second training of {bias.repeated:,} networks shows what the reference's noise alone can feign."
    return text


def wrong_pairs(part: Part, number_of: int, row: str, file: str, space: Space[Any]) -> list[Block]:
    """The pair that a row gets most confidently wrong, drawn; the next ones in words.

    Args:
        part: of the survey.
        number_of: the part, from 1.
        row: whose pairs.
        file: what its files are called by.
        space: of the networks.
    """
    pairs = part.bias.pairs_of(row)
    if not pairs:
        return []
    caption = f"{wrong_pair(part.bias, pairs[0])}."
    picture = Drawing(
        f"survey-{number_of}-pair-{file}", pair_figure(part.bias, pairs[0], space), caption, caption, many=True
    )
    others = [f"{wrong_pair(part.bias, pair)}." for pair in pairs[1:]]
    return [Drawings((picture,)), *([Fold("The next ones", (listed(*others),))] if others else [])]
