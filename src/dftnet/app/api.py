"""The HTTP API and the page: routes from requests to `work`, and errors as application/problem+json."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

import dftnet
from dftnet import DftnetError, Editor
from dftnet.app import schema, work
from dftnet.app.bodies import Body, kind_of, parse_json, parse_photo
from dftnet.app.gate import BusyError, Gate
from dftnet.app.guard import Guard, TooLargeError, problem
from dftnet.app.openapi import EDIT_ANSWERS, MAPS_ANSWERS, PATCH_ANSWERS, answers, json_body, photo_body, problems
from dftnet.app.photos import Photos, ReadPhoto
from dftnet.app.settings import Settings

PAGE = Path(__file__).parent / "page"
RETRY_AFTER = 1
"""Seconds after which one who was turned away may come back."""
PHOTO_PROBLEMS = (400, 403, 404, 413, 415, 421, 422, 500, 503)
"""Statuses of what may be wrong with a request about a photo."""
Result = TypeVar("Result")
Answer = Callable[[Request], Awaitable[Response]]


class Worker:
    """The model, the photos and the gate of one process."""

    def __init__(self, settings: Settings, editor: Editor | None = None) -> None:
        self.settings, self.gate = settings, Gate(settings.waiting)
        self.photos: Photos | None = None
        self.failure = ""
        if editor is not None:
            self._use(editor)

    def load(self) -> None:
        """Loads the model; takes a second or so."""
        try:
            self._use(Editor.from_pretrained(self.settings.model, threads=self.settings.threads))
        except (ValueError, OSError) as error:
            self.failure = str(error)

    def _use(self, editor: Editor) -> None:
        chosen = self.settings
        self.photos = Photos(
            editor, most=chosen.kept_photos, most_pixels=chosen.kept_pixels, max_pixels=chosen.max_pixels,
            preview=chosen.preview,
        )  # fmt: skip

    @property
    def ready(self) -> Photos:
        """What reads photos; 503 before the model is loaded."""
        if self.photos is None:
            raise HTTPException(503, self.failure or "the model is being loaded: come back in a second")
        return self.photos

    async def at_the_gate(self, request: Request, job: Callable[[], Result]) -> Result:
        """`job()` when it is its turn; 503 where too many wait."""
        done = await self.gate(job, request.is_disconnected)
        if done is None:
            raise HTTPException(400, "the caller has gone")
        return done


def create_app(settings: Settings | None = None, editor: Editor | None = None) -> Guard:
    """The whole server as an ASGI application; the model is loaded in the background unless an `editor` is given."""
    settings = settings or Settings.from_environment()
    worker = Worker(settings, editor)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if worker.photos is None:
            threading.Thread(target=worker.load, daemon=True).start()
        yield

    app = FastAPI(
        title="dftnet", version=dftnet.__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        description="Edit the expression of a face photo by Action Units. Guide: docs/app.md.",
    )  # fmt: skip
    app.state.worker = worker
    _add_errors(app)
    _add_state(app, worker)
    _add_photos(app, worker)
    _add_page(app)
    return Guard(app, hosts=settings.hosts, max_bytes=settings.max_bytes)


def _add_errors(app: FastAPI) -> None:
    def answer(status: int, detail: str, code: str | None = None, field: str | None = None, **headers: str) -> Response:
        more = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
        kept = {"Cache-Control": "no-store", **more, **headers}
        return Response(problem(status, detail, code, field), status, kept, "application/problem+json")

    @app.exception_handler(DftnetError)
    async def told(request: Request, error: DftnetError) -> Response:
        return answer(error.status, str(error), type(error).__name__, error.field)

    @app.exception_handler(ValueError)
    async def value(request: Request, error: ValueError) -> Response:
        return answer(422, str(error), "RequestError")

    @app.exception_handler(ValidationError)
    async def invalid(request: Request, error: ValidationError) -> Response:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        return answer(422, f"{field or 'request'}: {first['msg']}", "RequestError", field or None)

    @app.exception_handler(TooLargeError)
    async def large(request: Request, error: TooLargeError) -> Response:
        return answer(413, "the request is too large: scale the photo down")

    @app.exception_handler(BusyError)
    async def busy(request: Request, error: BusyError) -> Response:
        return answer(503, f"others wait already: come back in {RETRY_AFTER} second", "BusyError")

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        return answer(500, "this is a fault of dftnet, not of the request: the server's terminal tells more")

    @app.exception_handler(StarletteHTTPException)
    async def http(request: Request, error: StarletteHTTPException) -> Response:
        return answer(error.status_code, str(error.detail), **dict(error.headers or {}))


def _add_page(app: FastAPI) -> None:
    """The page's files by name, so that a wrong method elsewhere is told as such."""

    def serve(path: Path) -> None:
        route = "/" if path.name == "index.html" else f"/{path.name}"
        app.get(route, include_in_schema=False)(lambda: FileResponse(path, headers={"Cache-Control": "no-cache"}))

    for path in sorted(PAGE.iterdir()):
        if path.is_file():
            serve(path)
    app.mount("/js", StaticFiles(directory=PAGE / "js"), name="js")


def _add_state(app: FastAPI, worker: Worker) -> None:
    @app.get("/health", summary="Whether the server is there", tags=["state"], responses=problems(421))
    async def health() -> schema.Health:
        return schema.Health()

    @app.get("/ready", summary="Whether the model is loaded", tags=["state"], responses=problems(421, 503))
    async def ready() -> schema.Ready:
        assert worker.ready
        return schema.Ready(worker=os.getpid(), waiting=worker.gate.inside)

    @app.get("/v1/model", summary="The model's units, emotions and limits", tags=["edit"], responses=problems(421, 503))
    async def model() -> schema.ModelAnswer:
        return work.describe_model(worker.ready.editor, worker.settings.max_bytes, worker.settings.max_pixels)


