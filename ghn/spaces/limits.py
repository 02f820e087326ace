"""How large the networks of a space may be: what is larger would take memory and hours before anything says so."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from numbers import Integral

from ghn.errors import ConfigError

SIDE = 1 << 14  # of an image, in pixels, and of its channels
VALUES = 1 << 28  # in an input
MOST = {"width": 1 << 16, "depth": 1 << 10, "classes": 1 << 20}
FIX = "settings of this size are no networks that could be scored; give smaller ones"


def check_sizes(title: str, input_shape: Sequence[object], **sizes: object) -> None:
    """Refuses settings of a space that are no whole numbers, or beyond `MOST`, and inputs beyond `SIDE` and `VALUES`.

    Args:
        title: of the space, in the message.
        input_shape: of its images.
        sizes: by their names in `MOST`; none has a lower limit here.

    Raises:
        ConfigError: one is not so.
    """
    for name, value in sizes.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or int(value) > MOST[name]:
            expected = f"a whole number of at most {MOST[name]}"
            raise ConfigError(f"the {name} of the {title} is out of range", got=value, expected=expected, fix=FIX)
    whole = [int(side) for side in input_shape if isinstance(side, Integral) and not isinstance(side, bool)]
    if len(whole) < len(input_shape) or max(whole, default=0) > SIDE or prod(whole) > VALUES:
        expected = f"whole numbers of at most {SIDE}, and no more than {VALUES} values in all"
        raise ConfigError(f"the inputs of the {title} are out of range", got=input_shape, expected=expected, fix=FIX)
