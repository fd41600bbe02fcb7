"""`rlcore psf generate`: options, an image's metadata, and a PSF of both."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlcore.app.psf import files
from rlcore.app.psf.files import Result
from rlcore.app.psf.inspecting import lines_of
from rlcore.app.psf.metadata import Told, read_metadata
from rlcore.errors import InputError, PSFModelError
from rlcore.optics.generate import default_shape, generate_psf
from rlcore.optics.inspect import inspect_psf
from rlcore.optics.microscope import Microscope

_NEEDED = {"na": "--na", "emission": "--emission", "immersion": "--immersion"}


def generate_file(
    *,
    image: Path | None,
    output: Path,
    model: str,
    voxel: str | None,
    shape: str | None,
    channel: int | None,
    picture: Path | None,
    force: bool,
    **options: Any,
) -> Result:
    """Write the PSF; says what the microscope was taken to be."""
    files.check([image] if image else [], output, picture, force=force)
    told = read_metadata(image, channel) if image else Told()
    microscope = _microscope(told, options)
    scale = _voxel(voxel) or told.voxel
    if scale is None:
        raise InputError("voxel size is not known; give it in micrometres: --voxel 0.2,0.1,0.1")
    size = files.parse_shape(shape) if shape else default_shape(microscope, scale)
    try:
        values = generate_psf(microscope, size, scale[-len(size) :], model=model)
    except PSFModelError as error:
        raise InputError(str(error)) from error
    files.write(output, values, scale[-len(size) :])
    found = inspect_psf(values)
    if picture is not None:
        from rlcore.app.psf.picture import draw

        draw(picture, values, found, scale[-len(size) :], output.name)
    figures = {"output": str(output), "model": model, "microscope": asdict(microscope), "voxel": scale}
    head = f"{output}: {model}, {_say(microscope)}"
    return Result([head, *lines_of(found, scale[-len(size) :])], {**figures, "psf": found.to_dict()})


def _microscope(told: Told, options: dict[str, Any]) -> Microscope:
    """Options before metadata; lengths in micrometres."""
    known = {**told.figures, **{name: value for name, value in options.items() if value is not None}}
    if missing := [option for name, option in _NEEDED.items() if name not in known]:
        raise InputError(f"microscope is not known well enough; give {', '.join(missing)}")
    return Microscope(
        na=known["na"],
        wavelength=known["emission"] / 1000,
        index=known["immersion"],
        technique=known.get("technique", "wide-field"),
        excitation=known["excitation"] / 1000 if "excitation" in known else None,
        sample_index=known.get("sample"),
        depth=known["depth"],
        coverslip_error=known["coverslip_error"],
        pinhole=known["pinhole"],
        sheet=known.get("sheet"),
    )


def _voxel(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        lengths = tuple(float(part) for part in text.split(","))
    except ValueError:
        lengths = ()
    if len(lengths) not in (2, 3) or not all(0 < length < math.inf for length in lengths):
        raise InputError(f"voxel {text!r} is not a size; write it in micrometres along z, y, x, like 0.2,0.1,0.1")
    return lengths


def _say(microscope: Microscope) -> str:
    parts = [microscope.technique, f"NA {microscope.na:g} in {microscope.index:g}"]
    if microscope.technique == "confocal":
        parts.append(f"{(microscope.excitation or microscope.wavelength) * 1000:g} nm")
    parts.append(f"{microscope.wavelength * 1000:g} nm")
    if microscope.aberrated:
        parts.append(f"{microscope.depth:g} µm deep in {microscope.in_sample:g}")
    return ", ".join(parts)
