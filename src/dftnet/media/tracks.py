"""What a written video carries over from the one that it was made from: sound, subtitles, chapters and metadata.

Sound and subtitles are copied, with language, title and the flag of the track that plays first; where the container cannot
hold them, sound is coded anew and text subtitles are written in its own form. What is left out is told.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from dftnet.media.formats import Format
from dftnet.media.video import carried, is_cover, pictures

OWN_METADATA = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
"""What belongs to the old file, not to its content."""
OF_A_TRACK = ("language", "title", "handler_name", "creation_time", "timecode", "comment")
QUICKTIME = {
    **{"deu": "ger", "fre": "fra", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice", "zho": "chi", "fas": "per"},
    **{"gle": "iri", "sqi": "alb", "rum": "ron", "cze": "ces", "slo": "slk", "msa": "may", "hye": "arm", "kat": "geo"},
    **{"bod": "tib", "mya": "bur", "cym": "wel", "eus": "baq", "mkd": "mac"},
}
"""Codes of languages that are written otherwise in .mov, which knows a list of its own."""
TEXT = ("srt", "subrip", "mov_text", "webvtt", "ass", "ssa", "text")
"""FFmpeg's names of subtitles that are text, not pictures of it."""


class Tracks:
    """The tracks of `source` in the container that is being written; to be made when its picture stream is there."""

    def __init__(self, source: Path, container: Any, form: Format, stream: Any) -> None:
        import av

        self.av, self.container, self.form = av, container, form
        self.notes: list[str] = []
        """What is left out, and why."""
        self._added: dict[int, Any] = {}
        self._coded: dict[int, Any] = {}
        self._worded: dict[int, Any] = {}
        self._input = av.open(str(source), metadata_errors="ignore")
        for name, value in self._input.metadata.items():
            if name.lower() not in OWN_METADATA:
                container.metadata.setdefault(name, value)
        _describe(stream, pictures(self._input)[0], form)
        chapters = self._chapters()
        for track in carried(self._input):
            self._add(track)
        self._tell_of_others(chapters)

    def copy(self, packet: Any) -> None:
        """A packet of sound or subtitles of the source."""
        index = packet.stream.index
        track = self._added.get(index)
        if track is None or (index not in self._coded and (packet.dts is None or not packet.size)):
            return
        if index in self._coded:
            with contextlib.suppress(self.av.error.InvalidDataError):
                for sound in packet.decode():
                    self.container.mux(track.encode(sound))
        elif index in self._worded:
            words = self._worded[index].decode2(packet)
            if words is not None:
                made = track.codec_context.encode_subtitle(words)
                made.pts = made.dts = packet.pts
                made.duration, made.time_base, made.stream = packet.duration, packet.time_base, track
                self.container.mux(made)
        else:
            packet.stream = track
            self.container.mux(packet)

    def finish(self) -> None:
        """What coders still hold."""
        for index, source in self._coded.items():
            with contextlib.suppress(self.av.error.FFmpegError):
                for sound in source.codec_context.decode(None) if source.codec_context.is_open else []:
                    self.container.mux(self._added[index].encode(sound))
            self.container.mux(self._added[index].encode(None))

    def close(self) -> None:
        """Close the source."""
        self._input.close()

    def _add(self, track: Any) -> None:
        """A track like this one, in a form that the container holds; told where there is none."""
        name = track.codec_context.name if track.codec_context else ""
        kinds = {name, track.codec_context.codec.canonical_name} if name else set()
        with contextlib.suppress(Exception):
            if kinds & self.container.supported_codecs:
                add = getattr(self.container, "add_stream_from_template", None)
                made = add(track) if add is not None else self.container.add_stream(template=track)
            elif track.type == "audio" and name:
                rate = 48000 if self.form.sound == "libopus" else track.rate
                made = self.container.add_stream(self.form.sound, rate=rate, layout=track.layout.name)
                self._coded[track.index] = track
            elif kinds & set(TEXT):
                made = self._add_words(track)
            else:
                raise ValueError(name)
            _describe(made, track, self.form)
            self._added[track.index] = made
            return
        kind = "sound" if track.type == "audio" else "subtitles"
        which = ", ".join(part for part in (track.metadata.get("language"), name) if part)
        self.notes.append(f"{kind} ({which}) left out: {self.form.suffixes[0]} cannot hold them, .mkv can")

    def _add_words(self, track: Any) -> Any:
        """Text subtitles in the container's own form."""
        source = track.codec_context
        source.open(strict=False)
        if not hasattr(source, "decode2"):
            raise ValueError("this PyAV does not write subtitles")
        made = self.container.add_stream(self.form.subtitles)
        made.codec_context.subtitle_header = source.subtitle_header
        made.time_base = made.codec_context.time_base = track.time_base
        made.codec_context.open(strict=False)
        self._worded[track.index] = source
        return made

    def _chapters(self) -> int:
        """Copies the chapters; how many there are."""
        if not hasattr(self.container, "set_chapters"):
            return 0
        found = self._input.chapters()
        if found:
            self.container.set_chapters(found)
        return len(found)

    def _tell_of_others(self, chapters: int) -> None:
        streams = list(self._input.streams)
        covers = sum(stream.type == "video" and is_cover(stream) for stream in streams)
        if covers:
            self.notes.append("the cover picture is left out: it shows the face as it was")
        others = len(pictures(self._input)) - 1
        if others:
            self.notes.append(f"{others} further track{'s' * (others > 1)} of pictures left out")
        data = sum(stream.type in ("data", "attachment") for stream in streams)
        if "mov" in self._input.format.name and chapters:
            data -= 1  # there, chapters are a track of text
        if data > 0:
            self.notes.append(f"{data} track{'s' * (data > 1)} of data (timecode, sensors, attachments) left out")


def _describe(made: Any, like: Any, form: Format) -> None:
    """Language, title and flags of one track for another."""
    for name, value in like.metadata.items():
        if name.lower() in OF_A_TRACK:
            made.metadata[name] = QUICKTIME.get(value, value) if form.name == "mov" and name == "language" else value
    if form.name in ("mp4", "mov") and "title" in made.metadata:  # there, a track's name is its handler's
        made.metadata["handler_name"] = made.metadata["title"]
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        made.disposition = like.disposition
