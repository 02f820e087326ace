"""From node vectors to the parameters of networks: one head a kind, one call a kind, shape and gain."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from ghn.errors import GraphError
from ghn.graph.features import Group
from ghn.nets.kinds import BASE_KINDS, CLASS_HEAD, PARAMETER_KINDS, Sizes, check_kinds, normalise


class Decoder(nn.Module):
    """One head a kind of parameters.

    Args:
        embedding: size of the node embeddings.
        hidden: hidden units of the heads.
        channels: greatest number of channels made without tiling.
        classes: number of classes of the task: the tile of the class head.
        kernel: kernel size of what is made; smaller kernels are its centre, larger ones interpolated from it.
        mix: units of the layer after the hidden one, in heads of weights; by default `hidden`.
        rank: of weights that are made as products of two factors; None: they are tiled.
        kinds: which have a head, in the order in which heads draw their initial weights.

    Raises:
        ConfigError: a kind that is not registered, or has no head.
    """

    def __init__(
        self,
        embedding: int,
        hidden: int,
        channels: int,
        classes: int,
        kernel: int,
        *,
        mix: int | None = None,
        rank: int | None = None,
        kinds: Sequence[str] = BASE_KINDS,
    ) -> None:
        super().__init__()
        check_kinds(kinds)
        sizes = Sizes(embedding, hidden, mix or hidden, channels, classes, kernel, rank)
        self.classes = classes
        self.norm = nn.LayerNorm(embedding)
        self.heads = nn.ModuleDict({name: head(sizes) for name in kinds if (head := PARAMETER_KINDS[name].head)})

    def forward(self, h: Float[Tensor, "n d"], groups: dict[Group, Tensor]) -> dict[Group, Tensor]:
        """Makes the parameters [m, *shape] of the groups that have a head, of the rows of encoded nodes `h` that own
        them.

        Raises:
            GraphError: a class head of more classes than the decoder's, or a head that gives another shape.
        """
        h = self.norm(h)
        out = {}
        for group, rows in groups.items():
            if group.kind in self.heads:
                self._check_classes(group)
                made = self.heads[group.kind](h[rows], group.shape)
                if made.shape[1:] != group.shape:
                    got, expected = tuple(made.shape[1:]), group.shape
                    raise GraphError(f"the head of {group.kind} gave another shape", got=got, expected=expected)
                out[group] = normalise(made, group.kind, group.gain)
        return out

    def _check_classes(self, group: Group) -> None:
        if group.kind in CLASS_HEAD and group.shape[0] > self.classes:
            raise GraphError(
                "a network has more classes than the hypernetwork was trained with",
                got=f"{group.shape[0]} classes",
                expected=f"at most {self.classes}",
                fix="train a hypernetwork on a task with as many; or keep the network's own class head: "
                "net(graphs, without=CLASS_HEAD), with CLASS_HEAD of ghn.nets",
            )
