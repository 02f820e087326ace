"""In which variants of themselves spaces are trained and read: one rule."""

import pytest

from ghn.spaces import DARTS, NASBench101, NASBench201, NASBenchMacro, skeletons_of
from ghn.types import Readable

SHAPE = (3, 8, 8)
# trained, read, and for proxies
VARIANTS = {
    "nasbench201": (
        NASBench201(SHAPE, 4, width=8, depth=1),
        [{"depth": 1}, {"depth": 2}, {"depth": 3}],
        [{"depth": 1}, {"depth": 3}, {"depth": 5}],
        {"width": 16, "depth": 5},
    ),
    "darts": (
        DARTS(SHAPE, 4, width=8, depth=5),
        [*({"depth": d} for d in (3, 4, 5)), *({"depth": d, "width": 12} for d in (3, 4, 5))],
        [{"depth": 3}, {"depth": 3, "width": 12}, {"depth": 5}, {"depth": 8}],
        {"depth": 8},
    ),
    "nasbench101": (
        NASBench101(SHAPE, 4, width=16),
        [{"depth": 1}, {"depth": 2}, {"depth": 1, "width": 24}, {"depth": 2, "width": 24}],
        [{"depth": 1}, {"depth": 1, "width": 24}, {"depth": 2}, {"depth": 3}],
        {"depth": 3},
    ),
    "macro": (NASBenchMacro(SHAPE, 4, width=8), [{}, {"width": 12}], [{}, {"width": 12}], {}),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_variants_of_a_space(name):
    space, trained, read, proxy = VARIANTS[name]
    assert isinstance(space, Readable)
    assert (space.training_variants(), space.reading_variants(), space.proxy_variant()) == (trained, read, proxy)


@pytest.mark.parametrize("name", VARIANTS)
def test_weights_are_read_at_widths_that_training_has_seen(name):
    """At others there is no order."""
    space = VARIANTS[name][0]
    trained, read = (
        {one.width for one in skeletons_of(space, variants)}
        for variants in (space.training_variants(), space.reading_variants())
    )
    assert read == trained and space.width in read
