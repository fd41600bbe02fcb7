"""Pinned host memory, and copies between it and a CUDA device."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch


class PinnedSlot:
    """A piece of pinned memory, and the copy that is under way from or to it; device memory is a tensor of one axis."""

    def __init__(self, place: torch.device, size: int) -> None:
        self._place = place
        self._pinned = torch.empty(size, dtype=torch.float32, pin_memory=True)
        self.host: npt.NDArray[np.float32] = self._pinned.numpy()
        self._done = torch.cuda.Event()

    def send(self, size: int, device: torch.Tensor, first: int) -> None:
        device[first : first + size].copy_(self._pinned[:size], non_blocking=True)
        self._done.record(torch.cuda.current_stream(self._place))

    def fetch(self, size: int, device: torch.Tensor, first: int) -> None:
        self._pinned[:size].copy_(device[first : first + size], non_blocking=True)
        self._done.record(torch.cuda.current_stream(self._place))

    def wait(self) -> None:
        self._done.synchronize()

    def close(self) -> None:
        self.wait()
        del self.host, self._pinned
