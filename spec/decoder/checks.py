"""What the parts of the decoder share: refusing, CRC-32C, tables."""

from collections import namedtuple

Table = namedtuple("Table", "rows dim words params")  # `words` is their type


class Refused(ValueError):
    """The file is not what the specification allows."""


def need(condition, message):
    if not condition:
        raise Refused(message)


def crc_entry(value):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


CRC_TABLE = [crc_entry(byte) for byte in range(256)]


def crc32c(data):  # C2
    crc, table = 0xFFFFFFFF, CRC_TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def up(number, step):
    return -(-number // step) * step


def padded(data, size, what):  # zero bytes after `size`, up to a multiple of 64
    need(len(data) == up(size, 64) and not any(data[size:]), "%s: its size or padding is wrong" % what)


def member(record, name, kind):
    need(type(record.get(name)) is kind, "%r is missing or not %s" % (name, kind.__name__))
    return record[name]
