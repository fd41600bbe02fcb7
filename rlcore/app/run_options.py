"""Command-line options of a deconvolution, shared by the commands that run or plan it."""

from __future__ import annotations

import click

from rlcore.algorithm.acceleration import ACCELERATIONS
from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.algorithm.regularization import REGULARIZATIONS
from rlcore.algorithm.stopping import STOPS, Iterations
from rlcore.app.command_group import options
from rlcore.app.whole_numbers import whole_number
from rlcore.execution.volumes.initial_estimate import STARTS

MEND = "mend"
"""Default of --psf-centre and --psf-background: faults of the PSF are corrected, with a warning."""

MOST_ITERATIONS = 1_000_000
"""Most iterations of a run; Richardson-Lucy has converged, or fits noise, after far fewer."""


def _number_or_auto(context: click.Context, option: click.Parameter, value: str) -> Iterations:
    if value == "auto":
        return "auto"
    # negative numbers go on to the library, which says what is allowed
    number = whole_number(value.removeprefix("-"))
    if number is None:
        raise click.BadParameter(f"{value!r} is neither a whole number nor 'auto'")
    if number > MOST_ITERATIONS:
        raise click.BadParameter(f"{value!r} is more than {MOST_ITERATIONS} iterations, which no run ends; give fewer")
    return -number if value.startswith("-") else number


backend_options = options(
    click.option("--backend", default="auto", show_default=True, help="A name listed by `rlcore backends`."),
    click.option("--device", help="Device of the backend: an index, or part of a name."),
)

axes_options = options(
    click.option("--axes", help="Axes of the image, as TZYX, if its file does not name them, or not rightly."),
    click.option("--psf-axes", help="Axes of the PSF's file, likewise, as ZYX."),
)

voxel_options = options(
    click.option("--voxel", help="Micrometres along z, y, x of the image, as 0.2,0.1,0.1.  [its file's]"),
    click.option("--psf-voxel", help="Micrometres along z, y, x of the PSF's file.  [its own]"),
)

image_option = click.option(
    "--image",
    "which_image",
    metavar="N|NAME|all",
    help="Image of a file that holds several, from 0 or by name; `deconvolve` also takes all.  [the first]",
)

how_options = options(
    click.option(
        "-n",
        "--iterations",
        callback=_number_or_auto,
        default="auto",
        show_default=True,
        help="A number, or auto: found by cross-validation on photons held out.",
    ),
    click.option(
        "--stop",
        type=click.Choice(STOPS),
        default=STOPS[0],
        show_default=True,
        help="relative-change stops once the I-divergence changes by less than --threshold, relative.",
    ),
    click.option("--threshold", type=float, help="For --stop: relative change of the I-divergence.  [0.01]"),
    click.option("--gain", help="For -n auto: image units per photon, or gain and offset, as 0.46,100.  [estimated]"),
    click.option(
        "--start",
        type=click.Choice(STARTS),
        default=STARTS[0],
        show_default=True,
        help="Initial estimate of the iterations.",
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
        help="Suppresses noise: tv penalises total variation, consensus keeps what two halves of the photons agree on.",
    ),
    click.option("--tv-weight", type=float, help="Weight of total variation, up to 0.1.  [0.002]"),
    click.option(
        "--seed",
        type=click.IntRange(0, (1 << 64) - 1),
        default=0,
        show_default=True,
        help="Seed of the random split of photons.",
    ),
    backend_options,
    click.option(
        "--boundary",
        type=click.Choice(BOUNDARIES),
        default=BOUNDARIES[0],
        show_default=True,
        help="Outside the image: light estimated from the image, zero, or the image repeated.",
    ),
    click.option("--memory", help="Memory limit, as '4 GiB' or '50%'.  [90 % of the free memory]"),
    click.option("--independent", is_flag=True, help="Blocks do not exchange data: faster, but not exact."),
    click.option("--tolerance", type=float, help="Error of independent blocks, relative to the maximum.  [1e-3]"),
)

file_options = options(
    click.option(
        "--psf",
        "psfs",
        multiple=True,
        metavar="[CHANNEL=]FILE",
        help="PSF of a channel, or of all; may be repeated. auto for FILE computes it from the image's metadata.",
    ),
    click.option("--psf-model", help="Model of computed PSFs, as `rlcore psf models` lists it.  [gibson-lanni]"),
    click.option("--psf-as-is", is_flag=True, help="Correct neither pedestal nor centre of a PSF; only warn."),
    image_option,
    click.option("--channel", help="Channels, from 0 or by name, as 1 or 0,2.  [all]"),
    click.option("--time", help="Time points, from 0, as 3 or 3:10 (which ends with 9).  [all]"),
    axes_options,
    voxel_options,
    click.option("--fill-missing", is_flag=True, help="Restore an image that lacks planes, with zeros in their place."),
    click.option(
        "--psf-centre",
        default=MEND,
        show_default=True,
        help="Centre of the PSF: middle, peak, mass, or a voxel such as 15,16,16; mend moves an off-centre peak to the "
        "middle.",
    ),
    click.option(
        "--psf-background",
        default=MEND,
        show_default=True,
        help="Subtracted from the PSF: a number, or auto; mend subtracts a pedestal if there is one.",
    ),
    click.option(
        "--psf-energy", type=float, default=1.0, show_default=True, help="Share of the PSF to keep, as 0.999."
    ),
)

FILE_OPTIONS = frozenset(str(parameter.name) for parameter in click.command()(file_options(lambda: None)).params)
"""Names of the options that have an effect on files alone."""
