"""Says in a PDF of typst's that it carries a Factur-X invoice: the one thing about it that typst does not write.

typst writes the metadata (XMP) as plain text and the table of its objects in the classical form; the properties, and their description for
PDF/A, are added to what is there, and the objects after it move. All else stays as typst wrote it, the marks of PDF/A and PDF/UA too.
"""

from __future__ import annotations

import re

_METADATA = re.compile(rb"<</Length (\d+)/Type/Metadata/Subtype/XML>>\nstream\n")
_TABLE = re.compile(rb"xref\n0 (\d+)\n((?:\d{10} \d{5} [fn][ \r]?\r?\n)+)")
_END = re.compile(rb"startxref\n(\d+)\n%%EOF\s*\Z")
_SCHEMAS_END = b"</rdf:Bag></pdfaExtension:schemas>"
_DESCRIPTION_END = b"</rdf:Description></rdf:RDF>"
_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentFileName": ("factur-x.xml", "name of the embedded XML invoice file"),
    "DocumentType": ("INVOICE", "INVOICE"),
    "Version": ("1.0", "The actual version of the Factur-X XML schema"),
    "ConformanceLevel": ("EN 16931", "The conformance level of the embedded Factur-X data"),
}


def declare_factur_x(pdf: bytes) -> bytes:
    """Return the PDF with the metadata of Factur-X. Raises ValueError for a PDF that is not as typst writes one."""
    metadata, table, end = _METADATA.search(pdf), _TABLE.search(pdf), _END.search(pdf)
    if metadata is None or table is None or end is None or int(end[1]) != table.start():
        raise ValueError("the PDF is not as typst writes one")
    start, stop = metadata.end(), metadata.end() + int(metadata[1])
    added = _with_properties(pdf[start:stop])
    head = metadata[0].replace(metadata[1], str(len(added)).encode(), 1)
    before = pdf[: metadata.start()] + head + added
    growth = len(before) - stop
    entries = table[2].splitlines(keepends=True)
    moved = b"".join(_moved(entry, growth) if int(entry[:10]) > start else entry for entry in entries)
    between = pdf[stop : table.start(2)]
    after = pdf[table.end(2) : end.start(1)]
    return before + between + moved + after + str(int(end[1]) + growth).encode() + pdf[end.end(1) :]


def _moved(entry: bytes, growth: int) -> bytes:
    return entry if entry[17:18] != b"n" else f"{int(entry[:10]) + growth:010}".encode() + entry[10:]


def _with_properties(xmp: bytes) -> bytes:
    if xmp.count(_SCHEMAS_END) != 1 or xmp.count(_DESCRIPTION_END) != 1:
        raise ValueError("the metadata is not as typst writes it")
    properties = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _PROPERTIES.items())
    own = f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">{properties}</rdf:Description>'
    described = xmp.replace(_SCHEMAS_END, _schema().encode() + _SCHEMAS_END)
    return described.replace(_DESCRIPTION_END, b"</rdf:Description>" + own.encode() + b"</rdf:RDF>")


def _schema() -> str:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource"><pdfaProperty:category>external</pdfaProperty:category>'
        f"<pdfaProperty:description>{text}</pdfaProperty:description><pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType></rdf:li>"
        for name, (_, text) in _PROPERTIES.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
        f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
