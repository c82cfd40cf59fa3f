"""Picture files to arrays and back, losing nothing."""

from __future__ import annotations

import errno
import os
import secrets
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal, Protocol

import cv2
from PIL import UnidentifiedImageError

from models.errors import BadPicture, DiskFull, TooLarge
from translate.decode import decode
from translate.encode import encode
from translate.formats.options import DEFAULT, EncodingOptions
from translate.limits import MAX_PIXELS
from translate.picture import KNOWN, Picture

__all__ = ["MAX_PIXELS", "PARTIAL", "Picture", "encode_picture", "read_picture", "write_bytes", "write_picture"]

PARTIAL = ".translate-"
"""How a file is called while it is written; what a crash leaves behind is hidden and may be deleted."""

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

DAMAGE = (
    *(ValueError, ArithmeticError, SyntaxError, SystemError, TypeError, LookupError, EOFError),
    *(struct.error, cv2.error),
)
"""What the decoders raise on damaged files."""


FULL = (errno.ENOSPC, errno.EDQUOT)


class Source(Protocol):
    """What a picture is read from: a path, or a file inside an archive. As text it is a place, for people."""

    def open(self, mode: Literal["rb"], /) -> IO[bytes]: ...


Seal = Callable[[bytes, os.stat_result], None]
"""Told a file's content and state when it is complete under its hidden name; what it raises, the file is lost by."""


def read_picture(path: Source, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture; its content decides what it is, not its name.

    Raises:
        TooLarge: more than `max_pixels` by its header; nothing has been decoded.
        BadPicture: unreadable, damaged, or of a kind that cannot be kept faithfully.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if not head:
                raise BadPicture("the file is empty.")
            file.seek(0)
            return decode(file, max_pixels)
    except (BadPicture, TooLarge) as error:
        raise type(error)(f"cannot read {path}: {error}") from None
    except UnidentifiedImageError:
        reason = f"not a picture, or its beginning is damaged (known: {KNOWN})."
        if head in TIFF_HEADS:
            reason = "this kind of TIFF is not known, or it is damaged; save it with 8 or 16 bits, grey or RGB."
        raise BadPicture(f"cannot read {path}: {reason}") from None
    except OSError as error:
        raise BadPicture(f"cannot read {path}: {error.strerror or error}.") from None
    except DAMAGE as error:
        raise BadPicture(f"cannot read {path}: the file is damaged ({error}).") from None


def encode_picture(picture: Picture, name: str, options: EncodingOptions = DEFAULT) -> bytes:
    """A picture as the content of a file in its own format.

    Args:
        name: of the file, for the errors.
    Raises:
        BadPicture: the format cannot hold it.
    """
    try:
        return encode(picture, options)
    except BadPicture as error:
        raise BadPicture(f"cannot write {name}: {error}") from None
    except (OSError, RuntimeError, *DAMAGE) as error:
        raise BadPicture(f"cannot write {name}: {picture.format} cannot hold this picture ({error}).") from None


def write_picture(
    picture: Picture, path: Path, options: EncodingOptions = DEFAULT, seal: Seal | None = None
) -> Picture:
    """Write a picture in its own format, whole or not at all, and give it back; folders are made as needed.

    Raises:
        BadPicture: the format cannot hold it, or the disk refuses it.
        DiskFull: there is no room left.
    """
    write_bytes(encode_picture(picture, str(path), options), path, seal)
    return picture


def write_bytes(content: bytes, path: Path, seal: Seal | None = None) -> None:
    """Write a file under a hidden name in the same folder, then rename it.

    Raises:
        BadPicture: the disk refuses it.
        DiskFull: there is no room left.
    """
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                state = os.fstat(file.fileno())
            if seal is not None:
                seal(content, state)
            os.replace(partial, path)  # noqa: PTH105  said as it is
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"cannot write {path}: {error.strerror}; {len(content):,} bytes more are needed.") from None
        raise BadPicture(f"cannot write {path}: {error.strerror or error}.") from None
