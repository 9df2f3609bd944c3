"""What a training says of itself: a bar with the time left, a line every half minute where there is no terminal, warnings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dftnet.training import distributed
from dftnet.training.run import RunLog

LINE_EVERY = 30.0
"""Seconds between lines where there is no terminal"""


def collapse(values: Mapping[str, float]) -> str | None:
    """The collapse mode that a log line shows, in a sentence with its remedy; None where there is none.

    values: "mean_attention" [0, 1], "mean_flow" pixels, "folding" share of [0, 1], as far as they are there.
    """
    a, flow, folding = (values.get(k) for k in ("mean_attention", "mean_flow", "folding"))
    if a is not None and flow is not None and a > 0.98 and flow < 0.2:
        return f"A is {a:.3f} and |Φ| {flow:.2f} px: the edit copies its input. Look at the AU labels; lower weights.attention"
    if a is not None and a < 0.1:
        return f"A is {a:.3f}: the warp is unused. Raise weights.attention or phases.warp.images"
    if folding is not None and folding > 0.01:
        return f"{folding:.1%} of the warp folds. Raise weights.total_variation or lower generator.max_flow"
    return None


class Pace:
    """How long a training whose phases differ in pace still takes."""

    def __init__(self, phases: Sequence[tuple[int, float]], images_seen: int, unit: float = 0.0) -> None:
        """phases: (images, cost of an image); the pace is measured, what matters is how the costs compare. unit: seconds a unit
        of cost, as far as known."""
        self.phases = phases
        self._at, self._unit = -1, unit
        self._since, self._clock = images_seen, time.perf_counter()

    def left(self, images_seen: int) -> float | None:
        """Seconds left after so many images; None before anything is known."""
        now, end, cost = time.perf_counter(), 0, 0.0
        for at, (images, each) in enumerate(self.phases):
            start, end = end, end + images
            if start <= images_seen < end and at != self._at:
                self._at, self._since, self._clock = at, images_seen, now
            if at == self._at and images_seen > self._since:
                self._unit = (now - self._clock) / (images_seen - self._since) / each
            cost += each * max(0, end - max(start, images_seen))
        return cost * self._unit if self._unit else None


def duration(seconds: float | None) -> str:
    """4000 → "1 h 07 min"."""
    if seconds is None:
        return "?"
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class TrainLog:
    """The bar or the lines, log.jsonl and TensorBoard of a run. Writes only; training never reads it."""

    def __init__(
        self, run: Path, total: int, images_seen: int, *, pace: Pace | None = None, quiet: bool = False
    ) -> None:
        """quiet: prints nothing. Of several processes only the first one writes and prints."""
        self.first, self.total = distributed.is_first(), total
        quiet = quiet or not self.first
        self.console = Console(stderr=True, quiet=quiet)
        self.pace = pace or Pace([(total, 1.0)], images_seen)
        self.warned, self.note, self._line = "", "", time.perf_counter()
        self.files = RunLog(run, images_seen) if self.first else None
        self.bar = Progress(
            TextColumn("[bold]train"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images · {task.fields[rate]:.0f}/s ·"),
            TimeElapsedColumn(),
            TextColumn("· left {task.fields[left]} {task.fields[note]}"),
            console=self.console,
            refresh_per_second=2,
            disable=quiet or not self.console.is_terminal,
        )
        self.task = self.bar.add_task("train", total=total, completed=images_seen, rate=0.0, left="?", note="")

    def __enter__(self) -> TrainLog:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        if self.files:
            self.files.close()

    def advance(self, images_seen: int) -> None:
        """So many images are done: move the bar, or say so twice a minute."""
        left = duration(self.pace.left(images_seen))
        self.bar.update(self.task, completed=images_seen, left=left)
        if not self.console.is_terminal and time.perf_counter() - self._line >= LINE_EVERY:
            self.say(f"{images_seen:>9} of {self.total} images ({images_seen / self.total:.1%}), left {left}")

    def write(self, images_seen: int, kind: str, values: Mapping[str, float], note: Sequence[str] = ()) -> None:
        """One line of log.jsonl, the same numbers to TensorBoard under kind/name, and a warning where they collapse.

        note: the names shown beside the bar.
        """
        if self.files is None:
            return
        self.files.write(images_seen, values, kind)
        if kind == "train":
            text = " ".join(f"{k.replace('mean_', '')} {values[k]:.3g}" for k in note if k in values)
            self.bar.update(self.task, rate=values.get("images_per_second", 0.0), note=text)
            warning = collapse(values) or ""
            if warning and warning[:6] != self.warned[:6]:
                self.say(f"[yellow]warning at {images_seen} images: {warning}")
            self.warned = warning
        if not self.console.is_terminal or kind != "train":
            self.say(f"{images_seen:>9} {kind}: " + " ".join(f"{k} {v:.4g}" for k, v in values.items()))

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._line = time.perf_counter()
        self.console.print(text, highlight=False, soft_wrap=True)
