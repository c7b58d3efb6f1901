"""A number that all processes on one SQLite file share: it changes with every write of any of them.

It stands in a small file beside the database, read through memory that is mapped from it. SQLite can tell the same
(``PRAGMA data_version``), but each time it is asked the thread lets go of the interpreter's lock, and with many threads
at work getting it back costs ten times what the question does. Reading this number costs a fraction of a microsecond.

It is changed by an ordinary write to the file, never through the memory: on a full disk the one is an error, the other
ends the process (SIGBUS).
"""

import mmap
import os
import secrets
import stat
import sys
import weakref

SIZE = 8


class SharedNumber:
    """The number of the database at the path *database*. The file is made if it is absent."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._mapped: _Mapped | None = None
        self.look()

    def look(self) -> None:
        """Map the file that is there now: somebody may have removed or replaced the one that was."""
        try:
            self._mapped = _Mapped(self._database)
        except (OSError, ValueError):  # ValueError: it was cut short again meanwhile
            self._mapped = None

    def read(self) -> int | None:
        """The number as it is now, whoever changed it; None while the file cannot be mapped."""
        mapped = self._mapped
        return None if mapped is None else int.from_bytes(mapped.memory[:SIZE])

    def change(self) -> None:
        """Make it another one. At random, so that two who change it at once need not agree.

        Raises: OSError when that cannot be, and others may go on with what they know.
        """
        mapped = self._mapped = self._mapped or _Mapped(self._database)
        _make_another(mapped.file)

    def close(self) -> None:
        """Let go of the memory; the file stays, for others may have it mapped."""
        self._mapped = None


class _Mapped:
    """The file as it was found, until nobody uses it any more. Its mode and owner are the database's.

    Raises: OSError or ValueError.
    """

    def __init__(self, database: str) -> None:
        self.file = os.open(f"{database}-stamp", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        weakref.finalize(self, os.close, self.file)
        if os.fstat(self.file).st_size < SIZE:
            _share_like(database, self.file)
            _make_another(self.file)
        self.memory = mmap.mmap(self.file, SIZE, access=mmap.ACCESS_READ)


def _share_like(database: str, file: int) -> None:
    """As SQLite does with its own files beside the database: root's must not shut the workers out."""
    beside = os.stat(database)
    os.fchmod(file, stat.S_IMODE(beside.st_mode))
    if os.geteuid() == 0:
        os.fchown(file, beside.st_uid, beside.st_gid)


def _make_another(file: int) -> None:
    os.pwrite(file, secrets.token_bytes(SIZE), 0)


def shared_number(database: str) -> SharedNumber | None:
    """The number, or None where what is written to a file need not show in memory that is mapped from it."""
    return None if sys.platform == "win32" else SharedNumber(database)
