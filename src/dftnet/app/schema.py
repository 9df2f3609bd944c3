"""What the API takes and gives, as Pydantic models: OpenAPI is made from these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dftnet import EditPlan, Request, Timeline

Level = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Change = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
PhotoId = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="A photo's id: the sha256 of its bytes.")]
Number = Annotated[int, Field(ge=0, le=999)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FaceRequest(_Strict):
    """What a face shall show. All fields combine, in this order: neutral, emotion, like, au, add."""

    au: dict[Name, Level] = Field(
        default={}, description="Action Unit or plain word → value, 0 (absent) to 1 (strongest).", max_length=60
    )
    add: dict[Name, Change] = Field(
        default={}, description="Action Unit or plain word → change, -1 to 1.", max_length=60
    )
    neutral: bool = Field(default=False, description="Relax the whole face, by `strength`.")
    emotion: Name | None = Field(
        default=None, description="An emotion's name: move every unit towards its preset, by `strength`."
    )
    like: dict[Name, Level] | None = Field(
        default=None,
        description="The units of another face, as /v1/aus reads them: move every unit towards them.",
        max_length=60,
    )
    strength: Level = Field(default=1.0, description="How far to go with neutral, emotion and like.")

    def asked(self) -> Request:
        """As dftnet takes it; a ValueError with the remedy for unknown names."""
        return Request(
            set=self.au,
            add=self.add,
            neutral=self.neutral,
            emotion=self.emotion,
            like=self.like,
            strength=self.strength,
        )


class EditRequest(FaceRequest):
    """What `/v1/edit` shall do."""

    face: Number | Annotated[str, Field(max_length=60)] = Field(
        default="largest",
        description="largest, all, a number from 0 (the largest), a point X,Y in the face, or a box X,Y,WIDTH,HEIGHT.",
    )
    faces: dict[Annotated[str, Field(pattern="^[0-9]{1,3}$")], FaceRequest] = Field(
        default={}, description="Number of a face → what it shall show in place of the common request; others are then left alone.",
        max_length=100,
    )  # fmt: skip
    format: Literal["jpg", "png", "webp", "tif", "bmp", "avif"] | None = Field(
        default=None, description="Of the answer; the photo's own by default."
    )
    quality: int = Field(default=95, ge=1, le=100, description="Of JPEG, WebP and AVIF.")
    mark: bool = Field(default=True, description="Tell in the picture's metadata that it was edited.")

    def plan(self) -> EditPlan:
        """The same as dftnet takes it."""
        each = {int(number): Timeline(one.asked()) for number, one in self.faces.items()}
        return EditPlan(common=Timeline(self.asked()), face=self.face, each=each)


class MapsRequest(FaceRequest):
    """Whose maps `/v1/maps` shall show, for which edit."""

    face: Number | Annotated[str, Field(max_length=60)] = Field(
        default="largest", description="As in `/v1/edit`, without all."
    )


class PatchRequest(_Strict):
    """The state of the page's sliders, and the face whose patch is wanted."""

    photo: PhotoId
    face: Number = Field(description="The face whose part of the picture is wanted.")
    faces: dict[Annotated[str, Field(pattern="^[0-9]{1,3}$")], FaceRequest] = Field(
        description="Number of a face → what it shall show, for every face that is edited.", max_length=100
    )
    draft: bool = Field(default=False, description="At half the size, for while a slider moves.")
    measure: bool = Field(default=False, description="Read the face's units again in the edited picture.")


_IMAGE = "data:image/…;base64,…"


class PhotoBody(_Strict):
    """The body of `/v1/aus` and `/v1/read` as JSON."""

    image: str | None = Field(
        default=None, description=f"The photo as a data URI ({_IMAGE}), or leave it out and name `photo`."
    )
    photo: PhotoId | None = Field(
        default=None, description="Instead of `image`: the id of a photo that was read lately."
    )


class EditBody(PhotoBody):
    """The body of `/v1/edit` as JSON."""

    request: EditRequest = EditRequest()


