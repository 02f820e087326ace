"""Net2DeeperNet: another layer that changes nothing yet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError, MorphismError
from ghn.graph.ir import Graph
from ghn.graph.morphism.draft import Draft, Line, node_at
from ghn.graph.morphism.network import EPS, MEAN, VAR, Network


@dataclass(frozen=True, eq=False)
class Deeper:
    """Puts an identity convolution with a normalisation at a ReLU.

    Behind the ReLU it is a convolution, a normalisation and another ReLU, which changes nothing, as relu(relu(x)) =
    relu(x); behind anything else another ReLU would cut off what is negative, so that other places are refused. In
    front of the ReLU it is a convolution and a normalisation alone.

    The normalisation has a scale sqrt(v + eps) and a shift m for the running mean m and variance v that it starts with,
    which makes it the identity in evaluation mode. With `images`, m and v are those of its input, and it is (up to the
    batch) the identity in training too; without, m = 0 and v = 1.

    Source: Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016 (Net2DeeperNet), which also says what
    normalisations start with.

    Attributes:
        kernel: side of the new convolution; odd.
        behind: behind the ReLU, else in front of it.
        noise: standard deviation of what is added to the identity; 0 keeps the function.
        images: to measure the normalisation's statistics on, `[b c h w]`.
    """

    kernel: int = 3
    behind: bool = True
    noise: float = 0.0
    images: Float[Tensor, "b c h w"] | None = None
    source = "Chen et al., Net2Net, ICLR 2016"

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0 or self.noise < 0:
            raise ConfigError("an identity convolution needs an odd kernel and a noise of at least 0", got=self)

    def places(self, graph: Graph) -> list[str]:
        """ReLUs of images, but for one that is the output."""
        return [n.name for n in graph.nodes[:-1] if n.op == "relu" and len(n.shape) == 3]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Adds a layer at the ReLU `place`.

        Raises:
            MorphismError: there is no ReLU of this name, or not one of images.
        """
        node = node_at(network.graph, place, "relu")
        if node is network.graph.nodes[-1]:
            raise MorphismError("the output stays what it is", got=place)
        if len(node.shape) != 3:
            raise MorphismError(f"a convolution reads images, and {place!r} gives none", got=node.shape)
        draft, c = Draft(network.graph), node.shape[0]
        before = place if self.behind else draft[place].inputs[0]
        conv, norm, relu = (f"{draft.fresh(f'{place}/deeper')}/{part}" for part in ("conv", "norm", "relu"))
        attrs = {"out": c, "kernel": self.kernel, "padding": self.kernel // 2}
        lines = [Line(conv, "conv", (before,), attrs), Line(norm, "batch_norm", (conv,))]
        if self.behind:
            lines.append(Line(relu, "relu", (norm,)))
            draft.redirect(before, relu)
        else:
            draft[place].inputs = (norm,)
        draft.insert(before, *lines)
        like = next(iter(network.weights.values()))
        weight = torch.zeros(c, c, self.kernel, self.kernel)
        weight[range(c), range(c), self.kernel // 2, self.kernel // 2] = 1
        weight += self.noise * torch.randn(weight.shape, generator=generator)
        mean, var = (value.to(like) for value in self._statistics(network, before, c))
        new = {f"{conv}/weight": weight.to(like), f"{norm}/weight": (var + EPS).sqrt(), f"{norm}/bias": mean.clone()}
        stats = {**network.stats, f"{norm}/{MEAN}": mean, f"{norm}/{VAR}": var}
        return Network(draft.build(), {**network.weights, **new}, stats)

    def _statistics(self, network: Network, name: str, c: int) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel of a node's output."""
        if self.images is None:
            return torch.zeros(c), torch.ones(c)
        var, mean = torch.var_mean(network.outputs(self.images)[name], dim=(0, 2, 3))
        return mean, var
