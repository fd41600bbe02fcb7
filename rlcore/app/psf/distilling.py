"""The command `rlcore psf distil`: averages a stack of beads to a PSF."""

from __future__ import annotations

from pathlib import Path

from rlcore.app.files.layout import Pick
from rlcore.app.files.remote.url import Location
from rlcore.app.psf import files
from rlcore.app.psf.files import Result
from rlcore.app.psf.inspecting import lines_of
from rlcore.optics.distil import distil_psf, usual_window
from rlcore.optics.inspect import inspect_psf


def distil_file(
    *,
    stack: Location,
    output: Path,
    shape: str | None,
    axes: str | None,
    voxel: str | None,
    threshold: float | None,
    saturation: float | None,
    which_image: str | None,
    channel: str | None,
    time: str | None,
    picture: Path | None,
    force: bool,
) -> Result:
    """Distils a stack, writes the PSF, and returns the number of beads, their correlation and the PSF's figures.

    The parameters are the command's options.

    Raises
    ------
    InputError
        If a file cannot be read or written, or the stack has too few usable beads.
    """
    files.check([stack], output, picture, force=force)
    volume, scale = files.read_stack(stack, Pick(channel, time, axes, which_image), voxel)
    window = files.parse_shape(shape) if shape else usual_window(volume.shape)
    made = distil_psf(volume, window, threshold=threshold, saturation=saturation)
    files.write(output, made.psf, scale)
    found = inspect_psf(made.psf)
    if picture is not None:
        from rlcore.app.psf.picture import draw

        draw(picture, made.psf, found, scale, output.name)
    figures = {
        "output": str(output),
        "found": made.beads.found,
        "used": made.used,
        "rejected": {**made.beads.rejected, "unlike the others": made.unlike},
        "correlation": {"median": made.likeness[0], "least": made.likeness[1]},
        "background": made.background,
        "psf": found.to_dict(),
    }
    return Result([f"{output}: distilled from {stack.name}", *made.lines(), *lines_of(found, scale)], figures)
