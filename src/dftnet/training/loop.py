"""`dftnet train`: section 3.1's training, resumable, on one process or many.

Images seen count everything. Each step's batch follows from (seed, images seen), so running the same command again goes on
where the last training state was, bit for bit on a CPU.
"""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dftnet.data.dataset import FaceData
from dftnet.inference.directory import find_model
from dftnet.inference.sessions import EstimatorSession
from dftnet.media.image import to_uint8, write_image
from dftnet.networks import Critic, Edit, Generator, build_generator
from dftnet.networks.layers import channels_last
from dftnet.training import distributed
from dftnet.training.batches import BatchSource
from dftnet.training.checkpoint import load_generator, load_state, save_state
from dftnet.training.config import TrainConfig, from_dict, to_dict
from dftnet.training.estimator_directory import load_estimator
from dftnet.training.finish import write_model
from dftnet.training.losses import Batch, critic_terms, generator_terms, warp_terms, weighted_sum
from dftnet.training.progress import TrainLog
from dftnet.training.validation import Judge, flow_health, sample_sheet, validate

VALIDATION_IMAGES = 512


@dataclass
class Players:
    """G, its average, D, and their optimisers."""

    generator: Generator
    average: Generator
    critic: Critic
    generator_adam: torch.optim.Adam
    critic_adam: torch.optim.Adam

    @classmethod
    def build(cls, config: TrainConfig, device: torch.device) -> Players:
        """Untrained, the same on every process: the seed decides."""
        torch.manual_seed(config.seed)
        generator = build_generator(config.generator)
        if config.init:
            start = load_generator(config.init)
            if start.config != config.generator:
                raise ValueError(
                    f"{config.init} has another architecture: {start.config}; train with that one, or without --init"
                )
            generator.load_state_dict(start.state_dict())
        generator = channels_last(generator.to(device))
        critic = channels_last(Critic(config.critic).to(device))

        def adam(module: nn.Module) -> torch.optim.Adam:
            return torch.optim.Adam(module.parameters(), config.learning_rate, config.betas)

        return cls(generator, deepcopy(generator).requires_grad_(False), critic, adam(generator), adam(critic))

    def state(self) -> dict[str, Any]:
        """Everything to go on from."""
        return {name: part.state_dict() for name, part in vars(self).items()}

    def load(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        for name, part in vars(self).items():
            part.load_state_dict(state[name])

    def update_average(self, batch: int, images_seen: int, config: TrainConfig) -> None:
        """Exponential moving average of the generator's weights, with a shorter memory at the start."""
        half_life = min(config.ema_images, 0.05 * images_seen + batch)
        keep = 0.5 ** (batch / max(half_life, 1e-9))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)


def learning_rate(config: TrainConfig, images_seen: int) -> float:
    """Constant, then linear to 0 over the last `decay_images` (section 3.1)."""
    left = max(config.images - images_seen, 0)
    return config.learning_rate * min(1.0, left / max(config.decay_images, 1))


