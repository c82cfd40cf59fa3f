"""Block compression of textures (BC1 to BC5, BC7): 4 x 4 pixels in 8 or 16 bytes. By Pillow; BC7 by etcpak."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from PIL import Image

from models.errors import BadPicture
from translate.picture import Array


@dataclass(frozen=True)
class Block:
    """One way to compress."""

    number: int
    """Of the format: 1 is BC1."""
    size: int
    """Bytes of a block."""
    mode: str
    """Pillow's mode of its pixels."""
    pillow: str
    """Pillow's name for its arrangement."""
    signed: bool = False
    """Whether values are from -1 to 1, given here as 0 to 255 with 128 for 0."""


BLOCKS = {
    "BC1": Block(1, 8, "RGBA", "DXT1"),
    "BC2": Block(2, 16, "RGBA", "DXT3"),
    "BC3": Block(3, 16, "RGBA", "DXT5"),
    "BC4": Block(4, 8, "L", "BC4"),
    "BC4S": Block(4, 8, "L", "BC4", signed=True),
    "BC5": Block(5, 16, "RGB", "BC5"),
    "BC5S": Block(5, 16, "RGB", "BC5", signed=True),
    "BC7": Block(7, 16, "RGBA", "BC7"),
}


def can_compress(name: str) -> bool:
    """Whether this installation writes that format."""
    return name != "BC7" or find_spec("etcpak") is not None


def stored_bytes(name: str, width: int, height: int) -> int:
    """Bytes of a picture of that size."""
    return -(-width // 4) * -(-height // 4) * BLOCKS[name].size


def decompress(name: str, data: bytes, width: int, height: int) -> Array:
    """[H, W] of BC4, [H, W, 3] of BC5 (blue is 0), [H, W, 4] of the others; uint8."""
    block = BLOCKS[name]
    if block.signed:
        data = _other_sign(data)
    return np.asarray(Image.frombytes(block.mode, (width, height), data, "bcn", (block.number, block.pillow)))


def compress(name: str, pixels: Array) -> bytes:
    """The inverse; pixels shaped as `decompress` gives them.

    Raises:
        BadPicture: BC7 without etcpak.
    """
    block = BLOCKS[name]
    height, width = pixels.shape[:2]
    margin = ((0, -height % 4), (0, -width % 4), (0, 0))
    pixels = np.pad(pixels, margin[: pixels.ndim], mode="edge")  # no foreign colour in the blocks at the edge
    if block.number == 7:
        return _bc7(pixels)
    if block.mode in ("L", "RGB"):
        planes = [pixels] if block.mode == "L" else [pixels[..., 0], pixels[..., 1]]
        data = np.concatenate([_plane(plane) for plane in planes], axis=1).tobytes()
    elif block.number == 1:
        cover = np.where(pixels[..., 3] < 128, 0, 255).astype(np.uint8)
        data = Image.fromarray(np.dstack([pixels[..., :3], cover])).tobytes("bcn", 1)
    else:
        alpha = _coarse(pixels[..., 3]) if block.number == 2 else _plane(pixels[..., 3])
        data = np.concatenate([alpha, _colors(pixels)], axis=1).tobytes()
    return _other_sign(data) if block.signed else data


def _colors(pixels: Array) -> Array:
    """The colour half of BC2 and BC3, [N, 8]; the other half of what Pillow 12 makes is wrong by one step."""
    return np.frombuffer(Image.fromarray(pixels).tobytes("bcn", 3), np.uint8).reshape(-1, 16)[:, 8:]


def _tiles(plane: Array) -> Array:
    """[H, W] as blocks, [N, 16]."""
    height, width = plane.shape
    return plane.reshape(height // 4, 4, width // 4, 4).swapaxes(1, 2).reshape(-1, 16)


def _coarse(plane: Array) -> Array:
    """Alpha of BC2, [N, 8]: 4 bits a pixel."""
    tiles = ((_tiles(plane).astype(np.uint16) * 15 + 127) // 255).astype(np.uint8)
    return np.asarray(tiles[:, 0::2] | tiles[:, 1::2] << 4)


def _plane(plane: Array) -> Array:
    """One channel as BC4, [N, 8]: two end points and, for each pixel, one of eight values.

    These are either in equal steps from one end to the other, or six such steps, 0 and 255: what fits better.
    """
    tiles = _tiles(plane).astype(np.int32)
    extreme = (tiles == 0) | (tiles == 255)
    low, high = tiles.min(1), tiles.max(1)
    inner_low = np.where(extreme, 255, tiles).min(1)
    inner_high = np.maximum(np.where(extreme, 0, tiles).max(1), inner_low)
    eight, eight_error = _steps(tiles, high, low, 7)
    six, six_error = _steps(tiles, inner_low, inner_high, 5)
    six = np.where(tiles == 0, 6, np.where(tiles == 255, 7, six))
    # Equal ends mean six steps to a decoder; there all pixels are the first one in either way.
    better = (np.where(extreme, 0, six_error).sum(1) < eight_error.sum(1)) & (high > low)
    ends = np.where(better[:, None], np.stack([inner_low, inner_high], 1), np.stack([high, low], 1))
    chosen = np.where(better[:, None], six, eight).astype(np.uint64)
    packed = (chosen << (3 * np.arange(16, dtype=np.uint64))).sum(1, dtype=np.uint64)
    return np.concatenate([ends.astype(np.uint8), packed[:, None].astype("<u8").view(np.uint8)[:, :6]], axis=1)


def _steps(tiles: Array, first: Array, last: Array, count: int) -> tuple[Array, Array]:
    """Which of `count` + 1 values from first to last is nearest to each pixel, as the format numbers them; error²."""
    first, span = first[:, None], (last - first)[:, None]
    step = np.rint((tiles - first) * count / np.where(span == 0, 1, span)).clip(0, count).astype(np.int32)
    error = np.square(first + step * span / count - tiles)
    return np.where(step == 0, 0, np.where(step == count, 1, step + 1)), error


def _bc7(pixels: Array) -> bytes:
    try:
        import etcpak
    except ImportError:
        raise BadPicture("BC7 needs etcpak: pip install etcpak.") from None
    return bytes(etcpak.compress_bc7(pixels.tobytes(), pixels.shape[1], pixels.shape[0], None))


def _other_sign(data: bytes) -> bytes:
    """Each half block begins with two end points, between which it interpolates: only these have a sign."""
    halves = np.frombuffer(data[: len(data) // 8 * 8], np.uint8).reshape(-1, 8).copy()
    halves[:, :2] ^= 0x80
    return halves.tobytes()
