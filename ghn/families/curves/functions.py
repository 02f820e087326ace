"""The eleven families of learning curves, and their least-squares fits for many curves at once.

Given its nonlinear parameters, each family is linear in the rest (two of them after taking logarithms or exponentials).
So a fit is a grid over the nonlinear parameters, with the linear ones in closed form; the grid's bases do not depend on
the curve, and thousands of curves share one pseudo-inverse.

Source: Domhan, Springenberg & Hutter, "Speeding up Automatic Hyperparameter Optimization of Deep Neural Networks by
Extrapolation of Learning Curves", IJCAI 2015, table 1; Golub & Pereyra, "The Differentiation of Pseudo-Inverses and
Nonlinear Least Squares Problems Whose Variables Separate", SIAM J. Numer. Anal. 1973 (variable projection).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ghn.tables.curves import Floats

TINY = 1e-9
Parameters = tuple[Floats, ...]  # a family's parameters, each of a shape that broadcasts


def identity(values: Floats) -> Floats:
    """Leaves values as they are."""
    return values


def _safe_log(values: Floats) -> Floats:
    return np.log(np.maximum(values, 1e-3))


def _safe_exp(values: Floats) -> Floats:
    return np.exp(np.clip(values, -50.0, 50.0))


@dataclass(frozen=True, eq=False)
class Family:
    """A family of curves.

    Attributes:
        name: as in the paper.
        curve: (epochs, parameters) -> accuracies; shapes broadcast.
        bounds: of each parameter, for the sampler; the paper's priors are flat.
        axes: the grid of the nonlinear parameters, an axis each.
        basis: (epochs [t], nonlinear [g, q]) -> what the linear parameters multiply, [g, t, m].
        parameters: (linear [.., m], nonlinear [.., q]) -> the parameters of `curve`, clipped to `bounds` by its users.
        link, inverse: in which the fit is linear, and back.
    """

    name: str
    curve: Callable[[Floats, Parameters], Floats]
    bounds: tuple[tuple[float, float], ...]
    axes: tuple[Floats, ...]
    basis: Callable[[Floats, Floats], Floats]
    parameters: Callable[[Floats, Floats], list[Floats]]
    link: Callable[[Floats], Floats] = identity
    inverse: Callable[[Floats], Floats] = identity

    @cached_property
    def grid(self) -> Floats:
        """All combinations of the nonlinear parameters, [g, q]; one empty row where there are none."""
        return np.stack([a.reshape(-1) for a in np.meshgrid(*self.axes, indexing="ij")], -1) if self.axes else _NONE

    def fit(self, x: Floats, y: Floats) -> Floats:
        """Least squares at each grid point: the linear parameters, [g, n, m], of curves y [n, t] at epochs x [t]."""
        return np.einsum("gmt,nt->gnm", _inverse(self, tuple(x)), self.link(y), optimize=True)

    def values(self, x: Floats, linear: Floats) -> Floats:
        """The fitted curves at epochs x [t]: [g, n, t]."""
        return self.inverse(np.einsum("gtm,gnm->gnt", self.basis(x, self.grid), linear, optimize=True))


@lru_cache(maxsize=256)
def _inverse(family: Family, epochs: tuple[float, ...]) -> Floats:
    """The pseudo-inverses of a family's bases, [g, m, t], which every chunk of curves needs again."""
    return np.asarray(np.linalg.pinv(family.basis(np.array(epochs), family.grid), rcond=1e-8), dtype=np.float64)


_NONE = np.zeros((1, 0))
_RATES, _SHAPES = np.geomspace(1e-3, 3.0, 48), np.geomspace(0.1, 3.0, 28)


def _columns(*columns: Floats) -> Floats:
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _fixed(*columns: Floats) -> Floats:
    return _columns(*columns)[None]


def _sides(g: Floats, f: Callable[[Floats, Floats, Floats], Floats], x: Floats) -> Floats:
    """Basis [1, -f] of a curve that falls from the one side to the other: upper - (upper - lower) f."""
    shape = f(x, g[:, :1], g[:, 1:])
    return _columns(np.ones_like(shape), -shape)


def _stretched(x: Floats, rate: Floats, shape: Floats) -> Floats:
    return np.exp(-np.minimum((rate * x) ** shape, 50.0))


def _logistic(x: Floats, rate: Floats, shape: Floats) -> Floats:
    return 1.0 / (1.0 + (rate * x) ** shape)


def _pow4(x: Floats, p: Parameters) -> Floats:
    c, a, b, alpha = p
    return c - np.maximum(a * x + b, TINY) ** -alpha


def _pow4_parameters(c: Floats, g: Floats) -> list[Floats]:
    # c - A (x + s)^-alpha is c - (a x + b)^-alpha with a = A^(-1/alpha) and b = a s
    a = np.maximum(c[..., 1], TINY) ** (-1.0 / g[..., 1])
    return [c[..., 0], a, a * g[..., 0], g[..., 1]]


