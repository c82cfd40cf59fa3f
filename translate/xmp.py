"""XMP packets (ISO 16684-1): made, checked, and changed in place without touching the rest."""

from __future__ import annotations

import xml.parsers.expat
from collections.abc import Iterator
from dataclasses import dataclass
from xml.dom import minidom
from xml.sax.saxutils import quoteattr

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP = "http://ns.adobe.com/xap/1.0/"
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
NOTE = "http://ns.adobe.com/xmp/note/"
EXIF = "http://ns.adobe.com/exif/1.0/"
PREFIXES = {XMP: "xmp", IPTC: "Iptc4xmpExt"}

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
STRENGTH = ("algorithmicallyEnhanced", "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia")
"""IPTC's digital source types that we write or must not weaken: what was generated stays so when it is enlarged."""
MAX_BYTES, MAX_DEPTH = 16_000_000, 100
"""Larger or deeper packets are not read."""


class BadXMP(Exception):
    """A packet that cannot be read; the message is the bare reason."""


@dataclass(frozen=True)
class Mark:
    """What a result says about its origin."""

    source_type: str
    """One of IPTC's digital source types, without their common beginning."""
    tool: str
    """Software, version and model."""

    def __str__(self) -> str:
        return f"{SOURCE_TYPES}{self.source_type} by {self.tool}"


def check_xmp(packet: bytes) -> None:
    """See whether a packet can be read.

    Raises:
        BadXMP: not well-formed, without RDF, too large or deep, or with a document type (which may define
            entities that grow to gigabytes).
    """
    _parsed(packet)


def updated_xmp(packet: bytes | None, size: tuple[int, int], mark: Mark | None) -> bytes | None:
    """A packet as it fits the written file: upright, of its size, without thumbnails, with the mark.

    Args:
        packet: one that `check_xmp` passed, or None.
        size: width and height in pixels.
    """
    if packet is None:
        return None if mark is None else _fresh(mark)
    document = _parsed(packet)
    _set(document, TIFF, "Orientation", "1")
    for space, name, value in (
        *((TIFF, "ImageWidth", size[0]), (TIFF, "ImageLength", size[1])),
        *((EXIF, "PixelXDimension", size[0]), (EXIF, "PixelYDimension", size[1])),
    ):
        _set(document, space, name, str(value))
    _remove(document, XMP, "Thumbnails")
    _remove(document, NOTE, "HasExtendedXMP")
    if mark is not None:
        _mark(document, mark)
    return b"".join(node.toxml().encode() for node in document.childNodes)


def _fresh(mark: Mark) -> bytes:
    about = " ".join(f"xmlns:{prefix}={quoteattr(space)}" for space, prefix in PREFIXES.items())
    values = (
        f"Iptc4xmpExt:DigitalSourceType={quoteattr(SOURCE_TYPES + mark.source_type)} "
        f"xmp:CreatorTool={quoteattr(mark.tool)}"
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" {about} {values}/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _mark(document: minidom.Document, mark: Mark) -> None:
    known = {value.removeprefix(SOURCE_TYPES) for value in _values(document, IPTC, "DigitalSourceType")}
    strongest = max({mark.source_type, *(known & set(STRENGTH))}, key=STRENGTH.index)
    values = {(IPTC, "DigitalSourceType"): SOURCE_TYPES + strongest, (XMP, "CreatorTool"): mark.tool}
    for space, name in values:
        _remove(document, space, name)
    rdf = document.getElementsByTagNameNS(RDF, "RDF")[0]
    description = document.createElementNS(RDF, f"{rdf.prefix}:Description" if rdf.prefix else "Description")
    description.setAttributeNS(RDF, "rdf:about", _about(document))
    description.setAttribute("xmlns:rdf", RDF)
    for (space, name), value in values.items():
        description.setAttribute(f"xmlns:{PREFIXES[space]}", space)
        description.setAttributeNS(space, f"{PREFIXES[space]}:{name}", value)
    rdf.appendChild(description)


def _about(document: minidom.Document) -> str:
    """What the packet calls the picture: all descriptions of one packet must agree."""
    return next((about for _, about in _top(document) if about), "")


def _top(document: minidom.Document) -> Iterator[tuple[minidom.Element, str]]:
    """The descriptions of the picture itself, and what each calls it."""
    rdf = document.getElementsByTagNameNS(RDF, "RDF")[0]
    for node in rdf.childNodes:
        if isinstance(node, minidom.Element) and (node.namespaceURI, node.localName) == (RDF, "Description"):
            yield node, node.getAttributeNS(RDF, "about")


def _found(
    document: minidom.Document, space: str, name: str
) -> Iterator[tuple[minidom.Element, minidom.Element | None]]:
    """Where a property of the picture stands: its description, and the element if it is no attribute."""
    for description, _ in _top(document):
        if description.hasAttributeNS(space, name):
            yield description, None
        for node in [*description.childNodes]:
            if isinstance(node, minidom.Element) and (node.namespaceURI, node.localName) == (space, name):
                yield description, node


def _values(document: minidom.Document, space: str, name: str) -> Iterator[str]:
    for description, node in _found(document, space, name):
        if node is None:
            yield description.getAttributeNS(space, name)
        else:
            text = "".join(child.data for child in node.childNodes if isinstance(child, minidom.Text))
            yield text.strip() or node.getAttributeNS(RDF, "resource")


def _remove(document: minidom.Document, space: str, name: str) -> None:
    for description, node in _found(document, space, name):
        if node is None:
            description.removeAttributeNS(space, name)
        else:
            description.removeChild(node)


def _set(document: minidom.Document, space: str, name: str, value: str) -> None:
    """Change a property where it stands; one that is not there is not added."""
    for description, node in _found(document, space, name):
        if node is None:
            described = description.getAttributeNodeNS(space, name)
            if described is not None:
                described.value = value
        else:
            for child in [*node.childNodes]:
                node.removeChild(child)
            node.appendChild(document.createTextNode(value))


def _parsed(packet: bytes) -> minidom.Document:
    text = _text(packet)
    _check_shape(text)
    try:
        document = minidom.parseString(text)  # noqa: S318  without a document type there is nothing to expand
    except (xml.parsers.expat.ExpatError, ValueError, LookupError) as error:
        raise BadXMP(f"not well-formed: {error}") from None
    if not document.getElementsByTagNameNS(RDF, "RDF"):
        raise BadXMP("it has no RDF")
    return document


def _check_shape(text: bytes) -> None:
    depth = 0

    def opened(name: str, attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise BadXMP("it is nested too deeply")

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> None:
        raise BadXMP("it has a document type")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except (xml.parsers.expat.ExpatError, ValueError, LookupError) as error:
        raise BadXMP(f"not well-formed: {error}") from None


def _text(packet: bytes) -> bytes:
    if len(packet) > MAX_BYTES:
        raise BadXMP(f"it has {len(packet):,} bytes")
    try:
        if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return packet.decode("utf-16").strip("\ufeff\0 \r\n\t").encode()
        return packet.decode("utf-8").strip("\ufeff\0 \r\n\t").encode()
    except UnicodeError:
        raise BadXMP("it is no text") from None
