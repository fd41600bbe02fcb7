"""What people are shown on stderr: notes, warnings, a progress bar on a terminal; stdout is for results."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from rlcore.app.speed import duration
from rlcore.app.volumes import FileProgress
from rlcore.execution.progress import Callback, Progress


class Screen:
    """Where messages go.

    Parameters
    ----------
    quiet : bool
        Show errors only.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.warned: list[str] = []
        """Every warning so far, also if quiet."""

    def say(self, line: str) -> None:
        if not self.quiet:
            self.console.print(Text(line))

    def warn(self, message: str) -> None:
        self.warned.append(message)
        if not self.quiet:
            self.console.print(Text.assemble(("warning: ", "yellow"), message))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show what is warned of inside, by `warnings` or by a library's log, as one line each."""
        handler = _Handler(self)
        log = logging.getLogger("tifffile")
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_, **__: self.warn(str(message))
            log.addHandler(handler)
            try:
                yield
            finally:
                log.removeHandler(handler)

    @contextmanager
    def progress(self) -> Iterator[Callback | None]:
        """A callback that draws a bar; None where nobody would see it."""
        if self.quiet or not self.console.is_terminal:
            yield None
            return
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), _Pace()
        with Bar(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task("preparing", total=None, pace="")

            def show(progress: Progress) -> None:
                bar.update(
                    task, total=1.0, completed=progress.fraction, description=where(progress), pace=pace(progress)
                )

            yield show


class _Pace(TextColumn):
    """The rate and the time left; nothing before they are known."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["pace"]))


class _Handler(logging.Handler):
    """A library's warnings, shown as ours."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.warn(f"{record.name}: {record.getMessage().splitlines()[0]}")


def where(progress: Progress) -> str:
    """``iteration 3/20``, with sweep, block and volume where there are several."""
    text = f"iteration {min(progress.iteration + (progress.blocks > 1), progress.iterations)}/{progress.iterations}"
    if progress.looking:
        text = f"looking how many: iteration {progress.iteration + 1} of at most {progress.iterations}"
    if progress.blocks > 1:
        text = f"sweep {progress.sweep}/{progress.sweeps}, block {progress.block}/{progress.blocks}, {text}"
    if isinstance(progress, FileProgress):
        text = f"volume {progress.volume}/{progress.volumes}, {text}"
    return text


def pace(progress: Progress) -> str:
    """``0.31 s each, 5 s left``."""
    volumes = progress.volumes if isinstance(progress, FileProgress) else 1
    done = progress.fraction * progress.iterations * volumes
    if not done:
        return ""
    return f"{duration(progress.elapsed / done)} per iteration, {duration(progress.remaining)} left"
