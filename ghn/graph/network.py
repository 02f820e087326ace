"""A network: what is seen of it, and what runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ghn.display import named
from ghn.graph.capturing import capture, check_module
from ghn.graph.interpreter import Inputs, Interpreter, Ran
from ghn.graph.ir import Graph
from ghn.graph.program import ModuleProgram
from ghn.graph.program import check as check_captured
from ghn.graph.simplify import simplify
from ghn.graph.unchanged import lock_of

WeightDict = dict[str, Tensor]


@runtime_checkable
class Program(Protocol):
    """What runs a network with weights from anywhere: an interpreter of graphs, or a module of the user's own."""

    @property
    def needed(self) -> frozenset[str]:
        """Names of the weights, and of the running statistics, that `run` must be given."""

    def with_stats(self) -> Program:
        """The same program on running statistics, for training by SGD: they are brought along with the weights."""

    def new_stats(self, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Fresh running statistics by name, which `run` updates in place; none where it runs on those of the batch."""

    def run(
        self, weights: Mapping[str, Tensor], x: Inputs, watch: Sequence[str] = (), *, training: bool = False
    ) -> Ran:
        """Runs the network; differentiable in the weights.

        Args:
            weights: by name, exactly those that are `needed`.
            x: images (b, c, h, w), or what else the network reads.
            watch: names of nodes of the graph whose outputs are asked for.
            training: whether running statistics, where they are kept, are updated instead of used.
        """


@dataclass(frozen=True, slots=True, repr=False)
class Network:
    """A network: what a hypernetwork sees of it, and what runs it. Seeing is not running."""

    graph: Graph  # operations, shapes and parameters
    program: Program  # takes weights with the names and shapes of `graph.params()`
    # weights that the network brings along, by the names of `graph.params()`: for parameters that nobody makes
    own: Mapping[str, Tensor] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return named(self, repr(self.graph), program=self.program)

    def _repr_html_(self) -> str:
        return self.graph._repr_html_()

    @classmethod
    def of(cls, graph: Graph) -> Network:
        """The network of a graph of known operations, run by the interpreter."""
        return cls(graph, Interpreter(graph))

    @classmethod
    def from_module(cls, module: nn.Module, example_inputs: Inputs, *, check: bool = True) -> Network:
        """Any module of PyTorch: seen as a graph, and run as it is, with other weights; it is not changed.

        Operations without a rule are nodes with a name. Attributes are free to be named as they like, layers may be
        subclasses, weights shared; there may be several inputs and outputs. Dropout is off, and normalisations run on
        the statistics of the batch.

        Args:
            module: the network, which is kept: its `forward` runs. Not on `meta`, not scripted, without hooks.
            example_inputs: a tensor (b, ...), a tuple of them, or a dict by the names of `forward`'s arguments.
            check: run the captured graph beside the module once, on random inputs, where all its operations are known.

        Raises:
            GraphError: it cannot be captured, or the graph does not compute what the module computes; names the module.
        """
        check_module(module)
        with lock_of(module):
            captured = capture(module, example_inputs)
            program = ModuleProgram(module, captured)
            if check and program.checkable:
                check_captured(module, example_inputs, captured)
            params = dict(module.named_parameters())
        return cls(captured.graph, program, {name: params[own].detach() for name, own in captured.params.items()})

    def live(self) -> Network:
        """Its live part: what lies on no way from input to output is gone, and computes nothing any more."""
        if not isinstance(self.program, Interpreter):
            return self
        graph = simplify(self.graph)
        return Network(graph, self.program.of(graph), self.own)

    def complete(self, weights: Mapping[str, Tensor]) -> WeightDict:
        """Weights for all that the program needs: those given and, on their device, of its own what is missing."""
        missing = [name for name in self.own if name not in weights and name in self.program.needed]
        where = next((weight.device for weight in weights.values()), None)
        return {**{name: self.own[name].to(where or self.own[name].device) for name in missing}, **weights}
