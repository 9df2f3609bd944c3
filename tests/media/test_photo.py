"""Photo files: what comes with a picture is there after writing and reading it again."""

from __future__ import annotations

import io
import stat
import struct
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, IptcImagePlugin, PngImagePlugin

from dftnet.media import xmp
from dftnet.media.exif import loaded
from dftnet.media.image import decode_image
from dftnet.media.photo import Photo, decode_photo, encode_photo, left_out, read_photo, write_photo
from dftnet.media.pixels import eight_bits, on_white
from dftnet.media.provenance import mark_edited

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (20, 30, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (20, 30), np.uint8)
DEEP = RNG.integers(0, 65536, (20, 30, 3), np.uint16)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_lossless_round_trip(suffix: str, dtype: type, grey: bool, alpha: bool) -> None:
    pixels = PIXELS if dtype == np.uint8 else DEEP
    pixels = np.repeat(pixels[..., :1], 3, 2) if grey else pixels
    see_through = None if not alpha else ALPHA if dtype == np.uint8 else DEEP[..., 0]
    photo = Photo(pixels=pixels, alpha=see_through, grey=grey, profile=PROFILE)
    again = decode_photo(encode_photo(photo, suffix))
    assert again.pixels.dtype == dtype
    assert np.array_equal(again.pixels, pixels)
    assert again.profile == PROFILE
    if alpha:
        assert again.alpha is not None
        assert np.array_equal(again.alpha, see_through)
    else:
        assert again.alpha is None
    if suffix == ".png" or not alpha:
        assert again.grey == grey


def test_other_programs_read_the_16_bit_files() -> None:
    for suffix in (".png", ".tif"):
        data = encode_photo(Photo(pixels=DEEP, alpha=DEEP[..., 1], profile=PROFILE), suffix)
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(values[..., 2::-1], DEEP)
        assert np.array_equal(values[..., 3], DEEP[..., 1])
    Image.open(io.BytesIO(encode_photo(Photo(pixels=DEEP, profile=PROFILE), ".png"))).verify()


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_keep_profile_and_exif(suffix: str) -> None:
    smooth = cv2.GaussianBlur(cv2.resize(PIXELS, (64, 64)), (0, 0), 4)
    photo = Photo(pixels=smooth, profile=PROFILE)
    photo = mark_edited(photo, "dftnet", "AU12=0.8")
    again = decode_photo(encode_photo(photo, suffix))
    assert again.profile == PROFILE
    exif = Image.Exif()
    exif.load(again.exif)
    assert (exif[0x0131], exif[0x010E]) == ("dftnet", "AU12=0.8")
    assert np.abs(again.pixels.astype(int) - smooth).mean() < 3


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".png", ".tif"])
@pytest.mark.parametrize("deep", [False, True])
def test_edits_are_marked_in_xmp(suffix: str, deep: bool) -> None:
    photo = Photo(pixels=DEEP if deep else PIXELS)
    photo = mark_edited(photo, "dftnet", "smile")
    again = decode_photo(encode_photo(photo, suffix))
    assert again.xmp is not None
    assert again.xmp.count(b"compositeWithTrainedAlgorithmicMedia") == 1
    again = mark_edited(again, "dftnet", "smile")
    assert again.xmp.count(b"compositeWithTrainedAlgorithmicMedia") == 1
    assert again.xmp.count(b"xmlns:Iptc4xmpExt") == 1


def test_marking_keeps_the_rest_of_xmp() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:Iptc4xmpExt="x" '
        b'Iptc4xmpExt:DigitalSourceType="digitalCapture" dc:format="image/jpeg"/></rdf:RDF></x:xmpmeta>'
    )
    photo = Photo(pixels=PIXELS, xmp=packet)
    photo = mark_edited(photo, "dftnet", "smile")
    assert b"digitalCapture" not in photo.xmp
    assert b'dc:format="image/jpeg"' in photo.xmp
    ElementTree.fromstring(photo.xmp)


