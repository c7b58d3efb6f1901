"""What a person reads while the tour goes on: steps, what was exchanged, what was found to be so, and times."""

import time
from typing import TextIO


class Difference(AssertionError):
    """Something was not as it has to be. Ends the tour."""


class Transcript:
    """Writes the tour to *out* as it happens."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._steps = self._checks = 0
        self._started = self._step_started = time.perf_counter()

    def title(self, text: str) -> None:
        self._print(f"\n{text}\n{'=' * len(text)}")
        self._steps, self._step_started = 0, time.perf_counter()

    def step(self, text: str) -> None:
        self._steps += 1
        self._print(f"\n{self._steps:2}  {text}")

    def exchange(self, who: str, method: str, address: str, status: int, took_s: float) -> None:
        """One HTTP exchange: who asked, what, and what came back."""
        self._print(f"      {who:8} {method:4} {address:58} {status}  {took_s * 1_000:6.1f} ms")

    def note(self, text: str) -> None:
        for line in text.splitlines():
            self._print(f"    | {line}")

    def check(self, holds: object, sentence: str, instead: object = None) -> None:
        """Hold *sentence* to be true.

        Raises: Difference, which tells what was seen *instead*.
        """
        if not holds:
            self._print(f"    ✗ {sentence}\n      instead: {instead!r}")
            raise Difference(f"{sentence}; instead: {instead!r}")
        self._checks += 1
        self._print(f"    ✓ {sentence}")

    def end(self) -> None:
        self._print(f"\n{self._checks} checks held, in {time.perf_counter() - self._started:.1f} s.")

    def _print(self, text: str) -> None:
        print(text, file=self._out, flush=True)
