"""HEIC, where the user has installed pillow-heif: it brings patented codecs, so that we do not."""

from __future__ import annotations

from typing import IO, Any

from PIL import Image

from models.errors import BadPicture

BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
INSTALL = "pip install pillow-heif, in the environment of this program"


def is_heic(head: bytes) -> bool:
    """Whether a file that begins like this (32 bytes or more) is HEIC; AVIF shares its container."""
    if head[4:8] != b"ftyp":
        return False
    brands = {head[place : place + 4] for place in (8, *range(16, min(len(head), int.from_bytes(head[:4], "big")), 4))}
    return bool(brands & BRANDS) and b"avif" not in brands


def prepare() -> None:
    """Teach Pillow HEIC.

    Raises:
        BadPicture: pillow-heif is not installed.
    """
    if "HEIF" in Image.OPEN:
        return
    try:
        import pillow_heif
    except ImportError:
        raise BadPicture(f"HEIC needs pillow-heif: {INSTALL}.") from None
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


def notices(image: Image.Image) -> tuple[str, ...]:
    """What Pillow did not take out of an opened HEIC."""
    bits = int(image.info.get("bit_depth", 8))
    return (f"its {bits} bits a channel became 8",) if bits > 8 else ()


def save(image: Image.Image, file: IO[bytes], quality: int, **metadata: Any) -> None:
    """Encode 8-bit pixels.

    Raises:
        BadPicture: there is no pillow-heif, or it has no encoder.
    """
    prepare()
    if "HEIF" not in Image.SAVE:
        raise BadPicture("this pillow-heif reads HEIC but cannot write it; choose --format jpeg, avif or png.")
    image.save(file, format="HEIF", quality=quality, chroma=444, **metadata)
