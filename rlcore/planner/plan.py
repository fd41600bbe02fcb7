"""A plan: how the volume is cut and what that needs, decided before anything runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from rlcore.acceleration import Acceleration
from rlcore.blocks import Block, Box, Cut, Shape
from rlcore.boundary import Geometry
from rlcore.budget import Budget, format_bytes
from rlcore.regularization import Regularization, reach_of
from rlcore.stopping import Stop

Residence = Literal["device", "host", "scratch"]
"""Where the working volumes live: on the device, in host memory, or in files."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is done. ``print(plan)`` says it in two sentences."""

    geometry: Geometry
    iterations: int
    backend: str
    device: str
    on_host: bool
    """Whether the device's arrays are in host memory too."""
    block_shape: Shape
    """What every block reads and transforms."""
    keep_shape: Shape
    """What a block contributes to the estimate; the last along an axis may contribute less."""
    halo: Shape
    """Voxels read on each side of the keep by a sweep of whole iterations; 0 along axes that are not cut."""
    half_steps: int
    """Half-steps a block runs between exchanges of halos: 1, or 2 per iteration."""
    residence: Residence
    overlap: bool
    """Whether the next block is read and the last one written while one is computed."""
    device_bytes: int
    device_budget: Budget
    host_bytes: int
    host_budget: Budget
    scratch_bytes: int
    overhead: float
    """Predicted extra time against the whole volume, image and result brought to the device and back: 0.5 means half as
    much again."""
    tolerance: float | None = None
    """None where blocks are exact; else the error that independent blocks may make, as a share of the maximum."""
    acceleration: Acceleration = "none"
    regularization: Regularization = "none"
    stop: Stop | Literal["held-out"] = "none"
    """What may end the run before all iterations are done."""

    @property
    def is_whole(self) -> bool:
        """Whether one block holds everything."""
        return all(k >= n for k, n in zip(self.keep_shape, self.geometry.domain.shape, strict=True))

    @property
    def memory_bytes(self) -> int:
        """Bytes that the scarcer memory needs: the device's, or the host's where they are one."""
        return self.device_bytes + self.host_bytes if self.on_host else self.device_bytes

    @property
    def iterations_per_sweep(self) -> int:
        """Iterations between exchanges, for sweeps of whole iterations."""
        return max(1, min(self.half_steps // 2, self.iterations))

    def shortened(self, iterations: int) -> Plan:
        """The same for so many iterations, now that they are known."""
        return replace(self, iterations=iterations, stop="none")

    def cut(self) -> Cut:
        """The blocks of a sweep of whole iterations, over the estimate's domain."""
        return Cut(self.geometry.domain, self.block_shape, self.keep_shape, self.halo)

    def cut_to_result(self, multiple: Shape) -> Cut:
        """The blocks of the last sweep, over the image alone, keeping multiples of `multiple` where they can.

        So a result in chunks is written by whole chunks.
        """
        keep = tuple(k // m * m if k >= m else k for k, m in zip(self.keep_shape, multiple, strict=True))
        cut, start = self._axes_cut(), self.geometry.domain.start
        keep = tuple(k if c else n for k, c, n in zip(keep, cut, self.geometry.image_shape, strict=True))
        per_side = self._halo_to_correct() if self.half_steps == 1 else self.halo
        halo = tuple(h if c else -at for h, c, at in zip(per_side, cut, start, strict=True))
        return Cut(self.geometry.image, self.block_shape, keep, halo)

    def cut_to_blur(self) -> Cut:
        """The blocks of a blurring half-step, over the image: they read what light comes from."""
        before = self.geometry.reach[0]
        domain = self.geometry.domain
        halo = tuple(b if cut else -start for b, cut, start in zip(before, self._axes_cut(), domain.start, strict=True))
        return Cut(self.geometry.image, self.block_shape, self.keep_shape, halo)

    def cut_to_correct(self) -> Cut:
        """The blocks of a correcting half-step, over the estimate's domain: they read where light goes."""
        return Cut(self.geometry.domain, self.block_shape, self.keep_shape, self._halo_to_correct())

    def blurred_in(self, block: Block) -> Box:
        """The voxels of a block that all light which reaches them is read with, and those that it keeps.

        All of them in independent blocks whose halo is less than what would be exact: what wraps is nearer to what is
        missing than nothing would be.
        """
        full = (self.iterations_per_sweep * (p - 1) for p in self.geometry.psf_shape)
        if self.half_steps > 1 and any(h < f and c for h, f, c in zip(self.halo, full, self._axes_cut(), strict=True)):
            return block.read
        start, stop = [], []
        ends = zip(block.read.start, block.read.stop, block.keep.start, block.keep.stop, strict=True)
        for (a, b, first, last), before, after, cut in zip(ends, *self.geometry.reach, self._axes_cut(), strict=True):
            start.append(min(a + before, first) if cut else a)
            stop.append(max(b - after, last) if cut else b)
        return Box(tuple(start), tuple(stop))

    def to_dict(self) -> dict[str, object]:
        """Everything, in types that JSON has."""
        return {**asdict(self), "blocks": self.cut().counts, "memory_bytes": self.memory_bytes, "text": str(self)}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Plan:
        """The plan that ``dataclasses.asdict``, or JSON made of it, describes."""
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
        least = reach_of(self.regularization)
        return tuple(
            max(a, least) if cut else 0 for a, cut in zip(self.geometry.reach[1], self._axes_cut(), strict=True)
        )

    def _axes_cut(self) -> tuple[bool, ...]:
        return tuple(k < n for k, n in zip(self.keep_shape, self.geometry.domain.shape, strict=True))

    def _how(self) -> str:
        where = f"on {self.backend} ({self.device})"
        chosen = [name for name in (self.acceleration, self.regularization) if name != "none"]
        most = "" if self.stop == "none" else "at most "
        what = most + _count(self.iterations) + (f" with {' and '.join(chosen)}" if chosen else "")
        if self.is_whole:
            return f"The whole volume in one block of {_by(self.block_shape)}, {what} {where}."
        blocks = f"{len(self.cut())} blocks ({_by(self.cut().counts)}) of {_by(self.block_shape)} voxels"
        keeping = f"keeping {_by(self.keep_shape)}, {what} {where}"
        return f"{blocks} {keeping}, {self._exchange()}."

    def _exchange(self) -> str:
        volumes = {"device": "on the device", "host": "in host memory", "scratch": "in scratch files"}[self.residence]
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
