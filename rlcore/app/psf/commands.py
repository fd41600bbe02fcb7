"""The commands of `rlcore psf`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rlcore.app.command_group import options, print_json
from rlcore.optics.microscope import TECHNIQUES

PATH = click.Path(path_type=Path)

_output = click.option("-o", "--output", type=PATH, required=True, help="A new .tif or .npy file.")
_force = click.option("--force", is_flag=True, help="Replace files that exist.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
_picture = click.option("--picture", type=PATH, help="A PNG file that shows the PSF.")


@click.group()
def psf() -> None:
    """Make a point spread function, look at it, mend it."""


@psf.command()
@click.argument("image", type=PATH, required=False)
@_output
@click.option(
    "--psf-model", "model", default="gibson-lanni", show_default=True, help="As `rlcore psf models` lists it."
)
@click.option("--technique", type=click.Choice(TECHNIQUES), help="How the specimen is lit and seen.  [wide-field]")
@click.option("--na", type=float, help="Numerical aperture.")
@click.option("--emission", type=float, help="Wavelength that is recorded, in nm.")
@click.option("--excitation", type=float, help="Wavelength that excites, in nm, for a confocal.  [as --emission]")
@click.option("--immersion", type=float, help="Refractive index of the immersion medium.  [by the aperture]")
@click.option("--sample", type=float, help="Refractive index of the specimen.  [as --immersion]")
@click.option("--depth", type=float, help="Below the coverslip, in µm.  [0]")
@click.option("--coverslip-error", type=float, help="Too thick by so much, in µm.  [0]")
@click.option("--pinhole", type=float, help="Diameter in Airy units; 0 is closed.  [1]")
@click.option("--sheet", type=float, help="Thickness of the light sheet (FWHM), in µm.")
@click.option("--voxel", help="Micrometres along z, y, x, as 0.2,0.1,0.1.  [the image's]")
@click.option("--shape", help="Voxels, as 31x31x31.  [what holds most of the light]")
@click.option("--channel", help="Of the image, whose wavelengths are taken; from 0, or by name.")
@_picture
@_force
@_json
def generate(**wanted: Any) -> None:
    """Compute a PSF for IMAGE, or for a microscope told by options.

    What IMAGE's OME metadata say (voxel size, aperture, wavelengths, immersion, technique) need not be given, and
    options go before it.
    """
    from rlcore.app.psf.generating import generate_file

    _run(generate_file, wanted)


@psf.command()
@click.argument("stack", type=PATH)
@_output
@click.option("--shape", help="Voxels of the PSF, as 31x41x41.  [31 on each axis, or what the stack has]")
@click.option("--threshold", type=float, help="Above the background, what counts as a bead.")
@click.option("--saturation", type=float, help="Counts at which the camera is full.")
@click.option("--channel", help="Which channel of a stack that has several, from 0, or by name.")
@click.option("--time", help="Which time point of a stack that has several, from 0.")
@_picture
@_force
@_json
def distil(**wanted: Any) -> None:
    """Average the beads of STACK to a PSF: found, aligned to a fraction of a voxel, background taken off."""
    from rlcore.app.psf.distilling import distil_file

    _run(distil_file, wanted)


@psf.command()
@click.argument("path", metavar="PSF", type=PATH)
@_picture
@_force
@_json
def inspect(**wanted: Any) -> None:
    """Measure PSF: centre, widths, energy, background, asymmetry; and say what of it will hurt."""
    from rlcore.app.psf.inspecting import inspect_file

    _run(inspect_file, wanted)


@psf.command()
@click.argument("path", metavar="PSF", type=PATH)
@_output
@_picture
@_force
@_json
def mend(**wanted: Any) -> None:
    """Take a pedestal off PSF, quieten its noise, and put its peak in the middle."""
    from rlcore.app.psf.inspecting import mend_file

    _run(mend_file, wanted)


@psf.command()
@options(click.option("--json", "as_json", is_flag=True, help="Print the survey as JSON on stdout."))
def models(*, as_json: bool) -> None:
    """List the installed models of PSFs, and why some cannot be used."""
    from rlcore.app.psf.surveying import show

    show(as_json=as_json)


def _run(work: Any, wanted: dict[str, Any]) -> None:
    """Do the work, its warnings shown, and print what it says of its result."""
    from rlcore.app.terminal import Terminal

    as_json = wanted.pop("as_json")
    terminal = Terminal()
    with terminal.listening():
        result = work(**wanted)
    if as_json:
        print_json({**result.figures, "warnings": terminal.warned})
    else:
        click.echo("\n".join(result.lines))
