"""FFTW's wisdom on disk, so that no plan is measured twice, and every process uses the same plans."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import tempfile
from pathlib import Path

import platformdirs
import pyfftw

_log = logging.getLogger("rlcore")


def processor_name() -> str:
    """Name of the processor, for people."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class WisdomFile:
    """The file with the wisdom of one version of FFTW on one kind of processor.

    A file that is corrupt, or of another FFTW or processor, is ignored with a warning in the log. If the folder cannot
    be written, every process has to measure its plans.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._head = f"rlcore-pyfftw wisdom 1; {pyfftw.fftw_version}; pyfftw {pyfftw.__version__}; {processor_name()}\n"
        name = f"wisdom-{hashlib.sha256(self._head.encode()).hexdigest()[:16]}"
        self.path = (folder or Path(platformdirs.user_cache_dir("rlcore-pyfftw"))) / name

    def load(self) -> None:
        """Add the wisdom of the file to that of this process."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("wisdom file %r cannot be read (%s); plans are measured again", str(self.path), error)
            return
        head, _, wisdom = content.partition(b"\n")
        if head + b"\n" != self._head.encode():
            _log.warning("wisdom file %r is of another FFTW or processor; plans are measured again", str(self.path))
        elif not pyfftw.import_wisdom((b"", wisdom, b""))[1]:
            _log.warning("wisdom file %r is corrupt; plans are measured again", str(self.path))

    def save(self) -> None:
        """Write the wisdom of this process, together with what other processes have written in the meantime."""
        self.load()
        content = self._head.encode() + pyfftw.export_wisdom()[1]
        beside = ""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            # A replacement is atomic: no process reads half a file.
            os.replace(beside, self.path)  # noqa: PTH105 - the name is text
        except OSError as error:
            _log.warning("wisdom file %r cannot be written (%s); plans are measured each time", str(self.path), error)
            if beside:
                with contextlib.suppress(OSError):
                    Path(beside).unlink(missing_ok=True)
