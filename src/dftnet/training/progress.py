"""What a training run says of itself: a progress bar, `log.jsonl`, TensorBoard scalars, warnings when it collapses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def collapse(values: Mapping[str, float]) -> str | None:
    """The collapse mode that a log line shows, in a sentence with its remedy; None where there is none.

    values: "mean_attention" [0, 1], "mean_flow" pixels, "folding" share of [0, 1], as far as they are there.
    """
    a, flow, folding = (values.get(k) for k in ("mean_attention", "mean_flow", "folding"))
    if a is not None and flow is not None and a > 0.98 and flow < 0.2:
        return f"A is {a:.3f} and |Φ| {flow:.2f} px: the edit copies its input. Look at the AU labels; lower weights.attention"
    if a is not None and a < 0.1:
        return f"A is {a:.3f}: the warp is unused. Raise weights.attention or warp_images"
    if folding is not None and folding > 0.01:
        return f"{folding:.1%} of the warp folds. Raise weights.total_variation or lower generator.max_flow"
    return None


class TrainLog:
    """Writes only; training never reads it. On resumption the lines after the resumed state are dropped."""

    def __init__(self, run: Path, total: int, images_seen: int, *, quiet: bool = False) -> None:
        self.path = run / "log.jsonl"
        self.quiet = quiet
        self.console = Console(quiet=quiet)
        self.warned = ""
        if quiet:
            return
        kept = []
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                try:
                    if json.loads(line)["images"] <= images_seen:
                        kept.append(line)
                except (json.JSONDecodeError, KeyError):
                    continue
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(line + "\n" for line in kept))
        temporary.replace(self.path)
        from torch.utils.tensorboard import SummaryWriter

        self.board = SummaryWriter(str(run / "tensorboard"), purge_step=images_seen)
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images · {task.fields[rate]:.0f}/s ·"),
            TimeElapsedColumn(),
            TextColumn("· left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            refresh_per_second=2,
        )
        self.task = self.progress.add_task("train", total=total, completed=images_seen, rate=0.0, note="")

    def __enter__(self) -> TrainLog:
        if not self.quiet:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.quiet:
            self.progress.stop()
            self.board.close()

    def advance(self, images_seen: int) -> None:
        """Move the progress bar."""
        if not self.quiet:
            self.progress.update(self.task, completed=images_seen)

    def write(self, images_seen: int, kind: str, values: Mapping[str, float]) -> None:
        """One line of log.jsonl, the same numbers to TensorBoard under kind/name, and a warning where they collapse."""
        if self.quiet:
            return
        line: dict[str, Any] = {"images": images_seen, "kind": kind}
        line.update({k: round(float(v), 6) for k, v in values.items()})
        try:
            with open(self.path, "a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            self.say(f"[yellow]log.jsonl cannot be written: {error}")
        for name, value in values.items():
            self.board.add_scalar(f"{kind}/{name}", value, images_seen)
        if kind == "train":
            keys = ("mean_attention", "mean_flow", "pair_aligned", "pair", "condition")
            note = " ".join(f"{k.replace('mean_', '')} {values[k]:.3g}" for k in keys if k in values)
            self.progress.update(self.task, rate=values.get("images_per_second", 0.0), note=note)
            warning = collapse(values) or ""
            if warning and warning[:6] != self.warned[:6]:
                self.say(f"[yellow]warning at {images_seen} images: {warning}")
            self.warned = warning
        if not self.console.is_terminal or kind != "train":
            self.say(f"{images_seen:>9} {kind}: " + " ".join(f"{k} {v:.4g}" for k, v in values.items()))

    def say(self, text: str) -> None:
        """A line above the progress bar."""
        if not self.quiet:
            self.console.print(text, highlight=False, soft_wrap=True)
