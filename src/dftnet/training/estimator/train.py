"""Train the Action Unit estimator on a dataset directory.

    symbol  name       shape                 what
    x       crops      [b, 3, S, S]          jittered faces
    y       aus        [b, K] in [0, 1]      labels
    p       predicted  [b, K] in [0, 1]      sigmoid of the logits

    loss = regression + correlation_weight · (1 - concordance) + side_weight · side

RUN holds config.json, log.jsonl, tensorboard/, state-*.pt, and model/ at the end. The same command again resumes it.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.aus import au_name
from dftnet.data.dataset import FaceData
from dftnet.errors import RequestError
from dftnet.inference.directory import find_model
from dftnet.media.pixels import to_float
from dftnet.metrics import icc, mean_absolute_error, pearson
from dftnet.networks.au_estimator import Estimator, EstimatorConfig, calibrate
from dftnet.training.averaging import follow
from dftnet.training.distributed import refuse_several
from dftnet.training.estimator.augment import JitterConfig
from dftnet.training.estimator.batches import EstimatorBatches
from dftnet.training.export import export_estimator, load_estimator
from dftnet.training.interruption import interruptions
from dftnet.training.progress import TrainLog
from dftnet.training.run import SAVE_EVERY, check_claim, claim, load_state, resume, save_state
from dftnet.units import ALL_UNITS, side_free

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class TrainAUsConfig:
    """Everything that decides a training of the estimator; the defaults made the one that ships. Intervals count images."""

    images: int = 400_000
    """Images seen in all."""
    batch: int = 96
    """Images of a step."""
    learning_rate: float = 2e-3
    """AdamW's learning rate at its peak; a cosine leads it to 0."""
    warmup_images: int = 14_400
    """The first so many images, over which the learning rate grows from 0."""
    weight_decay: float = 0.05
    """AdamW's, on matrices and kernels."""
    high_weight: float = 2.0
    """A label y weighs 1 + high_weight · y in the regression: faces without an expression are many."""
    correlation_weight: float = 1.0
    """Weight of 1 - concordance."""
    side_weight: float = 0.5
    """Weight of the side labels (see SideLabels); 0 trains without."""
    ema: float = 0.998
    """Decay a step of the averaged weights, which are what is validated and exported."""
    max_gradient: float = 5.0
    """Clip the gradient to this norm."""
    labels: str = "labels"
    """Which labels of the set to train on: "labels", or NAME for its labels-NAME.npz."""
    init: str = ""
    """Start from the network of this model directory (of the same architecture) in place of random weights."""
    calibration: dict[str, tuple[float, float]] = field(default_factory=dict)
    """AU → (gain, offset): after training its logit becomes gain · logit + offset (see models.estimator.calibrate)."""
    precision: str = "bfloat16"
    """"bfloat16" mixed precision, or "float32" (for processors that only emulate it)."""
    threads: int = 0
    """CPU threads; 0 takes what PyTorch takes."""
    seed: int = 0
    """Everything random follows from this and the images seen."""
    log_images: int = 9_600
    """Interval of log lines."""
    validate_images: int = 38_400
    """Interval of validation and of training states."""
    architecture: EstimatorConfig = field(default_factory=EstimatorConfig)
    """The network (its size and AUs are taken from the data)."""
    jitter: JitterConfig = field(default_factory=JitterConfig)
    """How crops are changed."""

    def __post_init__(self) -> None:
        for name in ("images", "batch", "log_images", "validate_images"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} is {getattr(self, name)}; give 1 or more")
        if self.batch < 2:
            raise RequestError("batch is 1; the batch statistics need 2 or more")
        if self.precision not in PRECISIONS:
            raise RequestError(f"precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}")
        unknown = [name for name in self.calibration if name not in ALL_UNITS]
        if unknown:
            raise RequestError(f"calibration names {', '.join(unknown)}; known are {', '.join(ALL_UNITS)}")


def regression(predicted: Tensor, aus: Tensor, variance: Tensor, high_weight: float) -> Tensor:
    """Mean over [b, K] of (1 + high_weight · y)(p - y)² / variance of the AU [K]: 1 for the mean as a guess, about."""
    return ((1 + high_weight * aus) * (predicted - aus).square() / variance).mean()


def concordance(predicted: Tensor, aus: Tensor) -> Tensor:
    """Lin's concordance of each AU over the batch, [b, K], [b, K] → [K] in [-1, 1].

    2·cov / (var p + var y + (mean p - mean y)²): a correlation that wants scale and offset right as well.
    """
    p, y = predicted - predicted.mean(0), aus - aus.mean(0)
    gap = (predicted.mean(0) - aus.mean(0)).square()
    return 2 * (p * y).mean(0) / (p.square().mean(0) + y.square().mean(0) + gap + 1e-4)


