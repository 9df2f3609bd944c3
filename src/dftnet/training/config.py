"""The training configuration: a tuple of phases and what they share, as frozen dataclasses and as JSON.

The `config.json` that a run writes is valid for `dftnet train --config`, and so are those of runs from before there were phases.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dftnet.errors import RequestError
from dftnet.networks import CriticConfig, DFTNetConfig, GeneratorConfig, generator_config
from dftnet.training.loss_weights import TEACHERS, LossWeights, check_types, generator_losses, given_by

PRECISIONS = ("float32", "bfloat16")
EPOCH = 200_000
"""Images of the paper's training set: what its "30 epochs" count"""
_MOVED = {
    "images": "phases.adversarial.images", "warp_images": "phases.warp.images", "paint_images": "phases.paint.images",
    "warp_weights": "phases.warp.weights",
}  # fmt: skip
"""Names from before there were phases → where they are now"""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of a training: how long, what is trained, and what counts there."""

    name: str
    """What the log and `--set phases.NAME.images=…` call it."""
    images: int
    """Images seen in this phase; 0 leaves it out."""
    weights: dict[str, float] = field(default_factory=dict)
    """λ that differ here from the configuration's, {"guide_aligned": 10}: about Φ = 0 any small flow blurs, which the pair losses
    punish, so that without a strong guide a warp does not start."""
    critic: bool = True
    """Whether the critics learn here, and teach."""
    warp_only: bool = False
    """Whether the warp is trained alone: the edit is the aligned image, and only losses count that concern it."""

    def __post_init__(self) -> None:
        check_types(self, "phases.")
        if not isinstance(self.weights, dict):
            raise RequestError(
                f'phases.{self.name}.weights is {self.weights!r}; give names and numbers, {{"pair": 20}}'
            )
        if self.images < 0:
            raise RequestError(f"phases.{self.name}.images is {self.images}; give 0 or more")
        if self.warp_only and self.critic:
            raise RequestError(f"phase {self.name} trains the warp alone, without a critic; set critic to false")
        known = generator_losses(critic=self.critic, warp_only=self.warp_only)
        strangers = [name for name in self.weights if name not in known]
        if strangers:
            raise RequestError(f"phases.{self.name}.weights names {', '.join(strangers)}; known are {', '.join(known)}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run. The defaults are the paper's where it states them. Intervals count images."""

    generator: GeneratorConfig = field(default_factory=DFTNetConfig)
    """The generator's architecture."""
    critic: CriticConfig = field(default_factory=CriticConfig)
    """The critic's architecture."""
    weights: LossWeights = field(default_factory=LossWeights)
    """λ of each loss."""
    phases: tuple[Phase, ...] = (Phase(name="adversarial", images=30 * EPOCH),)
    """What is trained, one after the other (the paper: one phase of 30 epochs of 200,000)."""
    decay_images: int = 10 * EPOCH
    """The last so many images, over which the learning rate falls linearly to 0."""
    warmup_images: int = 0
    """The first so many images, over which the learning rate grows from 0."""
    init: str = ""
    """Start the generator from this model (a shipped one's name or a directory, of the same architecture) in place of random
    weights."""
    batch: int = 25
    """Images a step, over all processes."""
    learning_rate: float = 1e-4
    """Adam's learning rate, both players."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's β₁ and β₂."""
    critic_steps: int = 5
    """Critic steps for each generator step, each on a new batch. With 1 both players use the same edits, computed once."""
    penalty_every: int = 1
    """The gradient penalty is taken on every so-manieth critic step, with so many times its weight."""
    attention_target: float = 1.0
    """The mean of A that the hinge asks for."""
    target_noise: float = 0.1
    """Targets drawn from other faces get U(-noise, noise) added, then are clamped to [0, 1]."""
    single_share: float = 0.0
    """Share of unpaired targets that change one to three AUs of the source's own and leave the rest."""
    balance_aus: bool = False
    """Draw target faces so that each AU is strong equally often, in place of uniformly."""
    focus: dict[str, float] = field(default_factory=dict)
    """How often targets and pairs are drawn for an AU, {"AU45": 3}: thrice as often as the ones that are not named."""
    pair_share: float = 0.0
    """Share of a batch that is pairs: two frames of one person in close pose, the second one's AUs the target."""
    pair_pose: float = 8.0
    """Largest difference of yaw and of pitch between the frames of a pair, degrees (where the set has them)."""
    part_share: float = 0.0
    """Share of a mesh's pairs that differ in a part of the face only: frame b's eyes, one eye, mouth or half of it in frame a."""
    back_share: float = 0.0
    """Share of a mesh's single faces that are asked back, where paint is learnt: the averaged generator edits the photo, and of
    that edit the photo itself is asked for, so that a face that never was filmed teaches its own teeth and eyes (back-translation,
    Sennrich et al. 2016)."""
    null_share: float = 0.0
    """Share of the pairs whose second frame is the first one again: asked for nothing, the edit must be the input."""
    jitter: float = 0.0
    """Random shift (share of the size), scale, and rotation (radians) of a sample, both frames alike."""
    guide: str = ""
    """The frozen AU estimator of weights.guide and guide_aligned: a model directory, or "shipped"."""
    mesh: str = ""
    """The face mesh of the weights that a mesh gives: a facs-mesh.npz. The set needs landmarks (`dftnet landmarks`)."""
    labels: str = "labels"
    """Which labels of the set to train on: "labels", or NAME for its labels-NAME.npz."""
    ema_images: float = 10_000.0
    """Half-life of the averaged generator weights, which are what is validated and exported; at most 5 % of the images seen."""
    max_gradient: float = 0.0
    """Clip the generator's gradient to this norm; 0 does not."""
    precision: str = "float32"
    """"float32", or "bfloat16" mixed precision."""
    compile: bool = False
    """torch.compile the generator (worth it on a GPU, minutes to warm up)."""
    seed: int = 0
    """Everything random follows from this and the images seen."""
    log_images: int = 2_000
    """Interval of log lines."""
    sample_images: int = 50_000
    """Interval of sample sheets."""
    validate_images: int = 50_000
    """Interval of validation."""
    checkpoint_images: int = 50_000
    """Interval of training states; there is one every ten minutes beside."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        object.__setattr__(self, "phases", tuple(self.phases))
        self._check_numbers()
        self._check_phases()
        self._check_teachers()

    def _check_numbers(self) -> None:
        check_types(self)
        for name in ("images", "batch", "critic_steps", "penalty_every", "log_images", "sample_images",
                     "validate_images", "checkpoint_images"):  # fmt: skip
            if getattr(self, name) < 1:
                raise RequestError(f"{name} is {getattr(self, name)}; give 1 or more")
        for name in ("single_share", "pair_share", "part_share", "back_share", "null_share", "attention_target",
                     "target_noise"):  # fmt: skip
            if not 0 <= getattr(self, name) <= 1:
                raise RequestError(f"{name} is {getattr(self, name)}; give a number from 0 to 1")
        if not isinstance(self.focus, dict) or any(not value > 0 for value in self.focus.values()):
            raise RequestError(f"focus is {self.focus}; give each name a number above 0")
        if self.precision not in PRECISIONS:
            raise RequestError(f"precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.decay_images <= self.images:
            raise RequestError(f"decay_images is {self.decay_images}; give 0 to images ({self.images})")
        if self.generator.au_count != self.critic.au_count:
            raise RequestError(
                f"generator.au_count is {self.generator.au_count} but critic.au_count {self.critic.au_count}; make them equal"
            )

    def _check_phases(self) -> None:
        names = [phase.name for phase in self.phases]
        if len(set(names)) < len(names):
            raise RequestError(f"the phases are called {', '.join(names)}; give each a name of its own")
        for phase in self.phases:
            self.weights_of(phase)  # refuses a negative weight
            if phase.images and not phase.critic and not (self.pair_share or self.taught(phase)):
                raise RequestError(
                    f"phase {phase.name} has no critic, so it learns from pairs or a guide; set pair_share above 0, or "
                    f"phases.{phase.name}.images=0"
                )
            if phase.images and phase.warp_only and not self.generator.warps:
                raise RequestError(
                    f"phase {phase.name} trains a warp, which this generator has not; set phases.{phase.name}.images=0"
                )
        if self.weights.condition_aligned and not self.generator.warps:
            raise RequestError("weights.condition_aligned needs a generator that warps; set it to 0")

    def _check_teachers(self) -> None:
        for teacher in TEACHERS:
            losses = given_by(teacher)
            weighed = any(getattr(self.weights, name) for name in losses)
            weighed = weighed or any(phase.weights.get(name) for phase in self.phases for name in losses)
            if bool(getattr(self, teacher)) != weighed:
                raise RequestError(
                    f"{teacher} is {getattr(self, teacher)!r}, and {'a' if weighed else 'no'} weight among "
                    f"{', '.join(losses)} is above 0; set both a {teacher} and a weight, or neither"
                )

    @property
    def images(self) -> int:
        """Images seen in all."""
        return sum(phase.images for phase in self.phases)

    @property
    def size(self) -> int:
        """Image size in pixels."""
        return self.critic.size

    def phase_at(self, images_seen: int) -> Phase:
        """The phase that the step which starts there belongs to; the last one at the end."""
        end = 0
        for phase in self.phases:
            end += phase.images
            if images_seen < end:
                return phase
        return self.phases[-1]

    def weights_of(self, phase: Phase) -> LossWeights:
        """λ as they are in a phase."""
        return replace(self.weights, **phase.weights)

    def generator_weights(self, phase: Phase) -> dict[str, float]:
        """The generator's λ above 0 in a phase."""
        return self.weights_of(phase).generator(critic=phase.critic, warp_only=phase.warp_only)

    def taught(self, phase: Phase) -> bool:
        """Whether a frozen teacher has a say in a phase."""
        weights = self.generator_weights(phase)
        return any(name in weights for teacher in TEACHERS for name in given_by(teacher))

    def pairs_only(self, phase: Phase) -> bool:
        """Whether every image of the phase is one of a pair: nothing else teaches a warp there."""
        return phase.warp_only and not self.taught(phase)


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """Plain data, for JSON."""
    return json.loads(json.dumps(asdict(config)))


