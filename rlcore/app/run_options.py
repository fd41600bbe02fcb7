"""Options that say how a volume is deconvolved, shared by the commands that run or plan it."""

from __future__ import annotations

import click

from rlcore.acceleration import ACCELERATIONS
from rlcore.app.program import options
from rlcore.boundary import BOUNDARIES
from rlcore.regularization import REGULARIZATIONS
from rlcore.start import STARTS
from rlcore.stopping import STOPS, Iterations

MEND = "mend"
"""The centre and the background of a PSF where the user says nothing: what is wrong is mended, with a warning."""

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
        help="heavy-ball fits in 30 iterations what takes 100 plain ones; biggs too, with more memory.",
    ),
    click.option(
        "--regularization",
        type=click.Choice(REGULARIZATIONS),
        default=REGULARIZATIONS[0],
        show_default=True,
        help="What keeps from fitting noise: tv prefers little variation, consensus asks two halves of the counts.",
    ),
    click.option("--tv-weight", type=float, help="How much total variation counts, up to 0.1.  [0.002]"),
    click.option("--seed", type=int, default=0, show_default=True, help="Of coins that split or hold out photons."),
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
    click.option(
        "--psf",
        "psfs",
        multiple=True,
        metavar="[CHANNEL=]FILE",
        help="The PSF of a channel, or of all; may be repeated. auto for FILE computes it from the image's metadata.",
    ),
    click.option("--psf-model", help="For auto, as `rlcore psf models` lists it.  [gibson-lanni]"),
    click.option("--psf-as-is", is_flag=True, help="Mend no pedestal and no centre of a PSF; only warn of them."),
    click.option("--channel", help="Which channels, from 0 or by name, as 1 or 0,2.  [all]"),
    click.option("--time", help="Which time points, from 0, as 3 or 3:10 (which ends with 9).  [all]"),
    click.option("--axes", help="What the axes of a file are that does not say it, as TZYX."),
    click.option(
        "--psf-centre",
        default=MEND,
        show_default=True,
        help="Where light spreads from: middle, peak, mass, a voxel such as 15,16,16; or mend, which moves a peak that "
        "is off to the middle.",
    ),
    click.option(
        "--psf-background",
        default=MEND,
        show_default=True,
        help="To take off the PSF: a number, auto, or mend, which takes off a pedestal if there is one.",
    ),
    click.option(
        "--psf-energy", type=float, default=1.0, show_default=True, help="Share of the PSF to keep, as 0.999."
    ),
)
