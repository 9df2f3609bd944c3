"""The HTTP API under Ray Serve, as docs/app.md has it, under the load of api_load.py: bounded, and on this machine only.

    pip install -e ".[app,ray]" "ray[serve]" httpx
    python benchmarks/ray_serve.py --clients 8

Two replicas behind Serve's proxy. Checked: all edits are served, the bytes are those of the editor, both replicas served, and
with --kill also when one of them is killed in the middle.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import httpx
import numpy as np
import ray
from ray import serve

from api_load import LEVELS, Load, run, wanted_bytes
from dftnet.app.api import create_app
from dftnet.app.guard import Guard
from dftnet.app.settings import Settings

REPLICAS = 2


def build() -> Guard:
    """Made in each replica: the model, the photos that it remembers, and the gate are its own."""
    return create_app(Settings(threads=1))


@serve.deployment(num_replicas=REPLICAS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
@serve.ingress(build)
class Server:
    """All is in the application."""


def wait_for_all(url: str) -> None:
    """Until each replica has its model."""
    seen: set[int] = set()
    for _ in range(600):
        answer = httpx.get(f"{url}/ready", timeout=30)
        seen |= {answer.json()["worker"]} if answer.status_code == 200 else set()
        if len(seen) == REPLICAS:
            return
        time.sleep(0.1)
    raise SystemExit("the replicas did not get ready")


def report(load: Load, seconds: float, total: int) -> bool:
    """Prints what was seen; whether it is as it should be."""
    middle, high = np.percentile(load.times, [50, 95])
    print(
        f"{len(load.times)} of {total} edits, {total / seconds:.1f} a second, with the waiting median {middle:.2f} s, "
        f"95th percentile {high:.2f} s; answers {dict(sorted(load.statuses.items()))}, connections broken {load.broken}; "
        f"served by {len(load.workers)} processes; bytes different {load.different}; load {os.getloadavg()[0]:.1f}"
    )
    return len(load.times) == total and not load.different and len(load.workers) >= REPLICAS


def main() -> None:
    """Print requests a second and times; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--port", type=int, default=8776)
    parser.add_argument("--kill", action="store_true")
    arguments = parser.parse_args()
    ray.init(num_cpus=REPLICAS, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": arguments.port})
    serve.run(Server.bind(), route_prefix="/")  # type: ignore[attr-defined] # mypy passes decorators of classes over
    url = f"http://127.0.0.1:{arguments.port}"
    try:
        wait_for_all(url)
        load, seconds = asyncio.run(run(url, arguments.clients, wanted_bytes(), arguments.kill))
    finally:
        serve.shutdown()
        ray.shutdown()
    if not report(load, seconds, arguments.clients * len(LEVELS)):
        raise SystemExit("not as it should be")


if __name__ == "__main__":
    main()
