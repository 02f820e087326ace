"""Which layers of PyTorch are which operation of the IR: the table that tracing reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ghn.graph.translate_calls import CALLS, Layer, refuse, square

_EPSILON = 1e-5  # of the IR's normalisation


def _conv(m: nn.Conv2d) -> Layer:
    refuse(m.padding_mode != "zeros", f"a convolution with padding_mode={m.padding_mode!r}")
    refuse(m.padding == "same", "a convolution with padding='same': give the number of pixels")
    attrs = {
        "out": m.out_channels,
        "kernel": square(m.kernel_size, "kernel"),
        "stride": square(m.stride, "stride"),
        "padding": 0 if m.padding == "valid" else square(m.padding, "padding"),
        "dilation": square(m.dilation, "dilation"),
        "groups": m.groups,
        "bias": int(m.bias is not None),
    }
    bias = {} if m.bias is None else {"bias": m.bias}
    return Layer("conv", attrs=attrs, weights={"weight": m.weight, **bias})


def _norm(m: nn.BatchNorm2d) -> Layer:
    refuse(m.eps != _EPSILON, f"a normalisation with eps={m.eps}: the IR has {_EPSILON}")
    like = torch.empty(m.num_features) if m.running_mean is None else m.running_mean
    weights = {
        "weight": torch.ones_like(like) if m.weight is None else m.weight,
        "bias": torch.zeros_like(like) if m.bias is None else m.bias,
    }
    if m.running_mean is None or m.running_var is None:
        return Layer("batch_norm", weights=weights)
    return Layer("batch_norm", weights=weights, stats={"running_mean": m.running_mean, "running_var": m.running_var})


def _linear(m: nn.Linear) -> Layer:
    bias = m.weight.new_zeros(m.out_features) if m.bias is None else m.bias
    return Layer("linear", attrs={"out": m.out_features}, weights={"weight": m.weight, "bias": bias})


LAYERS: dict[type[nn.Module], Callable[[Any], Layer]] = {
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _norm,
    nn.Linear: _linear,
    nn.ReLU: lambda m: Layer("relu"),
    nn.Identity: lambda m: Layer("identity"),
    nn.Dropout: lambda m: Layer("identity"),
    nn.Dropout2d: lambda m: Layer("identity"),
    nn.MaxPool2d: lambda m: CALLS[F.max_pool2d](
        None, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
    ),
    nn.AvgPool2d: lambda m: CALLS[F.avg_pool2d](
        None, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    ),
    nn.AdaptiveAvgPool2d: lambda m: CALLS[F.adaptive_avg_pool2d](None, m.output_size),
    nn.Flatten: lambda m: CALLS[torch.flatten](None, m.start_dim, m.end_dim),
}


def supported() -> str:
    """The layers and calls that can be translated, for messages."""
    calls = sorted({key if isinstance(key, str) else key.__name__ for key in CALLS})
    return f"the layers {', '.join(layer.__name__ for layer in LAYERS)}; the calls {', '.join(calls)}"
