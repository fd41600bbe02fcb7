"""Cases of runs that are killed, and go on: at each operation on a file, and with what they have left damaged."""

import shutil
from contextlib import closing, nullcontext
from dataclasses import dataclass

import numpy as np
import tifffile
import zarr

from fuzz import damage, library, scenes
from fuzz.failure import Failure, refused


@dataclass(frozen=True, slots=True)
class Variant:
    """A run: of the library by a method, or of the program into an output of a type."""

    entry: str
    how: str
    dtype: str = "float32"


VARIANTS = (
    *(Variant("library", method) for method in library.METHODS),
    *(
        Variant("main", name, dtype)
        for name in ("out.npy", "out.tif", "out.zarr", "out.ozx")
        for dtype in ("float32", "uint16")
    ),
)
_KNOWN = {}
"""By variant, the result of a run that is left in peace, and the number of its operations."""


def crash(forks, rng, folder, seed):
    """Kills a run before an operation, perhaps its continuation too, and has it go on to the end.

    Seeds that follow each other enumerate variants and operations.
    """
    variant = VARIANTS[seed % len(VARIANTS)]
    truth, count = _known(forks, variant, folder)
    at = 1 + seed // len(VARIANTS) % count
    called = f"{variant}, killed before operation {at} of {count}"
    _run(forks, variant, folder, called, at)
    if rng.integers(3) == 0:
        again = int(rng.integers(1, count + 1))
        called += f", and before operation {again}"
        _run(forks, variant, folder, called, again)
    ended = _run(forks, variant, folder, called)
    # killed when nothing was left to do, a run has no state any more that tells it from another
    if ended != "right" and not ("exists; give --force" in ended and not (folder / "state").exists()):
        raise Failure(f"{called}: {ended}")
    _compare(variant, folder, truth, called)
    # killed before it says whose it is, a work folder stays until it is asked for: another run may be about to begin
    cleaned = forks.run("main", "clean", folder)[0]
    if left := sorted(path.name for path in folder.iterdir() if path.name not in _files(variant)):
        raise Failure(f"{called}: left {', '.join(left)}: {cleaned}")
    return "right"


def damaged(forks, rng, folder, seed):
    """Kills a run in its middle, damages what it has left, and has it go on."""
    variant = VARIANTS[rng.integers(len(VARIANTS))]
    truth, count = _known(forks, variant, folder)
    first, second = sorted(int(n) for n in rng.integers(1, count + 1, 2))
    older = folder.parent / f"{folder.name}-older"
    try:
        _run(forks, variant, folder, f"{variant}", first)
        shutil.copytree(folder, older)
        _run(forks, variant, folder, f"{variant}", max(1, second - first))
        what = _damage(rng, folder, older, variant)
    finally:
        shutil.rmtree(older, ignore_errors=True)
    called = f"{variant}, killed before operation {first}, then {max(1, second - first)} on, {what}"
    ended = _run(forks, variant, folder, called)
    if ended == "right":
        _compare(variant, folder, truth, called)
    elif variant.entry == "main" and (folder / variant.how).exists():
        # under its own name, an output is always whole
        _compare(variant, folder, truth, f"{called}: {ended}")
    return ended.partition(":")[0]


def _files(variant):
    return {"image.npy", "psf.npy", "image.tif", variant.how if variant.entry == "main" else "out.npy"}


def _known(forks, variant, folder):
    """Writes the inputs, and returns the result and the number of operations of a run without interruption."""
    rng = np.random.default_rng(0)
    np.save(folder / "psf.npy", scenes.PSF)
    if variant.entry == "library":
        np.save(folder / "image.npy", scenes.voxels(rng, (6, 14, 12)).astype(np.float32))
    else:
        image = scenes.voxels(rng, (3, 4, 9, 8))
        tifffile.imwrite(folder / "image.tif", image, ome=True, metadata={"axes": "TZYX"}, photometric="minisblack")
    if variant not in _KNOWN:
        ended, count = forks.run(variant.entry, *_arguments(variant, folder))
        if ended is None or ended.code != 0:
            raise Failure(f"{variant}: {ended}")
        _KNOWN[variant] = _voxels(variant, folder), count
        output = folder / ("out.npy" if variant.entry == "library" else variant.how)
        shutil.rmtree(output) if output.is_dir() else output.unlink()
    return _KNOWN[variant]


def _arguments(variant, folder):
    if variant.entry == "library":
        return [folder / "image.npy", folder / "psf.npy", folder / "out.npy", folder / "state", variant.how]
    return [
        "deconvolve", folder / "image.tif", folder / "psf.npy", "-o", folder / variant.how, "-n", 3, "--backend",
        "numpy", "--offset", 0, "--background", 0, "--psf-as-is", "--dtype", variant.dtype,
        "--checkpoint", folder / "state", "--memory", "1 GiB", "-q",
    ]  # fmt: skip


def _run(forks, variant, folder, called, at=0):
    """Runs a variant, and returns "killed", "right", or "refused" with the sentence."""
    inputs = {path: path.read_bytes() for path in folder.iterdir() if path.name in ("image.npy", "image.tif")}
    ended = forks.run(variant.entry, *_arguments(variant, folder), at=at)[0]
    for path, content in inputs.items():
        if not path.exists() or path.read_bytes() != content:
            raise Failure(f"{called}: {path.name} changed or gone")
    if ended is None:
        return "killed"
    return f"refused: {ended.error.strip()}" if refused(ended, called) else "right"


def _compare(variant, folder, truth, called):
    """Raises Failure if the result has other bits than that of a run without interruption."""
    try:
        found = _voxels(variant, folder)
    except Exception as error:
        raise Failure(f"{called}: exit 0 and an output that cannot be read: {error!r}") from error
    if found.shape != truth.shape or found.tobytes() != truth.tobytes():
        raise Failure(f"{called}: exit 0 and another result than without the kill")


def _voxels(variant, folder):
    path = folder / ("out.npy" if variant.entry == "library" else variant.how)
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".tif":
        return tifffile.imread(path)
    with closing(zarr.storage.ZipStore(path, mode="r")) if path.suffix == ".ozx" else nullcontext(path) as store:
        return np.asarray(zarr.open_group(store, mode="r")["0"][:])


def _damage(rng, folder, older, variant):
    """Damages something that a killed run has left, and says what."""
    kept = _files(variant)
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in kept
    )
    olds = sorted(path for path in older.rglob("*") if path.is_file() and path.relative_to(older).parts[0] not in kept)
    if not files:
        return "nothing left"
    path, other = files[rng.integers(len(files))], files[rng.integers(len(files))]
    name = str(path.relative_to(folder))
    kind = rng.integers(7)
    if kind == 0:
        path.unlink()
        return f"{name} deleted"
    if kind == 1:
        content = path.read_bytes()
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
        return f"{name} swapped with {other.relative_to(folder)}"
    if kind == 2 and olds:
        old = olds[rng.integers(len(olds))]
        same = older / path.relative_to(folder)
        old = same if same.is_file() and rng.integers(2) else old
        path.write_bytes(old.read_bytes())
        return f"{name} replaced by an older {old.relative_to(older)}"
    if kind == 3:
        shutil.rmtree(path.parent) if path.parent != folder else path.unlink()
        return f"the folder of {name} deleted"
    if kind == 4:
        path.unlink()
        path.mkdir()
        return f"{name} made a folder"
    if not path.stat().st_size:
        path.write_bytes(rng.bytes(16))
        return f"{name} filled"
    return f"{name}: {damage.damage_file(rng, path)}"
