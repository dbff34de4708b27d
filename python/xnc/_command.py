"""The command ``xnc``, in this process."""

from __future__ import annotations

import sys

from . import _xnc


def main() -> int:
    """The console script's entry."""
    return _xnc.command(sys.argv[0], ["xnc", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
