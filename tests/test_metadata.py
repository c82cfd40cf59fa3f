"""What files say beside their pixels comes along, is stripped when asked, and tells where results come from."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from xml.dom import minidom

import numpy as np
import pytest
from pictures import Enlarge, enlarging, noise
from PIL import Image

from benchmarks.profiles import P3
from translate.batch import run
from translate.config import RunConfig
from translate.convert import translate_picture
from translate.finish import Finish, finished
from translate.images import Picture, read_picture, write_picture
from translate.inference.chain import Chain
from translate.metadata import PLACES
from translate.xmp import EXIF, IPTC, RDF, SOURCE_TYPES, TIFF, XMP, BadXMP, Mark, check_xmp, updated_xmp

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # the command silences it too
DC = "http://purl.org/dc/elements/1.1/"
PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- kept --><r:RDF xmlns:r="{RDF}">
 <r:Description r:about="uuid:1" xmlns:t="{TIFF}" xmlns:q="{XMP}" t:Orientation="6" q:CreatorTool="Camera">
  <t:ImageWidth>8</t:ImageWidth>
  <q:Thumbnails><r:Alt><r:li>AAAA</r:li></r:Alt></q:Thumbnails>
 </r:Description>
 <r:Description r:about="uuid:1" xmlns:e="{EXIF}" xmlns:dc="{DC}" e:PixelYDimension="5">
  <dc:creator><r:Seq><r:li>Jörg &amp; Söhne</r:li></r:Seq></dc:creator>
 </r:Description>
</r:RDF></x:xmpmeta>
<?xpacket end="w"?>   """.encode()
MARK = Mark("algorithmicallyEnhanced", "translate-images 9, model x")
IIM = b"\x1c\x02\x50\0\4Jane"
WITH_XMP = sorted(form for form, places in PLACES.items() if "xmp" in places and form != "AVIF")


def said(packet: bytes | None, space: str, name: str) -> list[str]:
    """Every value of a property in a packet, wherever it stands."""
    assert packet is not None
    found = []
    for element in minidom.parseString(packet.strip(b"\0 ")).getElementsByTagName("*"):  # noqa: S318
        if element.hasAttributeNS(space, name):
            found.append(element.getAttributeNS(space, name))
        if (element.namespaceURI, element.localName) == (space, name):
            found.append(element.toxml())
    return found


@pytest.mark.parametrize("form", WITH_XMP)
def test_xmp_survives_and_says_size_and_origin(tmp_path: Path, form: str) -> None:
    source = Picture(color=noise(5, 8, 3), format=form, xmp=PACKET)
    path = tmp_path / "x"
    write_picture(source, path)
    chain = enlarging(2)
    write_picture(finished(translate_picture(read_picture(path), chain), chain, Finish()), path)
    back = read_picture(path)
    assert back.size == (16, 10)
    assert "Jörg &amp; Söhne" in said(back.xmp, DC, "creator")[0]
    assert said(back.xmp, TIFF, "Orientation") == ["1"]
    assert said(back.xmp, EXIF, "PixelYDimension") == ["10"]
    assert ">16<" in said(back.xmp, TIFF, "ImageWidth")[0]
    assert said(back.xmp, XMP, "Thumbnails") == []
    assert said(back.xmp, IPTC, "DigitalSourceType") == [SOURCE_TYPES + "algorithmicallyEnhanced"]
    (tool,) = said(back.xmp, XMP, "CreatorTool")
    assert tool.startswith("translate-images ")
    assert tool.endswith(", model enlarge")
    assert set(said(back.xmp, RDF, "about")) == {"uuid:1"}
    assert b"<!-- kept -->" in (back.xmp or b"")
    with Image.open(path) as image:
        image.load()


