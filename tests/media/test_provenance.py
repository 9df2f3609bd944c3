"""The mark of an edit is found again, also where the photo has a description of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dftnet.media import xmp
from dftnet.media.formats import FORMATS
from dftnet.media.photo import Photo, read_photo, write_photo
from dftnet.media.provenance import mark_edited, read_mark
from dftnet.media.xmp import marked, plain, said_in, shortened

SAID = 'expression edited: like "Zoë & Ben" <1>.jpg (AU12 0.80)\nat 0.5 – ☺'
KEEPING = [suffix for form in FORMATS if form.photo and form.keeps for suffix in form.suffixes[:1]]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("suffix", KEEPING)
def test_beside_a_description_of_ones_own(tmp_path: Path, suffix: str, deep: bool) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Grandma, 1962"
    kind = np.uint16 if deep else np.uint8
    photo = Photo(pixels=np.full((32, 32, 3), 90, kind), exif=exif.tobytes())
    path = tmp_path / f"a{suffix}"
    write_photo(path, photo)
    assert read_mark(path) is None
    write_photo(path, mark_edited(photo, "dftnet 9.9", SAID), overwrite=True)
    assert read_mark(path) == SAID
    again = read_photo(path)
    assert Image.Exif().load(again.exif) is None
    kept = Image.Exif()
    kept.load(again.exif)
    assert kept[0x010E] == "Grandma, 1962"
    write_photo(path, mark_edited(again, "dftnet 9.9", "expression edited: smile=0.5"), overwrite=True)
    assert read_mark(path) == "expression edited: smile=0.5", "the latest edit"


def test_as_another_program_writes_it() -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{xmp.SPACE}">'
        f"<Iptc4xmpExt:DigitalSourceType>{xmp.MARK_VALUE}</Iptc4xmpExt:DigitalSourceType>"
        "<Iptc4xmpExt:AISystemUsed>dftnet 1</Iptc4xmpExt:AISystemUsed>"
        "<Iptc4xmpExt:AIPromptInformation>a &lt; b &amp; c</Iptc4xmpExt:AIPromptInformation>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    assert said_in(packet) == ("a < b & c", "dftnet 1")
    assert said_in(marked(packet.encode(), "new", "dftnet 2")) == ("new", "dftnet 2")
    assert marked(packet.encode(), "new", "dftnet 2").count(b"AIPromptInformation") == 1


def test_what_another_program_made_is_no_mark_of_ours(tmp_path: Path) -> None:
    photo = Photo(pixels=np.full((32, 32, 3), 90, np.uint8), xmp=marked(None, "a cat", "Another 1"))
    write_photo(tmp_path / "a.jpg", photo)
    assert read_mark(tmp_path / "a.jpg") is None
    assert said_in(b"no packet") == ("", "")


def test_the_words_outlive_a_packet_that_is_too_long() -> None:
    packet = marked(xmp.PACKET.format(mark=f' a="{"x" * 70000}"').encode(), "smile=0.8", "dftnet 1")
    assert said_in(shortened(packet, 65502)) == ("smile=0.8", "dftnet 1")
    assert len(shortened(packet, 65502)) < 1000


def test_names_that_are_no_text() -> None:
    assert plain("a\udcff\x01b") == "a??b"
    assert said_in(marked(None, "like a\udcffb.jpg", "dftnet 1"))[0] == "like a?b.jpg"
