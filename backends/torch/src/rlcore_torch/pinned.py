"""Pinned memory of a CUDA device, and what is copied from and to it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch


class Slot:
    """A piece of it, and the transfer it is in; a device's memory is a tensor of one axis."""

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
