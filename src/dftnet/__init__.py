"""DFT-Net: edit the expression of a face photo by Action Units. What is named here is the public face, the rest is private.

    import dftnet
    editor = dftnet.Editor.from_pretrained()              # the shipped weights
    face = editor.read(dftnet.read_image("photo.jpg"))    # once: detect, align, read the Action Units
    picture = editor.render(face, {"smile": 0.5})         # often: the photo's own size

`import dftnet` costs nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dftnet.au_sources.reading import read_aus as read_aus
    from dftnet.aus import AU_NAMES as AU_NAMES
    from dftnet.aus import REGIONS as REGIONS
    from dftnet.aus import UnitWords as UnitWords
    from dftnet.aus import describe_unit as describe_unit
    from dftnet.editing.compositing import Patch as Patch
    from dftnet.editing.edit import edit as edit
    from dftnet.editing.editor import Editor as Editor
    from dftnet.editing.emotions import EMOTIONS as EMOTIONS
    from dftnet.editing.face import EditableFace as EditableFace
    from dftnet.editing.landing import LANDED as LANDED
    from dftnet.editing.opened import MARK as MARK
    from dftnet.editing.opened import OpenPhoto as OpenPhoto
    from dftnet.editing.opened import open_photo as open_photo
    from dftnet.editing.options import Report as Report
    from dftnet.editing.options import SaveOptions as SaveOptions
    from dftnet.editing.plan import EditPlan as EditPlan
    from dftnet.editing.request import Request as Request
    from dftnet.editing.timeline import Drive as Drive
    from dftnet.editing.timeline import Timeline as Timeline
    from dftnet.editing.video import edit_frames as edit_frames
    from dftnet.errors import DatasetError as DatasetError
    from dftnet.errors import DftnetError as DftnetError
    from dftnet.errors import MediaError as MediaError
    from dftnet.errors import ModelError as ModelError
    from dftnet.errors import NoFaceError as NoFaceError
    from dftnet.errors import RequestError as RequestError
    from dftnet.errors import UnfitFaceError as UnfitFaceError
    from dftnet.inference.directory import models as models
    from dftnet.media.image import encode_image as encode_image
    from dftnet.media.image import read_image as read_image
    from dftnet.media.image import write_image as write_image

__version__ = "0.1.0"

_HOME = {
    "Editor": "editing.editor",
    "EditableFace": "editing.face",
    "Request": "editing.request",
    "Timeline": "editing.timeline",
    "Drive": "editing.timeline",
    "EditPlan": "editing.plan",
    "SaveOptions": "editing.options",
    "Report": "editing.options",
    "edit": "editing.edit",
    "edit_frames": "editing.video",
    "read_aus": "au_sources.reading",
    "OpenPhoto": "editing.opened",
    "open_photo": "editing.opened",
    "Patch": "editing.compositing",
    "MARK": "editing.opened",
    "LANDED": "editing.landing",
    "AU_NAMES": "aus",
    "REGIONS": "aus",
    "UnitWords": "aus",
    "describe_unit": "aus",
    "EMOTIONS": "editing.emotions",
    "encode_image": "media.image",
    "read_image": "media.image",
    "write_image": "media.image",
    "models": "inference.directory",
    "DftnetError": "errors",
    "NoFaceError": "errors",
    "UnfitFaceError": "errors",
    "RequestError": "errors",
    "MediaError": "errors",
    "ModelError": "errors",
    "DatasetError": "errors",
}
"""Public name → the module that it is loaded from."""

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'dftnet' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"dftnet.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
