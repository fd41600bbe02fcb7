"""The program `rlcore`: its commands and their options; each imports its implementation when it is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.app.command_group import PARTLY, CommandGroup, print_json, refuse_given
from rlcore.app.files.remote.url import Location
from rlcore.app.locations import LOCATION, PATH
from rlcore.app.psf.commands import psf
from rlcore.app.run_options import (
    FILE_OPTIONS,
    axes_options,
    backend_options,
    file_options,
    how_options,
    image_option,
    voxel_options,
)
from rlcore.errors import InputError


@click.group(cls=CommandGroup, invoke_without_command=True)
@click.option("--debug", is_flag=True, help="Print the traceback of an error before its sentence.")
@click.version_option(package_name="rlcore", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context, *, debug: bool) -> None:
    """Richardson-Lucy deconvolution of microscope volumes of any size, on any hardware.

    Exit codes: 0 done, 1 the run failed, 2 refused as it is, 3 done but for volumes that --keep-going left empty, 130
    stopped. `rlcore --debug COMMAND ...` prints the traceback of an error too.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command()
@click.argument("image", type=LOCATION)
@click.argument("psf", type=LOCATION, required=False)
@click.option(
    "-o", "--output", type=LOCATION, required=True, help="A new .tif, .ome.tif, .ome.zarr, .ozx or .npy file."
)
@how_options
@click.option(
    "--dtype",
    type=click.Choice(["float32", "uint16"]),
    default="float32",
    show_default=True,
    help="uint16 scales the maximum to 65535, and prints the factor.",
)
@file_options
@click.option(
    "--keep-going",
    is_flag=True,
    help="Leave volumes that cannot be restored empty (NaN, or 0 in integers), list them, and end with exit code 3.",
)
@click.option("--checkpoint", type=PATH, help="A folder for the run's state: the same command resumes from it.")
@click.option("--report", type=PATH, help="An .html or .png file that shows what was gained.")
@click.option("--force", is_flag=True, help="Replace the output, and the report, if they exist.")
@click.option(
    "--force-unlock",
    is_flag=True,
    help="Take over from a run on another host, or in another container, that has ended.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def deconvolve(*, report: Path | None, as_json: bool, quiet: bool, **options: Any) -> int:
    """Restore IMAGE, volumes or planes, with the point spread function PSF.

    Both are TIFF (plain, ImageJ, OME, BigTIFF), OME-Zarr, .npy, or files of vendors (CZI, LIF, ND2, OIR ...) by the
    readers of BioIO that are installed. Every time point and channel is restored, with one PSF for all or one per
    channel by --psf; --psf auto computes them from the microscope in IMAGE's metadata. Axes, scale, channels and other
    metadata are kept. The output appears only when it is complete. OME-Zarr may be zipped (.ozx, .zarr.zip), and be
    given by URLs: s3:// and gs:// in and out, https:// in.

    With `--image all` every image of IMAGE but thumbnails is restored into a file of its own, with the image's number
    before the ending: -o out.ome.tif writes out-0.ome.tif, out-1.ome.tif and so on; --checkpoint and --report likewise.
    """
    from rlcore.app.bad_volumes import list_bad
    from rlcore.app.every_image import checked, restore_each
    from rlcore.app.file_request import FileRequest
    from rlcore.app.files.images import is_every
    from rlcore.app.heap import keep_little, share_heap
    from rlcore.app.interruption import stoppable
    from rlcore.app.restore import restore
    from rlcore.app.run_summary import RunSummary
    from rlcore.app.terminal import Terminal

    # before any thread starts: glibc assigns a heap to a thread on its first allocation
    share_heap()
    keep_little(options["memory"])
    request = FileRequest(report=report, **options)
    terminal = Terminal(quiet=quiet)
    with terminal.listening(), stoppable(terminal.say) as cancel, terminal.progress() as callback:

        def run(one: FileRequest) -> RunSummary:
            terminal.begin()
            wants_info = as_json or one.report is not None
            done = restore(one, callback=callback, cancel=cancel, info=wants_info, say=terminal.say)
            if one.report is not None:
                from rlcore.app.before_after import write_report

                taken_off = replace(one, background=done.taken_off)
                write_report(one.report, taken_off, done, [*filter(None, done.camera_lines), *terminal.heard])
            terminal.say(str(done))
            return done

        every = is_every(request.which_image)
        made = restore_each(request, run) if every else [(request, run(checked(request)))]
    if as_json:
        results = [{**done.to_dict(), "report": None if one.report is None else str(one.report)} for one, done in made]
        print_json({**({"images": results} if every else results[0]), "warnings": terminal.warned})
    for one, done in made:
        if done.bad:
            of = f"image {one.which_image} of {str(one.image)!r}: " if every else ""
            terminal.fail(f"{of}{list_bad(done.bad, done.volumes)}")
    return PARTLY if any(done.bad for _, done in made) else 0


@main.command()
@click.argument("image", type=LOCATION, required=False)
@click.argument("psf", type=LOCATION, required=False)
@click.option("--shape", nargs=2, metavar="IMAGE PSF", help="Shapes instead of files, as 64x1024x1024 31x31x31.")
@how_options
@file_options
@click.option("--checkpoint", type=PATH, help="Plan for a run whose state is kept in this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON on stdout.")
@click.pass_context
def plan(
    context: click.Context,
    /,
    *,
    image: Location | None,
    psf: Location | None,
    shape: tuple[str, str] | None,
    as_json: bool,
    **request: Any,
) -> None:
    """Print how IMAGE would be divided into blocks, the memory needed and the time expected, without running."""
    from rlcore.app.planning import plan_request
    from rlcore.app.terminal import Terminal

    if image is None and shape is not None:
        refuse_given(context, {*FILE_OPTIONS, "checkpoint"}, "files, not with --shape")
    terminal = Terminal()
    with terminal.listening():
        forecast = plan_request(image, psf, shape, request, terminal.say)
    if as_json:
        print_json(forecast.to_dict())
    else:
        click.echo("\n".join(forecast.lines()))


@main.command()
@click.argument("file", type=LOCATION)
@image_option
@click.option("--axes", help="Axes of a file that does not name them, as TZYX.")
@click.option("--voxel", help="Micrometres along z, y, x, as 0.2,0.1,0.1.  [the file's]")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON on stdout.")
def info(*, file: Location, which_image: str | None, axes: str | None, voxel: str | None, as_json: bool) -> None:
    """Show what was understood of FILE: its images, axes, scale, channels and optics, and what is odd.

    Only sampled planes are read. Exit code 0 if FILE could be described, even one that a run would refuse.
    """
    from rlcore.app.info.gather import gather
    from rlcore.app.info.show import lines, to_dict

    facts = gather(file, which_image, axes, voxel)
    if as_json:
        print_json(to_dict(facts))
    else:
        click.echo("\n".join(lines(facts)))


main.add_command(psf)


@main.command()
@click.argument("folder", type=PATH, default=Path())
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option(
    "--force",
    is_flag=True,
    help="Also what runs elsewhere left, on other hosts or in other containers, and finished results.",
)
def clean(*, folder: Path, dry_run: bool, force: bool) -> None:
    """Remove what killed runs left in FOLDER: work folders and locks, never those of a run that goes on."""
    from rlcore.app.clean import clean

    click.echo("\n".join(clean(folder, dry_run=dry_run, force=force)))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the survey as JSON on stdout.")
@click.option("--why", nargs=2, type=LOCATION, metavar="IMAGE PSF", help="Explain what `auto` chooses for these files.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 86400, min_open=True),
    default=60.0,
    show_default=True,
    help="Time that each backend gets to answer.",
)
@axes_options
@voxel_options
@backend_options
@click.pass_context
def backends(
    context: click.Context, /, *, as_json: bool, why: tuple[Location, Location] | None, seconds: float, **options: Any
) -> None:
    """List the installed backends, their devices, and why some cannot run.

    Each is asked in a process of its own; one that hangs or crashes is listed as broken.
    """
    from rlcore.app.survey import explain, show

    if why is None:
        refuse_given(context, options, "--why IMAGE PSF")
        show(as_json=as_json, seconds=seconds)
    else:
        explain(*why, as_json=as_json, **options)


@main.command()
@click.option("--output", type=PATH, default=Path("demo_output"), show_default=True, help="A folder for all files.")
@click.option("-n", "--iterations", type=int, default=40, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, another phantom.")
@backend_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
def demo(*, output: Path, as_json: bool, **options: Any) -> None:
    """Restore a phantom whose truth is known, and compare before and after."""
    from rlcore.app.demo import run_demo
    from rlcore.app.interruption import stoppable
    from rlcore.app.terminal import Terminal

    terminal = Terminal()
    with terminal.listening(), stoppable(terminal.say) as cancel, terminal.progress() as callback:
        made = run_demo(output, callback=callback, cancel=cancel, **options)
    if as_json:
        print_json(made.to_dict())
    else:
        click.echo("\n".join(made.lines()))


@main.command()
@click.argument("name")
@click.option("--device", help="Device of the backend: an index, or part of a name.")
@click.option("--without", multiple=True, metavar="GROUP", help="Leave out a group, such as memory on a shared GPU.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON on stdout.")
@click.pass_context
def check(context: click.Context, /, name: str, **options: Any) -> None:
    """Run the conformance kit on the installed backend NAME, and explain each failure.

    The verdict is Markdown, for a README. Exit code 1 if a test fails.
    """
    from rlcore.app.check import check

    context.exit(check(name, **options))


@main.command()
@click.argument("what", nargs=-1)
@click.option("--size", "sizes", help="Comma-separated names of problems, in place of WHAT.")
@click.option("-n", "--iterations", type=click.IntRange(min=1), default=10, show_default=True)
@click.option(
    "--backend",
    "backends",
    multiple=True,
    help="Only this backend, or reikna:1 for its device; may be repeated.  [all that work; no CPU beside a GPU]",
)
@click.option("--device", help="Only backends on this device: an index, or part of a name.")
@click.option("--peer", "peer_names", multiple=True, help="Only this other program; may be repeated.  [all installed]")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Include other programs that are installed.")
@axes_options
@click.option("--boundary", type=click.Choice(BOUNDARIES), default=BOUNDARIES[0], show_default=True)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=9.0,
    show_default=True,
    help="Total time limit: slow programs are repeated less.",
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds at most, each in new processes."
)
@click.option(
    "--cycles", type=click.IntRange(min=1), default=2, show_default=True, help="Warm calls in a round, at most."
)
@click.option("--reference/--no-reference", default=True, show_default=True, help="Measure errors against float64.")
@click.option("-o", "--output", type=PATH, help="A JSON file for the results.")
@click.option("--chart", "picture", type=PATH, help="A PNG file for the chart.  [bench.png with --compare]")
@click.option("--compare", is_flag=True, help="Compare result files instead of measuring.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the table in Markdown.")
def bench(
    *,
    what: tuple[str, ...],
    sizes: str | None,
    compare: bool,
    picture: Path | None,
    as_json: bool,
    as_markdown: bool,
    **options: Any,
) -> None:
    """Time every backend here, and other programs, on the same problems.

    WHAT lists problems: tiny, small, cpu, paper, medium, large, all; or is an IMAGE and a PSF file; or, with --compare,
    result files of several machines or versions.
    """
    from rlcore.app.bench.run import run_bench, run_compare
    from rlcore.app.terminal import Terminal

    shown: dict[str, Any] = {"as_json": as_json, "as_markdown": as_markdown, "say": Terminal().say}
    if sizes is not None:
        if what or compare:
            raise InputError("--size names what is to be timed; give it alone, without WHAT or --compare")
        what = tuple(name.strip() for name in sizes.split(","))
    if compare:
        run_compare(what, picture=picture or Path("bench.png"), **shown)
    else:
        run_bench(what, picture=picture, **shown, **options)
