"""A number that all processes on one SQLite file share: it changes with every write of any of them.

It stands in memory mapped from a small file beside the database. SQLite can tell the same (``PRAGMA data_version``),
but each time it is asked the thread lets go of the interpreter's lock, and with many threads at work getting it back
costs ten times what the question does. Reading this number costs a fraction of a microsecond.
"""

import mmap
import os
import secrets
from contextlib import suppress

SIZE = 8


class SharedNumber:
    """Mapped from the file at *path*, which is made if it is absent. Raises: OSError when that cannot be."""

    def __init__(self, path: str) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size < SIZE:
                os.ftruncate(file, SIZE)
            self._memory = mmap.mmap(file, SIZE)
        finally:
            os.close(file)

    def read(self) -> int:
        """The number as it is now, whoever changed it."""
        return int.from_bytes(self._memory[:SIZE])

    def change(self) -> None:
        """Make it another one. At random, so that two who change it at once need not agree."""
        self._memory[:SIZE] = secrets.token_bytes(SIZE)

    def close(self) -> None:
        """Let go of the memory; the file stays, for others may have it mapped."""
        with suppress(BufferError):
            self._memory.close()


def shared_number(path: str) -> SharedNumber | None:
    """The number, or None where files cannot be mapped."""
    try:
        return SharedNumber(path)
    except (OSError, ValueError):
        return None
