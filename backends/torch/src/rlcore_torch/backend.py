"""The backend `torch`: PyTorch through its array-API namespace, on CUDA, on Apple's GPUs or on the CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import array_api_compat.torch
import numpy as np
import torch

from rlcore.backend import Device, Footprint, Shape, Volume
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.kit.in_flight import InFlightLimit
from rlcore.backend.kit.pinned_copies import PinnedCopies
from rlcore.errors import BackendUnavailable
from rlcore_torch.pinned_slot import PinnedSlot


class TorchBackend(ArrayAPIBackend):
    """Richardson-Lucy on PyTorch's tensors.

    Parameters
    ----------
    device : str or int, optional
        An index into what `devices` lists, or part of a name, such as "cuda", "cuda:1", "H100" or "cpu"; the first by
        default, which is the CPU only where there is no GPU.

    Raises
    ------
    BackendUnavailable
        If there is no such device.
    """

    def __init__(self, device: str | int | None = None) -> None:
        self._place, shown = _find(device)
        on_host = self._place.type == "cpu"
        super().__init__(array_api_compat.torch, self._place, name="torch", on_host=on_host)
        self.device = shown
        on_cuda = self._place.type == "cuda"
        self._pinned_copies = PinnedCopies(partial(PinnedSlot, self._place)) if on_cuda else None
        self._in_flight = InFlightLimit(self._mark) if on_cuda else None

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        """All devices that PyTorch can use, GPUs first, then the CPU."""
        return tuple(Device(i, shown, _total(place)) for i, (place, shown) in enumerate(_present()))

    def free_bytes(self) -> int:
        if self._place.type == "cuda":
            # PyTorch keeps freed memory for itself; CUDA counts it as used, but it is there for the next tensor.
            held = torch.cuda.memory_reserved(self._place) - torch.cuda.memory_allocated(self._place)
            return int(torch.cuda.mem_get_info(self._place)[0] + held)
        if self._place.type == "mps":
            return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
        return super().free_bytes()

    def footprint(self, shape: Shape) -> Footprint:
        real = math.prod(shape) * self.dtype.itemsize
        spectrum = math.prod(shape[:-1]) * (shape[-1] // 2 + 1) * 2 * self.dtype.itemsize
        work = 8 * spectrum if self.facts.on_host else 3 * spectrum + real  # MKL's work area is far larger than cuFFT's
        return Footprint(real, spectrum, scratch=work)

    def upload(self, volume: Any) -> torch.Tensor:
        if self._pinned_copies is None or not isinstance(volume, np.ndarray):
            return super().upload(volume)
        # CUDA copies pageable memory through a small pinned buffer of its own, and keeps the thread waiting meanwhile.
        tensor = torch.empty(volume.shape, dtype=torch.float32, device=self._place)
        self._pinned_copies.upload(volume, tensor.view(-1))
        return tensor

    def download(self, array: torch.Tensor, *, out: Volume | None = None) -> Volume:
        if self._pinned_copies is None:
            return super().download(array, out=out)
        volume = np.empty(array.shape, self.dtype) if out is None else out
        self._pinned_copies.download(array.contiguous().view(-1), volume)
        return volume

    def ifft(self, spectrum: torch.Tensor, shape: Shape, *, out: torch.Tensor | None = None) -> torch.Tensor:
        result: torch.Tensor = super().ifft(spectrum, shape, out=out)
        # Once a filter: kernels are queued without limit otherwise, and progress and cancelling would lag behind them.
        if self._in_flight is not None:
            self._in_flight.count()
        return result

    def _mark(self) -> Callable[[], None]:
        end = torch.cuda.Event()
        end.record(torch.cuda.current_stream(self._place))
        wait: Callable[[], None] = end.synchronize
        return wait


def _present() -> list[tuple[torch.device, str]]:
    """Every device, with its name for people."""
    found = [(torch.device("cuda", i), torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    places = [(place, f"{name} ({place})") for place, name in found]
    if torch.backends.mps.is_available():
        places.append((torch.device("mps"), "Apple GPU (mps)"))
    return [*places, (torch.device("cpu"), "CPU")]


def _find(device: str | int | None) -> tuple[torch.device, str]:
    present = _present()
    if device is None:
        return present[0]
    if str(device).isdecimal():
        chosen = present[int(device) :][:1]
    else:
        chosen = [each for each in present if str(device).lower() in each[1].lower()]
    if not chosen:
        listed = ", ".join(repr(shown) for _, shown in present)
        raise BackendUnavailable(f"backend 'torch' has no device {device!r}; it has {listed}")
    return chosen[0]


def _total(place: torch.device) -> int | None:
    return int(torch.cuda.mem_get_info(place)[1]) if place.type == "cuda" else None
