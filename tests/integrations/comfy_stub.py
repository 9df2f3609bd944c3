"""As much of ComfyUI's `comfy_api.latest` as nodes touch: inputs and outputs that remember what they were told, and the
checks that ComfyUI makes of a schema (ids differ, among inputs and outputs together)."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any


class Told:
    """An input or output: its id and whatever else was said."""

    def __init__(self, id: str, **options: Any) -> None:
        self.id, self.options = id, options


def comfy_type(name: str, *known: str) -> type:
    """A type with Input and Output; options that ComfyUI does not know are refused."""
    common = {"display_name", "optional", "tooltip", "lazy", "extra_dict", "raw_link"}

    class Input(Told):
        io_type = name

        def __init__(self, id: str, **options: Any) -> None:
            assert set(options) <= common | set(known), options
            super().__init__(id, **options)

    class Output(Told):
        io_type = name

        def __init__(self, id: str, **options: Any) -> None:
            assert set(options) <= {"display_name", "tooltip", "is_output_list"}, options
            super().__init__(id, **options)

    return type(name, (), {"Input": Input, "Output": Output})


@dataclass
class Schema:
    node_id: str
    display_name: str
    category: str
    inputs: list[Told]
    outputs: list[Told]
    description: str = ""
    is_input_list: bool = False
    hidden: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        ids = [one.id for one in (*self.inputs, *self.outputs)]
        assert len(set(ids)) == len(ids), ids


class ComfyNode:
    pass


class NodeOutput:
    def __init__(self, *args: Any) -> None:
        self.args = args


class ComfyExtension:
    pass


def modules() -> dict[str, types.ModuleType]:
    """Name → module, for sys.modules."""
    widget = ("default", "socketless", "force_input", "widget_type")
    number = (*widget, "min", "max", "step", "display_mode")
    io = types.SimpleNamespace(
        Image=comfy_type("IMAGE"),
        Mask=comfy_type("MASK"),
        String=comfy_type("STRING", *widget, "multiline", "placeholder"),
        Float=comfy_type("FLOAT", *number, "round"),
        Int=comfy_type("INT", *number),
        Combo=comfy_type("COMBO", *widget, "options"),
        Schema=Schema,
        ComfyNode=ComfyNode,
        NodeOutput=NodeOutput,
    )
    package, latest = types.ModuleType("comfy_api"), types.ModuleType("comfy_api.latest")
    latest.io, latest.ComfyExtension = io, ComfyExtension  # type: ignore[attr-defined]
    package.latest = latest  # type: ignore[attr-defined]
    return {"comfy_api": package, "comfy_api.latest": latest}
