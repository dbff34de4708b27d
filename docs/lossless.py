#!/usr/bin/env python3
"""What whoever doubts `dense` can do to a table, in Python's standard library alone: docs/lossless.md.

  lossless.py entropy FILE [TENSOR]            order-0 entropy of the words of a 16-bit tensor
  lossless.py shuffle HOW IN OUT [TENSOR]      the same words in other places: the same order-0 entropy
      all      anywhere
      rows     within their row
      columns  within their column
      alike    within their column, among 64 rows of about the same size
  lossless.py round BF16|F16 IN OUT [TENSOR]   an F32 tensor rounded to 16 bits, alone in a file
  lossless.py noise ROWS COLUMNS OUT           BF16 words of normal noise

Files are safetensors; TENSOR may be left out where one alone will do. Shuffles are the same at every run.
"""

import array
import collections
import json
import math
import random
import struct
import sys


def read(path, dtypes, name=None):
    """The file's bytes, and of one tensor: name, type, shape, first and last byte."""
    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:8 + size])
    except ValueError:
        sys.exit("%s: no safetensors file" % path)
    header.pop("__metadata__", None)
    there = [(key, one) for key, one in header.items() if one["dtype"] in dtypes]
    tensors = [pair for pair in there if pair[0] == name] if name else there
    if len(tensors) != 1:
        some = ", ".join(key for key, _ in there[:12]) or "none"
        told = (path, " or ".join(dtypes), len(there), some)
        sys.exit("%s: name one tensor of type %s; there are %d: %s" % told)
    (key, one), start = tensors[0], 8 + size
    begin, end = one["data_offsets"]
    return data, key, one["dtype"], one["shape"], start + begin, start + end


def words_of(data):
    words = array.array("H", data)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def write(path, name, dtype, shape, words):
    if sys.byteorder == "big":
        words.byteswap()
    tensor = {"dtype": dtype, "shape": shape, "data_offsets": [0, 2 * len(words)]}
    header = json.dumps({name: tensor}).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header)
        words.tofile(out)


def entropy(path, name=None):
    data, name, dtype, shape, begin, end = read(path, ("BF16", "F16"), name)
    words = words_of(data[begin:end])
    counts = collections.Counter(words)
    bits = sum(n * math.log2(len(words) / n) for n in counts.values())
    print("%s: %s, %s words, %d of them different" % (name, dtype, len(words), len(counts)))
    print("order-0 entropy: %.3f bits a word, %.0f bytes of %d" % (bits / len(words), bits / 8, end - begin))


def shuffled(how, words, dtype, columns):
    mantissa = {"BF16": 7, "F16": 10}[dtype]
    rows = len(words) // columns
    if how == "all":
        random.shuffle(words)
    elif how == "rows":
        for at in range(0, len(words), columns):
            row = words[at:at + columns]
            random.shuffle(row)
            words[at:at + columns] = row
    elif how == "columns":
        shuffle_columns(words, columns)
    elif how == "alike":
        def size(row):  # the mean exponent
            return sum((word & 0x7fff) >> mantissa for word in words[row * columns:(row + 1) * columns])
        order, sorted_words = sorted(range(rows), key=size), array.array("H")
        for at in range(0, rows, 64):
            group = array.array("H")
            for row in order[at:at + 64]:
                group.extend(words[row * columns:(row + 1) * columns])
            shuffle_columns(group, columns)
            sorted_words.extend(group)
        words = sorted_words
    else:
        sys.exit(__doc__)
    return words


def shuffle_columns(words, columns):
    for column in range(columns):
        one = words[column::columns]
        random.shuffle(one)
        words[column::columns] = one


def shuffle(how, source, target, name=None):
    random.seed(1)
    data, name, dtype, shape, begin, end = read(source, ("BF16", "F16"), name)
    write(target, name, dtype, shape, shuffled(how, words_of(data[begin:end]), dtype, math.prod(shape[1:])))


def rounded(dtype, source, target, name=None):
    data, name, _, shape, begin, end = read(source, ("F32",), name)
    if dtype not in ("BF16", "F16"):
        sys.exit(__doc__)
    if dtype == "BF16":  # to the nearest, ties to even
        bits = array.array("I", data[begin:end])
        if sys.byteorder == "big":
            bits.byteswap()
        words = array.array("H", ((x + 0x7fff + (x >> 16 & 1)) >> 16 for x in bits))
    else:
        values = struct.unpack("<%df" % ((end - begin) // 4), data[begin:end])
        words = words_of(struct.pack("<%de" % len(values), *values))
    write(target, name, dtype, shape, words)


def noise(rows, columns, target):
    random.seed(1)
    count = int(rows) * int(columns)
    values = struct.pack("<%df" % count, *(random.gauss(0, 0.02) for _ in range(count)))
    bits = struct.unpack("<%dI" % count, values)
    words = array.array("H", ((x + 0x7fff + (x >> 16 & 1)) >> 16 for x in bits))
    write(target, "noise.weight", "BF16", [int(rows), int(columns)], words)


def main(arguments):
    commands = {"entropy": (entropy, 1, 2), "shuffle": (shuffle, 3, 4), "round": (rounded, 3, 4),
                "noise": (noise, 3, 3)}
    command, least, most = commands.get(arguments[0] if arguments else "", (None, 0, 0))
    if not command or not least <= len(arguments) - 1 <= most:
        sys.exit(__doc__)
    try:
        command(*arguments[1:])
    except (OSError, ValueError) as error:
        sys.exit("error: %s" % error)


if __name__ == "__main__":
    main(sys.argv[1:])
