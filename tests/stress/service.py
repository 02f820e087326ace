"""A day's requests of a service in a few minutes, sane and mad; and one that is killed while it is told results."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psutil

from ghn.spaces import NASBench201
from tests.stress.forks import Fork, fork
from tests.stress.kills import Count

DAY = 1440  # requests: one a minute
CLIENTS = 4
FINE = {200, 400, 404, 405, 413, 415, 422, 429, 503, 504}  # whatever else is the service's own fault
GROWTH = 1.5  # by which memory may grow from a tenth of the requests to the last
WEIRD = ("\x1b[31m", "|~|" * 50, "\ud800", "|nor_conv_3x3~9|+|none~0|none~1|+|none~0|none~1|none~2|", "é" * 5000, "")


@contextmanager
def served(folder: Path, *, resume: bool = False) -> Iterator[tuple[Fork, str]]:
    """The service on the shipped checkpoint, in a process of its own, and its address."""
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    words = [
        "job=serve",
        "port=0",
        "threads=1",
        "progress=false",
        "device=cpu",
        f"out={folder}",
        f"resume={str(resume).lower()}",
    ]
    running = fork("evaluate.py", words, log)
    try:
        end = time.monotonic() + 120
        while "serving" not in (said := running.said() if log.exists() else ""):
            if running.wait(0.1) is not None or time.monotonic() > end:
                raise RuntimeError(f"the service did not start:\n{said}")
        yield running, next(line for line in said.splitlines() if line.startswith("serving")).split()[-1]
    finally:
        running.kill()
        running.wait()


def a_day(folder: Path, requests: int, seconds: float, seed: int = 0) -> tuple[Count, dict[str, Any]]:
    """Sends so many requests, at most in so many seconds; what they cost, and what was wrong."""
    count, statuses, answers = Count("service, a day"), Counter[int](), dict[str, str]()
    lock, memory, closed, begin = threading.Lock(), list[int](), [0], time.monotonic()
    with served(folder) as (running, address):
        process, left = psutil.Process(running.pid), iter(range(requests))

        def client(number: int) -> None:
            rng, http = Random(f"{seed}/{number}"), httpx.Client(base_url=address, timeout=90)
            while time.monotonic() - begin < seconds:
                with lock:
                    if (turn := next(left, None)) is None:
                        return
                    if turn % max(1, requests // 20) == 0:
                        memory.append(process.memory_info().rss)
                try:
                    key, reply = _ask(http, rng)
                except httpx.TransportError:  # refused while it was still being sent
                    with lock:
                        closed[0] += 1
                    continue
                with lock:
                    count.runs += 1
                    statuses[reply.status_code] += 1
                    count.check(reply.status_code in FINE, f"{key[:200]}: status {reply.status_code}", reply.text)
                    count.check("Traceback" not in reply.text, f"{key[:200]}: a traceback", reply.text)
                    if reply.status_code == 200 and key.startswith(("/score", "/embed")):
                        same = answers.setdefault(key, reply.text) == reply.text
                        count.check(same, f"{key[:200]}: another answer than before")

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        memory.append(process.memory_info().rss)
        count.check(running.status is None and "Traceback" not in running.said(), "the service fell", running.said())
    warm = max(memory[: 1 + len(memory) // 10])
    count.check(memory[-1] <= GROWTH * warm, f"memory grew from {warm:,} to {memory[-1]:,} bytes")
    took = time.monotonic() - begin
    count.check(closed[0] <= count.runs // 20, f"{closed[0]} connections were closed before an answer")
    return count, {
        "closed": closed[0],
        "statuses": {str(k): n for k, n in sorted(statuses.items())},
        "memory": memory,
        "seconds": took,
    }


def _ask(http: httpx.Client, rng: Random) -> tuple[str, httpx.Response]:
    """A request, and what tells it from others."""
    path = rng.choice(
        ("/score", "/score", "/embed", "/rank", "/describe", "/weights", "/suggest", "/observe", "/spaces", "mad")
    )
    if path == "mad":
        return _mad(http, rng)
    if path == "/spaces":
        return path, http.get(path)
    space = NASBench201((3, 16, 16), 10)
    few = [space.format(space.sample(Random(rng.randrange(40)))) for _ in range(rng.randint(1, 3))]
    body: dict[str, Any] = {
        "/score": {"architectures": few, "skeletons": "fastest"},
        "/embed": {"architectures": few},
        "/rank": {"architectures": few[:1]},
        "/describe": {"architecture": few[0]},
        "/weights": {"architecture": few[0]},
        "/suggest": {"n": 1},
        "/observe": {"architecture": few[0], "value": rng.random()},
    }[path]
    return f"{path} {json.dumps(body)}", http.post(path, json=body)


def _mad(http: httpx.Client, rng: Random) -> tuple[str, httpx.Response]:
    """Requests of those who err or attack."""
    headers = {"content-type": "application/json"}
    weird = rng.choice(WEIRD)
    bodies: list[bytes] = [
        b"", b"{", b"[" * 100_000, b'{"architectures": 5}', b'{"architectures": []}', rng.randbytes(200),
        json.dumps({"architectures": [weird]}).encode(), json.dumps({"architectures": [weird] * 65}).encode(),
        json.dumps({"architecture": weird, "value": 1e308}).encode(), b'{"n": 1e400}', b'{"n": ' + b"9" * 5000 + b"}",
        b'{"architecture": null, "value": NaN}', b" " * 2_000_000,
        json.dumps({"architectures": [{"schema": "ghn.graph/1", "nodes": [{"op": "conv"}] * 3}]}).encode(),
    ]  # fmt: skip
    path = rng.choice(
        ("/score", "/rank", "/observe", "/describe", "/suggest", "/weights", "/nothing", "/../etc/passwd")
    )
    body = rng.choice(bodies)
    return f"mad {path} {body[:80]!r}", http.post(path, content=body, headers=headers if rng.random() < 0.9 else {})


def killed(folder: Path, kills: int, rng: Random) -> Count:
    """A service that is killed while it is told results: what it has answered to is kept, each once."""
    count, space = Count("service, killed"), NASBench201((3, 16, 16), 10)
    sent, known = set[float](), set[float]()
    for number in range(kills + 1):
        with served(folder, resume=number > 0) as (running, address):
            threading.Timer(0.2 + rng.random(), running.kill if number < kills else lambda: None).start()
            try:
                for turn in range(400 if number < kills else 3):
                    value = number + turn / 1000
                    sent.add(value)
                    body = {"architecture": space.format(space.sample(rng)), "value": value}
                    httpx.post(f"{address}observe", json=body, timeout=30).raise_for_status()
                    known.add(value)
            except httpx.HTTPError:
                pass
        count.runs += 1
        count.kills += number < kills
    (file,) = folder.glob("observed-*.jsonl")
    kept = [row["value"] for row in map(json.loads, file.read_bytes().splitlines()) if "value" in row]
    count.check(len(kept) == len(set(kept)), "an observation stands there twice")
    count.check(known <= set(kept), f"{len(known - set(kept))} of {len(known)} observations were lost")
    count.check(set(kept) <= sent, "there are observations that nobody sent")
    return count
