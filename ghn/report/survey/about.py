"""What each estimator is and when it is worth using; the words stand in `about.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

HYPERNETWORK, SHARED, ZERO_COST = "hypernetwork", "shared weights", "zero cost"
SHORT, REGRESSION, SEVERAL, ELSEWHERE = "short training", "regression", "several together", "from elsewhere"
FAMILIES = (HYPERNETWORK, SHARED, ZERO_COST, SHORT, REGRESSION, SEVERAL, ELSEWHERE)


@dataclass(frozen=True, slots=True)
class About:
    """An estimator in words.

    Attributes:
        family: one of `FAMILIES`; pictures tell them apart by marker.
        what: it is, two sentences.
        when: it is worth using, one sentence.
        needs: trained networks whose training its cost leaves out, as a noun; None where it needs none.
    """

    family: str
    what: str
    when: str
    needs: str | None = None


_WORDS = tomllib.loads(resources.files("ghn.report.survey").joinpath("about.toml").read_text(encoding="utf-8"))
ABOUT = {name: About(**words) for name, words in _WORDS.items()}
UNKNOWN = ABOUT.pop("unknown")  # scores from elsewhere


def about(estimator: str | None) -> About:
    """The words for an estimator of the registry, or for scores from elsewhere."""
    return UNKNOWN if estimator is None else ABOUT.get(estimator, UNKNOWN)
