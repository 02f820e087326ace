"""Regressors behind one small interface: those of scikit-learn, and an ensemble of small graph networks on the IR.

Hyperparameters were chosen on the development sample (docs/surrogates.md) and are the same for every space.
scikit-learn is imported by the models that need it, as it is heavy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ghn.errors import GraphError, check_known
from ghn.families.surrogates.regression import Prediction, Regressor, Rows, Vector
from ghn.graph.ir import Graph
from ghn.graph.op import OPS, Op
from ghn.graph.pyg import Batch, Data, GINEConv, global_mean_pool

KERNELS = 8  # kernel sizes told apart
BATCH = 32  # references a step


def _tells_nothing(op: Op) -> bool:
    """Whether it is always there around others, or what message passing does itself (sums)."""
    return op.activates or op.normalises or op.adds


def graph_data(graph: Graph) -> Data:
    """A graph with its telling operations alone, in torch-geometric form.

    Returns:
        `kind` int64 [n, 2]: operation and kernel size; `width` [n, 1]: binary logarithm of the channels, over 8;
        `edge_index` [2, e] along the data and against it, and `direction` [e], 0 or 1.

    Raises:
        GraphError: an operation that is not registered.
    """
    names = {name: i for i, name in enumerate(OPS)}
    kept: list[int] = []
    sources: list[list[int]] = []  # of each node: positions of the kept nodes whose sum it carries on
    edges: list[tuple[int, int]] = []
    for i, node in enumerate(graph.nodes):
        if node.op not in names:
            raise GraphError(f"node {node.name!r} has an unknown operation", got=node.op, expected=", ".join(OPS))
        read = [p for j in node.inputs for p in sources[j]]
        if _tells_nothing(node.operation):
            sources.append(read)
        else:
            edges += [(p, len(kept)) for p in read]
            sources.append([len(kept)])
            kept.append(i)
    nodes = [graph.nodes[i] for i in kept]
    along = torch.tensor(edges, dtype=torch.long).reshape(-1, 2).T
    return Data(
        kind=torch.tensor([[names[n.op], min(n.attr.get("kernel", 0), KERNELS - 1)] for n in nodes]),
        width=torch.tensor([[np.log2(n.shape[0]) / 8] for n in nodes], dtype=torch.float32),
        edge_index=torch.cat([along, along.flip(0)], 1),
        direction=torch.arange(2).repeat_interleave(len(edges)),
        num_nodes=len(nodes),
    )


class GIN(nn.Module):
    """Graph isomorphism network with edge features: which way an edge runs. `features` come beside each graph.

    Source: Hu et al., "Strategies for Pre-training Graph Neural Networks", ICLR 2020, appendix C (GINE), after Xu et
    al., "How Powerful are Graph Neural Networks?", ICLR 2019, eq. 4.1.
    """

    def __init__(self, features: int, hidden: int = 32, layers: int = 3) -> None:
        super().__init__()
        self.operation, self.kernel = nn.Embedding(len(OPS), hidden), nn.Embedding(KERNELS, hidden)
        self.width, self.direction = nn.Linear(1, hidden), nn.Embedding(2, hidden)
        self.convs = nn.ModuleList(
            GINEConv(nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)))
            for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.head = nn.Sequential(nn.Linear(hidden + features, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, graphs: Batch, matrix: Float[Tensor, "g f"]) -> Float[Tensor, " g"]:
        x = self.operation(graphs.kind[:, 0]) + self.kernel(graphs.kind[:, 1]) + self.width(graphs.width)
        way = self.direction(graphs.direction)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + F.relu(norm(conv(x, graphs.edge_index, way)))
        return self.head(torch.cat([global_mean_pool(x, graphs.batch), matrix], 1))[:, 0]


class GraphNetwork:
    """An ensemble of graph networks; the standard deviation is the spread over its members.

    Source: Lakshminarayanan, Pritzel & Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles", NeurIPS 2017, sec. 2.4; AdamW: Loshchilov & Hutter, ICLR 2019.

    Args:
        members: of the ensemble.
        steps: of AdamW, for each member.
        lr: its greatest learning rate, of one cycle (Smith & Topin, 2018).
        weight_decay: of AdamW.
        seed: of weights and batches.
    """

    reads_graphs = True

    def __init__(
        self, members: int = 3, steps: int = 150, lr: float = 1e-2, weight_decay: float = 1e-2, seed: int = 0
    ) -> None:
        self.members, self.steps, self.lr, self.weight_decay, self.seed = members, steps, lr, weight_decay, seed
        self._nets: list[GIN] = []

    def fit(self, x: Rows, y: Vector) -> None:
        self._mean, std = x.matrix.mean(0), x.matrix.std(0)
        self._std = np.where(std > 0, std, 1.0)
        data, matrix = [graph_data(graph) for graph in x.graphs], self._scaled(x)
        target = torch.from_numpy(y).float()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._nets = [GIN(matrix.shape[1]) for _ in range(self.members)]
        self._train(data, matrix, target)

    @torch.no_grad()
    def predict(self, x: Rows) -> Prediction:
        data, matrix = [graph_data(graph) for graph in x.graphs], self._scaled(x)
        each = []
        for start in range(0, len(x), 512):
            batch, some = Batch.from_data_list(data[start : start + 512]), matrix[start : start + 512]
            each.append(torch.stack([net(batch, some) for net in self._nets]))
        out = torch.cat(each, 1).double().numpy()
        return Prediction(out.mean(0), out.std(0))

    def _scaled(self, x: Rows) -> Float[Tensor, "n f"]:
        return torch.from_numpy((x.matrix - self._mean) / self._std).float()

    def _train(self, data: Sequence[Data], matrix: Float[Tensor, "n f"], target: Float[Tensor, " n"]) -> None:
        """Trains all members on the same batches: making a batch costs as much as a step of one of them."""
        order, size = np.random.default_rng(self.seed), min(BATCH, len(data))
        weights = [p for net in self._nets for p in net.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=self.lr, weight_decay=self.weight_decay, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=self.steps)
        for _ in range(self.steps):
            chosen = order.choice(len(data), size, replace=False)
            batch, some, wanted = Batch.from_data_list([data[i] for i in chosen]), matrix[chosen], target[chosen]
            loss = torch.stack([F.mse_loss(net(batch, some), wanted) for net in self._nets]).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


class Probabilistic:
    """A scikit-learn regressor that gives standard deviations itself; made for a number of features, standardised."""

    reads_graphs = False

    def __init__(self, make: Callable[[int], Any]) -> None:
        from sklearn.preprocessing import StandardScaler

        self._make, self._scaler = make, StandardScaler()

    def fit(self, x: Rows, y: Vector) -> None:
        from sklearn.exceptions import ConvergenceWarning

        self._model = self._make(x.matrix.shape[1])
        with warnings.catch_warnings():  # a length scale at its bound says that a feature does not matter
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._scaler.fit_transform(x.matrix), y)

    def predict(self, x: Rows) -> Prediction:
        return Prediction(*self._model.predict(self._scaler.transform(x.matrix), return_std=True))


class Ensemble:
    """A scikit-learn ensemble: the standard deviation is the spread over its members."""

    reads_graphs = False

    def __init__(self, make: Callable[[], Any]) -> None:
        self._model = make()

    def fit(self, x: Rows, y: Vector) -> None:
        self._model.fit(x.matrix, y)

    def predict(self, x: Rows) -> Prediction:
        matrix = x.matrix.astype(np.float32)  # what trees compare in: one conversion for all of them
        each = np.stack([member.predict(matrix) for member in self._model.estimators_])
        return Prediction(each.mean(0), each.std(0))


def _ridge(features: int) -> Any:
    """Source: MacKay, "Bayesian Interpolation", Neural Computation 1992; Tipping, JMLR 2001."""
    from sklearn.linear_model import BayesianRidge

    return BayesianRidge()


def _process(features: int) -> Any:
    """Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, eq. 4.17 (Matern), sec. 5.4.1."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    reach = max(1, features) ** 0.5
    kernel = ConstantKernel(1.0) * Matern(reach, (reach / 10, reach * 100), nu=2.5) + WhiteKernel(0.1)
    return GaussianProcessRegressor(kernel)


def _forest(seed: int) -> Any:
    """Source: Breiman, "Random Forests", Machine Learning 2001; spread over trees: Hutter et al., SMAC, LION 2011."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(100, max_features=1 / 3, random_state=seed)


def _boosting(seed: int) -> Any:
    """Source: Friedman, "Greedy Function Approximation", Annals of Statistics 2001; bagged for a spread."""
    from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor

    return BaggingRegressor(GradientBoostingRegressor(n_estimators=100), 5, random_state=seed)


MODELS = ("ridge", "random_forest", "gradient_boosting", "gaussian_process", "gnn")


def make_model(name: str, seed: int = 0) -> Callable[[], Regressor]:
    """A factory of unfitted models: one is fitted on all references, others on parts of them for calibration."""
    check_known("model of a surrogate", name, MODELS)
    if name == "gnn":
        return partial(GraphNetwork, seed=seed)
    if name in ("ridge", "gaussian_process"):
        return partial(Probabilistic, _ridge if name == "ridge" else _process)
    return partial(Ensemble, partial(_forest if name == "random_forest" else _boosting, seed))
