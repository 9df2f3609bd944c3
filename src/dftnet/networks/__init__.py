"""The networks, and the registry from a configuration's `kind` to its generator."""

from __future__ import annotations

from typing import Any

from dftnet.errors import RequestError
from dftnet.networks.critic import Critic, CriticConfig
from dftnet.networks.dftnet import DFTNet, DFTNetConfig
from dftnet.networks.ganimation import GANimation, GANimationConfig
from dftnet.networks.generator import Edit, Generator, GeneratorConfig
from dftnet.networks.light import LightConfig, LightDFTNet

GENERATORS: dict[str, tuple[type[GeneratorConfig], type[Generator]]] = {
    "dftnet": (DFTNetConfig, DFTNet),
    "light": (LightConfig, LightDFTNet),
    "ganimation": (GANimationConfig, GANimation),
}
"""kind → (configuration class, generator class); a new generator is one file and one line here"""


def generator_config(fields: dict[str, Any]) -> GeneratorConfig:
    """The configuration written in a config.json, e.g. {"kind": "dftnet", "channels": [32, 64], …}."""
    kind = fields.get("kind")
    if kind not in GENERATORS:
        raise RequestError(f"generator kind is {kind!r}; known kinds are {', '.join(GENERATORS)}")
    return GENERATORS[kind][0](**fields)


def build_generator(config: GeneratorConfig) -> Generator:
    """The untrained generator of a configuration."""
    build: Any = GENERATORS[config.kind][1]
    return build(config)


__all__ = [
    "GENERATORS",
    "Critic",
    "CriticConfig",
    "DFTNet",
    "DFTNetConfig",
    "Edit",
    "GANimation",
    "GANimationConfig",
    "Generator",
    "GeneratorConfig",
    "LightConfig",
    "LightDFTNet",
    "build_generator",
    "generator_config",
]