@pytest.mark.parametrize("form", [*WITH_XMP, "BMP", "TGA"])
@pytest.mark.parametrize("task", ["super-resolution", "translation"])
def test_results_say_where_they_come_from(tmp_path: Path, form: str, task: str) -> None:
    chain = Chain((Enlarge(1, task),))
    picture = Picture(color=noise(6, 6, 3), format=form)
    kind = "compositeWithTrainedAlgorithmicMedia" if task == "translation" else "algorithmicallyEnhanced"
    for finish, marked in ((Finish(), True), (Finish(strip=True), True), (Finish(provenance=False), False)):
        result = finished(picture, chain, finish)
        assert (kind in str(result.mark)) == marked
        write_picture(result, tmp_path / "x")
        back = read_picture(tmp_path / "x")
        if form not in ("JPEG", "HEIF"):
            assert form == "GIF" or np.array_equal(back.color, picture.color)  # the mark is in no pixel
        if form in WITH_XMP and marked:
            assert said(back.xmp, IPTC, "DigitalSourceType") == [SOURCE_TYPES + kind]
        else:
            assert back.xmp is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("digitalCapture", "algorithmicallyEnhanced"),
        ("algorithmicallyEnhanced", "algorithmicallyEnhanced"),
        ("compositeWithTrainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"),
        ("trainedAlgorithmicMedia", "trainedAlgorithmicMedia"),
    ],
)
@pytest.mark.parametrize("style", ["attribute", "element", "resource"])
def test_what_was_generated_stays_said(before: str, after: str, style: str) -> None:
    value = SOURCE_TYPES + before
    attribute, element = {
        "attribute": (f'i:DigitalSourceType="{value}"', ""),
        "element": ("", f"<i:DigitalSourceType> {value} </i:DigitalSourceType>"),
        "resource": ("", f'<i:DigitalSourceType rdf:resource="{value}"/>'),
    }[style]
    inner = f'<rdf:Description xmlns:i="{IPTC}" {attribute}>{element}</rdf:Description>'
    packet = f'<rdf:RDF xmlns:rdf="{RDF}">{inner}</rdf:RDF>'
    marked = updated_xmp(packet.encode(), (4, 4), MARK)
    assert said(marked, IPTC, "DigitalSourceType") == [SOURCE_TYPES + after]
    again = updated_xmp(marked, (4, 4), MARK)
    assert said(again, IPTC, "DigitalSourceType") == [SOURCE_TYPES + after]
    assert said(again, XMP, "CreatorTool") == [MARK.tool]


def test_a_packet_in_utf_16_and_with_padding() -> None:
    text = PACKET.decode().strip()
    for packet in (text.encode("utf-16"), text.encode() + bytes(99), text.lstrip("\ufeff").encode()):
        check_xmp(packet)
        assert said(updated_xmp(packet, (3, 4), MARK), EXIF, "PixelYDimension") == ["4"]


def test_no_mark_can_break_out_of_its_place() -> None:
    tool = 'a"/><evil> & <x y="'
    assert said(updated_xmp(None, (1, 1), Mark("algorithmicallyEnhanced", tool)), XMP, "CreatorTool") == [tool]
    assert said(updated_xmp(PACKET, (1, 1), Mark("algorithmicallyEnhanced", tool)), XMP, "CreatorTool") == [tool]


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<a>" * 1000 + b"</a>" * 1000, "deeply"),
        (b"<a", "well-formed"),
        (b"<a/>", "RDF"),
        (b"\xff\xff", "text"),
        (b"<a>" + bytes(17_000_000), "17,000,003"),
        (b"<a b:c='1'/>", "well-formed|RDF"),
    ],
)
def test_packets_that_cannot_be_read_are_left_out(tmp_path: Path, packet: bytes, why: str) -> None:
    with pytest.raises(BadXMP, match=why):
        check_xmp(packet)
    if len(packet) < 60_000:
        Image.fromarray(noise(4, 4, 3)).save(tmp_path / "x.jpg", xmp=packet)
        picture = read_picture(tmp_path / "x.jpg")
        assert picture.xmp is None
        assert "XMP was not kept" in picture.notices[0]


def test_iptc_survives_in_jpeg_and_tiff(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for form in ("JPEG", "TIFF"):
        write_picture(Picture(color=noise(5, 8, 3), format=form, iptc=IIM), path)
        write_picture(translate_picture(read_picture(path), enlarging(2)), path)
        assert read_picture(path).iptc == IIM
        with Image.open(path) as image:
            from PIL import IptcImagePlugin

            assert IptcImagePlugin.getiptcinfo(image) == {(2, 80): b"Jane"}
    even = IIM.ljust(12, b"\0")
    write_picture(Picture(color=noise(5, 8, 3), format="TIFF", iptc=even), path)
    as_bytes, as_numbers = struct.pack("<HHI", 33723, 7, 12), struct.pack("<HHI", 33723, 4, 3)
    assert as_bytes in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(as_bytes, as_numbers))  # which many writers call it
    assert read_picture(path).iptc == even