@torch.no_grad()
def predict(
    network: Callable[[Tensor], Tensor], images: np.ndarray, rows: np.ndarray, device: torch.device, batch: int = 128
) -> np.ndarray:
    """Outputs of the network for the rows of uint8 images [n, S, S, 3] → float32 [len(rows), K]."""
    parts = []
    for start in range(0, len(rows), batch):
        crops = np.asarray(images[rows[start : start + batch]])
        x = torch.from_numpy(to_float(crops)).to(device, memory_format=torch.channels_last)
        parts.append(network(x).float().cpu().numpy())
    return np.concatenate(parts)


def scores(predicted: np.ndarray, aus: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Per AU: Pearson r, ICC(3,1), mean absolute error, number of labels of 0.5 or more; from [n, K] and [n, K]."""
    columns = {
        name: {
            "r": pearson(predicted[:, k], aus[:, k]),
            "icc": icc(predicted[:, k], aus[:, k]),
            "mae": mean_absolute_error(predicted[:, k], aus[:, k]),
            "positives": int((aus[:, k] >= 0.5).sum()),
        }
        for k, name in enumerate(names)
    }
    mean = {what: float(np.nanmean([c[what] for c in columns.values()])) for what in ("r", "icc", "mae")}
    return {"images": len(aus), "mean": mean, "aus": columns}


@torch.no_grad()
def begin_from(network: Estimator, start: Estimator, name: str) -> None:
    """Copy a trained estimator's weights, all but the side labels' head. A unit that it lacks takes the row of the two-sided one
    ("AU12" for "AU12L"), or keeps its own. Raises RequestError for another architecture or size."""
    ours, theirs = network.config, start.config
    if replace(theirs, au_names=ours.au_names) != ours:
        raise RequestError(f"{name} has another architecture or size: {theirs}; train without --init")
    state = {k: v for k, v in start.state_dict().items() if not k.startswith(("head.", "auxiliary."))}
    network.load_state_dict(state, strict=False)
    for row, unit in enumerate(ours.au_names):
        known = unit if unit in theirs.au_names else side_free(unit)
        if known in theirs.au_names:
            other = theirs.au_names.index(known)
            network.head.weight[row] = start.head.weight[other]
            network.head.bias[row] = start.head.bias[other]


class Training:
    """The state of a run: network, averaged network, optimiser, images seen."""

    def __init__(self, data: FaceData, config: TrainAUsConfig, device: torch.device, *, begin: bool = True) -> None:
        """Without `begin`, for a state to be loaded, the reader that a run began with is not looked for."""
        self.config, self.device = config, device
        self.batches = EstimatorBatches(data, config.labels, config.batch, config.seed, config.jitter)
        torch.manual_seed(config.seed)
        side = len(self.batches.side.names) if config.side_weight else 0
        network = Estimator(config.architecture, auxiliary=side)
        aus = self.batches.aus[self.batches.rows]
        self.variance = torch.from_numpy(np.maximum(aus.var(0), 0.01)).to(device)
        with torch.no_grad():  # start at the labels' means
            network.head.bias.copy_(torch.logit(torch.from_numpy(np.clip(aus.mean(0), 0.03, 0.9))))
        if config.init and begin:
            begin_from(network, load_estimator(find_model(config.init, "estimator")), config.init)
        self.network = network.to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.99),
        )
        self.images_seen = 0

    def learning_rate(self) -> float:
        """At `images_seen`: linear from 0 over the warm-up, times half a cosine to 0."""
        config = self.config
        warm = min(1.0, (self.images_seen + config.batch) / max(config.warmup_images, 1))
        return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * self.images_seen / config.images))

    def step(self, pool: ThreadPoolExecutor, workers: int) -> dict[str, float]:
        """One batch; returns the unweighted terms."""
        config = self.config
        batch = self.batches(self.images_seen, pool, workers)
        torch.manual_seed(hash((config.seed, self.images_seen)) & 0x7FFFFFFF)  # dropout
        image = torch.from_numpy(to_float(batch.crops))
        image = image.to(self.device, memory_format=torch.channels_last)
        aus, side = torch.from_numpy(batch.aus).to(self.device), torch.from_numpy(batch.side).to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            logits, guessed = self.network.logits(image)
        predicted = torch.sigmoid(logits.float())
        terms = {
            "regression": regression(predicted, aus, self.variance, config.high_weight),
            "discordance": (1 - concordance(predicted, aus)).mean(),
        }
        loss = terms["regression"] + config.correlation_weight * terms["discordance"]
        if config.side_weight and side.shape[1]:
            terms["side"] = F.smooth_l1_loss(guessed.float(), side)
            loss = loss + config.side_weight * terms["side"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), config.max_gradient)
        self.optimiser.step()
        self.images_seen += config.batch
        self._update_average()
        return {name: float(term.detach()) for name, term in terms.items()}

    def _update_average(self) -> None:
        steps = self.images_seen // self.config.batch
        follow(self.average, self.network, min(self.config.ema, (steps + 1) / (steps + 20)))

    def validate(self, data: FaceData, split: str) -> dict[str, Any]:
        """Scores of the averaged network on a split, in float32."""
        rows = data.rows(split)
        found = predict(self.average, self.batches.images, rows, self.device)
        return scores(found, self.batches.aus[rows], self.batches.au_names)

    def state(self) -> dict[str, Any]:
        """What `load` takes, tensors and numbers only."""
        return {
            "images_seen": self.images_seen,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.images_seen = state["images_seen"]


def train_aus(
    data: str | Path | FaceData, run: str | Path, config: TrainAUsConfig | None = None, progress: bool = True
) -> Path:
    """Train on a dataset directory, or resume; returns the model directory, RUN/model.

    Raises RequestError where the run was begun with another configuration, the set lacks a training split, or torchrun has
    started several processes.
    """
    refuse_several("dftnet train-aus")
    data = data if isinstance(data, FaceData) else FaceData.open(data)
    config = for_data(config or TrainAUsConfig(), data)
    run = Path(run)
    check_claim(run, asdict(config), free=("threads", "calibration"))  # the calibration comes after training
    if config.threads:
        torch.set_num_threads(config.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = Training(data, config, device, begin=load_state(run) is None)
    claim(run, asdict(config))
    if state := resume(run):
        training.load(state)
    with TrainLog(run, config.images, training.images_seen, quiet=not progress) as log:
        _loop(training, data, log, run, min(config.threads or os.cpu_count() or 1, 16))
    calibrate(training.average, config.calibration)
    results = {split: training.validate(data, split) for split in ("validation", "test") if len(data.rows(split))}
    provenance = {
        "command": "dftnet train-aus",
        "config": asdict(config),
        "data": {"rows": len(training.batches.rows), "labels": config.labels, "source": data.info.get("au_source", "")},
        "images_seen": training.images_seen,
        "torch": torch.__version__,
    }
    document = {"alignment": data.info.get("alignment", {}), "provenance": provenance, "results": results}
    export_estimator(run / "model", training.average.cpu(), document)
    return run / "model"


def parse_calibration(items: Sequence[str]) -> dict[str, tuple[float, float]]:
    """["AU45=1.5,0.85"] → {"AU45": (1.5, 0.85)}; RequestError for anything that does not read so."""
    curves = {}
    for item in items:
        name, _, numbers = item.partition("=")
        try:
            gain, offset = (float(number) for number in numbers.split(","))
        except ValueError:
            raise RequestError(f"{item!r} is not AU=GAIN,OFFSET; write it like AU45=1.5,0.85") from None
        curves[au_name(name)] = (gain, offset)
    return curves


def for_data(config: TrainAUsConfig, data: FaceData) -> TrainAUsConfig:
    """The configuration with the size and the AUs of the data set."""
    fields = {f: getattr(config, f) for f in config.__dataclass_fields__}
    architecture = asdict(config.architecture) | {"size": data.size, "au_names": data.label_set(config.labels)[0]}
    return TrainAUsConfig(**(fields | {"architecture": EstimatorConfig(**architecture)}))


def _loop(training: Training, data: FaceData, log: TrainLog, run: Path, workers: int) -> None:
    """To the end; a state is written also where it is interrupted, which raises KeyboardInterrupt."""
    config = training.config
    sums: dict[str, float] = {}
    steps, since, saved = 0, time.perf_counter(), time.perf_counter()
    with ThreadPoolExecutor(workers) as pool, interruptions() as asked_to_stop:
        while training.images_seen < config.images:
            for name, value in training.step(pool, workers).items():
                sums[name] = sums.get(name, 0.0) + value
            steps += 1
            seen, last = training.images_seen, training.images_seen >= config.images
            log.advance(seen)
            if last or seen // config.log_images > (seen - config.batch) // config.log_images:
                seconds = (time.perf_counter() - since) / steps / config.batch
                means = {name: value / steps for name, value in sums.items()}
                pace = {"images_per_second": 1 / seconds, "learning_rate": training.learning_rate()}
                log.write(seen, "train", means | pace, note=tuple(means))
                sums, steps, since = {}, 0, time.perf_counter()
            due = last or seen // config.validate_images > (seen - config.batch) // config.validate_images
            if due and len(data.rows("validation")):
                found = training.validate(data, "validation")
                log.write(seen, "validation", found["mean"] | {name: c["r"] for name, c in found["aus"].items()})
            if due or asked_to_stop() or time.perf_counter() - saved > SAVE_EVERY:
                if not save_state(run, seen, training.state()):
                    log.say("[yellow]the training state could not be written (disk full?); going on")
                since = saved = time.perf_counter()
            if asked_to_stop():
                log.say(f"stopped at {seen} images; the same command goes on from there")
                raise KeyboardInterrupt