def from_dict(data: dict[str, Any]) -> TrainConfig:
    """The inverse of `to_dict`; an unknown or missing name is an error that says which."""
    data = _in_phases(data)
    parts: dict[str, Any] = {
        "generator": generator_config,
        "critic": lambda d: CriticConfig(**d),
        "weights": lambda d: LossWeights(**d),
        "phases": lambda phases: tuple(Phase(**p) for p in phases),
    }
    try:
        for name, build in parts.items():
            if name in data:
                data[name] = build(data[name])
        return TrainConfig(**data)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise RequestError(f"the training configuration does not fit: {error}") from error
        name = str(error).split("'")[1]
        hint = _nearest(name, [f.name for f in fields(TrainConfig)] if name in data else [])
        raise RequestError(f"a training configuration knows no {name!r}; {hint}") from error


def _in_phases(data: dict[str, Any]) -> dict[str, Any]:
    """A configuration as written before there were phases (images, warp_images, warp_weights, paint_images) → with them."""
    data = dict(data)
    old = {name: data.pop(name) for name in _MOVED if name in data}
    if "phases" in data or not old:
        return data | old
    images = old.get("images", 30 * EPOCH)
    warp = min(old.get("warp_images", 0), images)
    paint = min(old.get("paint_images", 0), images - warp)
    weights = old.get("warp_weights", {})
    phases = [{"name": "warp", "images": warp, "weights": weights, "critic": False, "warp_only": True}] if warp else []
    phases += [{"name": "paint", "images": paint, "critic": False}] if paint else []
    return data | {"phases": [*phases, {"name": "adversarial", "images": images - warp - paint}]}


