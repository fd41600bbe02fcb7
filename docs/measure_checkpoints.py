"""What checksums and syncs of a checkpoint cost: an out-of-core run from disk to disk, with and without them.

    python docs/measure_checkpoints.py --size "1 GiB" --memory "400 MiB"

Both runs write the same checkpoint; the one without takes no checksum of a volume and brings nothing to the disk before
its state. They take turns, and each begins after the system has written what the one before has left. Disk needed in
FOLDER: about seven times the size.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import rlcore
from rlcore.execution.volumes import kept
from rlcore.planner.budget import parse_memory
from rlcore.testing.optics import confocal_psf

KINDS = ("with both", "without checksums", "without syncs", "without both", "no checkpoint")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1 GiB", help="of the volume, as float32")
    parser.add_argument("--memory", default="400 MiB")
    parser.add_argument("--backend", default="pyfftw")
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument(
        "--kinds", nargs="*", choices=KINDS, help="of runs; all by default, these two at least: with and without both"
    )
    parser.add_argument("--folder", help="for the files; a temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(json.dumps(measure(Path(folder), arguments), indent=1))


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Seconds of both, and of runs without a checkpoint; the first round warms up."""
    side = round((int(parse_memory(arguments.size)) / 4) ** (1 / 3))
    psf = confocal_psf((7, 9, 9))
    image = np.lib.format.open_memmap(folder / "image.npy", mode="w+", dtype=np.float32, shape=(side,) * 3)
    rng = np.random.default_rng(0)
    for plane in image:
        plane[...] = rng.poisson(20, plane.shape)
    image.flush()
    kinds = arguments.kinds or KINDS
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    processors: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(arguments.rounds + 1):
        for kind in kinds[:: 1 if turn % 2 else -1]:
            taken, worked = run(folder, psf, kind, arguments)
            if turn:
                seconds[kind].append(taken)
                processors[kind].append(worked)
    bare = seconds["without both"]
    cost = statistics.median(a / b for a, b in zip(seconds["with both"], bare, strict=True)) - 1
    return {
        "volume": f"{side}^3 voxels",
        "seconds, median": {kind: round(statistics.median(found), 2) for kind, found in seconds.items()},
        "seconds, least": {kind: round(min(found), 2) for kind, found in seconds.items()},
        "seconds of processors, median": {k: round(statistics.median(found), 2) for k, found in processors.items()},
        "cost of checksums and syncs": f"{cost:+.1%}",
    }


def run(folder: Path, psf: np.ndarray, kind: str, arguments: argparse.Namespace) -> tuple[float, float]:
    """Seconds of one run, by the clock and of processors."""
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    image = np.load(folder / "image.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(folder / "result.npy", mode="w+", dtype=np.float32, shape=image.shape)
    os.sync()
    began, worked = time.perf_counter(), time.process_time()
    with leaving_out(kind):
        rlcore.deconvolve(
            image, psf, backend=arguments.backend, memory=arguments.memory, iterations=arguments.iterations,
            acceleration="none", offset=0, background=0, hot_pixels="keep", out=out,
            checkpoint=None if kind == "no checkpoint" else state,
        )  # fmt: skip
    return time.perf_counter() - began, time.process_time() - worked


@contextmanager
def leaving_out(kind: str) -> Iterator[None]:
    """Without the part that is not wanted, for comparison: such a checkpoint would not be one."""
    sync, checksum = os.fsync, kept._sum_of_plane
    if kind in ("without syncs", "without both"):
        os.fsync = lambda handle: None
    if kind in ("without checksums", "without both"):
        kept._sum_of_plane = lambda plane: 0
    try:
        yield
    finally:
        os.fsync, kept._sum_of_plane = sync, checksum


if __name__ == "__main__":
    main()
