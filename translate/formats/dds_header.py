"""What the header of a DDS texture says, and the header of another size made from it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from models.errors import BadPicture

MAGIC = b"DDS "
LEGACY, EXTENDED = 128, 148
"""Bytes before the pixels: without and with the DX10 part."""
HAS_PITCH, HAS_MIPMAPS, HAS_LINEAR_SIZE = 0x8, 0x20000, 0x80000
ALPHA, FOURCC, RGB, LUMINANCE = 0x1, 0x4, 0x40, 0x20000
CUBE, VOLUME = 0xFE00, 0x200000
COMPLEX, MIPMAPS = 0x8, 0x400000

FOURCCS = {
    b"DXT1": "BC1",
    b"DXT3": "BC2",
    b"DXT5": "BC3",
    b"ATI1": "BC4",
    b"BC4U": "BC4",
    b"BC4S": "BC4S",
    b"ATI2": "BC5",
    b"BC5U": "BC5",
    b"BC5S": "BC5S",
}
DXGI_BLOCKS = {
    **dict.fromkeys((70, 71, 72), "BC1"),
    **dict.fromkeys((73, 74, 75), "BC2"),
    **dict.fromkeys((76, 77, 78), "BC3"),
    **dict.fromkeys((79, 80), "BC4"),
    81: "BC4S",
    **dict.fromkeys((82, 83), "BC5"),
    84: "BC5S",
    **dict.fromkeys((97, 98, 99), "BC7"),
}


@dataclass(frozen=True)
class Masks:
    """Where the channels of an uncompressed pixel lie; 0 for one that it does not have."""

    bits: int
    red: int
    green: int = 0
    blue: int = 0
    alpha: int = 0
    grey: bool = False


RGBA8 = Masks(32, 0xFF, 0xFF00, 0xFF0000, 0xFF000000)
BGRA8 = Masks(32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
BGRX8 = Masks(32, 0xFF0000, 0xFF00, 0xFF)
DXGI_MASKS = {
    **dict.fromkeys((27, 28, 29), RGBA8),
    **dict.fromkeys((87, 90, 91), BGRA8),
    **dict.fromkeys((88, 92, 93), BGRX8),
    **dict.fromkeys((48, 49), Masks(16, 0xFF, 0xFF00)),
    **dict.fromkeys((60, 61), Masks(8, 0xFF, grey=True)),
    85: Masks(16, 0xF800, 0x7E0, 0x1F),
    86: Masks(16, 0x7C00, 0x3E0, 0x1F, 0x8000),
    115: Masks(16, 0xF00, 0xF0, 0xF, 0xF000),
}
UNCOMPRESSED_DXGI = {97: 27, 98: 28, 99: 29, 79: 27, 80: 28, 81: 28}
"""What stands in for formats that cannot be written."""


@dataclass(frozen=True)
class Header:
    """The header of one two-dimensional texture, checked."""

    raw: bytes
    """As it is in the file: 128 or 148 bytes."""
    width: int
    height: int
    levels: int
    """Mipmaps, the picture itself included."""
    block: str
    """Name in `blocks.BLOCKS`, or empty for uncompressed pixels."""
    masks: Masks

    @classmethod
    def parse(cls, content: bytes) -> Header:
        """Read the first 148 bytes of a file.

        Raises:
            BadPicture: it is damaged, or a kind of texture that cannot be kept; the message is the bare reason.
        """
        if len(content) < LEGACY or struct.unpack_from("<I", content, 4)[0] != 124:
            raise BadPicture("the header of this DDS is damaged or incomplete.")
        height, width, _, _, levels = struct.unpack_from("<5I", content, 12)
        flags, fourcc = struct.unpack_from("<I4s", content, 80)
        (caps2,) = struct.unpack_from("<I", content, 112)
        if not (width and height):
            raise BadPicture("this DDS has no pixels.")
        if caps2 & CUBE:
            raise BadPicture("a DDS with a cube map is six pictures that must fit; convert its faces one by one.")
        if caps2 & VOLUME:
            raise BadPicture("a DDS with a volume is many layers, not a picture; convert its layers one by one.")
        levels = max(1, levels)
        if not flags & FOURCC:
            return cls(content[:LEGACY], width, height, levels, "", _masks(content, flags))
        if fourcc == b"DX10":
            return cls(content[:EXTENDED], width, height, levels, *_extended(content))
        if fourcc not in FOURCCS:
            raise BadPicture(_unknown(f"of kind {fourcc.decode('latin-1')!r}"))
        return cls(content[:LEGACY], width, height, levels, FOURCCS[fourcc], RGBA8)

    def of_size(self, width: int, height: int, levels: int, first_level: int, row: int) -> bytes:
        """The same header for another size.

        Args:
            first_level: bytes of the largest level; row: bytes of a row of pixels.
        """
        raw = bytearray(self.raw)
        flags, *_ = struct.unpack_from("<I", raw, 8)
        (caps,) = struct.unpack_from("<I", raw, 108)
        flags &= ~(HAS_PITCH | HAS_LINEAR_SIZE | HAS_MIPMAPS)
        flags |= HAS_LINEAR_SIZE if self.block else HAS_PITCH
        caps &= ~(COMPLEX | MIPMAPS)
        if levels > 1:
            flags, caps = flags | HAS_MIPMAPS, caps | COMPLEX | MIPMAPS
        size = first_level if self.block else row
        struct.pack_into("<6I", raw, 8, flags, height, width, size, 0, levels if levels > 1 else 0)
        struct.pack_into("<I", raw, 108, caps)
        return bytes(raw)

    def uncompressed(self) -> Header:
        """The header of the same texture in 32 bits a pixel."""
        raw = bytearray(self.raw)
        if len(raw) == EXTENDED:
            (kind,) = struct.unpack_from("<I", raw, LEGACY)
            struct.pack_into("<I", raw, LEGACY, UNCOMPRESSED_DXGI.get(kind, 28))
            return Header(bytes(raw), self.width, self.height, self.levels, "", RGBA8)
        struct.pack_into("<8I", raw, 76, 32, RGB | ALPHA, 0, 32, *_as_tuple(BGRA8))
        return Header(bytes(raw), self.width, self.height, self.levels, "", BGRA8)


def new_header(masks: Masks) -> Header:
    """Of an uncompressed texture that did not come from a DDS."""
    raw = bytearray(LEGACY)
    flags = (LUMINANCE if masks.grey else RGB) | (ALPHA if masks.alpha else 0)
    struct.pack_into("<4s2I", raw, 0, MAGIC, 124, 0x1007)
    struct.pack_into("<8I", raw, 76, 32, flags, 0, masks.bits, *_as_tuple(masks))
    struct.pack_into("<I", raw, 108, 0x1000)
    return Header(bytes(raw), 1, 1, 1, "", masks)


def _as_tuple(masks: Masks) -> tuple[int, int, int, int]:
    return masks.red, masks.green, masks.blue, masks.alpha


def _masks(content: bytes, flags: int) -> Masks:
    bits, red, green, blue, alpha = struct.unpack_from("<5I", content, 88)
    grey = bool(flags & LUMINANCE)
    masks = Masks(bits, red, 0 if grey else green, 0 if grey else blue, alpha if flags & ALPHA else 0, grey)
    if grey and bits == (16 if masks.alpha else 8):  # whose masks many programs leave out or get wrong
        masks = Masks(bits, 0xFF, alpha=0xFF00 if masks.alpha else 0, grey=True)
    channels = [mask for mask in _as_tuple(masks) if mask]
    if not flags & (RGB | LUMINANCE) or bits not in (8, 16, 24, 32) or not masks.red:
        raise BadPicture(_unknown(f"with pixel flags {flags:#x} and {bits} bits a pixel"))
    if any(_width(mask) > 8 or mask >> bits for mask in channels):
        raise BadPicture(_unknown("with more than 8 bits a channel, or with damaged masks"))
    return masks


def _width(mask: int) -> int:
    """Bits of a mask, holes included."""
    return (mask // (mask & -mask)).bit_length()


def _extended(content: bytes) -> tuple[str, Masks]:
    if len(content) < EXTENDED:
        raise BadPicture("the header of this DDS is incomplete.")
    kind, dimension, misc, layers, alpha = struct.unpack_from("<5I", content, LEGACY)
    if misc & 4:
        raise BadPicture("a DDS with a cube map is six pictures that must fit; convert its faces one by one.")
    if dimension != 3 or layers > 1:
        what = f"an array of {layers} pictures" if layers > 1 else f"{dimension - 1}-dimensional"
        raise BadPicture(f"this DDS is {what}; only single pictures can be converted.")
    if alpha & 7 == 2:
        raise BadPicture("a DDS whose colours are multiplied by alpha cannot be kept faithfully; save it as straight.")
    if kind in DXGI_BLOCKS:
        return DXGI_BLOCKS[kind], RGBA8
    if kind in DXGI_MASKS:
        return "", DXGI_MASKS[kind]
    if kind in (94, 95, 96):
        raise BadPicture("a DDS in BC6H has a high dynamic range, which models do not know.")
    raise BadPicture(_unknown(f"of DXGI format {kind}"))


def _unknown(what: str) -> str:
    return f"a DDS {what} cannot be kept faithfully; save it as BC1 to BC5, BC7 or with 8 bits a channel."
