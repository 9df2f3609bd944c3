"""What OpenAPI is told beside the models: bodies of two kinds, answers that are pictures, problems."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from dftnet.app import schema, work

PROBLEMS: dict[int, str] = {
    400: "the request cannot be read", 403: "a page of another site asks", 404: "no face, or an unknown photo id",
    413: "too many bytes", 415: "no picture, or an unknown kind of body", 421: "called by a foreign name",
    422: "what is asked for cannot be understood, or the face cannot be edited", 500: "the model is damaged",
    503: "as many wait as may; come back after Retry-After seconds",
}  # fmt: skip


def problems(*statuses: int) -> dict[int | str, Any]:
    """Answers that are application/problem+json."""
    content = {"application/problem+json": {"schema": inlined(schema.Problem)}}
    found: dict[int | str, Any] = {status: {"description": PROBLEMS[status], "content": content} for status in statuses}
    if 503 in found:
        found[503]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON schema with its parts written out in place."""
    whole = model.model_json_schema(ref_template="#/$defs/{model}")
    parts = whole.pop("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolved(parts[node["$ref"].rpartition("/")[2]])
            closed = {"additionalProperties": False} if "patternProperties" in node else {}
            return {key: resolved(value) for key, value in node.items()} | closed
        return [resolved(value) for value in node] if isinstance(node, list) else node

    return resolved(whole)


def json_body(body: type[BaseModel]) -> dict[str, Any]:
    """A body that is JSON."""
    return {"required": True, "content": {"application/json": {"schema": inlined(body)}}}


def photo_body(body: type[BaseModel]) -> dict[str, Any]:
    """A body that comes as multipart form or as JSON."""
    as_json = inlined(body)
    parts = dict(as_json["properties"])
    form = {
        "image": {"type": "string", "format": "binary", "description": "The photo's file."},
        "photo": parts["photo"],
    }
    encoding = {"image": {"contentType": "image/*"}}
    if "request" in parts:
        form["request"] = parts["request"]
        encoding["request"] = {"contentType": "application/json"}
    one_of_both = [{"required": ["image"]}, {"required": ["photo"]}]
    multipart = {"type": "object", "properties": form, "additionalProperties": False, "anyOf": one_of_both}
    as_json["anyOf"] = one_of_both
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": multipart, "encoding": encoding},
            "application/json": {"schema": as_json},
        },
    }


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_PICTURE = {"schema": {"type": "string", "format": "binary"}}


def answers(model: type[BaseModel]) -> dict[int | str, Any]:
    """An answer that is JSON."""
    return {200: {"description": "The answer.", "content": {"application/json": {"schema": inlined(model)}}}}


EDIT_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "The edited photo in its own format; with `Accept: application/json` units, boxes and a data URI.",
        "content": {kind: _PICTURE for kind in work.TYPES.values()} | {"application/json": {"schema": inlined(schema.EditAnswer)}},
        "headers": {
            "Dftnet-Photo": _text("The photo's id, for `photo` in further requests."),
            "Dftnet-Faces": _text("JSON: number and box of each face that was edited."),
            "Dftnet-Mark": _text("IPTC's digital source type in the metadata, or none."),
            "Dftnet-Warnings": _text("JSON: what is worth knowing."),
        },
    }
}  # fmt: skip
MAPS_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "Pictures as data URIs; with `Accept: application/x-npz` the numbers.",
        "content": {"application/json": {"schema": inlined(schema.MapsAnswer)}, "application/x-npz": _PICTURE},
    }
}
PATCH_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "The patch as JPEG, or WebP where the photo is transparent.",
        "content": {"image/jpeg": _PICTURE, "image/webp": _PICTURE},
        "headers": {
            "Dftnet-Box": _text("x,y,width,height: where the picture belongs, pixels of the preview."),
            "Dftnet-Part": _text("x,y,width,height: the part of it that counts; what is beside it stays."),
            "Dftnet-Warnings": _text(
                "JSON: what is worth knowing of the face's request; only where there is something."
            ),
            "Dftnet-Measured": _text(
                "JSON: the face's units read again in the edited picture, where `measure` was asked."
            ),
        },
    }
}
