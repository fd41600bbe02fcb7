"""Losses that tifffile only logs: pages, segments and tags of a page that it leaves out or makes up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rlcore.errors import InputError


class Losses(logging.Handler):
    """Keeps the first message of a loss."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        # warnings about pages, and errors about tags, mostly concern the metadata of some manufacturer
        of_page = record.levelno >= logging.ERROR and message.startswith("<tifffile.TiffPage")
        # counts that matter are refused before tifffile sees the file
        of_page = of_page and "> incorrect Strip" not in message
        if of_page or message.startswith("tifffile.read_segments"):
            # the part before "> " is the repr of a tifffile object
            self.first = self.first or message.rpartition("> ")[2]

    def refuse(self, file: str) -> None:
        """Raises InputError if there is a loss."""
        if self.first:
            raise InputError(f"{file} is cut short or damaged: {self.first}; get it again from where it came")


@contextmanager
def collecting_losses() -> Iterator[Losses]:
    """Keeps the first loss that tifffile logs inside the context."""
    log, losses = logging.getLogger("tifffile"), Losses()
    log.addHandler(losses)
    try:
        yield losses
    finally:
        log.removeHandler(losses)


@contextmanager
def refusing_losses(file: str) -> Iterator[None]:
    """Raises InputError at the end of the context if tifffile has logged a loss inside.

    Parameters
    ----------
    file : str
        The file's role and name in messages.
    """
    with collecting_losses() as losses:
        yield
    losses.refuse(file)