def _two_sided(c: Floats, g: Floats) -> list[Floats]:
    return [c[..., 0], c[..., 0] - c[..., 1], g[..., 0], g[..., 1]]


def _saturating(c: Floats, g: Floats) -> list[Floats]:
    return [c[..., 0], g[..., 0], g[..., 1]]


_UNIT, _POSITIVE, _WIDE = (0.0, 1.2), (TINY, 50.0), (-20.0, 20.0)
_SIDES = (_UNIT, (-2.0, 1.2), (1e-6, 50.0), (0.01, 10.0))  # upper, lower, rate, shape

FAMILIES: tuple[Family, ...] = (
    Family(
        "vapor pressure",
        lambda x, p: _safe_exp(p[0] + p[1] / x + p[2] * np.log(x)),
        (_WIDE, _WIDE, _WIDE),
        (),
        lambda x, g: _fixed(np.ones_like(x), 1 / x, np.log(x)),
        lambda c, g: [c[..., 0], c[..., 1], c[..., 2]],
        _safe_log,
        _safe_exp,
    ),
    Family(
        "pow3",
        lambda x, p: p[0] - p[1] * x ** -p[2],
        (_UNIT, (-20.0, 20.0), (0.01, 10.0)),
        (np.geomspace(0.02, 4.0, 60),),
        lambda x, g: _columns(np.ones((len(g), len(x))), -(x**-g)),
        lambda c, g: [c[..., 0], c[..., 1], g[..., 0]],
    ),
    Family(
        "log log linear",
        lambda x, p: np.log(np.maximum(p[0] * np.log(x) + p[1], TINY)),
        ((0.0, 20.0), (0.0, 20.0)),
        (),
        lambda x, g: _fixed(np.log(x), np.ones_like(x)),
        lambda c, g: [c[..., 0], c[..., 1]],
        _safe_exp,
        _safe_log,
    ),
    Family(
        "Hill3",
        lambda x, p: p[0] / (1.0 + (p[1] / x) ** p[2]),
        (_UNIT, (1e-6, 1e6), (0.01, 10.0)),
        (np.geomspace(0.01, 1e3, 48), _SHAPES),
        lambda x, g: _columns(1.0 / (1.0 + (g[:, :1] / x) ** g[:, 1:])),
        _saturating,
    ),
    Family(
        "log power",
        lambda x, p: p[0] / (1.0 + np.exp(np.clip(p[2] * (np.log(x) - p[1]), -50.0, 50.0))),
        (_UNIT, (-20.0, 20.0), (-10.0, 0.0)),
        (np.linspace(-5.0, 7.0, 48), -_SHAPES),
        lambda x, g: _columns(1.0 / (1.0 + np.exp(g[:, 1:] * (np.log(x) - g[:, :1])))),
        _saturating,
    ),
    Family(
        "pow4",
        _pow4,
        (_UNIT, _POSITIVE, _POSITIVE, (0.01, 10.0)),
        (np.concatenate([[0.0], np.geomspace(0.1, 100.0, 16)]), np.geomspace(0.05, 4.0, 24)),
        lambda x, g: _sides(g, lambda x, shift, a: (x + shift) ** -a, x),
        _pow4_parameters,
    ),
    Family(
        "MMF",
        lambda x, p: p[0] - (p[0] - p[1]) * _logistic(x, p[2], p[3]),
        _SIDES,
        (_RATES, _SHAPES),
        lambda x, g: _sides(g, _logistic, x),
        _two_sided,
    ),
    Family(
        "exp4",
        lambda x, p: p[0] - _safe_exp(p[1] - p[2] * x ** p[3]),
        (_UNIT, (-20.0, 3.0), (1e-6, 50.0), (0.01, 10.0)),
        (_RATES, _SHAPES),
        lambda x, g: _sides(g, _stretched, x),
        lambda c, g: [c[..., 0], np.log(np.maximum(c[..., 1], TINY)), g[..., 0] ** g[..., 1], g[..., 1]],
    ),
    Family(
        "Janoschek",
        lambda x, p: p[0] - (p[0] - p[1]) * _safe_exp(-p[2] * x ** p[3]),
        _SIDES,
        (_RATES, _SHAPES),
        lambda x, g: _sides(g, _stretched, x),
        lambda c, g: [c[..., 0], c[..., 0] - c[..., 1], g[..., 0] ** g[..., 1], g[..., 1]],
    ),
    Family(
        "Weibull",
        lambda x, p: p[0] - (p[0] - p[1]) * _stretched(x, p[2], p[3]),
        _SIDES,
        (_RATES, _SHAPES),
        lambda x, g: _sides(g, _stretched, x),
        _two_sided,
    ),
    Family(
        "ilog2",
        lambda x, p: p[0] - p[1] / np.log(x + 1.0),  # the paper's 1 / log(x) has no value after the first epoch
        (_UNIT, (-5.0, 5.0)),
        (),
        lambda x, g: _fixed(np.ones_like(x), -1.0 / np.log(x + 1.0)),
        lambda c, g: [c[..., 0], c[..., 1]],
    ),
)
