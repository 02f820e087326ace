"""Whether a predictor head, trained with the hypernetwork whose encoder it stands on, does more with references.

From a trained hypernetwork, training goes on with its own loss while a head on the mean of the encoded nodes learns the
order of a few trained networks. The networks that were not given are ordered by the head, by `rank` with the same
references, and by both.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau
from torch import Tensor, nn
from tqdm import tqdm

from ghn.analysis.correction import normal_ranks
from ghn.analysis.correlation import rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import ConfigError, check_counts, check_known
from ghn.graph.ir import Graph
from ghn.nets import GHN
from ghn.scoring.combined import Combined
from ghn.scoring.model import Model
from ghn.spaces.members import live_params
from ghn.tables.lookup import Recorded
from ghn.train.loop import STATE, Loop
from ghn.train.meta import MetaConfig, MetaStep
from ghn.types import Score, Trial, WeightDict
from studies.ranking import development_of
from studies.readings import KEYS, TITLES, Readings
from studies.run import run_study, write_json

Floats = NDArray[np.float64]
WAYS = ("frozen", "alone", "together")
LOSSES = ("ranking", "squares")
USUAL, UNTAUGHT = "rank", "rank, no references"
BLOCK = 64  # networks encoded at once


class Predictor(nn.Module):
    """A hypernetwork that makes weights as before, and a head that tells from its encoded nodes how good a network is.

    Source: Lv et al., "HyperNAS: Enhancing Architecture Representation for NAS Predictor via Hypernetwork", 2025: the
    hypernetwork as the auxiliary task of a predictor's encoder.
    """

    def __init__(self, net: GHN, hidden: int) -> None:
        super().__init__()
        self.net, size = net, net.config.hidden
        self.head = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        return self.net(graphs)

    def judge(self, graphs: Sequence[Graph]) -> Float[Tensor, " g"]:
        """Higher for better networks; of no unit."""
        return self.head(self.net.embed(graphs)).squeeze(-1)


class ReferenceStep(MetaStep):
    """A step of the hypernetwork's training with references as the second task, or of theirs alone.

    Args:
        model: trained from first to last; of a `frozen` one the head alone.
        heads: what is learnt, and how.
        references: accuracies of trained networks, by official string.
        way: one of `WAYS`.
    """

    def __init__(self, model: Predictor, heads: Heads, references: Mapping[str, float], way: str) -> None:
        plan, space = heads.plan, heads.space
        check_known("way of training a head", way, WAYS)
        check_known("loss of a head", plan["loss"], LOSSES)
        model.net.requires_grad_(way != "frozen")
        told = {name: plan[name] for name in ("hidden", "loss", "share", "batch")}
        identity = {"start": heads.model.digest, "references": dict(references), "way": way, "head": told}
        super().__init__(model, space, heads.task, heads.config, heads.fabric, identity=identity)
        self.predictor, self.way, self.plan = model, way, plan
        self.graphs = [self.network(space.parse(text), 0).graph for text in references]
        self.targets = torch.tensor(normal_ranks(np.array(list(references.values()))), dtype=torch.float32)

    def losses(self, number: int, drawn: Sequence[Any]) -> Float[Tensor, " n"]:
        second = self.of_references(number)
        if self.way != "together":
            return second.expand(len(drawn))
        return super().losses(number, drawn) + self.plan["share"] * second

    def of_references(self, number: int) -> Float[Tensor, ""]:
        """The head's loss on the references of a step."""
        n = len(self.graphs)
        chosen = Random(f"{self.config.seed}/{number}/references").sample(range(n), min(n, self.plan["batch"]))
        found = self.predictor.judge([self.graphs[i] for i in chosen])
        targets = self.targets[chosen].to(found.device)
        return ranking_loss(found, targets) if self.plan["loss"] == "ranking" else F.mse_loss(found, targets)