def test_caption_and_resolution_are_kept() -> None:
    """An IPTC record as press agencies write it, beside a Photoshop preview that would show the unedited face."""
    record = b"\x1c\x02\x78\x00\x0bA caption..\x1c\x02\x50\x00\x04Anna!"[:-1]
    preview = b"8BIM\x04\x0c\0\0\0\0\0\x04old!"
    body = b"Photoshop 3.0\0" + preview + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    body += b"\0" * (len(record) % 2)
    buffer = io.BytesIO()
    extra = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    Image.fromarray(PIXELS).save(buffer, "JPEG", dpi=(300, 300), extra=extra)
    photo = decode_photo(buffer.getvalue())
    photo = mark_edited(photo, "dftnet", "smile")
    written = encode_photo(photo, ".jpg")
    with Image.open(io.BytesIO(written)) as image:
        assert IptcImagePlugin.getiptcinfo(image) == {(2, 120): b"A caption..", (2, 80): b"Anna"}
        assert image.info["dpi"] == (300, 300)
    assert b"old!" not in written
    for suffix in (".png", ".tif"):
        for pixels in (PIXELS, DEEP):
            again = decode_photo(encode_photo(Photo(pixels=pixels, dpi=(300, 300)), suffix))
            assert again.dpi == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_what_a_camera_tells_is_kept(form: str) -> None:
    """Directories Exif (exposure, maker's notes) and GPS; the turn is undone in EXIF and XMP alike."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8769).update({0x829A: 0.01, 0x927C: b"maker" * 40})
    exif.load(exif.tobytes())
    buffer = io.BytesIO()
    packet = (
        b'<rdf:Description rdf:about="" tiff:Orientation="6"><tiff:Orientation>6</tiff:Orientation></rdf:Description>'
    )
    more = {"xmp": packet} if form != "PNG" else {}
    if form == "TIFF":
        exif[700] = packet
    Image.fromarray(PIXELS).save(buffer, form, exif=exif, **more)
    photo = decode_photo(buffer.getvalue())
    assert photo.pixels.shape[:2] == (30, 20)
    photo = mark_edited(photo, "dftnet", "smile")
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        for pixels in (photo.pixels, photo.pixels.astype(np.uint16) * 257):
            again = decode_photo(encode_photo(replace(photo, pixels=pixels), suffix))
            assert again.pixels.shape[:2] == (30, 20)
            kept = Image.Exif()
            kept.load(again.exif or b"")
            assert (kept[0x010F], kept[0x0131], kept[0x010E]) == ("Camera", "dftnet", "smile")
            assert 0x0112 not in kept
            assert kept.get_ifd(0x8825)[1] == "N"
            assert float(kept.get_ifd(0x8769)[0x829A]) == 0.01
            assert b"Orientation" not in (again.xmp or b"")


def test_planes_one_after_another_are_refused() -> None:
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    with pytest.raises(ValueError, match="chunky"):
        decode_photo(buffer.getvalue())


def test_xmp_that_a_jpeg_cannot_hold() -> None:
    """Editing programs write megabytes of masks there: the mark of the edit stays."""
    photo = Photo(pixels=PIXELS, xmp=b'<rdf:Description rdf:about="" x="' + b"y" * 70000 + b'"/>')
    photo = mark_edited(photo, "dftnet", "smile")
    assert b"yyy" in (decode_photo(encode_photo(photo, ".png")).xmp or b"")
    again = decode_photo(encode_photo(photo, ".jpg")).xmp
    assert again is not None
    assert b"compositeWithTrainedAlgorithmicMedia" in again


def test_alpha_on_white_where_the_format_has_none() -> None:
    photo = Photo(pixels=np.zeros((16, 16, 3), np.uint8), alpha=np.zeros((16, 16), np.uint8))
    for suffix in (".jpg", ".bmp"):
        assert decode_photo(encode_photo(photo, suffix)).pixels.min() > 250
    webp = decode_photo(encode_photo(photo, ".webp"))
    assert webp.alpha is not None
    assert not webp.alpha.any()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_exif_orientation(orientation: int, deep: bool) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Camera"
    image = Image.fromarray(PIXELS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    upright = np.asarray(Image.open(buffer).convert("RGB"))
    from PIL import ImageOps

    wanted = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    assert upright.shape == (20, 30, 3)
    if deep:
        raw = encode_photo(Photo(pixels=PIXELS.astype(np.uint16) * 257, exif=exif.tobytes()), ".png")
        photo = decode_photo(raw)
        assert np.array_equal(photo.pixels, wanted.astype(np.uint16) * 257)
    else:
        photo = decode_photo(buffer.getvalue())
        assert np.array_equal(photo.pixels, wanted)
    kept = Image.Exif()
    kept.load(photo.exif)
    assert kept.get(0x0112) is None
    assert kept[0x010F] == "Camera"


def test_palettes_bitmaps_and_cmyk() -> None:
    for mode, form in (("P", "PNG"), ("P", "GIF"), ("1", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("I;16", "PNG")):
        source = Image.fromarray(DEEP[..., 0]) if mode == "I;16" else Image.fromarray(PIXELS).convert(mode)
        buffer = io.BytesIO()
        source.save(buffer, form)
        photo = decode_photo(buffer.getvalue())
        assert photo.pixels.shape == (20, 30, 3)
        if mode == "I;16":
            assert np.array_equal(photo.pixels[..., 0], DEEP[..., 0])


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="folder"):
        read_photo(tmp_path)
    whole = encode_photo(Photo(pixels=PIXELS), ".png")
    deep = encode_photo(Photo(pixels=DEEP), ".png")
    tiff = encode_photo(Photo(pixels=DEEP), ".tif")
    for data in (b"", b"no picture", whole[:100], deep[:200], deep[:30], tiff[:300], tiff[:9], b"II*\0"):
        with pytest.raises(ValueError, match=r"copy|convert"):
            decode_photo(data)


def test_writing_is_atomic_and_careful(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png", Photo(pixels=PIXELS))
    with pytest.raises(FileExistsError, match="overwrite"):
        write_photo(path, Photo(pixels=PIXELS))
    write_photo(path, Photo(pixels=PIXELS[::-1].copy()), overwrite=True)
    assert np.array_equal(read_photo(path).pixels, PIXELS[::-1])
    with pytest.raises(ValueError, match="cannot write"):
        write_photo(tmp_path / "a.xyz", Photo(pixels=PIXELS))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x8298], exif[0x0132] = "by someone", "2024:01:02 03:04:05"
    exif.get_ifd(0x8769)[0x9003] = "2024:01:02 03:04:05"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 0.0)})
    return exif


@pytest.mark.parametrize(
    ("mode", "form"),
    [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LAB", "TIFF"), ("I", "TIFF"), ("F", "TIFF")],
)
def test_what_only_fits_as_srgb_keeps_all_but_its_colours(mode: str, form: str) -> None:
    """CMYK of printers, Lab of editing programs, 32 bits: copyright, place, date and resolution are not lost with them."""
    image = (
        Image.fromarray(np.full((40, 50), 30000, np.int32)) if mode == "I" else Image.fromarray(PIXELS).convert("RGB")
    )
    if mode == "F":
        image = Image.fromarray(np.full((40, 50), 0.5, np.float32))
    elif mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.applyTransform(image, ImageCms.buildTransform(srgb, lab, "RGB", "LAB"))
    elif mode != "I":
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, form, exif=camera_exif().tobytes(), dpi=(300, 300))
    for suffix in (".jpg", ".tif", ".png"):
        with Image.open(io.BytesIO(encode_photo(decode_photo(buffer.getvalue()), suffix))) as again:
            kept = again.getexif()
            assert kept[0x8298] == "by someone"
            assert kept.get_ifd(0x8769)[0x9003] == "2024:01:02 03:04:05"
            assert kept.get_ifd(0x8825)[1] == "N"
            assert [float(part) for part in kept.get_ifd(0x8825)[2]] == [51, 30, 0]
            assert again.info["dpi"] == pytest.approx((300, 300), abs=0.02)
            assert again.mode in ("RGB", "L")


def test_exif_as_long_as_a_jpeg_can_hold_gives_way_to_the_mark() -> None:
    """65,533 bytes with a maker's note: the mark no longer fits, so the note goes, and that is told."""
    exif = camera_exif()
    exif.get_ifd(0x8769)[0x927C] = b"m" * (65533 - len(exif.tobytes()) - 16)
    data = exif.tobytes()
    assert 65500 < len(data) <= 65533
    photo = decode_photo(encode_photo(Photo(pixels=PIXELS, exif=data), ".jpg"))
    assert left_out(photo, ".jpg") == []
    photo = mark_edited(photo, "dftnet 1.0", "expression edited: " + "smile " * 20)
    assert left_out(photo, ".jpg") == ["EXIF of a JPEG holds 64 KB: left out MakerNote"]
    assert left_out(photo, ".png") == []
    with Image.open(io.BytesIO(encode_photo(photo, ".jpg"))) as again:
        kept = again.getexif()
        assert kept[0x0131] == "dftnet 1.0"
        assert kept[0x8298] == "by someone"
        assert kept.get_ifd(0x8825)[1] == "N"
        assert kept.get_ifd(0x8769)[0x9003] == "2024:01:02 03:04:05"
        assert 0x927C not in kept.get_ifd(0x8769)
    for suffix in (".png", ".webp", ".tif"):
        assert loaded(decode_photo(encode_photo(photo, suffix)).exif).get_ifd(0x8769)[0x927C][:3] == b"mmm"


