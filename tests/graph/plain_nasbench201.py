"""The NAS-Bench-201 network as one would write it by hand, with modules under the names of the graph's nodes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


class PlainNetwork(nn.Module):
    """Stem, three stages of `depth` cells, residual reductions and head, as in the benchmark's own code."""

    def __init__(self, arch: tuple[str, ...], classes: int, width: int, depth: int, running_stats: bool) -> None:
        super().__init__()
        self.arch, self.depth, self.stats = arch, depth, running_stats
        self._conv_norm("stem", 3, width, 3)
        for stage in range(3):
            c = width * 2**stage
            if stage:
                self._conv_norm(f"reduce{stage}/a", c // 2, c, 3, 2)
                self._conv_norm(f"reduce{stage}/b", c, c, 3)
                self.add_module(f"reduce{stage}/shortcut/conv", nn.Conv2d(c // 2, c, 1, bias=False))
            for cell in range(depth):
                for (source, target), op in zip(EDGES, arch, strict=True):
                    if op.startswith("nor_conv"):
                        self._conv_norm(f"stage{stage}/cell{cell}/{source}-{target}", c, c, int(op[-1]))
        self.add_module("head/norm", nn.BatchNorm2d(4 * width, track_running_stats=running_stats))
        self.add_module("head/linear", nn.Linear(4 * width, classes))

    def _conv_norm(self, name: str, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        self.add_module(f"{name}/conv", nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False))
        self.add_module(f"{name}/norm", nn.BatchNorm2d(c_out, track_running_stats=self.stats))

    def _run(self, name: str, x: Tensor, relu: bool = True) -> Tensor:
        x = x.relu() if relu else x
        return self.get_submodule(f"{name}/norm")(self.get_submodule(f"{name}/conv")(x))

    def _edge(self, name: str, op: str, x: Tensor) -> Tensor:
        if op == "none":
            return torch.zeros_like(x)
        if op == "skip_connect":
            return x
        if op == "avg_pool_3x3":
            return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        return self._run(name, x)

    def features(self, x: Tensor) -> Tensor:
        """The feature map that the head pools."""
        x = self._run("stem", x, relu=False)
        for stage in range(3):
            if stage:
                y = self._run(f"reduce{stage}/b", self._run(f"reduce{stage}/a", x))
                x = y + self.get_submodule(f"reduce{stage}/shortcut/conv")(F.avg_pool2d(x, 2))
            for cell in range(self.depth):
                nodes = [x]
                for target in (1, 2, 3):
                    terms = [
                        self._edge(f"stage{stage}/cell{cell}/{s}-{t}", op, nodes[s])
                        for (s, t), op in zip(EDGES, self.arch, strict=True)
                        if t == target
                    ]
                    nodes.append(sum(terms))
                x = nodes[3]
        return self.get_submodule("head/norm")(x).relu()

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        return self.get_submodule("head/linear")(self.features(x).mean((2, 3)))


def graph_name(name: str) -> str:
    """The graph's name of a parameter or buffer."""
    return name.replace(".", "/")
