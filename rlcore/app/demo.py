"""The demo: a phantom with known truth, written as a user's file, restored as a user's file, measured and shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app import speed
from rlcore.app.order import Order
from rlcore.app.restore import Report, restore
from rlcore.backend import Volume
from rlcore.errors import InputError
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.testing.metrics import nrmse, pearson
from rlcore.testing.optics import VOXEL
from rlcore.testing.phantoms import Phantom, phantom

SHAPE = (64, 160, 160)
ITERATIONS = 40


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made, and how near the truth it is before and after."""

    folder: Path
    report: Report
    iterations: int
    nrmse: tuple[float, float]
    """Error against the truth of the image, its background taken off, and of the restored volume."""
    pearson: tuple[float, float]
    """Correlation with the truth, of the same two."""

    def lines(self) -> list[str]:
        """What people read."""
        report = self.report
        size = " x ".join(map(str, report.shape))
        rate = speed.duration(report.seconds_per_iteration) if report.seconds_per_iteration else "unknown"
        return [
            f"A cell of {size} voxels, blurred as by a wide-field microscope, with photon noise;"
            f" {self.iterations} iterations.",
            "                              before    after",
            f"error against truth (NRMSE)   {self.nrmse[0]:6.3f}   {self.nrmse[1]:6.3f}",
            f"correlation with truth        {self.pearson[0]:6.3f}   {self.pearson[1]:6.3f}",
            f"time       {speed.duration(report.seconds)}, {rate} per iteration",
            f"backend    {report.plan.backend} on {report.plan.device}",
            f"plan       {report.plan}",
            f"pictures   {self.folder / 'demo.png'}",
            f"files      {', '.join(name for name in ('truth.tif', 'image.tif', 'psf.tif', 'restored.tif'))}"
            f" in {self.folder}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same in types that JSON has."""
        before, after = ({"nrmse": e, "pearson": r} for e, r in zip(self.nrmse, self.pearson, strict=True))
        return {"folder": str(self.folder), "before": before, "after": after, "run": self.report.to_dict()}


def run_demo(
    folder: Path,
    *,
    iterations: int = ITERATIONS,
    backend: str = "auto",
    device: str | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    cancel: CancelEvent | None = None,
) -> Demo:
    """Write a phantom to TIFF files, restore it by the same way as any file, and draw the picture.

    Parameters
    ----------
    folder : Path
        Made if absent; files of an earlier demo are replaced.
    iterations, backend, device, callback, cancel
        As for `rlcore.deconvolve`.
    seed : int
        Of the phantom and its noise.
    """
    from rlcore.app.picture import draw

    if folder.exists() and not folder.is_dir():
        raise InputError(f"demo folder {str(folder)!r} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    made = phantom("mixed", SHAPE, seed=seed)
    _write(folder, made)
    order = Order(
        image=folder / "image.tif",
        psf=folder / "psf.tif",
        output=folder / "restored.tif",
        iterations=iterations,
        backend=backend,
        device=device,
        background=made.background,
        force=True,
    )
    report = restore(order, callback=callback, cancel=cancel)
    restored = tifffile.imread(order.output)
    before = made.image - np.float32(made.background)
    draw(folder / "demo.png", made.truth, made.image, restored, VOXEL, iterations)
    return Demo(
        folder,
        report,
        iterations,
        (nrmse(before, made.truth), nrmse(restored, made.truth)),
        (pearson(before, made.truth), pearson(restored, made.truth)),
    )


def _write(folder: Path, made: Phantom) -> None:
    volumes = {"truth": made.truth, "image": made.image.astype(np.uint16), "psf": made.psf.astype(np.float32)}
    for name, volume in volumes.items():
        _write_imagej(folder / f"{name}.tif", volume)


def _write_imagej(path: Path, volume: Volume) -> None:
    z, y, x = VOXEL
    metadata = {"axes": "ZYX", "spacing": z, "unit": "micron"}
    tifffile.imwrite(path, volume, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)
