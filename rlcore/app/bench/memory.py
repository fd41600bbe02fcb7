"""Peak memory of a call above the memory in use before it, of this process and of the graphics cards."""

from __future__ import annotations

import ctypes
import resource
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_INTERVAL = 0.002
"""Seconds between samples of the cards' memory, for which the driver keeps no peak."""


class PeakMemory:
    """Context that measures peak memory; `host` and `device` hold bytes afterwards."""

    def __init__(self) -> None:
        self.host = self.device = 0
        self._cards = Cards()
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(
                "5"
            )  # Linux: resets the peak, else that of an earlier call would count
        self._before, self._cards_before = _resident(), self._cards.used()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watcher.join()
        self._sample()
        self.host = max(0, _highest() - self._before)

    def _watch(self) -> None:
        while self._cards_before and not self._stop.wait(_INTERVAL):
            self._sample()

    def _sample(self) -> None:
        grown = (now - before for now, before in zip(self._cards.used(), self._cards_before, strict=True))
        self.device = max(self.device, *grown, 0)


class Cards:
    """Memory of all NVIDIA cards, as reported by the driver's library NVML; no cards if it is absent."""

    # NVML through ctypes: other bindings are one more dependency, and CuPy would itself allocate memory on the card
    def __init__(self) -> None:
        self._handles: list[ctypes.c_void_p] = []
        try:
            self._nvml = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return
        count = ctypes.c_uint()
        # functions of NVML return 0 on success
        if self._nvml.nvmlInit_v2() or self._nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return
        for index in range(count.value):
            handle = ctypes.c_void_p()
            if not self._nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
                self._handles.append(handle)

    def __len__(self) -> int:
        return len(self._handles)

    def used(self) -> list[int]:
        """Returns bytes in use on each card."""
        return [used for _, used in self._read()]

    def free(self) -> int | None:
        """Returns bytes free on the card with the most free memory; None without cards."""
        return max((free for free, _ in self._read()), default=None)

    def _read(self) -> list[tuple[int, int]]:
        values = []
        for handle in self._handles:
            memory = (ctypes.c_ulonglong * 3)()  # total, free, used
            self._nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
            values.append((int(memory[1]), int(memory[2])))
        return values


def _resident() -> int:
    """Returns resident bytes of this process; their peak on systems that report nothing else."""
    return _status("VmRSS") or _highest()


def _highest() -> int:
    # macOS reports bytes, other systems KiB
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def _status(key: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    return 0
