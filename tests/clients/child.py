"""A program that we started: lines in, lines out, each waited for no longer than it may take, and its end."""

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

ANSWERS_WITHIN_S = 30
ENDS_WITHIN_S = 10


class Child:
    """One program. ``said`` is all that it wrote to standard error, ``wrote`` what it wrote to standard output."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in = self._process.stdin
        self.wrote: list[str] = []
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.wrote, self._lines.put), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, self.said, lambda _: None), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def write(self, line: str) -> None:
        self._in.write(line + "\n")
        self._in.flush()

    def line(self) -> str:
        """The next line of standard output. Raises AssertionError, with all that was said, when none comes."""
        try:
            line = self._lines.get(timeout=ANSWERS_WITHIN_S)
        except queue.Empty:
            line = None
        if line is None:
            raise AssertionError("nothing more came:\n" + "".join(self.said))
        return line

    def hear(self, wanted: Callable[[str], bool]) -> str:
        """The first line on standard error, from the start, for which *wanted* is true. Raises AssertionError."""
        return self._first(self.said, wanted)

    def see(self, wanted: Callable[[str], bool]) -> str:
        """The same for standard output, besides ``line``."""
        return self._first(self.wrote, wanted)

    def end(self) -> int:
        """Close its input, wait for it to leave, and return its exit code; whoever stays is told to go."""
        if not self._in.closed:
            self._in.close()
        return self._leave(self._process.terminate)

    def wait(self) -> int:
        """Wait for it to leave by itself, and return its exit code. Raises AssertionError when it stays."""

        def stayed() -> None:
            self._process.terminate()
            raise AssertionError("it did not end:\n" + "".join(self.said))

        return self._leave(stayed)

    def _leave(self, if_it_stays: Callable[[], None]) -> int:
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            if_it_stays()
            self._process.wait(ENDS_WITHIN_S)
        for thread in self._threads:
            thread.join(ENDS_WITHIN_S)
        return self._process.returncode

    def _first(self, lines: list[str], wanted: Callable[[str], bool]) -> str:
        until = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            has_ended = self._process.poll() is not None
            for line in list(lines):
                if wanted(line):
                    return line.strip()
            if has_ended or time.monotonic() > until:
                raise AssertionError("it was not there:\n" + "".join([*self.wrote, *self.said]))
            time.sleep(0.02)

    @staticmethod
    def _read(stream: IO[str], into: list[str], tell: Callable[[str | None], None]) -> None:
        with stream:
            for line in stream:
                into.append(line)
                tell(line)
        tell(None)
