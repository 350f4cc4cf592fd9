"""Report of ``tandem check``: a line for each item, printed as it is found."""

from __future__ import annotations


class Report:
    """Prints how items stand. Only a problem makes the check fail: ``failed``."""

    def __init__(self) -> None:
        self.failed = False

    def ok(self, item: str, text: str) -> None:
        """Say that an item is as it should be."""
        _print("ok", item, text)

    def notice(self, item: str, text: str) -> None:
        """Say what to know about an item that stops nothing."""
        _print("notice", item, text)

    def problem(self, item: str, *sentences: str) -> None:
        """Say what is wrong and what to do about it, a line for each sentence."""
        self.failed = True
        for sentence in sentences:
            _print("problem", item, sentence)

    def skipped(self, item: str, text: str) -> None:
        """Say why an item was not looked at."""
        _print("skipped", item, text)


def _print(state: str, item: str, text: str) -> None:
    print(f"{state:<8} {item}: {text}", flush=True)
