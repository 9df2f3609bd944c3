"""XMP packets: what of them still holds for an edited picture, and the mark of the edit."""

from __future__ import annotations

import re

KEY, TAG = "XML:com.adobe.xmp", 700
"""Where PNG and TIFF keep the packet."""
MARK_VALUE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's digital source type of an edited photo."""
MARK = f' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="{MARK_VALUE}"'
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about=""{mark}/></rdf:RDF></x:xmpmeta>'
)


def marked(packet: bytes | None = None) -> bytes:
    """The packet with the mark of an edit in place of any other digital source type; a new one where there is none."""
    text = (packet or b"").decode("utf-8", "replace")
    if not re.search(r"<rdf:Description\b", text):
        return PACKET.format(mark=MARK).encode()
    text = re.sub(r'\sIptc4xmpExt:DigitalSourceType="[^"]*"', "", text)
    text = re.sub(r"<Iptc4xmpExt:DigitalSourceType>.*?</Iptc4xmpExt:DigitalSourceType>", "", text)
    mark = MARK if "xmlns:Iptc4xmpExt=" not in text else MARK[MARK.index(" Iptc4xmpExt:") :]
    return re.sub(r"<rdf:Description\b", lambda found: found[0] + mark, text, count=1).encode()


def shortened(packet: bytes, limit: int) -> bytes:
    """The packet, or where it is longer than `limit` bytes a new one that only keeps the mark."""
    if len(packet) <= limit:
        return packet
    return PACKET.format(mark=MARK if MARK_VALUE.encode() in packet else "").encode()


def still_true(found: str | bytes | None) -> bytes | None:
    """The packet of a picture that was turned upright, without its orientation; None where there is none."""
    packet = found.encode() if isinstance(found, str) else found if isinstance(found, bytes) else b""
    return re.sub(rb'\s+tiff:Orientation="[^"]*"|<tiff:Orientation>[^<]*</tiff:Orientation>', b"", packet) or None
