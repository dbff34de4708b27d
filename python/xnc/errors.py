"""What can go wrong: a small tree under :class:`Error`, each also of the kind that Python has for it.

Messages name the file, the table and the place, and say what helps.
"""

from __future__ import annotations


class Error(Exception):
    """Anything that this package raises on purpose."""

    def __str__(self) -> str:
        # `KeyError` would show its message quoted.
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()


class FileError(Error, OSError):
    """A file cannot be read or written, would not fit, or is being written by another run."""


class MissingFileError(FileError, FileNotFoundError):
    """A file is not there."""


class TargetExistsError(FileError, FileExistsError):
    """The target exists and holds other bytes; ``force=True`` replaces it."""


class FormatError(Error, ValueError):
    """A file is no model file, or is of a newer format."""


class DamagedError(Error, ValueError):
    """Stored bytes contradict themselves or a checksum, or files were edited since compressing."""


class DiffersError(Error, ValueError):
    """What a compressed file restores to is not what stands in the source it was compared with."""


class NotCompressedError(Error, ValueError):
    """The file holds no compressed tensor."""


class AlreadyCompressedError(Error, ValueError):
    """The file is compressed already."""


class TableNotFoundError(Error, KeyError):
    """No table of that name; the message has the nearest names."""


class NotATableError(Error, ValueError):
    """A tensor that is no table of 16-bit words, or not of those asked for."""


class RowError(Error, IndexError):
    """A row number past the end of its table, or a negative one where none is taken."""


class ShapeError(Error, ValueError):
    """An array of another shape, size or layout than is asked for."""


class DtypeError(Error, TypeError):
    """An array, or an index, of another type than is asked for."""


class ClosedError(Error, ValueError):
    """A table of a model that was closed."""


class ReadOnlyError(Error, RuntimeError):
    """Something that needs a plain table, asked of a compressed one."""


class UsageError(Error, ValueError):
    """Options that make no sense."""


class MachineError(Error, RuntimeError):
    """The machine lacks what was asked for: an instruction set, or threads."""
