"""What a file says beside its pixels: read out of it, fitted to the format that is written, and stripped."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image

from translate.picture import Picture
from translate.xmp import BadXMP, check_xmp, updated_xmp

ORIENTATION, EXIF_IFD, GPS_IFD = 274, 34665, 34853
SIZES = {256: 0, 257: 1}
EXIF_SIZES = {40962: 0, 40963: 1}
"""Tags with the width (0) and height (1) of the picture."""
# A TIFF's tags also describe how its bytes lie; these alone (and EXIF, GPS) say something about the picture.
DESCRIPTIVE_TAGS = frozenset({270, 271, 272, 305, 306, 315, 33432, EXIF_IFD, GPS_IFD})
RAW_EXIF = ("Raw profile type exif", "Raw profile type APP1")
"""Texts in which ImageMagick puts EXIF, with an orientation that would be applied again."""
XMP_TEXT = "XML:com.adobe.xmp"
IPTC_RESOURCE, IPTC_TAG, X_RESOLUTION = 0x0404, 33723, 282
EXIF_HEADER = b"Exif\x00\x00"
GIF_XMP, GIF_XMP_END = b"\x21\xff\x0bXMP DataXMP", b"\x01" + bytes(range(255, -1, -1)) + b"\0"
"""Before and after an XMP packet in a GIF; the end leads readers that take it for blocks of data out of it."""

PLACES = {
    "PNG": {"icc_profile", "exif", "xmp", "dpi", "comment", "texts", "color_space"},
    "JPEG": {"icc_profile", "exif", "xmp", "iptc", "dpi", "comment"},
    "WEBP": {"icc_profile", "exif", "xmp"},
    "AVIF": {"icc_profile", "exif", "xmp"},
    "HEIF": {"icc_profile", "exif", "xmp"},
    "TIFF": {"icc_profile", "exif", "xmp", "iptc", "dpi"},
    "GIF": {"xmp", "comment"},
    "BMP": {"dpi"},
}
"""What each format has a place for; others have for nothing."""
WORDS = {
    "icc_profile": "colour profile",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "dpi": "resolution",
    "comment": "comment",
    "texts": "text chunks",
    "color_space": "colour chunks",
}
JPEG_SEGMENT = 65_000
"""What one segment of a JPEG holds, in bytes, less its head and what our mark adds."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file says of its picture; fields are `Picture`'s."""

    orientation: int
    exif: bytes | None
    xmp: bytes | None
    iptc: bytes | None
    dpi: tuple[float, float] | None
    comment: bytes | None
    texts: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]


def read_metadata(image: Image.Image, file: IO[bytes]) -> Metadata:
    """Read it from an open picture whose pixels are loaded (PNG may tell it behind them)."""
    exif, orientation, notices = _read_exif(image)
    xmp, trouble = _read_xmp(image, file)
    written = getattr(image, "text", {})
    if RAW_EXIF[1] in written and exif is None:
        notices += (f"its text {RAW_EXIF[1]!r} was not kept",)
    comment = image.info.get("comment")
    return Metadata(
        orientation=orientation,
        exif=exif,
        xmp=xmp,
        iptc=_read_iptc(image),
        dpi=_dpi(image),
        comment=comment if isinstance(comment, bytes) and comment else None,
        texts=tuple((key, str(text)) for key, text in written.items() if key not in (*RAW_EXIF, XMP_TEXT)),
        notices=notices + trouble,
    )


def fitted(picture: Picture) -> Picture:
    """The picture without what its format has no place for; its notices say what that is."""
    places = PLACES.get(picture.format, set())
    lost = [name for name in WORDS if getattr(picture, name) and name not in places]
    words = [WORDS[name] for name in lost]
    changes: dict[str, Any] = {name: () if name in ("texts", "color_space") else None for name in lost}
    if picture.format == "JPEG":
        for name in ("exif", "xmp", "iptc"):
            if len(getattr(picture, name) or b"") > JPEG_SEGMENT:
                changes[name] = None
                words.append(f"{WORDS[name]} of {len(getattr(picture, name)):,} bytes")
    if not words:
        return picture
    notice = f"{picture.format} has no place for its {', '.join(words)}"
    return picture.replace(**changes, notices=(*picture.notices, notice))


