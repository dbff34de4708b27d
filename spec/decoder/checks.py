"""What the parts of the decoder share: refusing, CRC-32C."""


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


def member(record, name, kind):
    value = record.get(name)
    need(type(value) is kind and (kind is not int or value >= 0), "%r is missing or not %s" % (name, kind.__name__))
    return value