def full(form: str, **more: Any) -> Picture:
    exif = Image.Exif()
    exif[315] = "me"
    said: dict[str, Any] = {
        "icc_profile": P3,
        "exif": exif.tobytes(),
        "xmp": PACKET,
        "iptc": IIM,
        "dpi": (300.0, 300.0),
        "comment": b"hello",
        "texts": (("Author", "me"),),
        "color_space": ((b"gAMA", b"\0\0\xb1\x8f"),),
    }
    return Picture(color=noise(8, 8, 3), format=form, **said, **more)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "TGA"])
def test_strip_leaves_colours_and_nothing_else(tmp_path: Path, form: str) -> None:
    chain = enlarging(1)
    result = finished(full(form), chain, Finish(strip=True, provenance=False))
    write_picture(result, tmp_path / "x")
    back = read_picture(tmp_path / "x")
    assert (back.exif, back.xmp, back.iptc, back.comment, back.texts) == (None, None, None, None, ())
    assert back.dpi is None or form == "BMP"  # which has no word for none: Pillow writes 96
    assert (back.icc_profile == P3) == ("icc_profile" in PLACES.get(form, ()))
    assert (back.color_space != ()) == (form == "PNG")
    content = (tmp_path / "x").read_bytes()
    assert not any(word in content for word in (b"Jane", b"hello", b"Author", b"adobe:ns:meta"))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "TGA"])
def test_what_a_format_has_no_place_for_is_told(tmp_path: Path, form: str) -> None:
    picture = full(form)
    result = finished(picture, enlarging(1), Finish())
    write_picture(result, tmp_path / "x")
    back = read_picture(tmp_path / "x")
    told = " ".join(result.notices)
    for name, word in (("exif", "EXIF"), ("xmp", "XMP"), ("iptc", "IPTC"), ("dpi", "resolution")):
        kept = name in PLACES.get(form, ())
        assert (getattr(back, name) is not None) == kept
        assert (word in told) != kept
    if form in ("GIF", "BMP", "TGA"):
        assert "converted to sRGB" in told
        assert form == "GIF" or not np.array_equal(back.color, picture.color)


def test_a_jpeg_tells_what_is_too_long_for_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270] = "x" * 70_000
    long = PACKET.replace(b"J\xc3\xb6rg", b"x" * 70_000)
    picture = Picture(color=noise(4, 4, 3), format="JPEG", exif=exif.tobytes(), xmp=long)
    result = finished(picture, enlarging(1), Finish())
    assert result.notices[0].startswith("JPEG has no place for its EXIF of 70,")
    write_picture(result, tmp_path / "x.jpg")
    assert len(said(read_picture(tmp_path / "x.jpg").xmp, IPTC, "DigitalSourceType")) == 1


def test_exif_says_the_new_size_and_has_no_thumbnail(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[256], exif[257], exif[315] = 8, 5, "me"
    exif.get_ifd(34665).update({40962: 8, 40963: 5})
    exif.get_ifd(1).update({259: 6, 513: 0, 514: 4})
    path = tmp_path / "x.jpg"
    Image.fromarray(noise(5, 8, 3)).save(path, exif=exif)
    write_picture(translate_picture(read_picture(path), enlarging(2)), path)
    with Image.open(path) as image:
        kept = image.getexif()
        assert (kept[256], kept[257], kept[315]) == (16, 10, "me")
        assert (kept.get_ifd(34665)[40962], kept.get_ifd(34665)[40963]) == (16, 10)
        assert kept.get_ifd(1) == {}


def test_the_run_marks_strips_and_reports(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_picture(full("PNG"), tmp_path / "in" / "a.png")
    write_picture(Picture(color=noise(8, 8, 3), format="TGA"), tmp_path / "in" / "b.tga")

    def report(**options: Any) -> Any:
        config = RunConfig(
            inputs=(tmp_path / "in",), model=("enlarge",), out=tmp_path / "out", on_exists="overwrite", **options
        )
        return json.loads(run(config, enlarging(2)).to_json())["files"]

    for file in report():
        assert SOURCE_TYPES + "algorithmicallyEnhanced" in file["origin"]
        assert "model enlarge" in file["origin"]
    assert b"DigitalSourceType" in (tmp_path / "out" / "a.png").read_bytes()
    assert [file["origin"] for file in report(provenance=False, strip=True)] == ["", ""]
    assert b"adobe" not in (tmp_path / "out" / "a.png").read_bytes()
