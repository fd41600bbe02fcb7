"""Options that say how a volume is deconvolved, shared by the commands that run or plan it."""

from __future__ import annotations

import click

from rlcore.acceleration import ACCELERATIONS
from rlcore.app.program import options
from rlcore.boundary import BOUNDARIES
from rlcore.start import STARTS
from rlcore.stopping import STOPS, Iterations

DEFAULT_ITERATIONS = 15


def _number_or_auto(context: click.Context, option: click.Parameter, value: str) -> Iterations:
    if value == "auto":
        return "auto"
    try:
        return int(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is neither a whole number nor 'auto'") from error


backend_options = options(
    click.option("--backend", default="auto", show_default=True, help="Its name, as `rlcore backends` lists it."),
    click.option("--device", help="Which of the backend's devices: an index, or part of a name."),
)

how_options = options(
    click.option(
        "-n",
        "--iterations",
        callback=_number_or_auto,
        default=str(DEFAULT_ITERATIONS),
        show_default=True,
        help="A number, or auto: a share of the photons is held out to find out how many.",
    ),
    click.option(
        "--stop",
        type=click.Choice(STOPS),
        default=STOPS[0],
        show_default=True,
        help="relative-change ends the run once the fit changes by no more than --threshold.",
    ),
    click.option("--threshold", type=float, help="For --stop: a share of the divergence.  [0.01]"),
    click.option(
        "--gain", help="For -n auto: image units per photon, or these and the offset, as 0.46,100.  [estimated]"
    ),
    click.option(
        "--start",
        type=click.Choice(STARTS),
        default=STARTS[0],
        show_default=True,
        help="What the iterations start from.",
    ),
    click.option(
        "--acceleration",
        type=click.Choice(ACCELERATIONS),
        default=ACCELERATIONS[0],
        show_default=True,
        help="heavy-ball fits in 30 iterations what takes 100 plain ones.",
    ),
    backend_options,
    click.option(
        "--boundary",
        type=click.Choice(BOUNDARIES),
        default=BOUNDARIES[0],
        show_default=True,
        help="What lies outside the image: light that it tells of itself, nothing, or the image repeated.",
    ),
    click.option("--memory", help="What may be used, as '4 GiB' or '50%'; what is free, less a tenth, by default."),
    click.option("--independent", is_flag=True, help="Blocks that exchange nothing: quicker, but not exact."),
    click.option("--tolerance", type=float, help="Error of independent blocks, as a share of the maximum.  [1e-3]"),
)

file_options = options(
    click.option("--psf", "psfs", multiple=True, metavar="CHANNEL=FILE", help="The PSF of a channel; may be repeated."),
    click.option("--channel", help="Which channels, from 0 or by name, as 1 or 0,2.  [all]"),
    click.option("--time", help="Which time points, from 0, as 3 or 3:10 (which ends with 9).  [all]"),
    click.option("--axes", help="What the axes of a file are that does not say it, as TZYX."),
    click.option(
        "--psf-centre",
        default="middle",
        show_default=True,
        help="Where light spreads from: middle, peak, mass, or a voxel such as 15,16,16.",
    ),
    click.option("--psf-background", default="0", show_default=True, help="To take off the PSF: a number, or auto."),
    click.option(
        "--psf-energy", type=float, default=1.0, show_default=True, help="Share of the PSF to keep, as 0.999."
    ),
)
