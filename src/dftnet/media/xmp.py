"""XMP packets: what of them still holds for an edited picture, and the mark of the edit."""

from __future__ import annotations

import html
import re

KEY, TAG = "XML:com.adobe.xmp", 700
"""Where PNG and TIFF keep the packet."""
MARK_VALUE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's digital source type of an edited photo."""
SPACE = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TYPE, SAID, SYSTEM = "DigitalSourceType", "AIPromptInformation", "AISystemUsed"
"""IPTC's names of what the mark holds: the source type, what was asked (since 2025.1), and of which program."""
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""{mark}/></rdf:RDF></x:xmpmeta>'
)
GONE = {
    "http://ns.adobe.com/xap/1.0/": ("Thumbnails", "a thumbnail of the unedited picture"),
    "http://ns.google.com/photos/1.0/image/": (r"[\w.-]+", "the unedited picture"),
    "http://ns.google.com/photos/1.0/camera/": (r"(?:Motion|MicroVideo)\w*", "a moving part"),
    "http://ns.google.com/photos/1.0/container/": (r"[\w.-]+", "further pictures"),
    "http://ns.google.com/photos/1.0/container/item/": (r"[\w.-]+", "further pictures"),
    "http://ns.google.com/photos/1.0/depthmap/": (r"[\w.-]+", "a depth map"),
    "http://ns.google.com/photos/1.0/audio/": (r"[\w.-]+", "sound"),
    "http://ns.adobe.com/hdr-gain-map/1.0/": (r"[\w.-]+", "a gain map"),
    "http://ns.apple.com/HDRGainMap/1.0/": (r"[\w.-]+", "a gain map"),
    "http://ns.apple.com/pixeldatainfo/1.0/": (r"[\w.-]+", "a gain map"),
    "http://ns.adobe.com/xmp/note/": ("HasExtendedXMP", ""),
}
"""Namespace → names in it (a pattern) that an edited picture, written anew, no longer lives up to; and what they stand for."""


def still_true(found: str | bytes | None) -> tuple[bytes | None, list[str]]:
    """The packet of a picture that was turned upright and is to be edited, and what it told of that is gone.

    Orientation goes, and what shows the unedited face or belongs to parts of the file that are not written again.
    (None, []) where there is no packet.
    """
    packet = found if isinstance(found, bytes) else (found or "").encode()
    text = packet.decode("utf-8", "surrogateescape")
    text = re.sub(r'\s+tiff:Orientation="[^"]*"|<tiff:Orientation>[^<]*</tiff:Orientation>', "", text)
    gone: list[str] = []
    for space, (names, what) in GONE.items():
        for prefix in set(re.findall(rf"xmlns:([\w.-]+)\s*=\s*[\"']{re.escape(space)}[\"']", text)):
            name = rf"{re.escape(prefix)}:(?P<name>{names})"
            shorter = re.sub(
                rf"<{name}(?=[\s/>])[^>]*?(?:/>|>.*?</{re.escape(prefix)}:(?P=name)\s*>)", "", text, flags=re.DOTALL
            )
            shorter = re.sub(rf"\s+{name}\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", shorter)
            if shorter != text:
                gone.append(what)
            text = shorter
    return text.encode("utf-8", "surrogateescape") or None, [what for what in dict.fromkeys(gone) if what]


def told(gone: list[str]) -> tuple[str, ...]:
    """What `still_true` took away as one line, or none."""
    return (f"{' and '.join(gone)} left out of the metadata (XMP): not part of an edited picture",) if gone else ()


def marked(packet: bytes | None = None, description: str = "", software: str = "") -> bytes:
    """The packet with the mark of an edit in place of any other digital source type; a new one where there is none.

    `description` tells what was asked and `software` names the program, where they are given.
    """
    text = (packet or b"").decode("utf-8", "surrogateescape")
    said = {TYPE: MARK_VALUE, SAID: description, SYSTEM: software}
    mark = "".join(f' Iptc4xmpExt:{name}="{_escaped(value)}"' for name, value in said.items() if value)
    space = f' xmlns:Iptc4xmpExt="{SPACE}"'
    if not re.search(r"<rdf:Description\b", text):
        return PACKET.format(mark=space + mark).encode()
    for name in said:
        text = re.sub(rf'\sIptc4xmpExt:{name}="[^"]*"', "", text)
        text = re.sub(rf"<Iptc4xmpExt:{name}>.*?</Iptc4xmpExt:{name}>", "", text, flags=re.DOTALL)
    mark = mark if "xmlns:Iptc4xmpExt=" in text else space + mark
    text = re.sub(r"<rdf:Description\b", lambda found: found[0] + mark, text, count=1)
    return text.encode("utf-8", "surrogateescape")


def said_in(packet: str | bytes | None) -> tuple[str, str]:
    """(description, software) of the mark in a packet, also where another program has written it anew; empty where it has none."""
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else packet or ""
    if MARK_VALUE not in text:
        return "", ""
    values = []
    for name in (SAID, SYSTEM):
        found = re.search(rf"""Iptc4xmpExt:{name}(?:="([^"]*)"|='([^']*)'|>(.*?)</)""", text, re.DOTALL)
        values.append(html.unescape(next(filter(None, found.groups()), "")) if found else "")
    return values[0], values[1]


def plain(words: str) -> str:
    """Words as XML can hold them: without control characters, and bytes that are no text as question marks."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "?", words)


def _escaped(words: str) -> str:
    kept = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
    return "".join(kept.get(letter, letter) for letter in plain(words))


def shortened(packet: bytes, limit: int) -> bytes:
    """The packet, or where it is longer than `limit` bytes a new one that only keeps the mark."""
    if len(packet) <= limit:
        return packet
    return marked(None, *said_in(packet)) if MARK_VALUE.encode() in packet else PACKET.format(mark="").encode()
