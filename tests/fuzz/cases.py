"""Cases, each made of a kind and a seed; a case that fails raises Failure."""

import hashlib
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

from fuzz import damage, hostile, resuming, scenes
from fuzz.failure import Failure, refused
from fuzz.program import LIMIT, Ended

LEAST = 1e-4
"""Largest error of a result, relative to the maximum of the truth."""


def run_case(program, kind, seed, folder):
    """Runs one case in an empty folder, and returns how it ended: "refused" or "right".

    `program` is a Program, or Forks for the kinds in RESUMING.

    Raises
    ------
    Failure
        If it ended otherwise.
    """
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    if kind in RESUMING:
        return RESUMING[kind](program, rng, Path(folder), seed)
    return KINDS[kind](program, rng, Path(folder))


def _damaged(program, rng, folder, kinds=scenes.KINDS):
    scene = scenes.make(kinds[rng.integers(len(kinds))], rng, folder)
    np.save(folder / "psf.npy", scenes.PSF)
    what = (damage.damage_zarr if scene.name == "zarr" else damage.damage_file)(rng, scene.path)
    output = folder / "out.npy"
    before = _hashes(folder)
    ended = program.run(
        "deconvolve", scene.path, folder / "psf.npy", "-o", output, "-n", scenes.ITERATIONS,
        "--offset", "0", "--background", "0", "--backend", "numpy", "--acceleration", "none", "--psf-as-is",
        *(["--memory", "1 MiB"] if rng.integers(4) == 0 else []),
    )  # fmt: skip
    called = f"{scene.name}, {what}"
    _check_inputs(before, folder, output, called)
    if refused(ended, called):
        if output.exists():
            raise Failure(f"{called}: refused, and yet it left an output")
        return "refused"
    image = scenes.held(scene)
    result = np.load(output)
    if image is None:
        raise Failure(f"{called}: restored, though the file holds no such image")
    compare(result, scenes.restored(scene.name, _as(image, result.shape)), called)
    return "right"


def _as(image, shape):
    """Axes of length one may come and go with the metadata that name them."""
    same = [n for n in image.shape if n > 1] == [n for n in shape if n > 1]
    return image.reshape(shape) if same else image