class MapsBody(PhotoBody):
    """The body of `/v1/maps` as JSON."""

    request: MapsRequest = MapsRequest()


class FaceAnswer(BaseModel):
    """One face of a photo."""

    index: int = Field(description="0 is the largest.")
    box: list[float] = Field(
        description="x, y, width, height, pixels of the upright photo.", min_length=4, max_length=4
    )
    landmarks: list[list[float]] = Field(
        description="Right eye, left eye, nose, right and left mouth corner (the person's right)."
    )
    score: float = Field(description="The detector's, 0 to 1.")
    units: dict[str, float] = Field(description="Its own Action Units, 0 to 1.")
    units_from: str = Field(description="What read them; nowhere: then they are all 0.")
    trouble: str = Field(description="Why the face cannot be edited; empty if it can.")
    note: str = Field(description="A doubt worth telling; empty if there is none.")
    held: list[str] = Field(
        description="Units that stay as they are: lids that read closed, where the model cannot open them."
    )


class AusAnswer(BaseModel):
    """The faces of a photo with their Action Units."""

    photo: PhotoId
    width: int
    height: int
    faces: list[FaceAnswer]


class Preview(BaseModel):
    """The photo as the page shows it."""

    width: int
    height: int
    image: str = Field(description="A data URI.")
    boxes: list[list[float]] = Field(description="The faces' boxes in the preview's pixels.")


class ReadAnswer(AusAnswer):
    """The same with a picture of the size that patches are made for."""

    name: str
    suffix: str = Field(description="The ending of the photo's own format.")
    preview: Preview


class EditedFace(BaseModel):
    """What was done to one face."""

    index: int
    box: list[float]
    before: dict[str, float] = Field(description="Its Action Units in the photo.")
    asked: dict[str, float] = Field(description="What the edit aimed at.")
    after: dict[str, float] | None = Field(
        description="What is read in the edited picture; null where the face is not found there."
    )


class EditAnswer(BaseModel):
    """An edited photo."""

    photo: PhotoId
    width: int
    height: int
    format: str
    mark: str = Field(description="IPTC's digital source type in the picture's metadata; empty where it has none.")
    image: str = Field(description="The edited photo as a data URI.")
    faces: list[EditedFace]
    warnings: list[str] = Field(
        description="As the command line's: doubts, units that did not land, what of the photo the file cannot hold."
    )


class MapsAnswer(BaseModel):
    """What the network moved, painted and blended, as pictures of the aligned face."""

    photo: PhotoId
    face: int
    size: int = Field(description="Side of the aligned face, pixels.")
    motion: float = Field(description="The largest motion, pixels of the aligned face.")
    pictures: dict[str, str] = Field(
        description="source, arrows, flow, attention, texture, aligned, result → data URI (PNG)."
    )


class Unit(BaseModel):
    """One Action Unit that the model knows."""

    name: str
    plain: str = Field(description="What the page calls it.")
    description: str = Field(description="FACS' own name.")
    region: str
    side: str = Field(description="The person's left or right; empty for a unit without sides.")


class ModelAnswer(BaseModel):
    """What the server runs, and its limits."""

    model: str
    version: str
    size: int = Field(description="Side of the aligned face, pixels.")
    units: list[Unit]
    regions: list[str]
    emotions: dict[str, dict[str, float]] = Field(description="Name → unit → value at strength 1.")
    landed: float = Field(description="A unit landed where it is read no further than this from what was asked.")
    reads_units: bool = Field(description="Whether a face's own units can be read; otherwise they are taken as 0.")
    max_bytes: int
    max_pixels: int


class Health(BaseModel):
    """The server is there."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """The model is loaded."""

    ready: Literal[True] = True
    worker: int = Field(description="The process that answers.")
    waiting: int = Field(description="Requests that work or wait here.")


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What went wrong and the remedy, in one line.")
    code: str | None = Field(default=None, description="The error's class in dftnet, such as NoFaceError.")
    field: str | None = Field(default=None, description="The part of the request that is meant.")
