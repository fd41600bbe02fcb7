"""The command `rlcore psf generate`, and --psf auto: computes a PSF from options and an image's metadata."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.decoding import decode_nothing
from rlcore.app.files.layout import ALL, Pick, lay_out
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.scale import believed, parse_voxel
from rlcore.app.files.opening import Opened, open_file
from rlcore.app.files.remote.url import Location
from rlcore.app.psf import files
from rlcore.app.psf.files import Result
from rlcore.app.psf.inspecting import lines_of
from rlcore.app.psf.metadata import ImageMetadata, only_channel, read_metadata
from rlcore.app.psf.microscope_sources import SourcedMicroscope, gather_microscope, missing_options
from rlcore.app.psf.resolved import resolved_by
from rlcore.backend import Shape, Volume
from rlcore.errors import InputError, PSFModelError
from rlcore.optics.generate import default_shape, generate_psf
from rlcore.optics.inspect import inspect_psf


def generate_file(
    *,
    image: Location | None,
    output: Path,
    model: str,
    voxel: str | None,
    shape: str | None,
    which_image: str | None,
    channel: str | None,
    axes: str | None,
    picture: Path | None,
    force: bool,
    **options: Any,
) -> Result:
    """Computes a PSF, writes it, and returns the microscope with the source of each parameter.

    The parameters are the command's options.

    Raises
    ------
    InputError
        If a file cannot be read or written, or too little is known of the microscope.
    """
    files.check([image] if image else [], output, picture, force=force)
    taken = gather_microscope(
        _metadata_of(image, Pick(channel, None, axes, which_image), options, voxel),
        {**options, "voxel": parse_voxel(voxel)},
    )
    size = files.parse_shape(shape) if shape else default_shape(taken.microscope, taken.voxel)
    scale = taken.voxel[-len(size) :]
    values = compute(taken, model, size)
    files.write(output, values, scale)
    found = inspect_psf(values)
    if picture is not None:
        from rlcore.app.psf.picture import draw

        draw(picture, values, found, scale, output.name)
    figures = {
        "output": str(output),
        "model": model,
        "microscope": asdict(taken.microscope),
        "voxel": taken.voxel,
        "sources": {name: figure.source for name, figure in taken.figures.items()},
        "psf": found.to_dict(),
    }
    return Result([f"{output}: {model}, {taken}", *lines_of(found, scale)], figures)


def compute_for(image: Opened, channel: int, model: str) -> tuple[Opened, str]:
    """Computes the PSF of an image's channel.

    Returns it as if it were an open file, and a line with its parameters and their sources.

    Raises
    ------
    InputError
        If the metadata lack parameters of the microscope.
    """
    metadata = read_metadata(image, channel)
    if missing := missing_options(metadata, {}):
        name = str(image.path)
        raise InputError(
            f"image {name!r} does not say enough of its microscope for a psf; make one by: rlcore psf generate {name} "
            f"-o psf.tif {' '.join(f'--{option} ...' for option in missing)}"
        )
    taken = gather_microscope(metadata, {})
    size = default_shape(taken.microscope, taken.voxel)
    values = compute(taken, model, size)
    values.setflags(write=False)
    layout = lay_out("psf", "ZYX"[-values.ndim :], values.shape, ALL)
    about = Description(dialect="npy", voxel=image.about.voxel)
    file = Opened(Path(f"{model} for channel {channel}"), about, layout, values.dtype, values.__getitem__)
    return file, f"psf for channel {channel}: {model}, {' x '.join(map(str, size))} voxels, {taken}"


def compute(taken: SourcedMicroscope, model: str, size: Shape) -> Volume:
    """Computes a PSF of the given size; raises InputError if the model is unknown or unavailable."""
    try:
        return np.asarray(generate_psf(taken.microscope, size, taken.voxel[-len(size) :], model=model))
    except PSFModelError as error:
        raise InputError(str(error)) from error


def _metadata_of(path: Location | None, pick: Pick, options: dict[str, Any], voxel: str | None) -> ImageMetadata:
    for option, given in (("--channel", pick.channel), ("--axes", pick.axes), ("--image", pick.image)):
        if path is None and given is not None:
            raise InputError(f"{option} {given!r} is for an image; name its file, or leave it out")
    if path is None:
        return ImageMetadata()
    # time point 0: the metadata of the microscope hold for all
    image = open_file(path, "image", pick=replace(pick, time=0), decode=decode_nothing, fill_missing=True)
    number = only_channel(image)
    if voxel is None:
        image = believed(
            image, f"image {str(path)!r}", None, "--voxel", resolved_by(read_metadata(image, number), options)
        )
    return read_metadata(image, number)
