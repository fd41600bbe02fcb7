"""A plan: the tiling of a volume, and the memory and time that it needs, decided before anything runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from rlcore.algorithm.acceleration import Acceleration
from rlcore.algorithm.boundary import Geometry
from rlcore.algorithm.regularization import Regularization, reach_of
from rlcore.algorithm.stopping import Stop
from rlcore.backend.boxes import Block, Box, Shape
from rlcore.backend.host.memory import format_bytes
from rlcore.planner.budget import Budget
from rlcore.planner.tilings import Tiling

Placement = Literal["device", "host", "scratch"]
"""Memory that holds the working volumes: the device's, the host's, or scratch files."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The way in which a run is done. ``print(plan)`` describes it in two sentences."""

    geometry: Geometry
    iterations: int
    backend: str
    device: str
    on_host: bool
    """True if the device's arrays are in host memory too."""
    block_shape: Shape
    """Shape that every block reads and transforms: its core with the halo, padded for the FFT."""
    core_shape: Shape
    """Shape of the core, which a block contributes to the estimate; the last one along an axis may be smaller."""
    halo: Shape
    """Voxels read on each side of the core by a sweep of whole iterations; 0 along axes that are not cut."""
    half_steps: int
    """Half-steps a block runs between exchanges of halos: 1, or 2 per iteration."""
    placement: Placement
    overlap: bool
    """True if the next block is read and the last one written while one is computed."""
    device_bytes: int
    device_budget: Budget
    host_bytes: int
    host_budget: Budget
    scratch_bytes: int
    overhead: float
    """Predicted extra time relative to the whole volume in one block, transfers of image and result included: 0.5 means
    half as much again."""
    tolerance: float | None = None
    """None if blocks are exact; else the error that independent blocks may make, as a share of the maximum."""
    acceleration: Acceleration = "none"
    regularization: Regularization = "none"
    stop: Stop | Literal["held-out"] = "none"
    """Rule that may end the run before all iterations are done."""
    weighted: bool = False
    """True if data weights are counted."""

    @property
    def is_whole(self) -> bool:
        """True if one block holds everything."""
        return all(k >= n for k, n in zip(self.core_shape, self.geometry.domain.shape, strict=True))

    @property
    def memory_bytes(self) -> int:
        """Bytes needed of the device's memory; of the host's if they are the same memory."""
        return self.device_bytes + self.host_bytes if self.on_host else self.device_bytes

    @property
    def iterations_per_sweep(self) -> int:
        """Iterations between exchanges, for sweeps of whole iterations."""
        return max(1, min(self.half_steps // 2, self.iterations))

    def shortened(self, iterations: int) -> Plan:
        """The plan for this number of iterations, once `iterations="auto"` has found it."""
        return replace(self, iterations=iterations)

    def tiling(self) -> Tiling:
        """The blocks of a sweep of whole iterations, over the estimate's domain."""
        return Tiling(self.geometry.domain, self.block_shape, self.core_shape, self.halo)

    def tiling_to_result(self, multiple: Shape) -> Tiling:
        """The blocks of the last sweep, over the image alone, with cores of multiples of `multiple` where possible.

        So a result in chunks is written in whole chunks.
        """
        core = tuple(k // m * m if k >= m else k for k, m in zip(self.core_shape, multiple, strict=True))
        is_cut, start = self._axes_cut(), self.geometry.domain.start
        core = tuple(k if c else n for k, c, n in zip(core, is_cut, self.geometry.image_shape, strict=True))
        per_side = self._halo_to_correct() if self.half_steps == 1 else self.halo
        halo = tuple(h if c else -at for h, c, at in zip(per_side, is_cut, start, strict=True))
        return Tiling(self.geometry.image, self.block_shape, core, halo)

    def tiling_to_blur(self) -> Tiling:
        """The blocks of a blurring half-step, over the image; they read the voxels that its light comes from."""
        before = self.geometry.reach[0]
        domain = self.geometry.domain
        halo = tuple(b if cut else -start for b, cut, start in zip(before, self._axes_cut(), domain.start, strict=True))
        return Tiling(self.geometry.image, self.block_shape, self.core_shape, halo)

    def tiling_to_correct(self) -> Tiling:
        """The blocks of a correcting half-step, over the estimate's domain; they read the voxels its light goes to."""
        return Tiling(self.geometry.domain, self.block_shape, self.core_shape, self._halo_to_correct())

    def blurred_in(self, block: Block) -> Box:
        """The voxels of a block whose light is read completely, and those of its core.

        In independent blocks whose halo is too small to be exact these are all voxels: light that wraps around is a
        better substitute for missing light than none.
        """
        full = (self.iterations_per_sweep * (p - 1) for p in self.geometry.psf_shape)
        if self.half_steps > 1 and any(h < f and c for h, f, c in zip(self.halo, full, self._axes_cut(), strict=True)):
            return block.extent
        start, stop = [], []
        ends = zip(block.extent.start, block.extent.stop, block.core.start, block.core.stop, strict=True)
        for (a, b, first, last), before, after, cut in zip(ends, *self.geometry.reach, self._axes_cut(), strict=True):
            start.append(min(a + before, first) if cut else a)
            stop.append(max(b - after, last) if cut else b)
        return Box(tuple(start), tuple(stop))

    def to_dict(self) -> dict[str, object]:
        """All fields, the numbers of blocks and the text, in types that JSON has."""
        return {**asdict(self), "blocks": self.tiling().counts, "memory_bytes": self.memory_bytes, "text": str(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Plan:
        """The plan described by ``dataclasses.asdict``, or by JSON made of it."""
        geometry = Geometry(**{key: _tuple(value) for key, value in values["geometry"].items()})
        made: dict[str, Any] = {
            "geometry": geometry,
            **{key: Budget(**values[key]) for key in ("device_budget", "host_budget")},
        }
        plain = {field.name: _tuple(values[field.name]) for field in fields(cls) if field.name not in made}
        return cls(**made, **plain)

    def __str__(self) -> str:
        return f"{self._how()} {self._needs()}"

    def _halo_to_correct(self) -> Shape:
        neighbours = reach_of(self.regularization)
        return tuple(
            max(a, neighbours) if cut else 0 for a, cut in zip(self.geometry.reach[1], self._axes_cut(), strict=True)
        )

    def _axes_cut(self) -> tuple[bool, ...]:
        return tuple(k < n for k, n in zip(self.core_shape, self.geometry.domain.shape, strict=True))

    def _how(self) -> str:
        where = f"on {self.backend} ({self.device})"
        chosen = [name for name in (self.acceleration, self.regularization) if name != "none"]
        most = "" if self.stop == "none" else "at most "
        what = most + _count(self.iterations) + (f" with {' and '.join(chosen)}" if chosen else "")
        if self.is_whole:
            return f"The whole volume in one block of {_by(self.block_shape)}, {what} {where}."
        blocks = f"{len(self.tiling())} blocks ({_by(self.tiling().counts)}) of {_by(self.block_shape)} voxels"
        keeping = f"with cores of {_by(self.core_shape)}, {what} {where}"
        return f"{blocks} {keeping}, {self._exchange()}."

    def _exchange(self) -> str:
        volumes = {"device": "on the device", "host": "in host memory", "scratch": "in scratch files"}[self.placement]
        if self.tolerance is not None:
            halo = _by(self.halo)
            return (
                f"independent, with a halo of {halo} on each side, which has kept errors below {self.tolerance:g} of "
                "the maximum where it was measured"
            )
        if self.half_steps >= 2 * self.iterations:
            return "each with a full halo, so nothing is exchanged"
        every = {1: "half-step", 2: "iteration"}.get(self.half_steps, f"{self.half_steps // 2} iterations")
        return f"halos exchanged every {every}, working volumes {volumes}"

    def _needs(self) -> str:
        budget = self.host_budget if self.on_host else self.device_budget
        text = f"Needs {format_bytes(self.memory_bytes)} of {budget}"
        if not self.on_host:
            text += f" on the device and {format_bytes(self.host_bytes)} of {self.host_budget} on the host"
        if self.scratch_bytes:
            text += f", and {format_bytes(self.scratch_bytes)} of disk"
        if not self.is_whole:
            text += f"; predicted to take {self._longer()} the whole volume at once"
        return text + "."

    def _longer(self) -> str:
        if self.overhead >= 2:
            return f"{1 + self.overhead:.3g} times as long as"
        return f"{abs(self.overhead):.0%} {'more' if self.overhead >= 0 else 'less'} time than"


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _count(iterations: int) -> str:
    return "1 iteration" if iterations == 1 else f"{iterations} iterations"


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
