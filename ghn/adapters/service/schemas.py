"""What is asked and what is answered, as JSON; OpenAPI is made of these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from ghn.graph.ir import SCHEMA as GRAPH_SCHEMA
from ghn.search.observations import LARGEST


class _Body(BaseModel):
    """A request: nothing in it is unknown, and nothing is taken for what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NodeBody(_Body):
    """An operation of a graph."""

    name: str = Field(description="unique in the graph, without '.'")
    op: str = Field(description="such as conv, batch_norm, relu, max_pool, avg_pool, global_pool, sum, concat, linear")
    inputs: list[int] = Field(description="places of earlier nodes in the list")
    attrs: dict[str, int | float | str] = Field(description="all of the operation's, such as kernel and stride")
    shape: list[int] = Field(description="of what it gives for one input, such as [channels, height, width]")


class GraphBody(_Body):
    """A network as a graph: what `Graph.to_json` writes. The first node is the input, the last the output."""

    graph_schema: Literal[GRAPH_SCHEMA] = Field(alias="schema")  # type: ignore[valid-type]
    nodes: list[NodeBody] = Field(min_length=2)


Text = Annotated[str, Field(min_length=1, description="the official string of an architecture of the space")]
SpaceName = Annotated[str | None, Field(description="a name of /spaces; null: the first there")]
Value = Annotated[FiniteFloat, Field(strict=False, ge=-LARGEST, le=LARGEST)]
Architectures = Annotated[
    list[Text | GraphBody],
    Field(min_length=1, description="official strings of the space, or networks of known operations as graphs"),
]


class _Many(_Body):
    """A question about several networks."""

    space: SpaceName = None
    architectures: Architectures


class ScoreRequest(_Many):
    """Score networks with generated weights."""

    readout: Literal["loss", "accuracy", "metric", "ridge", "norm"] = "loss"
    skeletons: Literal["best", "fastest"] = Field(
        default="best", description="in all variants that the space names, or in the fastest of them"
    )


class RankRequest(_Many):
    """Judge networks with everything at hand."""

    references: dict[str, Value] = Field(
        default={}, description="official string -> accuracy of trained networks: none, or at least five"
    )


class EmbedRequest(_Many):
    """Feature vectors of networks."""


class WeightsRequest(_Body):
    """Initial weights of one network."""

    space: SpaceName = None
    architecture: Text | GraphBody


class SuggestRequest(_Body):
    """What to train next."""

    space: SpaceName = None
    n: int = Field(default=1, ge=1, le=64, description="how many")
    by: Literal["expected_improvement", "upper_bound", "thompson"] = "expected_improvement"


class ObserveRequest(_Body):
    """What a training gave."""

    space: SpaceName = None
    architecture: Text
    value: Value | None = Field(description="null: the training failed")


class DescribeRequest(_Body):
    """One architecture: as a string, or by the options of its decisions, or drawn at random."""

    space: SpaceName = None
    architecture: Text | None = None
    choices: list[int] | None = Field(
        default=None,
        max_length=1000,
        description="options of all decisions; what no member has is changed to one it has",
    )


class Scored(BaseModel):
    """The score of a network; higher is better."""

    value: float | None = Field(description="null when it failed")
    std: float | None = Field(description="standard deviation of the value, where it is known")
    error: str | None = Field(description="why there is no value")
    readings: dict[str, float] = Field(description="what the value comes from")


class ScoresResponse(BaseModel):
    """Scores in the order of the architectures."""

    space: str
    scores: list[Scored]


class Embedding(BaseModel):
    """The feature vector of a network."""

    vector: list[float] | None = Field(description="null when it failed")
    error: str | None


class EmbedResponse(BaseModel):
    """Vectors in the order of the architectures."""

    space: str
    embeddings: list[Embedding]


class Best(BaseModel):
    """The best architecture that was observed."""

    architecture: str
    value: float


class SuggestResponse(BaseModel):
    """Architectures to train; each is then awaited, and not suggested again."""

    space: str
    architectures: list[str] = Field(description="fewer than asked for where the space has no others")
    observed: int = Field(description="values that were taken so far")


class ObserveResponse(BaseModel):
    """What is known now; it is on disk."""

    space: str
    observed: int = Field(description="values that were taken so far")
    failed: int = Field(description="trainings that failed")
    best: Best | None


class Decision(BaseModel):
    """A decision of a space."""

    name: str
    options: list[str]


class ServedSpace(BaseModel):
    """A space with its checkpoint."""

    name: str
    settings: dict[str, Any]
    checkpoint: str
    method: str = Field(description="how weights come about: ghn, or the way in which a bank was trained")
    ranks: bool = Field(description="whether /rank, /embed, /suggest and /observe are there")
    decisions: list[Decision] = Field(description="none where it cannot be taken apart")
    population: dict[str, list[float]] = Field(description="reading -> its quantiles over the space, from 0 to 1")
    example: str
    observed: int


class SpacesResponse(BaseModel):
    """What is served."""

    spaces: list[ServedSpace]
    direction: str = Field(description="of what is observed: maximize | minimize")
    limits: dict[str, float]


class HealthResponse(BaseModel):
    """That the server lives, and how much waits."""

    status: Literal["ok"]
    version: str
    waiting: int


class Drawing(BaseModel):
    """A graph that is laid out; x in characters, y in layers downwards."""

    title: str
    labels: list[str]
    places: list[tuple[float, float]]
    ends: list[int] = Field(description="nodes that are no operations")
    links: list[tuple[int, int]]
    paths: list[list[tuple[float, float]]] = Field(description="the points that each link passes")
    left: float
    right: float
    layers: int


class Neighbour(BaseModel):
    """A network one edit away."""

    architecture: str
    change: str = Field(description="which decision differs, where that is known")


class DescribeResponse(BaseModel):
    """An architecture: what it looks like, how large it is, what is near it."""

    space: str
    architecture: str
    choices: list[int] | None
    allowed: list[list[int]] = Field(description="options of each decision that some member has after those before it")
    params: int
    macs: int
    depth: int
    drawings: list[Drawing]
    neighbours: list[Neighbour]
