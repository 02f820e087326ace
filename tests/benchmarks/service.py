"""`python -m tests.benchmarks.service [--seconds 60] [--clients 50]`: the service under load, on loopback.

A server is started as a user would, with the shipped hypernetwork, and asked by many clients at once for `--seconds`:
mostly scores of networks drawn at random, also orders, embeddings, weights, descriptions and observations. Printed are
latencies by kind, networks a second, errors, and how the server's memory grew.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ghn.spaces import make_space

ROOT = Path(__file__).resolve().parents[2]
MIX = {"score": 70, "rank": 2, "embed": 10, "weights": 5, "describe": 5, "observe": 5, "healthz": 3}  # of 100 requests
KINDS = list(MIX)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.service", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long is asked")
    parser.add_argument("--clients", type=int, default=50, help="that ask at once")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    return parser.parse_args()


def request_of(kind: str, arch: str, rng: Random) -> dict[str, Any] | None:
    """The body of a request; None of one without."""
    if kind == "healthz":
        return None
    if kind == "score":
        return {"architectures": [arch], "skeletons": "fastest"}
    if kind in ("rank", "embed"):
        return {"architectures": [arch]}
    return {"architecture": arch, "value": rng.random()} if kind == "observe" else {"architecture": arch}


class Load:
    """Clients that ask a server until a time."""

    def __init__(self, port: int, space: Any, seconds: float) -> None:
        self.port, self.space, self.until = port, space, time.monotonic() + seconds
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.networks = 0
        self._lock = threading.Lock()

    def client(self, seed: int) -> None:
        rng, line = Random(seed), http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        while time.monotonic() < self.until:
            kind = rng.choices(KINDS, MIX.values())[0]
            body = request_of(kind, self.space.format(self.space.sample(rng)), rng)
            started = time.perf_counter()
            try:
                line.request(
                    "GET" if body is None else "POST",
                    f"/{kind}",
                    None if body is None else json.dumps(body),
                    {"content-type": "application/json"},
                )
                answer = line.getresponse()
                text = answer.read()
                why = None if answer.status == 200 else f"{kind}: {answer.status} {text[:100]!r}"
            except (OSError, http.client.HTTPException) as error:
                why, line = f"{kind}: {error!r}", http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            with self._lock:
                if why is not None:
                    self.errors[why] += 1
                self.seconds[kind].append(time.perf_counter() - started)
                self.networks += kind in ("score", "rank", "embed", "weights") and why is None


def memory_of(pid: int) -> float:
    """Resident megabytes of a process."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def run(seconds: float, clients: int) -> dict[str, Any]:
    """Starts a server, asks it, and stops it."""
    space = make_space("nasbench201", input_shape=(3, 16, 16), classes=10, width=8, depth=1)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", str(ROOT / "evaluate.py"), "job=serve", "port=0", "progress=false"]
        server = subprocess.Popen([*command, f"out={folder}/out"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            address = next(line for line in server.stdout if line.startswith("serving"))
            load = Load(int(address.rstrip("/\n").rpartition(":")[2]), space, seconds)
            threads = [threading.Thread(target=load.client, args=(seed,)) for seed in range(clients)]
            started, memory = time.monotonic(), [memory_of(server.pid)]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                time.sleep(1)
                memory.append(memory_of(server.pid))
            took = time.monotonic() - started
        finally:
            server.terminate()
            server.wait(120)
        lines = next(Path(folder, "out").glob("observed-*")).read_text().count('"observe"')
    every = [value for values in load.seconds.values() for value in values]
    return {
        "clients": clients,
        "seconds": took,
        "requests": len(every),
        "errors": dict(load.errors),
        "networks a second": load.networks / took,
        "latency": {kind: percentiles(values) for kind, values in (("all", every), *sorted(load.seconds.items()))},
        "memory in MB": {"at start": memory[0], "half way": memory[len(memory) // 2], "at the end": memory[-1]},
        "observed": {"answered": len(load.seconds["observe"]), "on disk": lines},
    }


def percentiles(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile and the longest, in seconds."""
    return {
        "n": len(values),
        "p50": float(np.median(values)),
        "p99": float(np.quantile(values, 0.99)),
        "max": max(values),
    }


def main() -> None:
    asked = arguments()
    found = run(asked.seconds, asked.clients)
    text = json.dumps(found, indent=2)
    print(text)
    if asked.json:
        asked.json.write_text(text)


if __name__ == "__main__":
    main()
