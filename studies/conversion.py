"""Which networks of torchvision and timm can be taken as they are, how much of them is generated, and what it costs."""

from __future__ import annotations

import importlib
import resource
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting
from ghn.errors import GraphError, MissingExtraError
from ghn.files import JsonLines, write_atomic
from ghn.graph.program import ModuleProgram
from ghn.nets import GHN, GHNConfig
from ghn.nets.kinds import CLASS_HEAD, PARAMETER_KINDS, makeable
from ghn.scoring.initialise import coverage_of, make_weights
from ghn.types import Network
from studies.run import run_study

SCHEMA = "ghn.conversion/1"
Maker = Callable[[], tuple[nn.Module, tuple[int, ...]]]  # a module, and the shape of one input


def conversion_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Takes every model in a process of its own, as its memory is measured; one that fails is a row that says why."""
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    rows = JsonLines(out / "models.jsonl", SCHEMA, {"net": options["net"], "classes": options["classes"]}, "models")
    found = [row for _, row in rows.rows]
    kinds = tuple(sorted(makeable(set(PARAMETER_KINDS))))
    config = GHNConfig(**{**options["net"], "classes": options["classes"], "kinds": kinds})
    models = {name: make for library in options["libraries"] for name, make in MODELS[library](options["each"]).items()}
    done = {row["model"] for row in found}
    for name in tqdm([n for n in models if n not in done], desc="models", disable=not options["progress"]):
        found.append(measure_apart(name, models[name], config, check=options["check"], timeout=options["timeout"]))
        rows.append(found[-1])
    write_atomic(out / "table.md", table(found))
    print(table(found))


def torchvision_models(_each: int) -> dict[str, Maker]:
    """All classification models of torchvision, at their default sizes."""
    from torchvision import models

    def make(name: str) -> tuple[nn.Module, tuple[int, ...]]:
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        module = models.get_model(name, weights=None, **options)
        side = models.get_weight(f"{models.get_model_weights(name).__name__}.DEFAULT").transforms().crop_size[0]
        if isinstance(module, models.VisionTransformer):  # some weights are for larger images than the default
            side = module.image_size
        return module, (3, side, side)

    return {f"torchvision/{name}": partial(make, name) for name in models.list_models(module=models)}


def timm_models(each: int) -> dict[str, Maker]:
    """Some models of each family of timm, a file of it being a family; at their default sizes."""
    try:
        timm = importlib.import_module("timm")
    except ImportError:
        fix = "pip install 'ghn[studies]', or libraries=[torchvision]"
        raise MissingExtraError("timm is not installed", fix=fix) from None
    families: dict[str, list[str]] = {}
    for name in timm.list_models():
        families.setdefault(timm.models.model_entrypoint(name).__module__, []).append(name)
    chosen = [own[k * len(own) // each] for own in families.values() for k in range(each)]

    def make(name: str) -> tuple[nn.Module, tuple[int, ...]]:
        module = timm.create_model(name, pretrained=False)
        return module, tuple(module.default_cfg["input_size"])

    return {f"timm/{name}": partial(make, name) for name in dict.fromkeys(chosen)}


MODELS: Mapping[str, Callable[[int], dict[str, Maker]]] = {"torchvision": torchvision_models, "timm": timm_models}


def measure_apart(name: str, make: Maker, config: GHNConfig, *, check: bool, timeout: float) -> dict[str, Any]:
    """`measure` in a process of its own; what ends that process is a row too."""
    ours, theirs = (context := get_context("fork")).Pipe()
    process = context.Process(target=_report, args=(theirs, name, make, config, check))
    process.start()
    theirs.close()
    try:
        row: dict[str, Any] = ours.recv() if ours.poll(timeout) else {"error": f"more than {timeout:.0f} s"}
    except EOFError:
        row = {"error": "its process ended"}
    process.kill()
    process.join()
    return {"model": name, **row}


def _report(pipe: Connection, name: str, make: Maker, config: GHNConfig, check: bool) -> None:
    try:
        row = measure(make, config, check=check)
    except Exception as error:  # a model of a library may fail in any way
        row = {"error": f"{type(error).__name__}: {error}"[:500]}
    pipe.send(row)


def measure(make: Maker, config: GHNConfig, *, check: bool) -> dict[str, Any]:
    """What taking one model gives and costs.

    Returns:
        A row: `params`, `nodes`, `share` of the weights that are generated, `kept` parameters of the forward pass that
        are not; `capture_s`, `weights_s`; `peak_mb`, by how much the process grew beyond the model; `runs`, whether
        the graph's operations are all known.
    """
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    module, shape = make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    inputs, started = torch.randn(1, *shape), time.perf_counter()
    network = Network.from_module(module, inputs, check=check)
    captured = time.perf_counter() - started
    classes = max([p.shape[0] for p in network.graph.params() if p.kind in CLASS_HEAD], default=1)
    net, started = GHN(replace(config, classes=max(classes, config.classes))), time.perf_counter()
    made = make_weights(net, network)
    finished = time.perf_counter() - started
    covered = coverage_of(net, network, module, made)
    if wrong := [name for name, own in network.own.items() if name in made and made[name].shape != own.shape]:
        raise GraphError("weights of another shape", got=wrong[:5])
    assert isinstance(network.program, ModuleProgram)
    read = set(network.program.captured.params.values())
    return {
        "params": sum(p.numel() for p in module.parameters()),
        "nodes": len(network.graph),
        "share": covered.share,
        "kept": [name for name in covered.kept if name in read],
        "unread": [name for name in covered.kept if name not in read],
        "capture_s": captured,
        "weights_s": finished,
        "peak_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "runs": network.program.checkable,
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """What came of it, as Markdown: a line a library, and the models that were left out."""
    lines = [
        "| models | taken | 99 % of weights made | of those that are read | graph runs "
        "| capture s (median, worst) | weights s | peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for library in dict.fromkeys(row["model"].partition("/")[0] for row in rows):
        own = [row for row in rows if row["model"].startswith(f"{library}/")]
        good = [row for row in own if "error" not in row]
        if not good:
            continue
        spans = [
            f"{median(row[key] for row in good):.{digits}f}, {max(row[key] for row in good):.{digits}f}"
            for key, digits in (("capture_s", 2), ("weights_s", 2), ("peak_mb", 0))
        ]
        counts = [
            sum(row["share"] >= 0.99 for row in good),
            sum(row["share"] >= 0.99 or not row["kept"] for row in good),
            sum(row["runs"] for row in good),
        ]
        cells = [f"{library} ({len(own)})", *(f"{n} ({n / len(own):.1%})" for n in (len(good), *counts)), *spans]
        lines.append(f"| {' | '.join(cells)} |")
    left = [f"- {row['model']}: {row['error'].splitlines()[0]}" for row in rows if "error" in row]
    less = [
        f"- {row['model']}: {row['share']:.3f}; kept {row['kept'][:3]}, not read {row['unread'][:3]}"
        for row in rows
        if "error" not in row and row["share"] < 0.99
    ]
    return "\n".join([*lines, "", "Left out:", *(left or ["- none"]), "", "Less than 99 %:", *(less or ["- none"]), ""])


if __name__ == "__main__":
    run_study("conversion", conversion_study)
