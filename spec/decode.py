#!/usr/bin/env python3
"""A second, slow decoder of XNC files, after xnc.md ("X"), fast.md ("F"), tight.md ("T"), dense.md ("D") and
container.md ("C").

All parts but tight's were written from the specification alone, without seeing the Rust.

  decode.py restore IN OUT            write the source's bytes
  decode.py rows IN NAME ID[,ID...]   print rows as hexadecimal elements, one row a line

Standard library only. BLAKE3 is not in it; digests are compared where two records must agree, and
restore checks the SHA-256 of the whole source instead. Rows are covered by the CRC-32C of chunks or pages.
The parts are in decoder/, one file a codec.
"""

import hashlib
import math
import os
import sys

sys.dont_write_bytecode = True  # leave the folder as it is

from decoder.checks import Refused, member, need
from decoder.container import File, Tensor, parse


def restore(source, target):  # C5
    file = File(source)
    record = file.record("xnc.file")
    size = member(record, "size", int)
    need(record.get("format") == file.form, "the file record names another format")
    joined = file.outside(member(record, "outside", list))
    form, tensors, _ = parse(joined, size)
    need(form == file.form, "the source's header is of another format")
    inside = sum(tensor.end - tensor.begin for tensor in tensors.values())
    need(len(joined) + inside == size, "the pieces and tensors do not make the source's size")
    digest, at, used = hashlib.sha256(), 0, 0
    with open(target + ".part", "wb") as out:
        try:
            def put(data):
                digest.update(data)
                out.write(data)
            for name, tensor in sorted(tensors.items(), key=lambda item: item[1][2:]):
                put(joined[used:used + tensor.begin - at])
                used, at = used + tensor.begin - at, tensor.end
                if name in file.metas:
                    meta, elements = file.metas[name], file.elements(name)
                    if sys.byteorder == "big":
                        elements.byteswap()
                    data, like = elements.tobytes(), Tensor(meta["dtype"], meta["shape"], 0, 0)
                else:
                    need(name in file.tensors, "%r is missing" % name)
                    like = file.tensors[name]
                    data = file.data[like.begin:like.end]
                need(like[:2] == tensor[:2] and len(data) == tensor.end - tensor.begin,
                     "%r: type, shape or size is not the source's" % name)
                put(data)
            put(joined[used:])
            need(digest.hexdigest() == member(record, "sha256", str), "the SHA-256 of the restored file differs")
        except BaseException:
            os.unlink(target + ".part")
            raise
    os.replace(target + ".part", target)


def rows(source, name, ids):
    file = File(source)
    need(name in file.metas, "%r is not a compressed tensor" % name)
    shape = file.metas[name]["shape"]
    count, width = (shape or [1])[0], math.prod(shape[1:])
    for row in map(int, ids.split(",")):
        need(0 <= row < count, "row %d of %d" % (row, count))
        elements = file.elements(name, row * width, (row + 1) * width)
        print(" ".join("%0*x" % (2 * elements.itemsize, element) for element in elements))


def main(arguments):
    commands = {("restore", 2): restore, ("rows", 3): rows}
    command = commands.get((arguments[0] if arguments else "", len(arguments) - 1))
    if not command:
        sys.exit(__doc__)
    try:
        command(*arguments[1:])
    except (Refused, OSError) as error:
        sys.exit("error: %s" % error)
    except Exception as error:  # hostile input can reach any of Python's own
        sys.exit("error: malformed input: %s: %s" % (type(error).__name__, error))


if __name__ == "__main__":
    main(sys.argv[1:])