def _add_photos(app: FastAPI, worker: Worker) -> None:
    """The routes that take a photo, or the id of one that was sent before."""
    _photo_route(
        app, "/v1/edit", schema.EditBody, "Edit a photo", "edit", EDIT_ANSWERS, functools.partial(_edit, worker)
    )
    _photo_route(
        app, "/v1/aus", schema.PhotoBody, "Read the Action Units of every face", "edit", answers(schema.AusAnswer),
        functools.partial(_told, worker, schema.PhotoBody, lambda photo, _: work.describe_faces(photo)),
    )  # fmt: skip
    _photo_route(
        app, "/v1/maps", schema.MapsBody, "Flow, attention and texture of an edit", "edit", MAPS_ANSWERS,
        functools.partial(_maps, worker),
    )  # fmt: skip
    _photo_route(
        app, "/v1/read", schema.PhotoBody, "Read a photo for live editing", "live", answers(schema.ReadAnswer),
        functools.partial(_told, worker, schema.PhotoBody, lambda photo, _: work.describe_read(photo)),
    )  # fmt: skip
    app.post(
        "/v1/patch", summary="The part of the preview that a face's edit changes", tags=["live"], response_class=Response,
        responses={**PATCH_ANSWERS, **problems(*PHOTO_PROBLEMS)},
        openapi_extra={"requestBody": json_body(schema.PatchRequest)},
    )(_route("patch", functools.partial(_patch, worker)))  # fmt: skip


def _photo_route(
    app: FastAPI,
    path: str,
    body: type[BaseModel],
    summary: str,
    tag: str,
    declared: dict[int | str, Any],
    answer: Answer,
) -> None:
    """A POST route for a photo, with its declaration for OpenAPI."""
    app.post(
        path, summary=summary, tags=[tag], responses={**declared, **problems(*PHOTO_PROBLEMS)}, response_class=Response,
        openapi_extra={"requestBody": photo_body(body)},
    )(_route(path.rpartition("/")[2], answer))  # fmt: skip


def _route(name: str, answer: Answer) -> Answer:
    """A partial function as one whose name and signature FastAPI reads."""

    async def route(request: Request) -> Response:
        return await answer(request)

    route.__name__ = name
    return route


async def _opened(
    worker: Worker, request: Request, body: type[Body], job: Callable[[ReadPhoto, Body], Result]
) -> Result:
    """The job on the photo that came, when its turn comes."""
    photos = worker.ready
    data, name, asked = await parse_photo(request, body)

    def work_() -> Result:
        photo = photos.read(data, name) if data is not None else photos.find(asked.photo or "")
        return job(photo, asked)

    return await worker.at_the_gate(request, work_)


async def _told(
    worker: Worker, body: type[Body], job: Callable[[ReadPhoto, Body], BaseModel], request: Request
) -> Response:
    return _json(await _opened(worker, request, body, job))


async def _edit(worker: Worker, request: Request) -> Response:
    as_json = _wants(request, "application/json")

    def job(photo: ReadPhoto, body: schema.EditBody) -> tuple[work.Edited, schema.EditAnswer | None]:
        edited = work.Edited(photo, body.request)
        return edited, edited.answer() if as_json else None

    edited, answer = await _opened(worker, request, schema.EditBody, job)
    headers = {
        "Dftnet-Photo": edited.photo.id,
        "Dftnet-Faces": json.dumps(edited.faces()),
        "Dftnet-Mark": edited.mark or "none",
        "Dftnet-Warnings": json.dumps(edited.warnings if answer is None else answer.warnings),
    }
    if answer is not None:
        return _json(answer, headers)
    stem = Path(edited.photo.name).stem or "photo"
    headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(f'{stem}-edited{edited.suffix}')}"
    return _bytes(edited.data, work.TYPES[edited.suffix], headers)


async def _maps(worker: Worker, request: Request) -> Response:
    if _wants(request, "application/x-npz"):
        file = await _opened(worker, request, schema.MapsBody, lambda photo, body: work.maps_file(photo, body.request))
        return _bytes(file, "application/x-npz", {})
    return await _told(worker, schema.MapsBody, lambda photo, body: work.describe_maps(photo, body.request), request)


async def _patch(worker: Worker, request: Request) -> Response:
    photos = worker.ready
    if kind_of(request) != "application/json":
        raise HTTPException(415, "send JSON")
    asked = parse_json(schema.PatchRequest, await request.body())
    made = await worker.at_the_gate(request, lambda: work.PatchMade(photos.find(asked.photo), asked))
    headers = {"Dftnet-Box": _box_text(made.place), "Dftnet-Part": _box_text(made.exact)}
    if made.warnings:
        headers["Dftnet-Warnings"] = json.dumps(made.warnings)
    if made.measured is not None:
        headers["Dftnet-Measured"] = json.dumps({name: round(value, 4) for name, value in made.measured.items()})
    return _bytes(made.data, work.TYPES[made.suffix], headers)


def _bytes(data: bytes, kind: str, headers: dict[str, str]) -> Response:
    return Response(data, 200, {"Cache-Control": "no-store", "Dftnet-Worker": str(os.getpid()), **headers}, kind)


def _json(answer: BaseModel, headers: dict[str, str] | None = None) -> Response:
    return _bytes(answer.model_dump_json().encode(), "application/json", headers or {})


def _box_text(box: Sequence[float]) -> str:
    """x0, y0, x1, y1 → "x,y,width,height"."""
    x0, y0, x1, y1 = box
    return f"{x0:g},{y0:g},{x1 - x0:g},{y1 - y0:g}"


def _wants(request: Request, kind: str) -> bool:
    return kind in request.headers.get("accept", "").lower()
