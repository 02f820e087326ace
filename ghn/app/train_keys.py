"""The keys of `train_ghn.py`: their types, and what they mean; the defaults stand in `ghn/app/conf`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ghn.app.ranges import (
    Amount,
    Count,
    CountOrNone,
    Decay,
    Keys,
    Named,
    Part,
    Positive,
    Rate,
    Seed,
    Settings,
    Text,
    Threads,
    WeightDecay,
    refuse,
)
from ghn.arguments import Words


def _is_side(pixels: int) -> int:
    if pixels not in (1, 3, 5, 7):
        raise refuse("one of these")
    return pixels


def _is_enough(networks: int) -> int:
    if 0 < networks < 20:  # `ghn.analysis.correction.LEAST`, which is not imported: it takes seconds
        raise refuse("enough")
    return networks


Size = Annotated[int, Field(ge=1, le=16_384)]  # numbers a node
Unit = Annotated[int, Field(ge=1, le=4096)]  # of a controller, and of SMASH
Wide = Annotated[int, Field(ge=1, le=65_536)]
Depth = Annotated[int, Field(ge=1, le=1000)]
Group = Annotated[int, Field(ge=1, le=1_000_000)]  # what is in memory at once
Kernel = Annotated[int, AfterValidator(_is_side), Words("1, 3, 5 or 7")]
Population = Annotated[
    int, Field(ge=0, le=1_000_000), AfterValidator(_is_enough), Words("0, or a whole number from 20 to 1,000,000")
]


class NetKeys(Keys):
    """A hypernetwork, for weights=ghn."""

    encoder: Literal["graphormer", "gated"] = Field(description="of the graph")
    hidden: Size = Field(description="size of the node embeddings")
    layers: Depth = Field(description="blocks of the Graphormer")
    heads: Size = Field(description="attention heads of the Graphormer")
    rounds: Depth = Field(description="of the gated network (T)")
    virtual_edges: bool = Field(description="the gated network also passes messages along shortest paths")
    position: bool = Field(description="degrees and the distance from the input are embedded")
    decoder_hidden: Wide = Field(description="hidden units of the decoder's heads")
    channels: Wide = Field(description="greatest number of channels made without tiling")
    kernel: Annotated[int, Field(ge=1, le=99)] | None = Field(
        description="kernel size of the decoder: smaller kernels are its centre, larger ones interpolated; null: 3, or "
        "5 where the space has larger ones"
    )
    decoder: Literal["tiled", "low_rank"] = Field(description="low_rank: as LoGAH's")
    rank: Size = Field(description="of the low-rank decoder")
    decoder_mix: Wide | None = Field(description="units of the decoder's layer after the hidden one; null: as many")
    expansion: int = Field(ge=1, le=64, description="width of the Graphormer's feed-forward part, in units of hidden")
    attributes: bool = Field(
        description="see attributes without a column of their own, such as padding; done anyway where the space has "
        "operations beyond the base ones"
    )


class TrainerKeys(Keys):
    """How the weights are trained."""

    steps: Count = Field(description="optimiser steps")
    architectures: Group = Field(description="a step; weights=darts runs all of them at once")
    images: Group = Field(description="items of data an architecture and step")
    optimizer: Literal["adamw", "sgd"] = Field(description="of the weights")
    lr: Rate = Field(description="peak learning rate, after a linear warm-up")
    schedule: Literal["cosine", "constant"] = Field(description="cosine takes the rate to zero | constant leaves it")
    momentum: Decay = Field(description="of sgd")
    weight_decay: WeightDecay = Field(description="of the optimiser")
    warmup: CountOrNone = Field(description="steps of warm-up")
    clip: Positive = Field(description="greatest norm of the gradient")
    average: Decay = Field(description="decay of the moving average of the parameters, which is what is saved")
    shift: int = Field(
        ge=0, le=4096, description="greatest random shift of a training image in pixels, where task.augment shifts"
    )
    ghost: CountOrNone = Field(description="images that are normalised together; 0: all of an architecture's")
    sampling: Literal["auto", "distinct", "uniform"] = Field(
        description="of architectures: distinct | uniform | auto: distinct where the space can list its functions"
    )
    skeletons: list[Settings] | Literal["auto"] = Field(
        description="such as [{depth: 1}, {depth: 2}], one of which is drawn for each architecture; []: the space as "
        "it is; auto: those that the space names, if any"
    )
    seed: Seed = Field(description="of everything drawn")
    save_every: Count = Field(description="steps between saved states")
    log_every: Count = Field(description="steps between lines in the log")
    check_every: Count = Field(description="steps between checks of the order, and between snapshots")


# --- ways in which weights come about: weights=NAME ---


class HypernetworkKeys(Keys):
    """weights=ghn: a graph hypernetwork, of the group net."""

    method: Literal["ghn"] = Field(description="set by weights=NAME")


class OneshotKeys(Keys):
    """weights=oneshot: a bank of shared weights, paths from a fixed distribution (Bender et al., ICML 2018)."""

    method: Literal["oneshot"] = Field(description="set by weights=NAME")
    paths: Literal["uniform", "dropout"] = Field(
        description="uniform: single architectures | dropout: several operations an edge, ever fewer"
    )
    drop: Part = Field(description="of dropout: probability at the end that an edge loses all operations")


class EnasKeys(Keys):
    """weights=enas: the same bank, paths drawn by a controller that learns (Pham et al., ICML 2018)."""

    method: Literal["enas"] = Field(description="set by weights=NAME")
    hidden: Unit = Field(description="of the controller's LSTM")
    lr: Rate = Field(description="of the controller")
    every: Count = Field(description="steps of the weights between two phases of the controller")
    policy_steps: Count = Field(description="updates of the controller a phase")
    samples: Group = Field(description="architectures an update")
    entropy: Amount = Field(description="weight of the controller's entropy, in units of accuracy a nat")
    baseline: Decay = Field(description="decay of the moving average of the reward")
    held_out: Part = Field(description="share of the train split that rewards; the weights never see it")
    images: Group = Field(description="of these, a reward")


class DartsKeys(Keys):
    """weights=darts: mixed operations with architecture parameters (Liu et al., ICLR 2019)."""

    method: Literal["darts"] = Field(description="set by weights=NAME")
    order: int = Field(ge=1, le=2, description="1: weights are taken as they are | 2: as they are a step later")
    lr: Rate = Field(description="of the architecture parameters")
    weight_decay: WeightDecay = Field(description="of the architecture parameters")
    held_out: Part = Field(description="share of the train split for the architecture parameters alone")
    images: Group = Field(description="of these, a step")


class SmashKeys(Keys):
    """weights=smash: a hypernetwork over the memory-bank encoding (Brock et al., ICLR 2018)."""

    method: Literal["smash"] = Field(description="set by weights=NAME")
    unit: Unit = Field(description="channels that a cell of the encoding stands for")
    hidden: Unit = Field(description="channels of the hypernetwork")
    blocks: Depth = Field(description="residual blocks of it")
    kernel: Kernel = Field(description="the largest convolution that it emits: 5 in the DARTS space")


class TrainKeys(Keys):
    """Trains what makes weights: a graph hypernetwork, a bank of shared weights, or SMASH."""

    weights: Annotated[HypernetworkKeys | OneshotKeys | EnasKeys | DartsKeys | SmashKeys, Field(discriminator="method")]
    net: NetKeys
    space: Named = Field(description="of the architectures: a name, and its settings")
    task: Named = Field(description="the data: a name, and its settings")
    trainer: TrainerKeys
    out: Text = Field(description="folder of the run")
    start: Text | None = Field(
        description="checkpoint of a hypernetwork to start from, of any space, or shipped; net is then what that has"
    )
    resume: bool = Field(description="go on with the run in that folder")
    snapshots: bool = Field(description="keep the averaged weights at every check (trainer.check_every)")
    scoring_task: Named | None = Field(
        description="the task on whose validation images the checkpoint scores by default; null: the user says"
    )
    population: Population = Field(
        description="networks over which the card keeps what readings are usual, for Model.rank; 0: none"
    )
    check: CountOrNone = Field(description="references in the check of the order beside the loss; 0: none")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(description="where networks run")
    precision: Literal["float32", "tf32", "bf16"] = Field(description="of what is computed")
    threads: Threads | None = Field(description="CPU threads; null leaves the choice to PyTorch")
    rank_timeout: float = Field(
        gt=0,
        le=10_000_000,
        description="seconds that the ranks of torchrun wait for one of them: to join, and in each step; then all end",
    )
    progress: bool = Field(description="show bars")
