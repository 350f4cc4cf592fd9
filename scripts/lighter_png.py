"""Make the picture of a page lighter: 256 colours are enough for it. No library is needed for that."""

import struct
import zlib
from collections import Counter
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Colour = tuple[int, ...]


def lighten(path: Path) -> None:
    """Write a PNG of 8 bits per channel anew, with a palette of 256 colours."""
    header, raw = _read(path)
    width, height, _, kind = struct.unpack(">IIBB", header[:10])
    size = {2: 3, 6: 4}[kind]
    pixels = _pixels(raw, width, height, size)
    palette = _palette(Counter(pixels))
    place = {
        colour: min(range(len(palette)), key=lambda number: _distance(palette[number], colour))
        for colour in set(pixels)
    }
    rows = (bytes(place[one] for one in pixels[row * width : (row + 1) * width]) for row in range(height))
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(value for colour in palette for value in colour)),
        (b"IDAT", body),
        (b"IEND", b""),
    )
    path.write_bytes(SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks))


def _palette(counts: Counter[Colour]) -> list[Colour]:
    """Return 256 colours or fewer: of those that look alike the most frequent one, then what is most often needed."""
    alike: dict[Colour, list[Colour]] = {}
    for colour, _ in counts.most_common():
        alike.setdefault(tuple(value >> 3 for value in colour), []).append(colour)
    needed = sorted(alike.values(), key=lambda group: -sum(counts[colour] for colour in group))
    return [group[0] for group in needed[:256]]


def _read(path: Path) -> tuple[bytes, bytes]:
    """Return the header and the filtered rows."""
    data, at, header, packed = path.read_bytes(), len(SIGNATURE), b"", b""
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        header = content if name == b"IHDR" else header
        packed += content if name == b"IDAT" else b""
        at += 12 + length
    return header, zlib.decompress(packed)


def _pixels(raw: bytes, width: int, height: int, size: int) -> list[Colour]:
    """Undo the filters of the rows (PNG specification, part 9) and leave transparency out."""
    line, found = width * size, []
    above = bytearray(line)
    for row in range(height):
        start = row * (line + 1)
        kind, now = raw[start], bytearray(raw[start + 1 : start + 1 + line])
        for place in range(line):
            left = now[place - size] if place >= size else 0
            corner = above[place - size] if place >= size else 0
            up = above[place]
            add = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
            now[place] = (now[place] + add) & 255
        found += [tuple(now[at : at + 3]) for at in range(0, line, size)]
        above = now
    return found


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
