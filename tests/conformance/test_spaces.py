"""Every space joins with one line."""

import pytest

from conformance.space import SPACE_CHECKS
from ghn.spaces import DARTS, NASBench201

SPACES = {
    "nasbench201": NASBench201((3, 8, 8), classes=4, width=4, depth=1),
    "nasbench201, one channel": NASBench201((1, 28, 28), classes=100, width=2, depth=2),
    "darts": DARTS((3, 8, 8), classes=4, width=2, depth=3),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("check", SPACE_CHECKS, ids=lambda c: c.__name__)
def test_space(check, space):
    check(space)