XMP_OF_A_PHONE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Cam="http://ns.google.com/photos/1.0/camera/"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
 Cam:MotionPhoto="1" Cam:MotionPhotoVersion="1" Cam:MicroVideoOffset='4096' Cam:hdrp_makernote="kept"
 hdrgm:Version="1.0" xmp:Rating="5" xmpNote:HasExtendedXMP="0123456789ABCDEF">
 <xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><xmpGImg:image>FACE</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>
 <xmp:CreatorTool>Camera</xmp:CreatorTool>
 <Container:Directory><rdf:Seq>
  <rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" Item:Semantic="Primary"/></rdf:li>
  <rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="4096"/></rdf:li>
 </rdf:Seq></Container:Directory>
 <hdrgm:GainMapMin>0.1</hdrgm:GainMapMin>
 <dc:creator><rdf:Seq><rdf:li>someone</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_xmp_shows_no_unedited_face_and_claims_nothing_that_is_gone() -> None:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", xmp=XMP_OF_A_PHONE.encode())
    photo = decode_photo(buffer.getvalue())
    packet = (photo.xmp or b"").decode()
    for gone in (
        "Thumbnails",
        "FACE",
        "MotionPhoto",
        "MicroVideo",
        "Directory",
        "Item:",
        "hdrgm:V",
        "GainMapMin",
        "HasExt",
    ):
        assert gone not in packet.replace("xmlns:Item", "").replace("xmlns:hdrgm", "")
    for kept in ('Cam:hdrp_makernote="kept"', 'xmp:Rating="5"', "<xmp:CreatorTool>Camera</xmp:CreatorTool>", "someone"):
        assert kept in packet
    ElementTree.fromstring(packet)
    (note,) = photo.notes
    for word in ("thumbnail of the unedited picture", "moving part", "gain map", "further pictures"):
        assert word in note
    again = decode_photo(encode_photo(mark_edited(photo, "dftnet", "smile"), ".jpg"))
    assert again.notes == ()
    assert b"someone" in (again.xmp or b"")


