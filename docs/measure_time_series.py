"""Restore an OME-Zarr of time points and channels that is larger than the memory given; kill the run and resume it.

    python docs/measure_time_series.py --size "1 GiB" --memory "200 MiB"

It writes an OME-Zarr whose result has that size, restores it with a checkpoint, kills the process (SIGKILL) in the
middle of a volume half-way through the file, resumes by the same command, and restores it once more without a break.
It prints the plan, the peak of resident memory and how much of it exceeds that of the imports, which is what the plan
refers to, and whether both results are the same bits.
Disk needed in FOLDER: about four times the size.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr
from measure_out_of_core import RUN, report_and_peak

from rlcore.backend.host.memory import format_bytes
from rlcore.planner.budget import parse_memory
from rlcore.testing.optics import confocal_psf

TIMES, CHANNELS = 4, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1 GiB", help="of the result")
    parser.add_argument("--memory", default="200 MiB")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--folder", help="for the files; a temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        told = measure(Path(folder), arguments)
    print("\n".join(f"{key}: {value}" for key, value in told.items()))


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Write, restore twice, compare."""
    side = round((int(parse_memory(arguments.size)) / 4 / TIMES / CHANNELS * 4) ** (1 / 3))
    shape = (TIMES, CHANNELS, side // 4, side, side)
    write_image(folder / "image.zarr", shape)
    for channel in range(CHANNELS):
        np.save(folder / f"psf{channel}.npy", confocal_psf((7, 9, 9), wavelength=0.5 + 0.1 * channel))
    killed_at = kill(folder, arguments)
    began = time.perf_counter()
    _, peak_resumed = finish(start(folder, arguments, "resumed.zarr", "--checkpoint", str(folder / "state")))
    middle = time.perf_counter()
    report, peak = finish(start(folder, arguments, "whole.zarr", "--checkpoint", str(folder / "another")))
    seconds, imports = time.perf_counter() - middle, idle()
    return {
        "image": f"{' x '.join(map(str, shape))} (t, c, z, y, x), its result {format_bytes(4 * int(np.prod(shape)))}",
        "memory given": arguments.memory,
        "plan of each volume": report["plan"]["text"],
        "planned": format_bytes(report["plan"]["memory_bytes"]),
        "resident at most, without a break": format_bytes(peak),
        "resident at most, resumed": format_bytes(peak_resumed),
        "of that before any voxel is read": format_bytes(imports),
        "taken beside that": format_bytes(max(peak, peak_resumed) - imports),
        "seconds without a break": round(seconds, 1),
        "killed": killed_at,
        "seconds resumed from there": round(middle - began, 1),
        "same bits": same(folder / "resumed.zarr", folder / "whole.zarr"),
    }


def write_image(path: Path, shape: tuple[int, ...]) -> None:
    """Write counts with structure, a few planes at a time."""
    group = zarr.open_group(path, mode="w")
    array = group.create_array("0", shape=shape, chunks=(1, 1, 8, 256, 256), dtype="uint16")
    y, x = np.mgrid[: shape[3], : shape[4]]
    rng = np.random.default_rng(0)
    for t, c, z in np.ndindex(shape[0], shape[1], -(-shape[2] // 8)):
        deep = np.arange(z * 8, min(z * 8 + 8, shape[2]))[:, None, None]
        light = 20 + 15 * np.sin((y + 9 * t) / 7 + deep / 11) * np.cos(x / (9 + c) - deep / 13)
        array[t, c, z * 8 : z * 8 + 8] = rng.poisson(light)
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    transform = {"type": "scale", "scale": [1.0, 1.0, 0.2, 0.1, 0.1]}
    levels = [{"path": "0", "coordinateTransformations": [transform]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}


def start(folder: Path, arguments: argparse.Namespace, output: str, *more: str) -> subprocess.Popen[str]:
    psfs = [part for c in range(CHANNELS) for part in ("--psf", f"{c}={folder / f'psf{c}.npy'}")]
    options = ["--memory", arguments.memory, "--backend", arguments.backend, "-n", str(arguments.iterations), "--json"]
    options += ["--offset", "0", "--background", "0", "--hot-pixels", "keep"]
    files = [str(folder / "image.zarr"), "-o", str(folder / output)]
    command = [sys.executable, "-c", RUN, "deconvolve", *files, *psfs, *options, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill(folder: Path, arguments: argparse.Namespace) -> str:
    """Kill a run when half of the volumes are written and the next has begun; returns where that was."""
    process = start(folder, arguments, "resumed.zarr", "--checkpoint", str(folder / "state"))
    half = TIMES * CHANNELS // 2
    run_log, state = folder / "state" / "run.json", folder / "state" / f"volume-{half}" / "state.json"
    while process.poll() is None:
        sweeps = json.loads(read(state) or "{}").get("done", {})
        if any(sweeps.values()) and len(json.loads(read(run_log))["done"]) == half:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return f"in volume {half + 1} of {TIMES * CHANNELS}, in sweep {max(map(int, sweeps))}"
        time.sleep(0.01)
    sys.exit("the run ended before it could be killed; give a larger --size")


def read(path: Path) -> str:
    """Text of a file; empty if it has just been removed."""
    try:
        return path.read_text()
    except OSError:
        return ""


def finish(process: subprocess.Popen[str]) -> tuple[dict, int]:
    """The report of a run, and the bytes that it had resident at most."""
    said, _ = process.communicate()
    if process.returncode:
        sys.exit(process.returncode)
    return report_and_peak(said)


def idle() -> int:
    """Resident bytes of a process that has only imported the modules of a run."""
    script = "import rlcore.app.restore, rlcore_pyfftw.backend, zarr, yaozarrs, pathlib, re; "
    script += "print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return int(said) * 1024


def same(one: Path, other: Path) -> bool:
    arrays = [zarr.open_group(path, mode="r")["0"] for path in (one, other)]
    places = np.ndindex(arrays[0].shape[:2])
    return all(np.array_equal(arrays[0][place], arrays[1][place]) for place in places)


if __name__ == "__main__":
    main()
