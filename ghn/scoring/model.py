"""A trained hypernetwork, or bank of shared weights, with all it needs: the space, the task, its checkpoint's card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.arguments import check_path
from ghn.errors import CheckpointError, ConfigError, GraphError, check_known
from ghn.graph.interpreter import Inputs
from ghn.graph.ir import Graph
from ghn.nets.ghn import GHN
from ghn.nets.net import Net
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.given_references import check_references, fit_references
from ghn.scoring.initialise import Coverage, initialise, make_weights
from ghn.scoring.model_card import model_card, model_line
from ghn.scoring.processes import AUTO, choose_workers
from ghn.scoring.racing import RISK, Race, check_best
from ghn.scoring.ranker import make_ranker
from ghn.scoring.readouts import READOUTS, Sample
from ghn.scoring.scores import Scores, name_of
from ghn.spaces import describe_space
from ghn.spaces.members import check_list
from ghn.tasks import make_task
from ghn.tasks.outputs import example_inputs, kind_of
from ghn.train.checkpoint import save_tensors
from ghn.types import Network, Readable, Score, Space, Task, Trial, WeightDict, network_of

HALF = "float16"  # what a card says of weights in half precision
Skeletons = str | Sequence[Mapping[str, Any]]  # `best`, `fastest`, or settings of the space


class Model:
    """A hypernetwork or a bank of shared weights, ready to score.

    Args:
        net: what makes the weights; moved to the device.
        space: what it was trained on.
        card: what is known of it; `task` describes the data it was trained on.
        fabric: the device.
        digest: of its tensors, which tells scores of different checkpoints apart.
        companions: other trainings of the same recipe, which `rank` reads too: seeds differ in what they get wrong.

    Raises:
        CheckpointError: a companion was made for another space or kind of data.
    """

    def __init__(
        self,
        net: Net,
        space: Space[Any],
        card: Mapping[str, Any],
        fabric: Fabric,
        digest: str = "",
        companions: Sequence[Model] = (),
    ) -> None:
        self.companions = tuple(companions)
        for other in self.companions:
            _check_companion(space, card, other)
        self.net = net.to(fabric.device).eval().requires_grad_(False)
        self.space, self.card, self.fabric, self.digest = space, dict(card), fabric, digest
        self._estimators: dict[tuple[str, Sample, str], WeightedEstimator] = {}

    def __repr__(self) -> str:
        return model_line(self)

    _repr_html_ = model_card

    def score(
        self,
        architectures: Sequence[Any],
        readout: str = "loss",
        *,
        task: Task | None = None,
        sample: Sample | None = None,
        skeletons: Skeletons = "best",
    ) -> Scores:
        """Scores architectures with generated or shared weights; higher is better.

        Args:
            architectures: official strings, the space's own objects, or any modules and networks (`network`), which are
                read as they are.
            readout: `loss`, `accuracy` or `ridge`.
            task: the images; the embedded task when it fits the checkpoint.
            sample: how many of them are seen.
            skeletons: in which networks are read. `best`: loss and accuracy are means over the variants that the space
                names (`Readable`), several times as slow as `fastest`, which is the first of them; other read-outs gain
                nothing from depth (docs/ranking.md). Spaces that name no variants, and weights that were made for the
                space alone, are read as they are. Or settings of the space, such as `[{"depth": 1}, {"depth": 3}]`;
                `[]`: the space as it is.

        Returns:
            A `Score` each, in the order given, in a list that a notebook shows as a ranking; what cannot be scored is a
            `Score` that says why.

        Raises:
            ConfigError: unknown read-out or skeletons; or one architecture instead of a list.
            CheckpointError: the task does not fit the checkpoint.
        """
        check_list(self.space, "score", architectures)
        engine = self.estimator(readout, task=task, sample=sample, skeletons=skeletons)
        return self._judge(engine.score, architectures)

    def rank(
        self,
        architectures: Sequence[Any],
        references: Mapping[Any, float] | None = None,
        *,
        task: Task | None = None,
        features: str | None = None,
        workers: int | str = AUTO,
        best: int | None = None,
        risk: float = RISK,
        unusable: str = "refuse",
    ) -> Scores:
        """Judges architectures with everything at hand: the best order that this package knows.

        Generated weights in several skeletons, two to four zero-cost proxies, and size (live parameters and
        multiply-adds); trained references correct them. docs/ranking.md.

        Args:
            architectures: as in `score`.
            references: architecture (as in `score`) -> accuracy, or anything that is higher for a better one, of
                trained networks, none or at least five.
            task: the images; the embedded task when it fits the checkpoint.
            features: with which references are learnt: `space` for its own, `graph` for those that any network has;
                None: both, each as far as it foresees the references.
            workers: processes, of a thread each; `auto`: one a core, where there are many architectures and a CPU.
            best: look for so many of the best alone: the others are not read in full, but leave as soon as they are
                unlikely to be among these, which costs a fraction. None: all are read.
            risk: share of the best that may be missed, as estimated.
            unusable: what becomes of references that cannot be parsed or read, or whose value is no finite number:
                `refuse` them all with the first few named, or `leave_out`, with a warning that names them.

        Returns:
            A `Score` each, in the order given: `value` in standard deviations above the middle of the space, `std` its
            uncertainty. What cannot be judged is a `Score` that says why. With `best`, those are the ones of the
            highest `value`; what left (`ghn.scoring.racing.has_left`) has a value that is foreseen, below theirs.

        Raises:
            ConfigError: references that cannot be used, or too few; or too few architectures, where the card does not
                say what is usual; or fewer than `best`; or this is a bank.
        """
        self.hypernetwork("rank")
        check_list(self.space, "rank", architectures)
        architectures = list(architectures)
        if best is not None:
            check_best(best, len(architectures))
        known = check_references(self.space, references, self._arch, unusable)
        workers = choose_workers(workers, len(architectures) + len(known), self.fabric)
        ranker = make_ranker(self, task=task, features=features, workers=workers)
        fit_references(ranker, known, unusable)
        return self._judge(ranker.score if best is None else Race(ranker, best, risk=risk).run, architectures)

    def estimator(
        self,
        readout: str = "loss",
        *,
        task: Task | None = None,
        sample: Sample | None = None,
        skeletons: Skeletons = "best",
    ) -> WeightedEstimator:
        """The scoring engine behind `score`, for streams of architectures, files and searches."""
        check_known("read-out", readout, READOUTS)
        sample = sample or Sample()
        if task is not None or not isinstance(skeletons, str):
            return self._estimator(readout, sample, self.images(task), skeletons)
        key = (readout, sample, skeletons)
        if key not in self._estimators:
            self._estimators[key] = self._estimator(readout, sample, self.images(), skeletons)
        return self._estimators[key]

    def images(self, task: Task | None = None) -> Task:
        """The images to score on, normalised as the hypernetwork has seen them: those given, or the checkpoint's."""
        task = self._scoring_task() if task is None else task
        if not isinstance(task, Task):
            raise ConfigError(
                "networks are scored on a task",
                got=f"task={type(task).__name__}",
                expected="a task, such as ghn.tasks.from_arrays makes",
            )
        check_task(self.card, task)
        return task.normalised_as(self.card["task"])

    def network(self, architecture: Any) -> Network:
        """The network of anything that is one: a member of the space or its string, a graph, a module, a network.

        A module is captured on inputs of the shape that the checkpoint was trained on; of another, give
        `Network.from_module(module, example_inputs)`.

        Raises:
            ArchitectureError: it is no member of the space.
            GraphError: a module cannot be captured.
        """
        if isinstance(architecture, Graph):
            return Network.of(architecture)
        if isinstance(architecture, nn.Module):
            device = next((p.device for p in architecture.parameters()), None)
            return Network.from_module(architecture, example_inputs(self.card["task"], device=device))
        return network_of(self.space, architecture)

    def weights(self, architecture: Any, *, strict: bool = False) -> WeightDict:
        """The weights of a network: names and shapes are those of `graph.params()`.

        Args:
            architecture: whatever `network` takes.
            strict: refuse parameters that no decoder head makes; otherwise a module's own values stand in their place.

        Raises:
            GraphError: a class head has more classes than the checkpoint's; or as `network`, or by `strict`.
        """
        network = self.network(architecture)
        if isinstance(self.net, GHN):
            return network.complete(make_weights(self.net, network, strict=strict))
        with torch.no_grad():
            return network.complete(self.net([network.graph])[0])

    def init_(
        self,
        module: nn.Module,
        example_inputs: Inputs | None = None,
        *,
        head: str = "auto",
        data: Tensor | Iterable[Any] | None = None,
        strict: bool = False,
    ) -> Coverage:
        """Writes generated weights into a module, in place.

        Args:
            module: any that can be captured (`Network.from_module`).
            example_inputs: as there; None: of the shape that the checkpoint was trained on.
            head: the class head is `make`, `keep` (as it is), or `auto`: made where it has no more classes than the
                checkpoint's.
            data: inputs on which running statistics are estimated anew: one batch, or an iterable of batches; None
                leaves them as they are.
            strict: refuse parameters that no decoder head makes; otherwise they are kept.

        Returns:
            What was made, and what was kept.

        Raises:
            GraphError: the module cannot be captured, or as `weights`.
            ConfigError: this is a bank, or an unknown `head`.
        """
        net = self.hypernetwork("init_")
        network = self.network(module) if example_inputs is None else Network.from_module(module, example_inputs)
        return initialise(net, network, module, head=head, data=data, strict=strict)

    def embed(self, architecture: Any) -> Float[Tensor, " d"]:
        """A feature vector of a network (whatever `network` takes), for surrogates; banks have none."""
        graph = self.network(architecture).graph
        with torch.no_grad():
            return self.hypernetwork("embed").embed([graph])[0]

    @property
    def method(self) -> str:
        """How the weights come about: `ghn`, or the way in which a bank was trained."""
        return self.net.method

    def trainings(self, *, companions: bool = False) -> dict[str, float]:
        """{digest: seconds of its training}, also of the companions; empty when any is unknown."""
        every = (self, *(self.companions if companions else ()))
        known = {one.digest: float(one.card["seconds"]) for one in every if one.card.get("seconds") is not None}
        return known if len(known) == len(every) else {}

    def save(self, path: Path | str, *, half: bool | None = None) -> None:
        """Writes a checkpoint, atomically.

        Args:
            path: of the file; what is there is replaced.
            half: whether to round weights to half precision, for a file of half the size that scores nearly alike;
                None: as they were stored.

        Raises:
            ConfigError: `path` is none.
            WriteError: it cannot be written.
        """
        path = check_path("a checkpoint", path)
        half = self.card.get("stored") == HALF if half is None else half
        card = {k: v for k, v in self.card.items() if k not in ("versions", "stored")}  # versions are the writer's
        card |= {"config": self.net.config.describe(), "space": describe_space(self.space)}
        tensors = self.net.state_dict()
        if half:
            card["stored"] = HALF
            tensors = {k: v.half() if v.dtype == torch.float32 else v for k, v in tensors.items()}
        save_tensors(path, self.net.kind, tensors, card)

    def hypernetwork(self, use: str) -> GHN:
        """The network, for a use that needs a hypernetwork; a bank is refused."""
        if isinstance(self.net, GHN):
            return self.net
        raise ConfigError(
            f"{use} needs a hypernetwork", got=f"a bank of shared weights ({self.method})", fix="use score"
        )

    def _judge(self, judge: Callable[[Sequence[Trial[Any]]], list[Score]], architectures: Sequence[Any]) -> Scores:
        """Scores; a module that cannot be captured is a failure like any other."""
        scores: dict[int, Score] = {}
        trials: dict[int, Trial[Any]] = {}
        for i, given in enumerate(architectures):
            try:
                trials[i] = Trial(str(i), self._arch(given))
            except GraphError as error:
                scores[i] = Score.failed(str(error))
        scores |= zip(trials, judge(list(trials.values())), strict=True)
        names = [name_of(self.space, given) for given in architectures]
        return Scores((scores[i] for i in range(len(architectures))), names)

    def _arch(self, given: Any) -> Any:
        return self.network(given) if isinstance(given, nn.Module | Graph) else given

    def _scoring_task(self) -> Task:
        if (named := self.card["scoring_task"]) is None:
            raise ConfigError("this checkpoint names no task to score on", fix="give the images, too: task=task")
        return make_task(named["name"], **({"size": named["size"]} if "size" in named else {}))

    def _estimator(self, readout: str, sample: Sample, task: Task, skeletons: Skeletons) -> WeightedEstimator:
        return WeightedEstimator(
            self.net,
            self.space,
            task,
            self.fabric,
            readout=readout,
            sample=sample,
            skeletons=self._skeletons(skeletons, readout),
            weights_id=self.digest,
            source=self.net.source,
        )

    def _skeletons(self, wanted: Skeletons, readout: str) -> Sequence[Mapping[str, Any]]:
        if not isinstance(wanted, str):
            return wanted
        if wanted not in ("best", "fastest"):
            raise ConfigError("unknown skeletons", got=wanted, expected="best | fastest | settings of the space")
        if not (self.net.generalises and isinstance(self.space, Readable)):
            return ()
        if wanted == "fastest":
            return self.space.reading_variants()[:1]
        return self.space.reading_variants() if readout in ("loss", "accuracy") else ()


def _check_companion(space: Space[Any], card: Mapping[str, Any], other: Model) -> None:
    """Raises `CheckpointError` unless two hypernetworks are for the same space and kind of images."""
    kinds = [describe_space(s) | kind_of(c["task"]) for s, c in ((space, card), (other.space, other.card))]
    if kinds[0] != kinds[1]:
        raise CheckpointError(
            "hypernetworks of different kinds cannot be read together", got=kinds[1], expected=kinds[0]
        )


def check_task(card: Mapping[str, Any], task: Task) -> None:
    """Raises `CheckpointError` unless the task has the kind and the shapes of input and output of the checkpoint's."""
    theirs, ours = kind_of(card["task"]), kind_of(task.describe())
    if theirs != ours:
        raise CheckpointError(
            f"the checkpoint was made for another kind of data than task {task.name}",
            got=ours,
            expected=theirs,
            fix="choose a task that fits (for instance its size), or train a hypernetwork for this one",
        )
