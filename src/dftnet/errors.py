"""What can go wrong by what a user gave: one line each, with the remedy. Anything else that is raised is a bug of ours.

    DftnetError              (a ValueError)                              a service answers
    ├── RequestError         what was asked cannot be understood         422
    ├── NoFaceError          the picture shows no face, or not that one  404
    ├── UnfitFaceError       the face is there and cannot be edited      422
    ├── MediaError           the picture, clip or table is none          415
    ├── ModelError           the model directory is missing or damaged   500
    └── DatasetError         the dataset directory or its labels         422

A file that is missing, in the way or cannot be written is Python's own OSError (FileNotFoundError, FileExistsError, …).
"""

from __future__ import annotations


class DftnetError(ValueError):
    """A user's mistake or a file's fault, told in one line with the remedy."""

    status: int = 422
    """The HTTP status that a service answers with."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        """Which part of the request is meant ("au", "face", "emotion" …), where one is."""


class RequestError(DftnetError):
    """What was asked for cannot be understood, contradicts itself, or is out of range."""


class NoFaceError(DftnetError):
    """The picture or clip shows no face, or not the one that was named."""

    status = 404


class UnfitFaceError(DftnetError):
    """The face is there, but cannot be edited: too small, turned away, half hidden."""


class MediaError(DftnetError):
    """The file is no picture, clip or table that can be read, or cannot be written in the wanted format."""

    status = 415


class ModelError(DftnetError):
    """A model directory is missing, foreign or damaged, or cannot do what is asked."""

    status = 500


class DatasetError(DftnetError):
    """A dataset directory, its labels, or the folder that it is made from cannot be used."""