def _options(program, rng, folder):
    from fixtures.reference import restore

    ndim = rng.integers(2, 4)
    shape = tuple(rng.integers(3, 20, ndim))
    psf_shape = tuple(int(rng.integers(1, n + 1)) for n in np.minimum(shape, 6))
    image = rng.poisson(rng.integers(1, 60), shape).astype(["u2", "f4", "f8", "i4"][rng.integers(4)])
    psf = rng.random(psf_shape).astype(np.float32)
    np.save(folder / "image.npy", image)
    np.save(folder / "psf.npy", psf)
    boundary = ["extended", "zero", "periodic"][rng.integers(3)]
    iterations = int(rng.integers(1, 6))
    background = float([0, 0, 0.3][rng.integers(3)])
    exact = bool(rng.integers(3))
    acceleration = "none" if exact else ["heavy-ball", "biggs"][rng.integers(2)]
    options = {
        "-n": iterations, "--offset": 0, "--boundary": boundary, "--background": background,
        "--acceleration": acceleration, "--psf-centre": "middle", "--psf-background": 0,
    }  # fmt: skip
    optional = {
        "--memory": ["20 KiB", "64 KiB", "1 MiB", "50%", "nan", "1 B"],
        "--backend": ["numpy", "auto", "pyfftw", "nothing"],
        "--seed": ["0", "-1", "7", "²"],
        "--device": ["cpu", "0", "²", "9" * 20],
        "--threshold": ["nan", "0.1", "1e-300"],
        "--gain": ["1e-300", "1", "nan,nan", "inf"],
        "--tolerance": ["nan", "0.01"],
        "--axes": ["ZYX", "YX", "YXZ", "xx", "²²"],
        "--time": ["0", "1", ":", "0:9999999999999", "²"],
        "--channel": ["0", "0,0", "1", "-"],
        "--dtype": ["float32", "uint16", "x"],
        "--start": ["image", "constant"],
        "--checkpoint": [str(folder / "state"), "/dev/null"],
    }
    for name, values in optional.items():
        if rng.integers(12) == 0:
            options[name] = values[rng.integers(len(values))]
    options.setdefault("--backend", "numpy")
    output = folder / "out.npy"
    before = _hashes(folder)
    called = " ".join(f"{name} {value}" for name, value in options.items()) + f" {shape} {psf_shape} {image.dtype}"
    flat = [text for pair in options.items() for text in pair]
    ended = program.run("deconvolve", folder / "image.npy", folder / "psf.npy", "-o", output, *flat)
    _check_inputs(before, folder, output, called)
    if refused(ended, called):
        return "refused"
    result = np.load(output)
    if not np.isfinite(result).all():
        raise Failure(f"{called}: exit 0 and a result that is not finite")
    if exact and not {"--dtype", "--start", "--axes"} & options.keys():
        centre = tuple(n // 2 for n in psf_shape)
        truth = restore(image, psf, centre, boundary, iterations, background)
        compare(result, truth, called)
    return "right"


def _planning(program, rng, folder):
    sizes = [1, 2, 3, 7, 64, 1000, 4099, 1 << 20, 1 << 24]
    if rng.integers(4) == 0:
        sizes += [1 << 26, 10**12, 10**30, 0, -1, "²", "x"]
    ndim = rng.integers(2, 4)
    # one long axis at most, so that some plans fit
    image = [int(rng.integers(1, 200)) for _ in range(ndim)]
    image[rng.integers(ndim)] = sizes[rng.integers(len(sizes))]
    psf = rng.integers(1, 64, ndim) if rng.integers(4) else [sizes[rng.integers(len(sizes))] for _ in range(ndim)]
    pair = "x".join(map(str, image)), "x".join(map(str, psf))
    memory = ["1 GiB", "100 MiB", "2 TiB"][rng.integers(3)]
    ended = program.run("plan", "--shape", *pair, "--backend", "numpy", "--memory", memory)
    return "refused" if refused(ended, f"plan --shape {pair} --memory {memory}") else "right"


def _hostile(program, rng, folder):
    kind = ["backend", "deadly", "model"][rng.integers(3)]
    sources = {"backend": hostile.BACKENDS, "deadly": hostile.DEADLY, "model": hostile.MODELS}[kind]
    name = list(sources)[rng.integers(len(sources))]
    return face(kind, name, sources[name], folder)


def face(kind, name, source, folder):
    """Runs the program beside a hostile plugin, in a new process: what it did on import cannot be undone."""
    site = folder / "site"
    site.mkdir()
    called = f"{kind} {name!r}"
    by = hostile.install(site, name, source, "rlcore.psf" if kind == "model" else "rlcore.backends")
    hostile.image(folder)
    microscope = ["--na", "0.8", "--emission", "520", "--voxel", "0.2,0.1,0.1", "--shape", "5x5x5"]
    if kind == "deadly":
        finding = json.loads(_python(site, _ASK, name).out)
        if finding["state"] != "broken" or by not in finding["reason"]:
            raise Failure(f"{called}: {finding}")
        return "refused"
    for arguments in (
        ["psf", "generate", "-o", folder / "out.tif", "--psf-model", name, *microscope]
        if kind == "model"
        else ["deconvolve", folder / "image.npy", folder / "psf.npy", "-o", folder / "out.npy", "--backend", name],
    ):
        ended = _python(site, _MAIN, *arguments)
        if not refused(ended, called):
            raise Failure(f"{called}: exit 0")
        if by not in ended.error:
            raise Failure(f"{called}: {ended.error!r} does not name {by}")
    return "refused"


_MAIN = "import sys; from rlcore.app.main import main; main(sys.argv[1:])"
_ASK = (
    "import dataclasses, json, sys; from rlcore.backend.discovery.apart import ask_apart; "
    "from rlcore.backend.discovery.registry import BACKENDS; "
    "entries = dict(BACKENDS.by_name())[sys.argv[1]]; "
    "print(json.dumps(dataclasses.asdict(ask_apart(sys.argv[1], entries, 6.0))))"
)


def _python(site, code, *arguments):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(root), *sys.path])}
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=4 * LIMIT, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return Ended(None, "", f"no end within {4 * LIMIT:g} s")
    return Ended(done.returncode, done.stdout, done.stderr)


def _damaged_container(program, rng, folder):
    return _damaged(program, rng, folder, scenes.CONTAINERS)


KINDS = {
    "files": _damaged,
    "containers": _damaged_container,
    "options": _options,
    "plans": _planning,
    "hostile": _hostile,
}
RESUMING = {"checkpoints": resuming.damaged, "crashes": resuming.crash}
SHARES = {"files": 35, "containers": 10, "options": 20, "plans": 5, "hostile": 5, "checkpoints": 15, "crashes": 10}
"""Cases of each kind among a hundred."""


def compare(result, truth, called):
    """Raises Failure if a result is not that of the image, or not finite."""
    if result.shape != truth.shape:
        raise Failure(f"{called}: a result of shape {result.shape} for an image of {truth.shape}")
    if not np.isfinite(result).all():
        raise Failure(f"{called}: exit 0 and a result that is not finite")
    off = np.abs(result - truth).max() / max(truth.max(), 1e-30)
    if off > LEAST:
        raise Failure(f"{called}: exit 0 and a result that is off by {off:.2g}")


def _hashes(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def _check_inputs(before, folder, output, called):
    """Raises Failure if a file that was there before has changed, or is gone."""
    after = _hashes(folder)
    if changed := [path.name for path, mark in before.items() if after.get(path) != mark]:
        raise Failure(f"{called}: {', '.join(changed)} changed or gone")
    made = after.keys() - before.keys() - {output}
    if strange := [path.name for path in made if not path.is_relative_to(folder / "state")]:
        raise Failure(f"{called}: left {', '.join(strange)}")
