"""The same work on a Ray cluster, for those who have one: `pip install "dftnet[ray]"`.

Ray Data brings each thing to one of several actors on any machine. An actor builds its worker once; one that dies is started
again elsewhere, and what it had in hand is done again. Nothing is reported to anybody: Ray's usage statistics are off.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from dftnet.errors import RequestError

Thing = TypeVar("Thing")
Made = TypeVar("Made")

ENGINES = ("local", "ray")


def check_engine(engine: str) -> None:
    """RequestError for an engine that is unknown or not installed."""
    if engine not in ENGINES:
        raise RequestError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}", field="engine")
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise RequestError('--engine ray needs Ray: pip install "dftnet[ray]"', field="engine")


def on_ray(
    make: Callable[[], Callable[[Thing], Made]], things: Iterable[Thing], workers: int | None = None
) -> Iterator[tuple[Thing, Made]]:
    """(thing, what came of it) in the order of `things`, from `workers` actors, by default one a core of the cluster.

    `make` builds an actor's worker; it, the things and the results are pickled. The cluster is the one that runs already, or
    that RAY_ADDRESS names, else this machine. The actors see files by the same paths: a disk that all machines share; what is at
    an address each fetches for itself, so that a photo that cannot be read costs itself alone.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    given = list(things)
    if not given:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.max_errored_blocks = 0
    actors = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(given))
    data = ray.data.from_items([{"thing": pickle.dumps(thing)} for thing in given], override_num_blocks=len(given))
    pool = ray.data.ActorPoolStrategy(size=actors)
    made = data.map_batches(_Actor, fn_constructor_args=(pickle.dumps(make),), batch_size=1, compute=pool, num_cpus=1)
    for thing, row in zip(given, made.iter_rows(), strict=True):
        error, result = pickle.loads(row["made"])  # our own, from our own actors
        if error is not None:
            raise error
        yield thing, result


class _Actor:
    """One worker, on some machine of the cluster. What it raises comes back as its result, told where it was asked for."""

    def __init__(self, make: bytes) -> None:
        self.work = pickle.loads(make)()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        results = []
        for thing in batch["thing"]:
            try:
                results.append(pickle.dumps((None, self.work(pickle.loads(thing)))))
            except Exception as error:
                results.append(pickle.dumps((error, None)))
        return {"made": results}
