"""The commands of `rlcore psf`; each imports its implementation when it is called."""

from __future__ import annotations

from typing import Any

import click

from rlcore.app.command_group import options, print_json
from rlcore.app.locations import LOCATION, PATH
from rlcore.app.run_options import image_option
from rlcore.optics.microscope import TECHNIQUES

_output = click.option("-o", "--output", type=PATH, required=True, help="A new .tif or .npy file.")
_force = click.option("--force", is_flag=True, help="Replace files that exist.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
_axes = click.option("--axes", help="Axes of the file, as ZYX, if it does not name them, or not rightly.")
_psf_voxel = click.option("--psf-voxel", help="Micrometres along z, y, x, as 0.2,0.1,0.1.  [the file's]")
_picture = click.option("--picture", type=PATH, help="A PNG file that shows the PSF.")


@click.group()
def psf() -> None:
    """Make, inspect and mend point spread functions."""


@psf.command()
@click.argument("image", type=LOCATION, required=False)
@_output
@click.option(
    "--psf-model", "model", default="gibson-lanni", show_default=True, help="As `rlcore psf models` lists it."
)
@click.option("--technique", type=click.Choice(TECHNIQUES), help="Illumination and detection.  [wide-field]")
@click.option("--na", type=float, help="Numerical aperture.")
@click.option("--emission", type=float, help="Recorded wavelength, in nm.")
@click.option("--excitation", type=float, help="Excitation wavelength of a confocal, in nm.  [as --emission]")
@click.option("--immersion", type=float, help="Refractive index of the immersion medium.  [by the aperture]")
@click.option("--sample", type=float, help="Refractive index of the specimen.  [as --immersion]")
@click.option("--depth", type=float, help="Depth below the coverslip, in µm.  [0]")
@click.option("--coverslip-error", type=float, help="Excess thickness of the coverslip, in µm.  [0]")
@click.option("--pinhole", type=float, help="Diameter in Airy units; 0 is closed.  [1]")
@click.option("--sheet", type=float, help="Thickness of the light sheet (FWHM), in µm.")
@click.option("--voxel", help="Micrometres along z, y, x, as 0.2,0.1,0.1.  [the image's]")
@click.option("--shape", help="Voxels, as 31x31x31.  [a shape that holds most of the light]")
@image_option
@click.option("--channel", help="Channel of the image whose wavelengths are used; from 0, or by name.")
@_axes
@_picture
@_force
@_json
def generate(**wanted: Any) -> None:
    """Compute a PSF for IMAGE, or for a microscope given by options.

    Voxel size, aperture, wavelengths, immersion and technique are taken from IMAGE's OME metadata; options override
    them.
    """
    from rlcore.app.psf.generating import generate_file

    _run(generate_file, wanted)


@psf.command()
@click.argument("stack", type=LOCATION)
@_output
@click.option("--shape", help="Voxels of the PSF, as 31x41x41.  [31 on each axis, or the size of the stack]")
@click.option("--voxel", help="Micrometres along z, y, x of the stack, as 0.2,0.1,0.1.  [its file's]")
@click.option("--threshold", type=float, help="Minimum of a bead above the background.")
@click.option("--saturation", type=float, help="Counts at which the camera is full.")
@image_option
@click.option("--channel", help="Channel of a stack with several, from 0, or by name.")
@click.option("--time", help="Time point of a stack with several, from 0.")
@_axes
@_picture
@_force
@_json
def distil(**wanted: Any) -> None:
    """Average the beads of STACK to a PSF, aligned to a fraction of a voxel and without background."""
    from rlcore.app.psf.distilling import distil_file

    _run(distil_file, wanted)


@psf.command()
@click.argument("path", metavar="PSF", type=LOCATION)
@_axes
@_psf_voxel
@_picture
@_force
@_json
def inspect(**wanted: Any) -> None:
    """Measure PSF: centre, widths, energy, background, asymmetry; and warn of faults that harm a deconvolution."""
    from rlcore.app.psf.inspecting import inspect_file

    _run(inspect_file, wanted)


@psf.command()
@click.argument("path", metavar="PSF", type=LOCATION)
@_output
@_axes
@_psf_voxel
@_picture
@_force
@_json
def mend(**wanted: Any) -> None:
    """Subtract a pedestal from PSF, reduce its noise, and centre its peak."""
    from rlcore.app.psf.inspecting import mend_file

    _run(mend_file, wanted)


@psf.command()
@options(click.option("--json", "as_json", is_flag=True, help="Print the survey as JSON on stdout."))
def models(*, as_json: bool) -> None:
    """List the installed models of PSFs, and why some cannot be used."""
    from rlcore.app.psf.surveying import show

    show(as_json=as_json)


def _run(work: Any, wanted: dict[str, Any]) -> None:
    """Runs a command with its warnings shown, and prints its result as text or JSON."""
    from rlcore.app.terminal import Terminal

    as_json = wanted.pop("as_json")
    terminal = Terminal()
    with terminal.listening():
        result = work(**wanted)
    if as_json:
        print_json({**result.figures, "warnings": terminal.warned})
    else:
        click.echo("\n".join(result.lines))
