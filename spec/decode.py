#!/usr/bin/env python3
"""A second, slow decoder of XNC files, after xnc.md ("X"), fast.md ("F"), tight.md ("T"), dense.md ("D") and
container.md ("C").

The codecs but tight were written from the specification alone, without seeing the Rust; where the two readers of
files differed, the specification was made to decide.

  decode.py restore IN OUT            write the source's file or folder, with every checksum checked
  decode.py rows IN NAME ID[,ID...]   print rows as hexadecimal elements, one row a line

Standard library only. The parts are in decoder/, one file a codec.
"""

import sys

sys.dont_write_bytecode = True  # leave the folder as it is

from decoder.checks import Refused, need
from decoder.container import File
from decoder.restore import mapped, restore


def rows(source, name, ids):
    file = File(mapped(source))
    need(name in file.metas, "%r is not a compressed tensor" % name)
    meta = file.metas[name]
    size = 4 if meta["dtype"] == "F32" else 2
    for row in map(int, ids.split(",")):
        need(0 <= row < meta["shape"][0], "row %d of %d" % (row, meta["shape"][0]))
        data = file.elements(name, range(row, row + 1))
        print(" ".join(data[at:at + size][::-1].hex() for at in range(0, len(data), size)))


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