def load(path: str | Path) -> TrainConfig:
    """A configuration from a JSON file, such as a run's config.json."""
    try:
        data = json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise RequestError(f"{path} is not JSON ({error}); give the config.json of a training run") from error
    if not isinstance(data, dict):
        raise RequestError(f"{path} holds no object; give the config.json of a training run")
    return from_dict(data)


def override(config: TrainConfig, assignments: list[str]) -> TrainConfig:
    """Apply `name=value`, `part.name=value` or `phases.NAME.field=value` (JSON values; bare words are strings), as in
    `--set weights.pair=20`."""
    data = to_dict(config)
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        keys = name.split(".")
        part: Any = data
        for key in keys[:-1]:
            if isinstance(part, list):
                part = next((item for item in part if item["name"] == key), None)
            else:
                part = part.get(key) if isinstance(part, dict) else None
        free = keys[0] == "focus" or (keys[0] == "phases" and keys[-2:-1] == ["weights"])
        if not separator:
            raise RequestError(f"cannot set {assignment!r}; write NAME=VALUE, as in weights.pair=20")
        if not isinstance(part, dict) or (keys[-1] not in part and not free):
            raise RequestError(f"cannot set {name!r}; {_nearest(name, _names(data))}")
        try:
            part[keys[-1]] = json.loads(text)
        except json.JSONDecodeError:
            part[keys[-1]] = text
    return from_dict(data)


def stretch(config: TrainConfig, images: int) -> TrainConfig:
    """The same schedule over another number of images: phases, decay, averaging and all intervals but the log's in proportion."""
    ratio = images / config.images
    *first, last = config.phases
    phases = [replace(phase, images=round(phase.images * ratio)) for phase in first]
    phases.append(replace(last, images=max(0, images - sum(phase.images for phase in phases))))
    intervals = ("sample_images", "validate_images", "checkpoint_images")
    scaled = {name: max(1, round(getattr(config, name) * ratio)) for name in intervals}
    scaled |= {name: round(getattr(config, name) * ratio) for name in ("decay_images", "warmup_images")}
    return replace(
        config, phases=tuple(phases), ema_images=config.ema_images * min(1.0, ratio), **scaled
    )  # fmt: skip


def _nearest(name: str, known: list[str]) -> str:
    """What may have been meant, three names at most."""
    moved = [_MOVED[name]] if name in _MOVED else []
    near = moved or get_close_matches(name, known, 3, 0.5)
    near = near or [other for other in known if name.split(".")[-1] in other][:3]
    return (f"did you mean {' or '.join(near)}? " if near else "") + "The config.json of a run has all names"


def _names(data: Any, before: str = "") -> list[str]:
    """The dotted names of everything that can be set."""
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return [name for item in data for name in _names(item, f"{before}.{item['name']}")]
    if isinstance(data, dict) and data:
        return [name for key, value in data.items() for name in _names(value, f"{before}.{key}" if before else key)]
    return [before]