def test_an_ordinary_packet_comes_through_byte_for_byte() -> None:
    packet = XMP_OF_A_PHONE[: XMP_OF_A_PHONE.index(" xmlns:Cam")] + ' dc:format="caf\xe9"/></rdf:RDF></x:xmpmeta>'
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, "JPEG", xmp=packet.encode())
    photo = decode_photo(buffer.getvalue())
    assert photo.xmp == packet.encode()
    assert photo.notes == ()


@pytest.mark.parametrize("alpha", [False, True])
def test_a_lossless_webp_stays_lossless(alpha: bool) -> None:
    mode = Image.fromarray(PIXELS)
    if alpha:
        mode.putalpha(Image.fromarray(ALPHA))
    buffer = io.BytesIO()
    mode.save(buffer, "WEBP", lossless=True, exact=True)
    photo = decode_photo(buffer.getvalue())
    assert photo.lossless
    again = decode_photo(encode_photo(photo, ".webp", quality=50))
    assert again.lossless
    assert np.array_equal(again.pixels, PIXELS)
    buffer = io.BytesIO()
    mode.save(buffer, "WEBP", quality=90)
    photo = decode_photo(buffer.getvalue())
    assert not photo.lossless
    assert not decode_photo(encode_photo(photo, ".webp")).lossless


def test_nobody_reads_a_copy_who_may_not_read_the_photo(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png", Photo(pixels=PIXELS))
    for mode, wanted in ((0o600, 0o600), (0o640, 0o640), (0o400, 0o600)):
        path.chmod(mode)
        copy = write_photo(tmp_path / f"{mode}.jpg", read_photo(path))
        assert stat.S_IMODE(copy.stat().st_mode) == wanted


@pytest.mark.parametrize("deep", [False, True])
def test_what_a_png_says_of_its_author_is_kept(deep: bool) -> None:
    texts = {"Author": "Zoë", "Copyright": "by someone", "Title": "日本"}
    pixels = DEEP if deep else PIXELS
    again = decode_photo(encode_photo(Photo(pixels=pixels, texts=texts, xmp=xmp.marked()), ".png"))
    assert again.texts == texts
    assert again.xmp == xmp.marked()
    buffer = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "someone")
    info.add_text("Raw profile type exif", "with a thumbnail of the face")
    Image.fromarray(PIXELS).save(buffer, "PNG", pnginfo=info)
    assert decode_photo(buffer.getvalue()).texts == {"Author": "someone"}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("alpha", [False, True])
def test_16_bits_are_read_as_8_by_the_same_rule_everywhere(suffix: str, orientation: int, alpha: bool) -> None:
    """Pillow takes the upper half, which is up to one level darker."""
    kept = Image.Exif()
    kept[0x0112] = orientation
    photo = Photo(pixels=DEEP, exif=kept.tobytes(), alpha=DEEP[..., 0] | 0x8000 if alpha else None)
    data = encode_photo(photo, suffix)
    read = decode_photo(data)
    assert read.pixels.dtype == np.uint16
    wanted = on_white(eight_bits(read.pixels), eight_bits(read.alpha) if read.alpha is not None else None)
    assert np.array_equal(decode_image(data), wanted)
