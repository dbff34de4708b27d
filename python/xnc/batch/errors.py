"""What can go wrong in a batch, beside what ``xnc.errors`` has for single files."""

from __future__ import annotations

from ..errors import Error, FileError, FormatError, UsageError


class BatchError(Error):
    """Anything that only a batch raises."""


class StoreTrouble(BatchError, FileError):
    """A store did not answer, or answered with an error that may pass; it was asked several times."""


class StoreRefused(BatchError, FileError):
    """A store says no: no such bucket, no permission, no such object."""


class SourceChanged(BatchError, FileError):
    """A source is not any more what it was when the work was planned."""


class NameRefused(BatchError, FormatError):
    """A key that is no path of a file below a folder."""


class PlanError(BatchError, UsageError):
    """A plan that cannot be made or read, or that asks for what makes no sense."""


#: Errors that another try may not meet.
PASSING = (StoreTrouble,)