class Trainer:
    """One run's moving parts; `step` takes one batch."""

    def __init__(self, config: TrainConfig, source: BatchSource, players: Players, guide: nn.Module | None) -> None:
        self.config, self.source, self.players, self.guide = config, source, players, guide
        self.forward: Any = torch.compile(players.generator) if config.compile else players.generator
        self.device = source.device

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision as configured."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def step(self, images_seen: int, index: int) -> dict[str, Tensor]:
        """The step whose batch starts at `images_seen`, the `index`-th of its phase; the unweighted losses."""
        rate = learning_rate(self.config, images_seen)
        for optimiser in (self.players.generator_adam, self.players.critic_adam):
            for group in optimiser.param_groups:
                group["lr"] = rate
        if images_seen < self.config.warp_images:
            batch = self.source.batch(images_seen, all_pairs=self.guide is None)
            values = self._warp_step(batch)
        elif images_seen < self.config.warp_images + self.config.paint_images:
            values, _ = self._generator_step(self.source.batch(images_seen), None)
        else:
            values = self._adversarial_step(self.source.batch(images_seen), images_seen, index)
        self.players.update_average(self.config.batch, images_seen, self.config)
        return values

    def _warp_step(self, batch: Batch) -> dict[str, Tensor]:
        weights = self.config.warp_phase
        with self.autocast():
            terms, edit = warp_terms(self.forward, batch, weights, self.guide)
        return self._update_generator(weighted_sum(terms, weights)) | terms | _health(edit)

    def _adversarial_step(self, batch: Batch, images_seen: int, index: int) -> dict[str, Tensor]:
        """A critic step, and on every `critic_steps`-th batch a generator step."""
        values: dict[str, Tensor] = {}
        generator = self.players.generator
        if (index + 1) % self.config.critic_steps == 0:
            values, edit = self._generator_step(batch, self.players.critic)
        if self.config.critic_steps > 1:
            with torch.no_grad(), self.autocast():
                edit = self.forward(batch.image, generator.condition(batch.aus, batch.target))
        critic_values = self._critic_step(batch, edit.image.detach(), images_seen, index)
        return {f"critic_{k}": v for k, v in critic_values.items()} | values

    def _critic_step(self, batch: Batch, fake: Tensor, images_seen: int, index: int) -> dict[str, Tensor]:
        penalty = index % self.config.penalty_every == 0
        weights = self.config.weights.critic(penalty)
        if "gradient_penalty" in weights:
            weights["gradient_penalty"] *= self.config.penalty_every
        critic = self.players.critic
        with self.autocast():
            terms = critic_terms(critic, batch, fake, weights, self.source.uniform(images_seen))
        self.players.critic_adam.zero_grad(set_to_none=True)
        weighted_sum(terms, weights).backward()
        distributed.mean_gradients(critic.parameters())
        self.players.critic_adam.step()
        return terms

    def _generator_step(self, batch: Batch, critic: Critic | None) -> tuple[dict[str, Tensor], Edit]:
        weights = self.config.weights.generator() if critic else self.config.weights.paint_phase()
        self.players.critic.requires_grad_(False)
        with self.autocast():
            terms, edit = generator_terms(
                self.forward, critic, batch, weights, guide=self.guide, attention_target=self.config.attention_target
            )
        extra = self._update_generator(weighted_sum(terms, weights))
        self.players.critic.requires_grad_(True)
        return extra | terms | _health(edit), edit

    def _update_generator(self, loss: Tensor) -> dict[str, Tensor]:
        generator = self.players.generator
        self.players.generator_adam.zero_grad(set_to_none=True)
        loss.backward()
        distributed.mean_gradients(generator.parameters())
        extra = {}
        if self.config.max_gradient:
            extra["gradient_norm"] = nn.utils.clip_grad_norm_(generator.parameters(), self.config.max_gradient)
        self.players.generator_adam.step()
        return extra


def _health(edit: Edit) -> dict[str, Tensor]:
    with torch.no_grad():
        return {k: torch.tensor(v) for k, v in flow_health(edit).items()}


