"""Volumes from and to anything that can be sliced, by whole chunks where there are chunks."""

import contextlib

import numpy as np
import pytest
import tifffile
import zarr
from fixtures.plans import IMAGE, ITERATIONS, OPTIONS, PSF, in_blocks, whole
from fixtures.scenes import error

from rlcore.testing import no_camera


@pytest.fixture(scope="module")
def truth():
    return whole()


@contextlib.contextmanager
def lazy(kind, folder):
    if kind == "memmap":
        np.save(folder / "image.npy", IMAGE)
        yield np.load(folder / "image.npy", mmap_mode="r")
    elif kind == "tifffile.memmap":
        tifffile.imwrite(folder / "image.tif", IMAGE)
        yield tifffile.memmap(folder / "image.tif", mode="r")
    elif kind == "aszarr":
        tifffile.imwrite(folder / "tiled.tif", IMAGE, tile=(16, 16), compression="zlib")
        with tifffile.TiffFile(folder / "tiled.tif") as file, file.aszarr() as store:
            yield zarr.open(store, mode="r")
    else:
        array = zarr.create_array(folder / "image.zarr", shape=IMAGE.shape, dtype="f4", chunks=(16, 16, 16))
        array[...] = IMAGE
        yield array


@pytest.mark.parametrize("kind", ["memmap", "tifffile.memmap", "aszarr", "zarr"])
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize("cut", [False, True])
def test_anything_that_can_be_sliced_is_an_image(kind, backend, cut, tmp_path):
    truth = no_camera.deconvolve(IMAGE, PSF, iterations=ITERATIONS, backend=backend)
    plan = in_blocks(backend=backend, overlap=True) if cut else None
    with lazy(kind, tmp_path) as image:
        result = no_camera.deconvolve(image, PSF, iterations=ITERATIONS, backend=backend, plan=plan)
    assert type(result) is np.ndarray
    assert error(result, truth) <= 1e-5


@pytest.mark.parametrize("kind", ["array", "memmap", "tifffile.memmap", "zarr"])
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
@pytest.mark.parametrize("cut", [False, True])
def test_anything_whose_slices_can_be_assigned_takes_the_result(kind, backend, cut, tmp_path):
    truth = no_camera.deconvolve(IMAGE, PSF, iterations=ITERATIONS, backend=backend)
    plan = in_blocks(backend=backend, overlap=True) if cut else None
    made = {
        "array": lambda: np.empty(IMAGE.shape),
        "memmap": lambda: np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, IMAGE.shape),
        "tifffile.memmap": lambda: tifffile.memmap(tmp_path / "out.tif", shape=IMAGE.shape, dtype=np.float32),
        "zarr": lambda: zarr.create_array(tmp_path / "out.zarr", shape=IMAGE.shape, dtype="f4", chunks=(8, 16, 16)),
    }
    out = made[kind]()
    result = no_camera.deconvolve(IMAGE, PSF, iterations=ITERATIONS, backend=backend, plan=plan, out=out)
    assert result is out
    assert error(np.asarray(out[...]), truth) <= 1e-5


class Chunked:
    """An array in chunks that has seen every write."""

    def __init__(self, shape, chunks):
        self.shape, self.chunks, self.dtype = shape, chunks, np.dtype(np.float32)
        self.values = np.full(shape, np.nan, np.float32)
        self.writes = []

    def __setitem__(self, index, values):
        self.writes.append(tuple((part.start, part.stop) for part in index))
        self.values[index] = values


@pytest.mark.parametrize("half_steps", [1, 2, 8])
@pytest.mark.parametrize("chunks", [(5, 8, 8), (1, 20, 7), (30, 16, 25)], ids=str)
def test_chunks_are_written_whole_and_once(chunks, half_steps, truth):
    out = Chunked(IMAGE.shape, chunks)
    no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(half_steps=half_steps), out=out, **OPTIONS)
    assert error(out.values, truth) <= 1e-5
    assert sum(np.prod([b - a for a, b in write]) for write in out.writes) == IMAGE.size
    for write in out.writes:
        for (start, stop), size, chunk, keep in zip(write, IMAGE.shape, chunks, (15, 20, 25), strict=True):
            if chunk <= keep:  # a chunk larger than a block cannot be written by one
                assert start % chunk == 0
                assert stop % chunk == 0 or stop == size
