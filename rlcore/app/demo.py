"""The demo: writes a phantom of known truth to files, restores it as any file is restored, and measures the gain."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app import speed
from rlcore.app.camera.said import KEEP
from rlcore.app.file_request import FileRequest
from rlcore.app.files.writing.destination import partial_output
from rlcore.app.restore import restore
from rlcore.app.run_summary import RunSummary
from rlcore.backend import Volume
from rlcore.errors import InputError
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.testing.metrics import nrmse, pearson
from rlcore.testing.optics import VOXEL
from rlcore.testing.phantoms import Phantom, phantom

SHAPE = (64, 160, 160)
ITERATIONS = 40
FILES = ("truth.tif", "image.tif", "psf.tif", "restored.tif", "demo.png")
MARK = "demo.txt"
"""File by which a later demo knows that it may replace the others."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Files that the demo made, and their error against the truth before and after restoration."""

    folder: Path
    report: RunSummary
    iterations: int
    nrmse: tuple[float, float]
    """Normalised RMS error against the truth, of the image without its background and of the restored volume."""
    pearson: tuple[float, float]
    """Correlation with the truth, of the image and of the restored volume."""

    def lines(self) -> list[str]:
        """Returns the result as lines of text."""
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
        """Returns the result in types that JSON has."""
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
    """Writes a phantom to TIFF files, restores it as `rlcore deconvolve` does, and draws a picture.

    Parameters
    ----------
    folder : Path
        Folder for all files; created if absent. Files of an earlier demo are replaced.
    iterations, backend, device, callback, cancel
        As for `rlcore.deconvolve`.
    seed : int
        Seed of the phantom and its noise.

    Raises
    ------
    InputError
        If `folder` is a file.
    """
    # imported late: matplotlib is slow to import, and other commands do without
    from rlcore.app.demo_picture import draw

    if folder.exists() and not folder.is_dir():
        raise InputError(f"demo folder {str(folder)!r} is a file; name a folder")
    mine = [name for name in FILES if os.path.lexists(folder / name)]
    if mine and not (folder / MARK).is_file():
        raise InputError(
            f"demo folder {str(folder)!r} holds {mine[0]!r}, which no demo has made; name another by --output"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("The files of this folder are made by rlcore demo, which replaces them.\n")
    made = phantom("mixed", SHAPE, seed=seed)
    _write(folder, made)
    request = FileRequest(
        image=folder / "image.tif",
        psf=folder / "psf.tif",
        output=folder / "restored.tif",
        iterations=iterations,
        backend=backend,
        device=device,
        offsets=("0",),
        backgrounds=(repr(float(made.background)),),
        hot_pixels=KEEP,
        force=True,
    )
    report = restore(request, callback=callback, cancel=cancel)
    restored = tifffile.imread(request.made)
    # the image's constant background would dominate its error; the restored volume has none
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
    with partial_output(path) as partial:
        tifffile.imwrite(partial, volume, imagej=True, resolution=(1 / x, 1 / y), metadata=metadata)