def train(
    data: str | Path,
    output: str | Path,
    config: TrainConfig,
    *,
    quiet: bool = False,
    stop_after: int | None = None,
) -> Path:
    """Train on the dataset directory `data`, in the run directory `output`; returns the model directory OUTPUT/model.

    A run directory with another configuration is refused. `stop_after` ends early (after so many images, with a training
    state) without changing the schedule.
    """
    rank, world, device = distributed.start()
    run = Path(output)
    faces = FaceData.open(data, config.size)
    if rank == 0:
        _claim(run, config)
    distributed.barrier()
    source = BatchSource(faces, config, device, rank=rank, world=world)
    held_out = (
        BatchSource(faces, config, device, split="validation") if rank == 0 and len(faces.rows("validation")) else None
    )
    players = Players.build(config, device)
    state = load_state(run)
    images_seen, index = 0, 0
    if state is not None:
        players.load(state["players"])
        images_seen, index = state["images_seen"], state["index"]
    trainer = Trainer(config, source, players, _guide(config, faces, device))
    end = min(config.images, stop_after or config.images)
    with TrainLog(run, config.images, images_seen, quiet=quiet or rank > 0) as log:
        if images_seen:
            log.say(f"resumed at {images_seen} images")
        judge = _judge(faces, players.critic, device)
        clock, since = time.perf_counter(), images_seen
        recent: dict[str, list[Tensor]] = {}
        while images_seen < end:
            values = trainer.step(images_seen, index)
            for name, value in values.items():
                recent.setdefault(name, []).append(value.detach())
            before, images_seen = images_seen, images_seen + config.batch
            index = 0 if _starts_phase(config, before, images_seen) else index + 1

            def due(interval: int, before: int = before, now: int = images_seen) -> bool:
                return before // interval < now // interval or now >= end

            log.advance(images_seen)
            if due(config.log_images):
                line = {k: float(torch.stack(v).mean()) for k, v in recent.items()}
                recent.clear()
                line["learning_rate"] = learning_rate(config, before)
                line["images_per_second"] = (images_seen - since) / (time.perf_counter() - clock)
                if not all(_finite(v) for v in line.values()):
                    raise ValueError(
                        f"the losses are not numbers at {images_seen} images: {line}; start again from the last state with a "
                        "lower --set learning_rate, or --set precision=float32"
                    )
                log.write(images_seen, "train", line)
            warp_only = images_seen <= config.warp_images
            if held_out is not None and rank == 0:
                pause = time.perf_counter()
                if due(config.validate_images):
                    batches = max(1, min(VALIDATION_IMAGES, 4 * config.batch) // config.batch)
                    log.write(images_seen, "validation", validate(players.average, held_out, judge, batches, warp_only))
                if due(config.sample_images):
                    picture = sample_sheet(players.average, held_out, warp_only=warp_only)
                    write_image(run / "samples" / f"{images_seen:010d}.png", picture, overwrite=True)
                clock += time.perf_counter() - pause
            if due(config.checkpoint_images) and rank == 0:
                record = {"players": players.state(), "images_seen": images_seen, "index": index}
                if not save_state(run, images_seen, record):
                    log.say(
                        "[yellow]the training state could not be written (disk full?); going on, next try at the next interval"
                    )
            if due(config.log_images):
                clock, since = time.perf_counter(), images_seen
        if rank == 0 and images_seen >= config.images:
            write_model(run / "model", run, faces, config, players.average, images_seen)
            log.say(f"model written to {run / 'model'}")
    distributed.barrier()
    distributed.stop()
    return run / "model"


def _claim(run: Path, config: TrainConfig) -> None:
    run.mkdir(parents=True, exist_ok=True)
    path = run / "config.json"
    if path.exists():
        if from_dict(json.loads(path.read_text())) != config:
            raise ValueError(
                f"{run} holds a run with another configuration; give another --output, or train with --config {path} to resume it"
            )
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(to_dict(config), indent=2) + "\n")
    temporary.replace(path)


def _guide(config: TrainConfig, faces: FaceData, device: torch.device) -> nn.Module | None:
    """The frozen estimator of the configuration, or None."""
    if not config.guide:
        return None
    directory = find_model(None if config.guide == "shipped" else config.guide, "estimator")
    guide = load_estimator(directory)
    if tuple(guide.config.au_names) != tuple(faces.au_names):
        raise ValueError(
            f"the guide {directory} reads the AUs {', '.join(guide.config.au_names)}, the training set has "
            f"{', '.join(faces.au_names)}; train without it: --set guide= --set weights.guide=0 --set weights.guide_aligned=0 "
            "--set warp_weights={}"
        )
    return nn.Sequential(Resized(guide.config.size), channels_last(guide.to(device).requires_grad_(False)))


class Resized(nn.Module):
    """Images [b, 3, h, w] → [b, 3, size, size], for an estimator of another size than the generator's; of one size, the same."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] == (self.size, self.size):
            return x
        return F.interpolate(x, size=(self.size, self.size), mode="bicubic", align_corners=False, antialias=True)


def _judge(faces: FaceData, critic: Critic, device: torch.device) -> Judge:
    """The shipped estimator where it reads this set's AUs at this size, else the critic's own regressor D_C."""
    try:
        session = EstimatorSession()
    except (ValueError, OSError):
        return lambda images: critic(images)[1]
    if tuple(session.au_names) != tuple(faces.au_names):
        return lambda images: critic(images)[1]
    resized = Resized(session.size)
    return lambda images: torch.from_numpy(session(to_uint8(resized(images.float().cpu()).numpy()))).to(device)


def _starts_phase(config: TrainConfig, before: int, now: int) -> bool:
    return any(before < end <= now for end in (config.warp_images, config.warp_images + config.paint_images))


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")
