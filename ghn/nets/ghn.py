"""The graph hypernetwork: embed, encode, decode. GHN-1, GHN-2, GHN-3 and LoGAH are configurations of it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ghn.errors import ConfigError, check_counts, check_known
from ghn.graph.features import FeatureBatch, Featurizer
from ghn.graph.ir import Graph
from ghn.graph.op import Param
from ghn.graph.pyg import global_mean_pool
from ghn.graph.vocabulary import BASE_OPERATIONS, usual_operations
from ghn.nets.decoder import Decoder
from ghn.nets.encoders import GatedGNN, Graphormer, NodeEmbedding
from ghn.nets.kinds import BASE_KINDS, CLASS_HEAD, check_kinds, makeable, not_meant_to_be_kept
from ghn.nets.net import Net
from ghn.types import Space, WeightDict

ENCODERS = ("graphormer", "gated")
DECODERS = ("tiled", "low_rank")
DEEPEST = 1024  # layers or rounds
KERNEL = 3  # of the decoder, where nothing else is known


@dataclass(frozen=True, slots=True)
class GHNConfig:
    """Everything that makes a hypernetwork; kept in its checkpoint.

    Attributes:
        classes: number of classes of the task, or of what a network gives for an image.
        encoder: `graphormer` or `gated`.
        hidden: size of the node embeddings.
        layers: blocks of the Graphormer.
        heads: attention heads of the Graphormer.
        rounds: rounds of the gated network (T).
        virtual_edges: whether the gated network also passes messages along shortest paths.
        position: whether degrees and the distance from the input are embedded.
        decoder_hidden: hidden units of the decoder's heads.
        channels: greatest number of channels made without tiling.
        kernel: kernel size of the decoder; smaller kernels are the centre of it, larger ones interpolated. None: 3, or
            5 where `grown_for` finds that the networks of a space have larger ones than 3.
        vocabulary: known operations, in the order of their embeddings.
        decoder: `tiled`, or `low_rank` for weights that are products of two factors.
        rank: of these.
        decoder_mix: units of the decoder's layer after the hidden one; None: as many.
        expansion: width of the Graphormer's feed-forward part, in units of `hidden`.
        kinds: of parameters that are made, in the order of their heads.
        attributes: whether attributes of nodes that have no column of their own, such as padding or heads, are seen.
        tasks: further tasks with class heads of their own: name -> number of classes (`GHN.for_task`).
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
    kernel: int | None = 3
    vocabulary: Sequence[str] = field(default_factory=usual_operations)  # also what was registered since import
    decoder: str = "tiled"
    rank: int = 32
    decoder_mix: int | None = None
    expansion: int = 2
    kinds: Sequence[str] = BASE_KINDS
    attributes: bool = False
    tasks: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("vocabulary", "kinds"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_known("encoder", self.encoder, ENCODERS)
        check_known("decoder", self.decoder, DECODERS)
        check_kinds(self.kinds)
        object.__setattr__(self, "tasks", dict(self.tasks))
        check_counts("tasks.", **self.tasks)
        if wrong := [name for name in self.tasks if not name.isidentifier()]:
            raise ConfigError("a task with a class head of its own needs a word for a name", got=wrong)
        given = {name: n for name in ("decoder_mix", "kernel") if (n := getattr(self, name)) is not None}
        counts = ("classes", "hidden", "layers", "heads", "rounds", "decoder_hidden", "channels", "rank", "expansion")
        check_counts("", **{name: getattr(self, name) for name in counts}, **given)
        if max(self.layers, self.rounds) > DEEPEST:
            got, expected = f"layers {self.layers}, rounds {self.rounds}", f"at most {DEEPEST} of each"
            raise ConfigError("the hypernetwork is too deep", got=got, expected=expected)
        if self.hidden % self.heads or (self.decoder == "tiled" and given.get("kernel", KERNEL) % 2 == 0):
            raise ConfigError(
                "the hypernetwork's sizes do not fit",
                got=f"hidden {self.hidden}, heads {self.heads}, kernel {self.kernel}",
                expected="hidden a multiple of heads, and for the tiled decoder an odd kernel",
            )

    def grown(self, operations: Iterable[str], kinds: Iterable[str]) -> GHNConfig:
        """A config that knows these operations and kinds of parameters too, after its own and in sorted order.

        Kinds that no head makes stay out. With operations beyond the base ones, attributes of nodes are seen.
        """
        met = set(operations)
        return replace(
            self,
            vocabulary=(*self.vocabulary, *sorted(met.difference(self.vocabulary))),
            kinds=(*self.kinds, *sorted(makeable(set(kinds)).difference(self.kinds))),
            attributes=self.attributes or not met.issubset(BASE_OPERATIONS),
        )

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-able; `GHNConfig(**settings)` makes an equal one."""
        return {**asdict(self), "vocabulary": list(self.vocabulary), "kinds": list(self.kinds)}


class GHN(Net):
    """Generates all weights of any number of graphs in one pass, or of large ones in several (`Featurizer.batches`).

    Source: Zhang et al. 2019 (GHN-1); Knyazev et al. 2021 (GHN-2), 2023 (GHN-3); Zhou et al. 2024 (LoGAH).
    """

    config: GHNConfig
    kind = "hypernetwork"
    generalises = True
    repeated = ("layers",)
    method = "ghn"
    source = "Zhang, Ren & Urtasun, Graph HyperNetworks for Neural Architecture Search, ICLR 2019"

    def __init__(self, config: GHNConfig) -> None:
        super().__init__()
        self.config = config
        self._told: set[str] = set()  # kinds of parameters that no head makes, of which has been warned
        self.featurizer = Featurizer(config.vocabulary, attributes=config.attributes)
        self.embedding = NodeEmbedding(
            len(config.vocabulary), config.hidden, position=config.position, attributes=config.attributes
        )
        self.encoder: nn.Module = (
            Graphormer(config.hidden, config.layers, config.heads, config.expansion)
            if config.encoder == "graphormer"
            else GatedGNN(config.hidden, config.rounds, virtual_edges=config.virtual_edges)
        )
        self.decoder = _decoder(config, config.classes, config.kinds)
        self.class_heads = nn.ModuleDict({name: _decoder(config, n, CLASS_HEAD) for name, n in config.tasks.items()})
        self.task: str | None = None

    def for_task(self, name: str | None) -> GHN:
        """The same hypernetwork, all of its weights shared, with the class head of one of `config.tasks`.

        None: of the first task, which has no name.

        Raises:
            ConfigError: there is no such task.
        """
        if name is not None:
            check_known("task of the hypernetwork", name, self.class_heads)
        one = copy(self)
        one.task = name
        return one

    @classmethod
    def from_card(cls, config: Mapping[str, Any], space: Space[Any]) -> GHN:
        """Makes one of `GHNConfig.describe()`, for graphs of any space."""
        return cls(GHNConfig(**config))

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    def makes(self, param: Param) -> bool:
        """Whether there is a head for its kind; and, for a class head, enough classes."""
        if param.kind not in CLASS_HEAD:
            return param.kind in self.decoder.heads
        if self.task is not None:
            return param.shape[0] <= self.config.tasks[self.task]
        return param.kind in self.decoder.heads and param.shape[0] <= self.config.classes

    def forward(self, graphs: Sequence[Graph], without: Collection[str] = ()) -> list[WeightDict]:
        """The weights of each graph, but those that no head makes (`unmade`).

        Operations that the hypernetwork has never met, and kinds of parameters without a head, are warned of once each.

        Args:
            graphs: any.
            without: kinds of parameters that are left out.

        Raises:
            GraphError: a class head has more classes than the hypernetwork's; or a graph is too large.
        """
        out: list[WeightDict] = []
        for batch, count in self.featurizer.batches(graphs, self.device):
            out += self.decode(self.encode(batch), batch, count, without)
        return out

    def encode(self, batch: FeatureBatch) -> Float[Tensor, "n d"]:
        return self.encoder(self.embedding(batch.data.x), batch.data)

    def decode(
        self, h: Float[Tensor, "n d"], batch: FeatureBatch, graphs: int, without: Collection[str] = ()
    ) -> list[WeightDict]:
        """Makes the weights of a batch from its encoded nodes, outside autocast: their scale matters."""
        wanted = {group: rows for group, (rows, _) in batch.groups.items() if group.kind not in without}
        own = {group for group in wanted if self.task is not None and group.kind in CLASS_HEAD}
        with torch.autocast(h.device.type, enabled=False):
            made = self.decoder(h.float(), {group: rows for group, rows in wanted.items() if group not in own})
            if self.task is not None:
                made |= self.class_heads[self.task](h.float(), {group: wanted[group] for group in own})
        if len(made) < len(wanted):
            self._warn(not_meant_to_be_kept({group.kind for group in wanted if group not in made}))
        out: list[WeightDict] = [{} for _ in range(graphs)]
        for group, weights in made.items():
            for (g, name), weight in zip(batch.groups[group][1], weights.unbind(0), strict=True):
                out[g][name] = weight
        return out

    def _warn(self, kinds: set[str]) -> None:
        """Says, once each, which kinds of parameters are left out."""
        if new := sorted(kinds.difference(self._told)):
            self._told.update(new)
            warnings.warn(
                f"the hypernetwork was trained without these kinds of parameters, and makes none: {', '.join(new)}. A "
                "module keeps its own values of them. Train a hypernetwork on a space that has them.",
                stacklevel=4,
            )

    @torch.no_grad()
    def start_from(self, other: GHN) -> list[str]:
        """Takes over the weights of another one, whose config this one's was grown from, with any number of classes.

        Returns:
            Names of the tensors that stay as they were, in part or whole: of new operations and kinds, and of a class
            head of another size.

        Raises:
            ConfigError: the other has sizes, or an order of operations, of its own.
        """
        asked = replace(other.config, classes=self.config.classes, tasks=self.config.tasks)
        if asked.grown(self.config.vocabulary, self.config.kinds).describe() != self.config.describe():
            raise ConfigError("a hypernetwork can start from one of its own sizes only", got=other.config.describe())
        there, new = other.state_dict(), []
        for name, own in self.state_dict().items():
            given = there.get(name)
            if given is not None and given.shape == own.shape:
                own.copy_(given)
                continue
            new.append(name)
            if given is not None and name == "embedding.tables.0.weight":  # a row an operation, new ones at the end
                own[: len(given)] = given
        return new

    def embed(self, graphs: Sequence[Graph]) -> Float[Tensor, "g d"]:
        """Mean of the encoded nodes of each graph: a feature vector for surrogates."""
        batches = self.featurizer.batches(graphs, self.device)
        return torch.cat([global_mean_pool(self.encode(batch), batch.data.batch) for batch, _ in batches])


def _decoder(config: GHNConfig, classes: int, kinds: Sequence[str]) -> Decoder:
    return Decoder(
        config.hidden,
        config.decoder_hidden,
        config.channels,
        classes,
        config.kernel or KERNEL,
        mix=config.decoder_mix,
        rank=config.rank if config.decoder == "low_rank" else None,
        kinds=kinds,
    )
