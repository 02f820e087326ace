"""The graph hypernetwork: embed, encode, decode. GHN-1, GHN-2 and GHN-3 are configurations of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.nn import global_mean_pool

from ghn.errors import ConfigError, check_counts
from ghn.graph.features import FeatureBatch, Featurizer
from ghn.graph.ir import Graph
from ghn.graph.op import OPS
from ghn.nets.decoder import Decoder
from ghn.nets.encoders import GatedGNN, Graphormer, NodeEmbedding
from ghn.nets.net import Net
from ghn.types import Space, WeightDict

ENCODERS = ("graphormer", "gated")


@dataclass(frozen=True, slots=True)
class GHNConfig:
    """Everything that makes a hypernetwork; kept in its checkpoint.

    Attributes:
        classes: number of classes of the task.
        encoder: `graphormer` or `gated`.
        hidden: size of the node embeddings.
        layers: blocks of the Graphormer.
        heads: attention heads of the Graphormer.
        rounds: rounds of the gated network (T).
        virtual_edges: whether the gated network also passes messages along shortest paths.
        position: whether degrees and the distance from the input are embedded.
        decoder_hidden: hidden units of the decoder's heads.
        channels: greatest number of channels made without tiling.
        kernel: greatest kernel size.
        vocabulary: known operations, in the order of their embeddings.
    """

    classes: int
    encoder: str = "graphormer"
    hidden: int = 64
    layers: int = 3
    heads: int = 8
    rounds: int = 1
    virtual_edges: bool = True
    position: bool = True
    decoder_hidden: int = 64
    channels: int = 64
    kernel: int = 3
    vocabulary: Sequence[str] = field(default_factory=lambda: tuple(OPS))  # also what was registered since import

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        if self.encoder not in ENCODERS:
            raise ConfigError("unknown encoder", got=self.encoder, expected=" | ".join(ENCODERS))
        encoder = {"hidden": self.hidden, "layers": self.layers, "heads": self.heads, "rounds": self.rounds}
        check_counts("", **encoder, decoder_hidden=self.decoder_hidden, channels=self.channels, kernel=self.kernel)
        if self.classes < 2 or self.hidden % self.heads or self.kernel % 2 == 0:
            raise ConfigError(
                "the hypernetwork's sizes do not fit",
                got=f"classes {self.classes}, hidden {self.hidden}, heads {self.heads}, kernel {self.kernel}",
                expected="classes >= 2, hidden a multiple of heads, an odd kernel",
            )

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; `GHNConfig(**settings)` makes an equal one."""
        return {**asdict(self), "vocabulary": list(self.vocabulary)}


class GHN(Net):
    """Generates all weights of any number of graphs in one pass.

    Source: Zhang et al. 2019 (GHN-1); Knyazev et al. 2021 (GHN-2), 2023 (GHN-3).
    """

    config: GHNConfig
    kind = "hypernetwork"
    generalises = True
    method = "ghn"
    source = "Zhang, Ren & Urtasun, Graph HyperNetworks for Neural Architecture Search, ICLR 2019"

    def __init__(self, config: GHNConfig) -> None:
        super().__init__()
        self.config = config
        self.featurizer = Featurizer(config.vocabulary)
        self.embedding = NodeEmbedding(len(config.vocabulary), config.hidden, position=config.position)
        self.encoder: nn.Module = (
            Graphormer(config.hidden, config.layers, config.heads)
            if config.encoder == "graphormer"
            else GatedGNN(config.hidden, config.rounds, virtual_edges=config.virtual_edges)
        )
        self.decoder = Decoder(config.hidden, config.decoder_hidden, config.channels, config.classes, config.kernel)

    @classmethod
    def from_card(cls, config: Mapping[str, Any], space: Space[Any]) -> GHN:
        """Makes one of `GHNConfig.describe()`, for graphs of any space."""
        return cls(GHNConfig(**config))

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """The weights of each graph; a GraphError where it has an operation, kind or kernel size that is not known."""
        if not graphs:
            return []
        batch = self.featurizer.batch(graphs, self.device)
        return self.decode(self.encode(batch), batch, len(graphs))

    def encode(self, batch: FeatureBatch) -> Float[Tensor, "n d"]:
        return self.encoder(self.embedding(batch.data.x), batch.data)

    def decode(self, h: Float[Tensor, "n d"], batch: FeatureBatch, graphs: int) -> list[WeightDict]:
        """Makes the weights of a batch from its encoded nodes, outside autocast: their scale matters."""
        with torch.autocast(h.device.type, enabled=False):
            made = self.decoder(h.float(), {group: rows for group, (rows, _) in batch.groups.items()})
        out: list[WeightDict] = [{} for _ in range(graphs)]
        for group, (_, owners) in batch.groups.items():
            for (g, name), weight in zip(owners, made[group].unbind(0), strict=True):
                out[g][name] = weight
        return out

    def embed(self, graphs: Sequence[Graph]) -> Float[Tensor, "g d"]:
        """Mean of the encoded nodes of each graph: a feature vector for surrogates."""
        batch = self.featurizer.batch(graphs, self.device)
        return global_mean_pool(self.encode(batch), batch.data.batch)
