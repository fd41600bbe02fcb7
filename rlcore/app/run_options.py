"""Command-line options of a deconvolution, shared by the commands that run or plan it."""

from __future__ import annotations

from typing import Literal

import click

from rlcore.algorithm.acceleration import ACCELERATIONS
from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.algorithm.regularization import REGULARIZATIONS
from rlcore.algorithm.stopping import STOPS
from rlcore.app.command_group import options
from rlcore.app.whole_numbers import whole_number
from rlcore.execution.volumes.initial_estimate import STARTS

MEND = "mend"
"""Default of --psf-centre and --psf-background: faults of the PSF are corrected, with a warning."""

AUTO_EACH = "auto-each"
"""Value of --iterations by which every volume has its own number."""

MOST_ITERATIONS = 1_000_000
"""Most iterations of a run; Richardson-Lucy has converged, or fits noise, after far fewer."""


def _number_or_auto(context: click.Context, option: click.Parameter, value: str) -> str | int:
    if value in ("auto", AUTO_EACH):
        return value
    # negative numbers go on to the library, which says what is allowed
    number = whole_number(value.removeprefix("-"))
    if number is None:
        raise click.BadParameter(f"{value!r} is neither a whole number, 'auto' nor {AUTO_EACH!r}")
    if number > MOST_ITERATIONS:
        raise click.BadParameter(f"{value!r} is more than {MOST_ITERATIONS} iterations, which no run ends; give fewer")
    return -number if value.startswith("-") else number


def _weight_or_auto(
    context: click.Context, option: click.Parameter, value: str | None
) -> float | Literal["auto"] | None:
    if value is None or value == "auto":
        return None if value is None else "auto"
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor 'auto'") from None


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
        help="A number; auto: found by photons held out, once per channel; or auto-each: for every volume.",
    ),
    click.option(
        "--stop",
        type=click.Choice(STOPS),
        default=STOPS[0],
        show_default=True,
        help="relative-change stops once the I-divergence changes by less than --threshold, relative.",
    ),
    click.option("--threshold", type=float, help="For --stop: relative change of the I-divergence.  [0.01]"),
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
    click.option(
        "--tv-weight",
        callback=_weight_or_auto,
        help="Weight of total variation, up to 0.1, or auto: by the photons, so that it costs nothing.  [auto]",
    ),
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
    click.option("--fill-missing", is_flag=True, help="Restore an image that lacks planes, which count as no data."),
    click.option(
        "--offset",
        "offsets",
        multiple=True,
        metavar="[CHANNEL=]NUMBER|auto|FILE",
        help="Counts of the camera without light, or a dark frame; may be repeated.  [auto: by the image's noise]",
    ),
    click.option(
        "--gain",
        "gains",
        multiple=True,
        metavar="[CHANNEL=]NUMBER|auto|FILE|G,O",
        help="Image units per photon, a map of them, or gain and offset, as 0.46,100; may be repeated.  [auto]",
    ),
    click.option(
        "--background",
        "backgrounds",
        multiple=True,
        metavar="[CHANNEL=]NUMBER|auto",
        help="Light that is not the object's, above the offset; auto: of the darkest parts of each volume.  [auto]",
    ),
    click.option(
        "--weights",
        metavar="FILE|finite",
        help="How much each voxel counts, from 0 for no data; finite leaves out those that are NaN or infinite.",
    ),
    click.option(
        "--hot-pixels",
        default="find",
        show_default=True,
        metavar="find|keep|FILE",
        help="Pixels that count as no data: found with saturated voxels, none, or those that are not 0 in a file.",
    ),
    click.option("--photons", is_flag=True, help="Divide the result by the gain, so that it is in photons."),
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
