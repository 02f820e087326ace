"""The keys of `train_ghn.py`: their types, and what they mean; the defaults stand in `ghn/app/conf`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ghn.app.job_keys import Keys


class NetKeys(Keys):
    """A hypernetwork, for weights=ghn."""

    encoder: str = Field(description="graphormer | gated")
    hidden: int = Field(description="size of the node embeddings")
    layers: int = Field(description="blocks of the Graphormer")
    heads: int = Field(description="attention heads of the Graphormer")
    rounds: int = Field(description="of the gated network (T)")
    virtual_edges: bool = Field(description="the gated network also passes messages along shortest paths")
    position: bool = Field(description="degrees and the distance from the input are embedded")
    decoder_hidden: int = Field(description="hidden units of the decoder's heads")
    channels: int = Field(description="greatest number of channels made without tiling")
    kernel: int | None = Field(
        description="kernel size of the decoder: smaller kernels are its centre, larger ones interpolated; null: 3, or "
        "5 where the space has larger ones"
    )
    decoder: str = Field(description="tiled | low_rank, as LoGAH's")
    rank: int = Field(description="of the low-rank decoder")
    decoder_mix: int | None = Field(description="units of the decoder's layer after the hidden one; null: as many")
    expansion: int = Field(description="width of the Graphormer's feed-forward part, in units of hidden")
    attributes: bool = Field(
        description="see attributes without a column of their own, such as padding; done anyway where the space has "
        "operations beyond the base ones"
    )


class TrainerKeys(Keys):
    """How the weights are trained."""

    steps: int = Field(description="optimiser steps")
    architectures: int = Field(description="a step; weights=darts runs all of them at once")
    images: int = Field(description="items of data an architecture and step")
    optimizer: str = Field(description="adamw | sgd")
    lr: float = Field(description="peak learning rate, after a linear warm-up")
    schedule: str = Field(description="cosine takes the rate to zero | constant leaves it")
    momentum: float = Field(description="of sgd")
    weight_decay: float = Field(description="of the optimiser")
    warmup: int = Field(description="steps of warm-up")
    clip: float = Field(description="greatest norm of the gradient")
    average: float = Field(description="decay of the moving average of the parameters, which is what is saved")
    shift: int = Field(description="greatest random shift of a training image in pixels, where task.augment shifts")
    ghost: int = Field(description="images that are normalised together; 0: all of an architecture's")
    sampling: str = Field(
        description="of architectures: distinct | uniform | auto: distinct where the space can list its functions"
    )
    skeletons: list[dict[str, Any]] | Literal["auto"] = Field(
        description="such as [{depth: 1}, {depth: 2}], one of which is drawn for each architecture; []: the space as "
        "it is; auto: those that the space names, if any"
    )
    seed: int = Field(description="of everything drawn")
    save_every: int = Field(description="steps between saved states")
    log_every: int = Field(description="steps between lines in the log")
    check_every: int = Field(description="steps between checks of the order, and between snapshots")


# --- ways in which weights come about: weights=NAME ---


class HypernetworkKeys(Keys):
    """weights=ghn: a graph hypernetwork, of the group net."""

    method: Literal["ghn"] = Field(description="set by weights=NAME")


class OneshotKeys(Keys):
    """weights=oneshot: a bank of shared weights, paths from a fixed distribution (Bender et al., ICML 2018)."""

    method: Literal["oneshot"] = Field(description="set by weights=NAME")
    paths: str = Field(description="uniform: single architectures | dropout: several operations an edge, ever fewer")
    drop: float = Field(description="of dropout: probability at the end that an edge loses all operations")


class EnasKeys(Keys):
    """weights=enas: the same bank, paths drawn by a controller that learns (Pham et al., ICML 2018)."""

    method: Literal["enas"] = Field(description="set by weights=NAME")
    hidden: int = Field(description="of the controller's LSTM")
    lr: float = Field(description="of the controller")
    every: int = Field(description="steps of the weights between two phases of the controller")
    policy_steps: int = Field(description="updates of the controller a phase")
    samples: int = Field(description="architectures an update")
    entropy: float = Field(description="weight of the controller's entropy, in units of accuracy a nat")
    baseline: float = Field(description="decay of the moving average of the reward")
    held_out: float = Field(description="share of the train split that rewards; the weights never see it")
    images: int = Field(description="of these, a reward")


class DartsKeys(Keys):
    """weights=darts: mixed operations with architecture parameters (Liu et al., ICLR 2019)."""

    method: Literal["darts"] = Field(description="set by weights=NAME")
    order: int = Field(description="1: weights are taken as they are | 2: as they are a step later")
    lr: float = Field(description="of the architecture parameters")
    weight_decay: float = Field(description="of the architecture parameters")
    held_out: float = Field(description="share of the train split for the architecture parameters alone")
    images: int = Field(description="of these, a step")


class SmashKeys(Keys):
    """weights=smash: a hypernetwork over the memory-bank encoding (Brock et al., ICLR 2018)."""

    method: Literal["smash"] = Field(description="set by weights=NAME")
    unit: int = Field(description="channels that a cell of the encoding stands for")
    hidden: int = Field(description="channels of the hypernetwork")
    blocks: int = Field(description="residual blocks of it")
    kernel: int = Field(description="the largest convolution that it emits: 5 in the DARTS space")


class TrainKeys(Keys):
    """Trains what makes weights: a graph hypernetwork, a bank of shared weights, or SMASH."""

    weights: Annotated[HypernetworkKeys | OneshotKeys | EnasKeys | DartsKeys | SmashKeys, Field(discriminator="method")]
    net: NetKeys
    space: dict[str, Any] = Field(description="of the architectures: a name, and its settings")
    task: dict[str, Any] = Field(description="the data: a name, and its settings")
    trainer: TrainerKeys
    out: str = Field(description="folder of the run")
    start: str | None = Field(
        description="checkpoint of a hypernetwork to start from, of any space, or shipped; net is then what that has"
    )
    resume: bool = Field(description="go on with the run in that folder")
    snapshots: bool = Field(description="keep the averaged weights at every check (trainer.check_every)")
    scoring_task: dict[str, Any] | None = Field(
        description="the task on whose validation images the checkpoint scores by default; null: the user says"
    )
    population: int = Field(
        description="networks over which the card keeps what readings are usual, for Model.rank; 0: none"
    )
    check: int = Field(description="references in the check of the order beside the loss; 0: none")
    device: str = Field(description="auto | cpu | cuda | mps")
    precision: str = Field(description="float32 | tf32 | bf16")
    threads: int | None = Field(description="CPU threads; null leaves the choice to PyTorch")
    rank_timeout: float = Field(
        gt=0,
        description="seconds that the ranks of torchrun wait for one of them: to join, and in each step; then all end",
    )
    progress: bool = Field(description="show bars")
