"""`dftnet train`: section 3.1's training, phase by phase, resumable, on one process or many.

Images seen count everything. Each step's batch follows from (seed, images seen), so running the same command again goes on
where the last training state was, bit for bit on a CPU.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dftnet.data.far import open_faces
from dftnet.errors import RequestError
from dftnet.media.image import write_image
from dftnet.networks import Edit
from dftnet.training import distributed
from dftnet.training.batches import Batch, BatchSource
from dftnet.training.config import Phase, TrainConfig, from_dict, to_dict
from dftnet.training.finish import Trained, write_model
from dftnet.training.fitting import fitted
from dftnet.training.interruption import interruptions
from dftnet.training.losses import weighted_sum
from dftnet.training.mean_shade import measure_shade
from dftnet.training.mesh_batches import MeshBatchSource, open_source
from dftnet.training.mesh_teacher import prime_motion
from dftnet.training.players import Players
from dftnet.training.progress import Pace, TrainLog
from dftnet.training.run import SAVE_EVERY, check_claim, claim, load_state, resume, save_state
from dftnet.training.teacher import LearningTeacher, Teacher
from dftnet.training.teachers import build_teachers
from dftnet.training.terms import as_criticised, ask, asked_back, generator_terms
from dftnet.training.validation import flow_health, open_judge, sample_sheet, validate

VALIDATION_IMAGES = 512
TRIAL_STEPS = 500
"""A training of fewer steps is not worth trying its phases first"""
NOTED = ("mean_attention", "mean_flow", "pair_aligned", "pair", "condition")
"""What the bar shows"""


def schedule(config: TrainConfig, images_seen: int) -> float:
    """The learning rate as a share of its base: up over `warmup_images`, constant, then linear to 0 over the last `decay_images`
    (section 3.1)."""
    left = max(config.images - images_seen, 0)
    down = min(1.0, left / max(config.decay_images, 1))
    return down * min(1.0, (images_seen + config.batch) / max(config.warmup_images, 1))


class Trainer:
    """One run's moving parts; `step` takes one batch."""

    def __init__(self, config: TrainConfig, source: BatchSource, players: Players, teachers: list[Teacher]) -> None:
        self.config, self.source, self.players, self.teachers = config, source, players, teachers
        self.forward: Any = torch.compile(players.generator) if config.compile else players.generator
        self.device = source.device
        self.last_edit: Edit | None = None
        """The edit of the last generator step, detached: what `health` looks at"""

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision as configured."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16")

    def step(self, images_seen: int, index: int) -> dict[str, Tensor]:
        """The step whose batch starts at `images_seen`, the `index`-th of its phase; the unweighted losses.

        A critic step of each critic that has a say, and on every `critic_steps`-th batch a generator step before it. The device
        is never waited for: what comes back are tensors on it.
        """
        config, phase = self.config, self.config.phase_at(images_seen)
        weights = config.generator_weights(phase)
        critics = [c for c in self.players.critics if phase.critic and not weights.keys().isdisjoint(c.losses)]
        self._set_rates(schedule(config, images_seen))
        batch = self.source.batch(images_seen, all_pairs=config.pairs_only(phase))
        with self.autocast():
            batch = asked_back(self.players.average, batch)
        values: dict[str, Tensor] = {}
        edit: Edit | None = None
        if not critics or (index + 1) % config.critic_steps == 0:
            values, edit = self._generator_step(batch, phase, weights, critics)
        if critics:
            if edit is None or config.critic_steps > 1:
                with torch.no_grad(), self.autocast():
                    edit = ask(self.forward, batch)
            share, fake = self.source.uniform(images_seen), as_criticised(edit, batch).detach()
            for critic in critics:
                own = self._critic_step(critic, batch, fake, phase, index, share)
                values = {f"{critic.NAME}_{name}": value for name, value in own.items()} | values
        self.players.update_average(config, images_seen)
        return values

    def health(self) -> dict[str, float]:
        """A and Φ of the last generator step, as numbers; waits for the device."""
        return flow_health(self.last_edit) if self.last_edit is not None else {}

    def _set_rates(self, share: float) -> None:
        optimisers: list[tuple[torch.optim.Optimizer, float]] = [
            (self.players.generator_adam, self.config.learning_rate),
            *((critic.adam, critic.base_rate) for critic in self.players.critics),
        ]
        for optimiser, rate in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * share

    def _critic_step(
        self, critic: LearningTeacher, batch: Batch, fake: Tensor, phase: Phase, index: int, share: Tensor
    ) -> dict[str, Tensor]:
        with self.autocast():
            terms, weights = critic.own_terms(batch, fake, self.config.weights_of(phase), index=index, share=share)
        critic.adam.zero_grad(set_to_none=True)
        weighted_sum(terms, weights).backward()
        distributed.mean_gradients(critic.network.parameters())
        critic.adam.step()
        return terms

    def _generator_step(
        self, batch: Batch, phase: Phase, weights: dict[str, float], critics: list[LearningTeacher]
    ) -> tuple[dict[str, Tensor], Edit]:
        generator, config = self.players.generator, self.config
        for critic in critics:
            critic.network.requires_grad_(False)
        with self.autocast():
            terms, edit = generator_terms(
                self.forward, batch, weights, [*critics, *self.teachers],
                attention_target=config.attention_target, warp_only=phase.warp_only,
            )  # fmt: skip
        self.players.generator_adam.zero_grad(set_to_none=True)
        weighted_sum(terms, weights).backward()
        distributed.mean_gradients(generator.parameters())
        extra = {}
        if config.max_gradient:
            extra["gradient_norm"] = nn.utils.clip_grad_norm_(generator.parameters(), config.max_gradient)
        self.players.generator_adam.step()
        for critic in critics:
            critic.network.requires_grad_(True)
        self.last_edit = Edit(edit.image.detach(), {name: part.detach() for name, part in edit.parts.items()})
        return extra | terms, edit


