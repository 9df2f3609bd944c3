"""Request bodies: a photo and what is asked, as multipart form or as JSON with a data URI. Nothing touches the disk."""

from __future__ import annotations

import base64
import binascii
import json
import re
from pathlib import Path
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import HTTPException, Request
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from dftnet import MediaError, RequestError
from dftnet.app import schema

NAMELESS = "the photo"
"""What a photo without a name is called."""
LONGEST_TEXT = 1 << 20

Body = TypeVar("Body", bound=schema.PhotoBody)
Model = TypeVar("Model", bound=BaseModel)


class _InMemory(MultiPartParser):
    """Keeps what is uploaded in memory: nothing from a user touches the disk."""

    spool_max_size = 1 << 40
    max_part_size = LONGEST_TEXT


async def parse_photo(request: Request, body: type[Body]) -> tuple[bytes | None, str, Body]:
    """The photo's bytes (None where an id stands for them), its name, and the rest of the body."""
    kind = kind_of(request)
    if kind == "application/json":
        asked = await to_thread.run_sync(parse_json, body, await request.body())
        if asked.image is not None:
            return await to_thread.run_sync(_from_data_uri, asked.image), NAMELESS, asked
        return _by_id(asked)
    if kind != "multipart/form-data":
        raise HTTPException(415, "send the photo as multipart/form-data (image, request), or JSON with a data URI")
    try:
        form = await _InMemory(request.headers, request.stream(), max_files=3, max_fields=3).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise HTTPException(400, f"the form cannot be read ({getattr(error, 'message', error)})") from None
    unknown = sorted(set(form) - {"image", "photo", "request"})
    if unknown:
        raise RequestError(f"unknown field {unknown[0][:60]!r}; known: image, photo, request", field=unknown[0][:60])
    image = form.get("image")
    if isinstance(image, str):
        raise RequestError("`image` is the photo's file; this is a text", field="image")
    texts = {name: await _text(form[name]) for name in ("photo", "request") if name in form}
    fields = {name: _loaded(text) if name == "request" else text for name, text in texts.items()}
    asked = body.model_validate(fields)
    if image is None:
        return _by_id(asked)
    name = re.sub(r"[^\w .()+-]", "", Path((image.filename or "").replace("\\", "/")).name)[:80]
    return await image.read(), name or NAMELESS, asked


def _by_id(asked: Body) -> tuple[None, str, Body]:
    if asked.photo is None:
        raise RequestError("give the photo as `image`, or the id of one read lately as `photo`", field="image")
    return None, "", asked


async def _text(part: UploadFile | str) -> str:
    """A part of a form that is a text, also where it is sent like a file."""
    return part if isinstance(part, str) else (await part.read(LONGEST_TEXT)).decode("utf-8", "replace")


def parse_json(body: type[Model], data: bytes) -> Model:
    """A JSON body, checked."""
    return body.model_validate(_loaded(data))


def _loaded(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError("the request is not JSON", field="request") from None


def _from_data_uri(text: str) -> bytes:
    head, comma, data = text.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise RequestError("`image` is a data URI: data:image/jpeg;base64,…", field="image")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise MediaError("`image` is not base64: encode the file's bytes", field="image") from None


def kind_of(request: Request) -> str:
    """The body's media type."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