def ranking_loss(found: Float[Tensor, " n"], targets: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Mean logistic loss over all pairs of different targets.

    Source: Burges et al., "Learning to Rank using Gradient Descent", ICML 2005, eq. 3 (RankNet).
    """
    better = targets[:, None] > targets[None, :]
    losses = F.softplus(found[None, :] - found[:, None])
    return (losses * better).sum() / better.sum().clamp(min=1)


class Heads:
    """Trains heads from one hypernetwork, and reads the networks of a table with them.

    Args:
        model: the hypernetwork, which stays as it is.
        setting: task and space.
        archs: official strings of the networks that are read.
        options: of the study.
    """

    def __init__(self, model: Model, setting: Setting, archs: Sequence[str], options: Mapping[str, Any]) -> None:
        self.model, self.plan, self.resume = model, options["head"], options["resume"]
        self.task, self.space, self.fabric = model.images(setting.task), setting.space, setting.fabric
        self.config = MetaConfig(**{**options["trainer"], "save_every": options["trainer"]["steps"]})
        self.graphs = [self.space.network(self.space.parse(text)).live().graph for text in archs]

    def train(self, references: Mapping[str, float], way: str, folder: Path, seed: int) -> Predictor:
        """A predictor with averaged weights; one that lies in the folder is taken as it is."""
        net = self.model.hypernetwork("a predictor head")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            predictor = Predictor(copy.deepcopy(net).train(), self.plan["hidden"])
        step = ReferenceStep(predictor, self, references, way)
        resume = self.resume and (folder / STATE).exists()
        trained = Loop(step, self.config, self.fabric, folder, resume=resume).run(progress=False)
        assert isinstance(trained, Predictor)
        return trained

    @torch.no_grad()
    def read(self, predictor: Predictor) -> tuple[Floats, Floats]:
        """Judgements [n] and embeddings [n, d] of all networks."""
        blocks = [self.graphs[i : i + BLOCK] for i in range(0, len(self.graphs), BLOCK)]
        embedded = torch.cat([predictor.net.embed(block) for block in blocks])
        values = predictor.head(embedded).squeeze(-1)
        return values.cpu().double().numpy(), embedded.cpu().double().numpy()


def components(embedded: Floats, n: int) -> Floats:
    """Principal components [n, c] of embeddings [n, d]; no accuracy is in them."""
    u, s, _ = np.linalg.svd(embedded - embedded.mean(0), full_matrices=False)
    found: Floats = (u * s)[:, :n]
    return found


def with_features(usual: Combined, trials: Sequence[Trial[Any]], features: Floats) -> Combined:
    """What `rank` asks, with features [n, c] of networks more in the distances of its regression."""
    names = [f"c{i}" for i in range(features.shape[1])]
    rows = [dict(zip(names, row, strict=True)) for row in features.tolist()]
    known = {trial.arch: Score(0.0, extra=row) for trial, row in zip(trials, rows, strict=True)}
    weights = {**usual.weights, **{f"head/{name}": 0.0 for name in names}}
    members = {**usual.members, "head": Recorded(known)}
    found = Combined(usual.space, members, weights, **usual.options(weights))
    found.population = found.population_of(found.read(trials))
    return found


def orders_of(
    readings: Readings, heads: Heads, archs: Sequence[str], size: int, draw: int, folder: Path, bar: tqdm[Any]
) -> dict[str, Floats]:
    """What each estimator says [n] of the networks of a table; NaN for those that compute what one given does."""
    history, plan, space = readings.history(size, draw), heads.plan, readings.space
    given = {trial.id: score.value for trial, score in history}
    taught = {space.canonical(trial.arch) for trial, _ in history}
    trials = [Trial(text, space.parse(text)) for text in archs]
    kept = np.array([space.canonical(trial.arch) not in taught for trial in trials])

    def of(estimator: Combined, known: Sequence[tuple[Trial[Any], Score]] = history) -> Floats:
        estimator.fit(known)
        return np.array([score.value for score in estimator.score(trials)])

    combined = readings.combined()
    orders = {UNTAUGHT: of(combined, []), USUAL: (usual := of(combined))}
    kept &= np.isfinite(usual)  # and could be read
    for way in plan["ways"]:
        trained = heads.train(given, way, folder / f"{way}-{size}-{draw}", draw)
        values, embedded = heads.read(trained)
        features = components(embedded, plan["components"])
        orders[f"head, {way}"] = values
        orders[f"rank and head, {way}"] = both = usual.copy()
        both[kept] = normal_ranks(usual[kept]) + normal_ranks(values[kept])
        orders[f"rank with embedding, {way}"] = of(with_features(combined, trials, features))
        bar.update()
    return {name: np.where(kept, order, np.nan) for name, order in orders.items()}


def judged(orders: Sequence[Mapping[str, Floats]], truth: Floats, params: Floats, resamples: int) -> dict[str, Any]:
    """Means over draws of every statistic, and how far Kendall's tau is above that of `rank`, with its interval."""
    rows: dict[str, Any] = {}
    for name in orders[0]:
        kept = [(draw[name], np.isfinite(draw[name])) for draw in orders]
        each = [rank(v[k], truth[k], groups=params[k], bootstrap=0) for v, k in kept]
        values = {key: [v for one in each if (v := one[key].value) is not None] for key in KEYS}
        rows[name] = {key: float(np.mean(of_draws)) for key, of_draws in values.items() if of_draws}
        rows[name] |= {"draws": values["kendall"], "networks": [one.n for one in each]}
    for name, gains in gains_over(USUAL, orders, truth, resamples).items():
        gain = rows[name]["kendall"] - rows[USUAL]["kendall"]
        rows[name]["gain"] = [gain, *np.quantile(gains, [0.025, 0.975])]
    return rows


def gains_over(
    usual: str, orders: Sequence[Mapping[str, Floats]], truth: Floats, resamples: int
) -> dict[str, list[float]]:
    """Differences of Kendall's tau in resamples of networks and of draws at once, the same for every estimator."""
    rng, gains = np.random.default_rng(0), {name: list[float]() for name in orders[0]}
    for _ in range(resamples):
        networks = rng.integers(len(truth), size=len(truth))
        draws = [orders[i] for i in rng.integers(len(orders), size=len(orders))]
        taus = {name: np.mean([_tau(draw[name][networks], truth[networks]) for draw in draws]) for name in gains}
        for name, tau in taus.items():
            gains[name].append(float(tau - taus[usual]))
    return gains


def _tau(order: Floats, truth: Floats) -> float:
    kept = np.isfinite(order)
    return float(kendalltau(order[kept], truth[kept]).statistic)


def print_rows(rows: Mapping[str, Any], size: int, draws: int) -> None:
    """A row an estimator."""
    table = Table(title=f"{size} references, means over {draws} draws; gain over `rank` with its 95 % interval")
    table.add_column("estimator")
    for column in (*TITLES, "gain"):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        cells = [f"{row[key]:.3f}" if key in row else "-" for key in KEYS]
        gain, low, high = row["gain"]
        table.add_row(name, *cells, f"{gain:+.3f} [{low:+.3f}, {high:+.3f}]")
    Console(width=170).print(table)


def predictor_head_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Trains heads on several draws of references, and judges what was not given.

    Raises:
        ConfigError: no draws, or an unknown way or loss.
        DataError: the table cannot be used.
        ExistsError: the folder holds results.
    """
    folder, plan = Path(options["out"]), options["head"]
    check_folder(folder, resume=options["resume"])
    check_counts("head.", draws=plan["draws"], hidden=plan["hidden"], components=plan["components"])
    known = dict(development_of(setting, plan["table"], plan["n"]).values)
    if too_many := [size for size in plan["sizes"] if not 5 <= size <= len(known) // 2]:
        raise ConfigError("references beside which networks remain", got=too_many, expected=f"5 to {len(known) // 2}")
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    archs, progress = list(known), options["progress"]
    readings = Readings(model, setting, known, archs, folder / "members" / "0", progress=progress)
    heads = Heads(model, setting, archs, options)
    found: dict[str, Any] = {"made": machine(), "networks": len(archs), "options": {"head": dict(plan)}, "sizes": {}}
    bar = tqdm(total=plan["draws"] * len(plan["sizes"]) * len(plan["ways"]), desc="heads", disable=not progress)
    orders: dict[int, list[dict[str, Floats]]] = {size: [] for size in plan["sizes"]}
    for draw in range(plan["draws"]):
        for size in plan["sizes"]:
            orders[size].append(orders_of(readings, heads, archs, size, draw, folder / "heads", bar))
    truth = np.array(list(known.values()))
    params = np.array([live_params(setting.space, setting.space.parse(text)) for text in archs], dtype=float)
    for size, of_draws in orders.items():
        rows = judged(of_draws, truth, params, options["bootstrap"])
        found["sizes"][str(size)] = rows
        print_rows(rows, size, plan["draws"])
    write_json(folder / "predictor_head.json", found)
    print(f"wrote {folder}/predictor_head.json")


if __name__ == "__main__":
    run_study("predictor_head", predictor_head_study)