class Run:
    """A training under way: what is due after each step, and what is written then."""

    def __init__(self, run: Path, trainer: Trainer, held_out: BatchSource | None, log: TrainLog, end: int) -> None:
        self.run, self.trainer, self.held_out, self.log, self.end = run, trainer, held_out, log, end
        self.config = trainer.config
        self.judge = open_judge(trainer.source.names, trainer.players.critic, trainer.device) if held_out else None
        self.images_seen, self.index, self._saved_at = 0, 0, -1
        self._recent: dict[str, list[Tensor]] = {}
        self._clock = self._saved = time.perf_counter()
        self._since = 0

    def start_at(self, images_seen: int, index: int) -> None:
        """Go on from a training state."""
        self.images_seen, self.index, self._since, self._saved_at = images_seen, index, images_seen, images_seen

    def go(self) -> None:
        """To the end; a state is written also where it is interrupted, which raises KeyboardInterrupt."""
        with interruptions() as asked_to_stop:
            while self.images_seen < self.end:
                self._step()
                if asked_to_stop():
                    if self.images_seen > self._saved_at:
                        self._save()
                    self.log.say(f"stopped at {self.images_seen} images; the same command goes on from there")
                    raise KeyboardInterrupt

    def _step(self) -> None:
        config, before = self.config, self.images_seen
        phase = config.phase_at(before)
        for name, value in self.trainer.step(before, self.index).items():
            self._recent.setdefault(name, []).append(value.detach())
        self.images_seen = before + config.batch
        self.index = self.index + 1 if config.phase_at(self.images_seen) == phase else 0
        self.log.advance(self.images_seen)
        if self._due(config.log_images, before):
            self._write_line(before)
        if self.held_out is not None:
            pause = time.perf_counter()
            self._look(self.held_out, before, phase.warp_only)
            self._clock += time.perf_counter() - pause
        late = time.perf_counter() - self._saved > SAVE_EVERY
        if distributed.is_first() and (late or self._due(config.checkpoint_images, before)):
            self._save()
        if self._due(config.log_images, before):
            self._clock, self._since = time.perf_counter(), self.images_seen

    def _due(self, interval: int, before: int) -> bool:
        return before // interval < self.images_seen // interval or self.images_seen >= self.end

    def _write_line(self, before: int) -> None:
        line = {name: float(torch.stack(values).mean()) for name, values in self._recent.items()}
        self._recent.clear()
        line |= self.trainer.health()
        line["learning_rate"] = self.config.learning_rate * schedule(self.config, before)
        line["images_per_second"] = (self.images_seen - self._since) / (time.perf_counter() - self._clock)
        if not all(math.isfinite(value) for value in line.values()):
            raise RequestError(
                f"the losses are not numbers at {self.images_seen} images: {line}; write the last state as a model (dftnet export "
                f"{self.run}) and begin another run at it, with --init {self.run / 'model'} and a lower --set learning_rate, or "
                "--set precision=float32"
            )
        self.log.write(self.images_seen, "train", line, NOTED)

    def _look(self, held_out: BatchSource, before: int, warp_only: bool) -> None:
        config, average = self.config, self.trainer.players.average
        if self._due(config.validate_images, before):
            assert self.judge is not None
            batches = max(1, min(VALIDATION_IMAGES, 4 * config.batch) // config.batch)
            self.log.write(self.images_seen, "validation", validate(average, held_out, self.judge, batches, warp_only))
        if self._due(config.sample_images, before):
            picture = sample_sheet(average, held_out, warp_only=warp_only)
            write_image(self.run / "samples" / f"{self.images_seen:010d}.png", picture, overwrite=True)

    def _save(self) -> None:
        if not distributed.is_first():
            return
        record = {
            "players": self.trainer.players.state(), "images_seen": self.images_seen, "index": self.index,
            "au_names": list(self.trainer.source.names),
        }  # fmt: skip
        self._saved, self._saved_at = time.perf_counter(), self.images_seen
        if not save_state(self.run, self.images_seen, record):
            self.log.say("[yellow]the training state could not be written (disk full?); next try at the next interval")


def tried_pace(trainer: Trainer, images_seen: int) -> Pace:
    """The pace of the phases to come, each tried for a step or two on a copy of the players, so that the time left is right from
    the first minute."""
    config = trainer.config
    starts = [sum(phase.images for phase in config.phases[:at]) for at in range(len(config.phases) + 1)]
    ahead = [at for at, phase in enumerate(config.phases) if phase.images and starts[at + 1] > images_seen]
    if len(ahead) < 2 or config.compile or config.images - images_seen < TRIAL_STEPS * config.batch:
        return Pace([(phase.images, 1.0) for phase in config.phases], images_seen)
    copy = Trainer(config, trainer.source, deepcopy(trainer.players), trainer.teachers)
    copy.step(starts[ahead[0]], 0)  # the first step of all is slow
    costs = [1.0] * len(config.phases)
    for at in ahead:
        steps = config.critic_steps if config.phases[at].critic else 1
        clock = time.perf_counter()
        for index in {0, steps - 1}:
            for value in copy.step(starts[at], index).values():
                float(value.detach())  # waits for the device
        costs[at] = (time.perf_counter() - clock) / len({0, steps - 1}) / config.batch
    return Pace([(phase.images, cost) for phase, cost in zip(config.phases, costs, strict=True)], images_seen, 1.0)


def train(
    data: str | Path,
    output: str | Path,
    config: TrainConfig,
    *,
    quiet: bool = False,
    stop_after: int | None = None,
) -> Path:
    """Train on the dataset directory `data`, or the one at an address (s3://bucket/set128), in the run directory `output`;
    returns the model directory OUTPUT/model.

    A run directory with another configuration is refused, and a start that fails leaves no directory. `stop_after` ends early
    (after so many images, with a training state) without changing the schedule.
    """
    rank, world, device = distributed.start()
    try:
        return _train(data, Path(output), config, device, rank, world, quiet, stop_after)
    finally:
        distributed.stop()


def _train(
    data: str | Path,
    run: Path,
    wanted: TrainConfig,
    device: torch.device,
    rank: int,
    world: int,
    quiet: bool,
    stop_after: int | None,
) -> Path:
    faces = open_faces(data, wanted.size)
    config, words = fitted(wanted, faces)
    check_claim(run, to_dict(config), as_today=lambda old: to_dict(from_dict(old)))
    if distributed.is_first_of_machine():
        faces.pictures()  # decoded once, by one process
    distributed.barrier()
    source = open_source(faces, config, device, rank=rank, world=world)
    watched = rank == 0 and len(faces.rows("validation")) > 0
    held_out = open_source(faces, config, device, split="validation") if watched else None
    teachers: list[Teacher] = [*build_teachers(config, source.names, device)]
    players = Players.build(config, source.names, device, begin=load_state(run) is None)
    if rank == 0:
        claim(run, to_dict(config))
    distributed.barrier()
    state = resume(run)
    images_seen = 0 if state is None else state["images_seen"]
    if state is not None:
        players.load(state["players"])
    elif isinstance(source, MeshBatchSource) and not config.init:
        prime_motion(players.generator, source, config.seed)
        measure_shade(players.generator, source, config.seed)
        players.average.load_state_dict(players.generator.state_dict())
    trainer = Trainer(config, source, players, teachers)
    pace = tried_pace(trainer, images_seen) if not quiet else None
    with TrainLog(run, config.images, images_seen, pace=pace, quiet=quiet) as log:
        for line in words:
            log.say(line)
        under_way = Run(run, trainer, held_out, log, min(config.images, stop_after or config.images))
        if state is not None:
            under_way.start_at(images_seen, state["index"])
            log.say(f"resumed at {images_seen} images")
        under_way.go()
        if rank == 0 and under_way.images_seen >= config.images:
            trained = Trained(
                run=run,
                config=config,
                generator=players.average,
                au_names=source.names,
                images_seen=under_way.images_seen,
            )
            write_model(run / "model", trained, faces)
            log.say(f"model written to {run / 'model'}")
    distributed.barrier()
    return run / "model"
