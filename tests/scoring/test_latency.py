"""Latency: measured once for isomorphic networks, kept on disk, and refused where it cannot be."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
import toy
from torch import nn

import ghn
from ghn.errors import ConfigError, DataError
from ghn.graph.canonical import canonical_hash
from ghn.scoring.latency import Latency
from ghn.types import Network

SPACE = toy.SPACE
ARCH = ("nor_conv_3x3", "none", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1")
QUICK = {"warmup": 1, "repeats": 3}


def test_a_number_of_milliseconds_of_a_member_a_string_and_a_network() -> None:
    for arch in (ARCH, SPACE.format(ARCH)):
        assert 0 < ghn.latency(arch, SPACE, **QUICK) < 60_000
    assert ghn.latency(SPACE.network(ARCH), batch=4, **QUICK) > 0


def test_isomorphic_networks_share_a_timing_and_quartiles_are_around_it() -> None:
    measures = Latency(SPACE, **QUICK)
    rng = Random(0)
    archs = [SPACE.sample(rng) for _ in range(12)]
    first = [measures.measure(arch) for arch in archs]
    assert [measures.measure(arch) for arch in archs] == first
    assert len(measures.timings) == len({canonical_hash(SPACE.network(a).live().graph) for a in archs})
    assert all(0 < timing.low <= timing.median <= timing.high for timing in first)


def test_timings_are_kept_on_disk_and_only_gone_on_with_as_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "latency.jsonl"
    found = Latency(SPACE, path=path, **QUICK)(ARCH)
    again = Latency(SPACE, path=path, **QUICK)
    assert again.timings and again(ARCH) == found
    with pytest.raises(DataError, match="batch differ"):
        Latency(SPACE, path=path, batch=2, **QUICK)
    path.write_text(path.read_text() + '{"hash": "a"}\n')
    with pytest.raises(DataError, match="line 3: not a latency"):
        Latency(SPACE, path=path, **QUICK)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    Latency(SPACE, threads=2, warmup=1, repeats=1)(ARCH)
    assert torch.get_num_threads() == before


def test_networks_that_read_other_things() -> None:
    words = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 2))
    inputs = torch.zeros(5, 3, dtype=torch.long)
    network = Network.from_module(words, inputs)
    assert Latency(inputs=inputs, **QUICK)(network) > 0
    with pytest.raises(ghn.errors.GraphError, match="give inputs"):
        Latency(**QUICK)(network)


def test_wrong_settings() -> None:
    for wrong in ({"repeats": 0}, {"threads": 0}, {"batch": 1.5}):
        with pytest.raises(ConfigError, match=f"latency: {next(iter(wrong))}"):
            Latency(SPACE, **wrong)
    with pytest.raises(ConfigError, match="cannot be measured on this device"):
        Latency(SPACE, device="nowhere")
    with pytest.raises(ConfigError, match="in its space"):
        ghn.latency(ARCH)
