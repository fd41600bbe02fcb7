"""Messages that tifffile only logs: losses are refused, and others shown unless a sentence of ours says the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rlcore.errors import InputError

_OF_PLANES = ("> OME series failed to read", "> OME series is missing")
"""Messages about planes that are not there: those of the image that is taken are refused, and others do not matter."""


class HeldMessages:
    """Messages that tifffile has logged, held back until it is known whether they are worth showing.

    Used as a filter of tifffile's logger.
    """

    def __init__(self) -> None:
        self.first = ""
        """First message of a loss: of pages, segments and tags of a page that tifffile leaves out or makes up."""
        self._records: list[logging.LogRecord] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps a message, and keeps it from all others."""
        message = record.getMessage()
        # warnings about pages, and errors about tags, mostly concern the metadata of some manufacturer
        of_page = record.levelno >= logging.ERROR and message.startswith("<tifffile.TiffPage")
        # counts that matter are refused before tifffile sees the file
        of_page = of_page and "> incorrect Strip" not in message
        if of_page or message.startswith("tifffile.read_segments"):
            # the part before "> " is the repr of a tifffile object
            self.first = self.first or message.rpartition("> ")[2]
        if not any(text in message for text in _OF_PLANES):
            self._records.append(record)
        return False

    def forgive(self) -> None:
        """Forgets all messages so far, which are known to concern nothing that is taken."""
        self.first = ""
        self._records.clear()

    def refuse(self, file: str) -> None:
        """Raises InputError if there is a loss."""
        if self.first:
            raise InputError(f"{file} is cut short or damaged: {self.first}; get it again from where it came")

    def show(self) -> None:
        """Lets the messages pass to whoever listens."""
        log = logging.getLogger("tifffile")
        for record in self._records:
            log.handle(record)
        self._records.clear()


@contextmanager
def holding_messages() -> Iterator[HeldMessages]:
    """Holds back what tifffile logs inside the context."""
    log, held = logging.getLogger("tifffile"), HeldMessages()
    log.addFilter(held)
    try:
        yield held
    finally:
        log.removeFilter(held)


@contextmanager
def refusing_losses(file: str) -> Iterator[None]:
    """Raises InputError at the end of the context if tifffile has logged a loss inside.

    Parameters
    ----------
    file : str
        The file's role and name in messages.
    """
    with holding_messages() as held:
        yield
    held.refuse(file)
    held.show()
