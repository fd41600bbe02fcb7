"""The commands `rlcore psf inspect` and `rlcore psf mend`: the figures of a PSF, and a PSF without its faults."""

from __future__ import annotations

import math
from pathlib import Path

from rlcore.app.files.remote.url import Location
from rlcore.app.psf import files
from rlcore.app.psf.files import Result, Scale
from rlcore.errors import caution
from rlcore.optics.inspect import Inspection, inspect_psf
from rlcore.optics.mend import mend_psf
from rlcore.optics.psf import PSFWarning


def inspect_file(
    *, path: Location, axes: str | None, psf_voxel: str | None, picture: Path | None, force: bool
) -> Result:
    """Measures the PSF in a file; warns of faults that harm a deconvolution."""
    files.check([path], None, picture, force=force)
    values, scale = files.read(path, axes, psf_voxel)
    found = inspect_psf(values)
    if picture is not None:
        from rlcore.app.psf.picture import draw

        draw(picture, values, found, scale, path.name)
    for warning in found.warnings:
        caution(warning, PSFWarning)
    return Result([str(path), *lines_of(found, scale)], {"psf": found.to_dict(), "voxel": scale})


def mend_file(
    *, path: Location, output: Path, axes: str | None, psf_voxel: str | None, picture: Path | None, force: bool
) -> Result:
    """Mends the PSF in a file, writes it with sum 1, and returns the faults that were mended."""
    files.check([path], output, picture, force=force)
    values, scale = files.read(path, axes, psf_voxel)
    mended = mend_psf(values)
    files.write(output, mended.values / mended.values.sum(), scale)
    # the mended PSF is inspected, so that warnings name only what mending could not correct
    found = inspect_psf(mended.values)
    if picture is not None:
        from rlcore.app.psf.picture import draw

        draw(picture, mended.values, found, scale, output.name)
    for warning in found.warnings:
        caution(warning, PSFWarning)
    verdict = f"{' and '.join(mended.faults)}; mended" if mended.faults else "needs no mending"
    head = f"{output}: {path.name} {verdict}"
    return Result(
        [head, *lines_of(found, scale)], {"output": str(output), "mended": mended.faults, "psf": found.to_dict()}
    )


def lines_of(found: Inspection, scale: Scale) -> list[str]:
    """Formats the figures of a PSF as lines; lengths in voxels, and in micrometres if the scale is known."""
    axes = "zyx"[-len(found.shape) :]
    units = scale or (math.nan,) * len(axes)
    widths = [_width(axis, width, unit) for axis, width, unit in zip(axes, found.fwhm, units, strict=True)]
    offsets = ", ".join(f"{axis} {step:+.2f}" for axis, step in zip(axes, found.offset, strict=True))
    asymmetry = ", ".join(f"{axis} {share:.1%}" for axis, share in zip(axes, found.asymmetry, strict=True))
    size, holds = (" x ".join(map(str, shape)) for shape in (found.shape, found.holds))
    return [
        f"size         {size} voxels; 99 % of the energy in {holds}",
        f"width (FWHM) {', '.join(widths)}",
        f"peak         at ({', '.join(f'{place:.2f}' for place in found.peak)}); from the middle: {offsets} voxels",
        f"background   {found.background:.2%} of the maximum; {found.at_edge:.2%} of the energy on the outer shell",
        f"asymmetry    {asymmetry}",
    ]


def _width(axis: str, voxels: float, unit: float) -> str:
    if math.isnan(voxels):
        return f"{axis} beyond the frame"
    return f"{axis} {voxels:.2f} voxels" + ("" if math.isnan(unit) else f" ({voxels * unit:.3f} µm)")
