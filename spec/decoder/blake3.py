"""BLAKE3 without key, 32 bytes of output; after the paper of its authors.

Chunks of 1024 bytes are hashed alone, so all whole ones are hashed at once: a word of the state is an integer
that has a lane of 64 bits for each chunk, and the word in the lane's lower half. So are all parents of a level.
"""

import array
import sys

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
START, END, PARENT, ROOT = 1, 2, 4, 8


def pack(words):  # an integer of lanes
    return int.from_bytes(array.array("Q", words).tobytes(), sys.byteorder)


def unpack(lanes, count):
    return array.array("Q", lanes.to_bytes(8 * count, sys.byteorder))


def compress(value, message, counter, length, flags, count):  # `count` lanes; all but `counter` by words
    ones = pack([1] * count)
    mask = 0xFFFFFFFF * ones

    def turned(word, right):  # what falls into another lane is in the half that the mask clears
        return (word >> right | word << 32 - right) & mask

    v = [*value, *(word * ones for word in IV[:4]), counter, 0, length * ones, flags * ones]
    for _ in range(7):
        for (a, b, c, d), x, y in zip(MIXED, message[::2], message[1::2]):
            v[a] = v[a] + v[b] + x & mask
            v[d] = turned(v[d] ^ v[a], 16)
            v[c] = v[c] + v[d] & mask
            v[b] = turned(v[b] ^ v[c], 12)
            v[a] = v[a] + v[b] + y & mask
            v[d] = turned(v[d] ^ v[a], 8)
            v[c] = v[c] + v[d] & mask
            v[b] = turned(v[b] ^ v[c], 7)
        message = [message[place] for place in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def chunks(words, first, count, size, flags):  # eight words of lanes: of `count` chunks of `size` bytes each
    value, each = [word * pack([1] * count) for word in IV], len(words) // count
    counter, blocks = pack(range(first, first + count)), max(1, -(-size // 64))
    for block in range(blocks):
        message = [pack(words[16 * block + word::each]) for word in range(16)]
        last = block == blocks - 1
        marks = (START if block == 0 else 0) | (END | flags if last else 0)
        value = compress(value, message, counter, size - 64 * block if last else 64, marks, count)
    return value


def digest(data):
    """The digest in hexadecimal. `data` is less than 2^42 bytes."""
    whole = max(0, len(data) - 1) // 1024  # chunks before the last
    last = bytes(data[1024 * whole:])
    words = array.array("I", bytes(data[:1024 * whole]) + last + bytes(-len(last) % 64 or 64 * (not last)))
    if sys.byteorder == "big":
        words.byteswap()
    value = [unpack(lane, 1) for lane in chunks(words[256 * whole:], whole, 1, len(last), 0 if whole else ROOT)]
    if whole:
        before = [unpack(lane, whole) for lane in chunks(words[:256 * whole], 0, whole, 1024, 0)]
        value = [a + b for a, b in zip(before, value)]
    while len(value[0]) > 1:  # a level; the odd one of it goes up as it is
        count = len(value[0])
        message = [pack(word[side:count & ~1:2]) for side in (0, 1) for word in value]
        iv = [word * pack([1] * (count // 2)) for word in IV]
        parents = compress(iv, message, 0, 64, PARENT | (ROOT if count == 2 else 0), count // 2)
        value = [unpack(lane, count // 2) + word[count & ~1:] for lane, word in zip(parents, value)]
    return b"".join(int(word[0]).to_bytes(4, "little") for word in value).hex()
