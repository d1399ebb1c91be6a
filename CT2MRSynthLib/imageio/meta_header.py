"""What the MetaImage reader says on the terminal or keeps quiet about: a file cut off, compressed voxels damaged.

The keys are those of MetaIO (https://itk.org/Wiki/ITK/MetaIO/Documentation).
"""

from __future__ import annotations

import os
import re
import zlib
from math import prod
from pathlib import Path

#: Bytes of one value, by the element type.
VALUE_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}

#: Bytes in which the header must end; long lists of files included.
MAXIMUM_HEADER = 1 << 20

BLOCK = 1 << 22

_LINE = re.compile(rb"\s*(\w+)[ \t]*[=:][ \t]*([^\r\n]*?)[ \t]*(?:\r\n|\n|$)")


def find_fault(path: Path) -> str:
    """Why the voxels of a .mha or .mhd file cannot all be there, as the rest of a sentence; empty when they are.

    Voxels in numbered files (``slice%03d.raw 1 12 1``) are left to the reader.
    """
    try:
        with open(path, "rb") as file:
            fields, rest = _parse(file.read(MAXIMUM_HEADER))
        size = [int(number) for number in fields["DimSize"].split()]
        count = prod(size) * int(fields.get("ElementNumberOfChannels", 1))
        needed = count * VALUE_BYTES[fields["ElementType"]]
        skip = int(fields.get("HeaderSize", 0))
        packed_size = int(fields.get("CompressedDataSize", 0))
        dimensions, data = int(fields["NDims"]), fields["ElementDataFile"]
    except (KeyError, ValueError):
        return "its header is damaged, cut off or not what its name says"
    if len(size) != dimensions or needed <= 0 or min(size) <= 0:
        return f"its header gives the impossible size '{fields['DimSize']}'"
    if _is(fields.get("BinaryData", "True"), "F0"):
        return "it holds its voxels as text, not as binary"
    packed = _is(fields.get("CompressedData", "False"), "T1")
    local = data.upper() == "LOCAL"
    if data.upper() == "LIST" and not packed:
        with open(path, "rb") as file:
            names = file.read(MAXIMUM_HEADER)[rest:].decode("utf-8", "replace").split("\n")
        return _fault_of_list([path.parent / name.strip() for name in names if name.strip()], size[-1], needed)
    if data.upper().startswith("LIST") or "%" in data:
        return ""
    file = path if local else path.parent / data
    if not file.is_file():
        return f"the data file '{file.name}' that it names is missing"
    start = skip if skip > 0 else rest if local else 0
    if packed:
        if local and not packed_size:
            return "its header lacks the key CompressedDataSize"
        return _fault_of_packed(file, start, packed_size or file.stat().st_size, needed)
    held = file.stat().st_size - (0 if skip == -1 else start)
    return _cut_off(needed, held) if held < needed else ""


def _parse(head: bytes) -> tuple[dict[str, str], int]:
    """The fields of a header and the place where what follows it begins."""
    fields: dict[str, str] = {}
    place = 0
    while "ElementDataFile" not in fields:
        line = _LINE.match(head, place)
        if line is None or line.end() == place:
            raise ValueError("no line of a header")
        fields[line[1].decode("ascii")] = line[2].decode("utf-8", "surrogateescape")
        place = line.end()
    return fields, place


def _is(value: str, initials: str) -> bool:
    return value[:1].upper() in tuple(initials)


def _fault_of_list(files: list[Path], slices: int, needed: int) -> str:
    if len(files) < slices:
        return f"it lists {len(files)} files for {slices} slices"
    for file in files[:slices]:
        held = file.stat().st_size if file.is_file() else 0
        if held < needed // slices:
            return f"'{file.name}' that it lists is missing or cut off"
    return ""


def _fault_of_packed(file: Path, start: int, size: int, needed: int) -> str:
    """Unpack all, to the checksum at the end: the reader takes damaged voxels for good ones."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # zlib or gzip
    found, left = 0, size
    with open(file, "rb") as stream:
        if os.fstat(stream.fileno()).st_size - start < size:
            return _cut_off(size, max(0, os.fstat(stream.fileno()).st_size - start), "compressed ")
        stream.seek(start)
        try:
            while left > 0 and not unpacker.eof and (block := stream.read(min(BLOCK, left))):
                left -= len(block)
                while block and not unpacker.eof and found <= needed:
                    found += len(unpacker.decompress(block, BLOCK))
                    block = unpacker.unconsumed_tail
        except zlib.error:
            return "its compressed voxels are damaged"
    if found != needed:
        return f"its header announces {needed} bytes of voxels but {'more' if found > needed else found} were found"
    return "" if unpacker.eof else "its compressed voxels are cut off"


def _cut_off(needed: int, held: int, kind: str = "") -> str:
    return f"it is cut off: its header announces {needed} bytes of {kind}voxels but only {max(0, held)} follow"
