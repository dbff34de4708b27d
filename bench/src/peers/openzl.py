"""OpenZL: a graph of codecs. Its nodes for floats set exponents apart from signs and mantissas, which stay as they are:
no coder of its gains on them. Its own choice for exponents is Huffman; FSE is smaller and slower."""

import numpy
import openzl.ext as openzl

VERSION = "openzl {0.LIBRARY_VERSION_MAJOR}.{0.LIBRARY_VERSION_MINOR}.{0.LIBRARY_VERSION_PATCH}".format(openzl)
MEANS = {
    "default": "exponents apart, its choice of an entropy coder for them",
    "best": "exponents apart, FSE for them",
    "4k": "pieces of 4 KiB, a frame each, copied together; otherwise default",
    "64k": "pieces of 64 KiB, a frame each, copied together; otherwise default",
}
PIECES = {"4k": 1 << 12, "64k": 1 << 16}
# It cannot, but whoever has pieces copies them to where they belong.
INTO = tuple(PIECES)


def encode(setting, table):
    compressor = openzl.Compressor()
    compressor.set_parameter(openzl.CParam.FormatVersion, openzl.MAX_FORMAT_VERSION)
    # Other peers have no checksums either, but for ours.
    compressor.set_parameter(openzl.CParam.ContentChecksum, 2)
    compressor.set_parameter(openzl.CParam.CompressedChecksum, 2)
    coder = openzl.graphs.Fse() if setting == "best" else openzl.graphs.Entropy()
    kind = {"BF16": openzl.nodes.BFloat16Deconstruct, "F16": openzl.nodes.Float16Deconstruct}[table.dtype]
    compressor.select_starting_graph(kind()(compressor, openzl.graphs.Store()(compressor), coder(compressor)))
    context = openzl.CCtx()
    context.set_parameter(openzl.CParam.StickyParameters, 1)
    context.ref_compressor(compressor)
    words = numpy.frombuffer(table.given, dtype=numpy.uint16)
    size = PIECES.get(setting, len(table.given)) // 2
    pieces = (words[start : start + size] for start in range(0, len(words), size))
    return [context.compress([openzl.Input(openzl.Type.Numeric, piece)]) for piece in pieces]


def store(encoded, path):
    """Frames after a table of where each ends, 4 bytes a piece, where there are several."""
    ends = numpy.cumsum([len(frame) for frame in encoded]).astype(numpy.uint32)
    index = ends.tobytes() if len(encoded) > 1 else b""
    with open(path, "wb") as file:
        file.write(index + b"".join(encoded))
    return len(index) + sum(len(frame) for frame in encoded)


class Opened:
    def __init__(self, setting, path, table):
        with open(path, "rb") as file:
            data = file.read()
        total = table.rows * table.row_bytes
        self.size = PIECES.get(setting, total)
        count = -(-total // self.size)
        self.context = openzl.DCtx()
        if count == 1:
            self.frames = [data]
            return
        ends = [0, *numpy.frombuffer(data, dtype=numpy.uint32, count=count).tolist()]
        self.frames = [data[4 * count + a : 4 * count + b] for a, b in zip(ends, ends[1:])]

    def piece(self, number):
        return self.context.decompress(self.frames[number])[0].content.as_nparray()


def load(setting, path, table):
    return Opened(setting, path, table)


def decode(opened, table, out):
    if out is None:
        return opened.piece(0)
    words, whole = opened.size // 2, numpy.frombuffer(out, dtype=numpy.uint16)
    for number in range(len(opened.frames)):
        piece = opened.piece(number)
        whole[number * words : number * words + len(piece)] = piece


def row(opened, table, number, out):
    if len(opened.frames) == 1:
        return opened.piece(0)[number * table.dim : (number + 1) * table.dim]
    start, end, size = number * table.row_bytes, (number + 1) * table.row_bytes, opened.size
    first, last = start // size, (end - 1) // size
    pieces = [opened.piece(piece) for piece in range(first, last + 1)]
    words = pieces[0] if first == last else numpy.concatenate(pieces)
    return words[(start - first * size) // 2 : (end - first * size) // 2]
