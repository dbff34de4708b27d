"""lmz: exponents in rANS, mantissas in rANS by exponent. It works on files, so its times include
reading and writing them, but for rows of a mapped archive. Reading all of one in memory
is no faster and takes 3.7 times the table."""

import os
import shutil
import tempfile

import lmz

VERSION = f"lmzip {lmz.__version__}"
MEANS = {
    "default": "file to archive and back, reading and writing included, one worker; its other settings are no smaller",
    "64k": "file to mapped archive of 64 KiB blocks and back, one worker; it has no others",
}
SETTINGS = {
    "default": {},
    "64k": {"mapped": True},
}


def encode(setting, table):
    with tempfile.TemporaryDirectory() as folder:
        archive = os.path.join(folder, "archive.lmz")
        lmz.compress(table.path, archive, workers=1, **SETTINGS[setting])
        with open(archive, "rb") as file:
            return file.read()


class Opened:
    def __init__(self, setting, path, table):
        self.path = path
        self.start = os.path.getsize(table.path) - table.rows * table.row_bytes
        self.archive = lmz.MappedArchive(path, workers=1) if SETTINGS[setting] else None
        self.member = os.path.basename(table.path)
        self.folder = tempfile.mkdtemp(dir=os.path.dirname(path))

    def whole(self):
        target = os.path.join(self.folder, "restored")
        shutil.rmtree(target, ignore_errors=True)
        lmz.decompress(self.path, target, workers=1, overwrite=True)
        if os.path.isdir(target):
            target = os.path.join(target, self.member)
        with open(target, "rb") as file:
            file.seek(self.start)
            return file.read()


def load(setting, path, table):
    return Opened(setting, path, table)


def decode(opened, table, out):
    return opened.whole()


def row(opened, table, number, out):
    size = table.row_bytes
    if opened.archive is not None:
        return opened.archive.read_member(opened.member, opened.start + number * size, size)
    return memoryview(opened.whole())[number * size : (number + 1) * size]
