"""Messages on stderr: notes, warnings, and a progress bar on a terminal. Results go to stdout."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from rlcore.app.series_run import FileProgress
from rlcore.app.speed import duration
from rlcore.execution.progress import Callback, Progress


class Terminal:
    """Prints messages on stderr.

    Parameters
    ----------
    quiet : bool
        Print errors only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.warned: list[str] = []
        """All warnings so far, including those not printed."""
        self.heard: list[str] = []
        """Warnings since `begin`, including those that were printed before."""

    def begin(self) -> None:
        """Begins to collect the warnings of a further run."""
        self.heard = []

    def say(self, line: str) -> None:
        """Prints a line unless quiet."""
        if not self.quiet:
            self.console.print(Text(line))

    def warn(self, message: str) -> None:
        """Records a warning and prints it unless quiet; one that was said before, of a file opened again, is not."""
        if message not in self.heard:
            self.heard.append(message)
        if message in self.warned:
            return
        self.warned.append(message)
        if not self.quiet:
            self.console.print(Text.assemble(("warning: ", "yellow"), message))

    def fail(self, message: str) -> None:
        """Prints an error, quiet or not."""
        self.console.print(Text.assemble(("error: ", "red"), message))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Prints warnings raised inside the context, and tifffile's logged warnings, as one line each."""
        handler = _Handler(self)
        log = logging.getLogger("tifffile")
        with warnings.catch_warnings():
            # by default Python shows a warning once per place, and a second file may deserve the same one
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_, **__: self.warn(str(message))
            log.addHandler(handler)
            try:
                yield
            finally:
                log.removeHandler(handler)

    @contextmanager
    def progress(self) -> Iterator[Callback | None]:
        """Yields a callback that draws a progress bar; None if quiet or not on a terminal."""
        if self.quiet or not self.console.is_terminal:
            yield None
            return
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), _RateColumn()
        with Bar(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task("preparing", total=None, rate="")

            def show(progress: Progress) -> None:
                bar.update(
                    task, total=1.0, completed=progress.fraction, description=position(progress), rate=rate(progress)
                )

            yield show


class _RateColumn(TextColumn):
    """Column with the rate and the time left; empty until they are known."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["rate"]))


class _Handler(logging.Handler):
    """Logging handler that prints a library's warnings as the program's own."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        # some of tifffile's messages go on for several lines
        self._terminal.warn(f"{record.name}: {record.getMessage().splitlines()[0]}")


def position(progress: Progress) -> str:
    """Describes the position of a run: ``iteration 3/20``, with sweep, block and volume if there are several."""
    # in blocks, `iteration` counts those finished in all blocks, so the one in progress is the next
    text = f"iteration {min(progress.iteration + (progress.blocks > 1), progress.iterations)}/{progress.iterations}"
    if progress.looking:
        text = f"searching the number of iterations: {progress.iteration + 1} of at most {progress.iterations}"
    if progress.blocks > 1:
        text = f"sweep {progress.sweep}/{progress.sweeps}, block {progress.block}/{progress.blocks}, {text}"
    if isinstance(progress, FileProgress):
        text = f"volume {progress.volume}/{progress.volumes}, {text}"
    return text


def rate(progress: Progress) -> str:
    """Describes the rate of a run: ``0.31 s per iteration, 5 s left``; empty before the first iteration."""
    volumes = progress.volumes if isinstance(progress, FileProgress) else 1
    done = progress.fraction * progress.iterations * volumes
    if not done:
        return ""
    return f"{duration(progress.elapsed / done)} per iteration, {duration(progress.remaining)} left"
