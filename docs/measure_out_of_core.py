"""Restore a volume much larger than the memory given, watch the memory of the process, and check the result at spots.

    python docs/measure_out_of_core.py --size "4 GiB" --memory "600 MiB"

It writes a volume of that size, runs `rlcore deconvolve` on it, and reads the process's resident memory ten times a
second, and its peak at the end. At both ends, in the middle and beside seams of blocks the result is compared with
a restoration of the surroundings alone, in double precision, far enough that nothing outside them can matter.
Disk needed in FOLDER: about five times the size.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from rlcore.backend.host.memory import format_bytes
from rlcore.planner.budget import parse_memory
from rlcore.testing.optics import confocal_psf

SPOT = 8
"""Voxels along each axis of a spot, a cube that is compared."""

RUN = "; ".join(
    [
        "import atexit, pathlib, re, sys",
        "status = pathlib.Path('/proc/self/status')",
        "atexit.register(lambda: print('peak', re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1], flush=True))",
        "from rlcore.app.main import main",
        "main(sys.argv[1:])",
    ]
)
"""The command line, as a process that prints at its end how much it had resident at most."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="4 GiB", help="of the volume, as float32")
    parser.add_argument("--memory", default="600 MiB")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--folder", help="for the files; a temporary one by default")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        told = measure(Path(folder), arguments)
    print(json.dumps(told) if arguments.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Write, restore, compare."""
    side = round((int(parse_memory(arguments.size)) / 4) ** (1 / 3))
    psf = confocal_psf((7, 9, 9))
    np.save(folder / "psf.npy", psf)
    mean = write_scene(folder / "image.npy", (side, side, side))
    began = time.perf_counter()
    report, peak, own = restore(folder, arguments)
    seconds = time.perf_counter() - began
    image, result = (np.load(folder / name, mmap_mode="r") for name in ("image.npy", "restored.npy"))
    errors = [
        spot_error(image, result, psf, spot, mean, arguments.iterations) for spot in spots(image.shape, report["plan"])
    ]
    return {
        "volume": f"{side}^3 voxels, {format_bytes(4 * side**3)}",
        "memory given": arguments.memory,
        "plan": report["plan"]["text"],
        "planned bytes": report["plan"]["memory_bytes"],
        "resident bytes at most": max(peak, own),
        "resident": format_bytes(max(peak, own)),
        "seconds": round(seconds, 1),
        "spots": len(errors),
        "largest error at spots": max(errors),
    }


def write_scene(path: Path, shape: tuple[int, ...]) -> float:
    """Write counts with structure at many scales, a plane at a time, and return their mean."""
    volume = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    y, x = np.mgrid[: shape[1], : shape[2]].astype(np.float32)
    rng, total = np.random.default_rng(0), 0.0
    for z in range(shape[0]):
        light = 20 + 15 * np.sin(y / 7 + z / 11) * np.cos(x / 9 - z / 13) + 10 * np.sin((x + y + z) / 60)
        volume[z] = rng.poisson(np.maximum(light, 1))
        total += float(volume[z].sum(dtype=np.float64))
        if z % 64 == 63:
            volume.flush()
    volume.flush()
    return total / math.prod(shape)


def restore(folder: Path, arguments: argparse.Namespace) -> tuple[dict, int, int]:
    """The program's report, and the peak of resident bytes: as seen from outside, and as the process itself says."""
    names = [str(folder / name) for name in ("image.npy", "psf.npy", "restored.npy")]
    options = ["--memory", arguments.memory, "--backend", arguments.backend, "--iterations", str(arguments.iterations)]
    options += ["--acceleration", "none", "--offset", "0", "--background", "0", "--hot-pixels", "keep"]
    command = [sys.executable, "-c", RUN, "deconvolve", *names[:2], "-o", names[2], *options, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.1)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        sys.exit(process.returncode)
    report, own = report_and_peak(said)
    return report, peak, own


def report_and_peak(said: str) -> tuple[dict, int]:
    """The report of a run, and the bytes that its process had resident at most, from what it printed."""
    report, _, peak = said.rpartition("peak ")
    return json.loads(report), int(peak) * 1024


def resident(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), 0)


def spots(shape: tuple[int, ...], plan: dict) -> list[tuple[int, ...]]:
    """First voxels of the spots: at both ends, in the middle, and across the first seam along each axis."""
    before = [p - 1 - c for p, c in zip(plan["geometry"]["psf_shape"], plan["geometry"]["centre"], strict=True)]
    middle = [n // 2 for n in shape]
    places = [(0, 0, 0), tuple(n - SPOT for n in shape), tuple(middle)]
    for axis, (core, reach) in enumerate(zip(plan["core_shape"], before, strict=True)):
        seam = core - reach - SPOT // 2
        if 0 < seam < shape[axis] - SPOT:
            places.append(tuple(seam if a == axis else m for a, m in enumerate(middle)))
    return places


def spot_error(
    image: np.ndarray, result: np.ndarray, psf: np.ndarray, spot: tuple[int, ...], start: float, iterations: int
) -> float:
    """Largest difference at a spot, as a share of the maximum there."""
    halo = [iterations * (p - 1) for p in psf.shape]
    low = [max(0, a - h) for a, h in zip(spot, halo, strict=True)]
    high = [min(n, a + SPOT + h) for n, a, h in zip(image.shape, spot, halo, strict=True)]
    around = np.array(image[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], dtype=np.float64)
    inside = tuple(slice(a - b, a - b + SPOT) for a, b in zip(spot, low, strict=True))
    truth = restore_directly(around, psf, start, iterations)[inside]
    found = result[tuple(slice(a, a + SPOT) for a in spot)]
    return float(np.abs(found - truth).max() / truth.max())


def restore_directly(image: np.ndarray, psf: np.ndarray, start: float, iterations: int) -> np.ndarray:
    """Richardson-Lucy in double precision by NumPy alone, the estimate reaching beyond the image."""
    grown = tuple(n + p - 1 for n, p in zip(image.shape, psf.shape, strict=True))
    frame = tuple(slice(p - 1 - p // 2, p - 1 - p // 2 + n) for n, p in zip(image.shape, psf.shape, strict=True))
    kernel = np.zeros(grown)
    kernel[tuple(slice(p) for p in psf.shape)] = psf
    otf = np.fft.rfftn(np.roll(kernel, [-(p // 2) for p in psf.shape], range(psf.ndim)))

    def filtered(array: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return np.fft.irfftn(np.fft.rfftn(array) * factor, grown, range(array.ndim))

    ratio = np.zeros(grown)
    ratio[frame] = 1
    reach = filtered(ratio, otf.conj())
    live = reach >= 1e-3
    estimate = np.full(grown, start)
    for _ in range(iterations):
        ratio[frame] = image / filtered(estimate, otf)[frame]
        correction = filtered(ratio, otf.conj())
        estimate[live] *= np.maximum(correction[live], 0) / reach[live]
    return estimate[frame]


if __name__ == "__main__":
    main()