def stripped(picture: Picture) -> Picture:
    """The picture without metadata. What its values mean stays (profile and PNG's colour chunks): without them it
    would look different."""
    return picture.replace(exif=None, xmp=None, iptc=None, dpi=None, comment=None, texts=())


def exif_block(picture: Picture) -> bytes | None:
    """The EXIF block with the picture's present size where it names one."""
    if picture.exif is None:
        return None
    exif = parse_exif(picture.exif)
    for tags, sizes in ((exif, SIZES), (exif.get_ifd(EXIF_IFD), EXIF_SIZES)):
        for tag, side in sizes.items():
            if tag in tags:
                tags[tag] = picture.size[side]
    return bytes(exif.tobytes())


def xmp_packet(picture: Picture) -> bytes | None:
    """The XMP packet with the picture's present size and its mark of origin."""
    return updated_xmp(picture.xmp, picture.size, picture.mark)


def iptc_segment(picture: Picture) -> bytes:
    """IPTC-IIM as the segment of a JPEG; empty if there is none."""
    if not picture.iptc:
        return b""
    block = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(picture.iptc)) + picture.iptc
    content = b"Photoshop 3.0\0" + block + bytes(len(block) % 2)
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content


def gif_with_xmp(data: bytes, packet: bytes | None) -> bytes:
    """A GIF with an XMP packet behind its global colours."""
    if packet is None:
        return data
    start = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
    return b"GIF89a" + data[6:start] + GIF_XMP + packet + GIF_XMP_END + data[start:]


def parse_exif(block: bytes) -> Image.Exif:
    """An EXIF block as Pillow's dictionary."""
    exif = Image.Exif()
    exif.load(block)
    return exif


def _read_exif(image: Image.Image) -> tuple[bytes | None, int, tuple[str, ...]]:
    """EXIF without orientation, the orientation, and what went wrong."""
    try:
        exif = image.getexif()
        orientation = exif.pop(ORIENTATION, 1)
        for tag in set(exif) - DESCRIPTIVE_TAGS if image.format == "TIFF" else ():
            del exif[tag]
        block = exif.tobytes() if len(exif) else None
    except Exception as error:  # noqa: BLE001  Pillow raises a dozen kinds on damaged EXIF; the picture is worth more
        return None, 1, (f"its EXIF data is damaged and was not kept ({error})",)
    return block, orientation if isinstance(orientation, int) else 1, ()


def _read_xmp(image: Image.Image, file: IO[bytes]) -> tuple[bytes | None, tuple[str, ...]]:
    packet = _gif_xmp(file) if image.format == "GIF" else image.info.get("xmp")
    if isinstance(packet, tuple):  # a TIFF whose tag says that these are numbers
        packet = bytes(value & 255 for value in packet if isinstance(value, int))
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "surrogateescape")
    if not packet:
        return None, ()
    try:
        check_xmp(packet)
    except BadXMP as error:
        return None, (f"its XMP was not kept ({error})",)
    more = ("the second part of its XMP was not kept",) if b"HasExtendedXMP" in packet else ()
    return packet, more


def _gif_xmp(file: IO[bytes]) -> bytes | None:
    place = file.tell()
    file.seek(0)
    _, found, behind = file.read().partition(GIF_XMP)
    file.seek(place)
    packet, ended, _ = behind.partition(GIF_XMP_END[:4])
    return packet if found and ended else None


def _read_iptc(image: Image.Image) -> bytes | None:
    if image.format == "TIFF":
        # as bytes: many writers call them 32-bit numbers, of which Pillow would give the first
        content: Any = image.tag_v2._tagdata.get(IPTC_TAG)  # type: ignore[attr-defined]
    else:
        resources = image.info.get("photoshop")
        content = resources.get(IPTC_RESOURCE) if isinstance(resources, dict) else None
    return content if isinstance(content, bytes) and content else None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    if image.format == "TIFF" and X_RESOLUTION not in image.tag_v2:  # type: ignore[attr-defined]
        return None  # where Pillow says 1
    value: Any = image.info.get("dpi")
    try:
        x, y = float(value[0]), float(value[1])
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) and x > 0 and y > 0 else None
