"""JSON, records and pieces, from spec/container.md (C)."""

import base64
import json
import re
import zlib

from .checks import crc32c, need

VERSION = (1, 0)


def no_twins(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON object has a name twice")
    return dict(pairs)


def natural(text):
    need(re.fullmatch("[0-9]{1,20}", text) and int(text) < 1 << 64, "the number %.30s" % text)
    return int(text)


def check_value(value, depth):  # Python takes escapes that are no characters, and any depth that it can
    need(depth <= 64, "JSON that is more than 64 deep")
    if type(value) is str:
        value.encode()
    elif type(value) in (dict, list):
        for inner in [*value, *value.values()] if type(value) is dict else value:
            check_value(inner, depth + (type(inner) in (dict, list)))


def parse_json(data):  # C2: an object
    value = json.loads(str(data, "utf-8"), object_pairs_hook=no_twins, parse_int=natural,
                       parse_float=natural, parse_constant=natural)
    need(type(value) is dict, "JSON that is not an object")
    check_value(value, 1)
    return value


def parse_record(raw, what):  # C2
    need(raw[:11] == b'{"crc32c":"' and raw[19:32] == b'","version":"', "%r is not a record" % what)
    need(raw[11:19] == b"%08x" % crc32c(raw[21:]), "%r: its checksum differs" % what)
    record = parse_json(raw)
    found = re.fullmatch(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", record["version"])
    need(found, "%r: malformed version" % what)
    major, minor = map(int, found.groups())
    need(major == VERSION[0] and minor <= VERSION[1], "%r: version %d.%d is unknown" % (what, major, minor))
    return record


def naturals(value):
    need(type(value) is list and all(type(number) is int for number in value), "a shape or range is malformed")
    return value


def extents(value):  # C9
    size = 1
    for extent in naturals(value):
        size *= extent or 1
    need(size < 1 << 64, "the shape %s" % value)
    return value


def unpack(text, length):  # C5: `length` bytes
    packed, stream = base64.b64decode(text, validate=True), zlib.decompressobj()
    need(base64.b64encode(packed).decode() == text, "base64 that is not as an encoder writes it")
    part = stream.decompress(packed, length + 1)
    need(stream.eof and not stream.unused_data and len(part) == length, "a piece is not a zlib stream of its length")
    return part


def check_pieces(pieces):  # C5
    for piece in pieces:
        need(type(piece) is dict and set(piece) in ({"length", "zlib"}, {"from", "length"}), "a piece is malformed")
        for name, value in piece.items():
            need(type(value) is (str if name == "zlib" else int), "a piece is malformed")


def join(pieces, pairs=None):  # C5: the bytes of all pieces; `pairs` where there are some to take bytes from
    joined = b""
    for piece in pieces:
        length = piece["length"]
        need(len(joined) + length <= 1 << 28, "the pieces join to more than 2^28 bytes")
        if "zlib" in piece:
            joined += unpack(piece["zlib"], length)
        else:
            need(pairs is not None and piece["from"] + length <= len(pairs), "a piece of pairs that are not there")
            joined += pairs[piece["from"]:piece["from"] + length]
    return joined
