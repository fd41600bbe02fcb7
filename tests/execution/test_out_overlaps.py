"""A result that is written over the image or the start is that of a separate array, by every plan; or it is refused."""

import contextlib
import itertools
import mmap
import os
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest
from fixtures.doubles import RefusingBackend
from fixtures.plans import IMAGE, PSF, in_blocks, whole

import rlcore
from rlcore.execution.volumes.arguments import share_memory
from rlcore.testing import no_camera

SHAPE = IMAGE.shape


def error(result, wanted):
    return np.abs(result - wanted).max() / wanted.max()


def image_itself():
    image = IMAGE.copy()
    return image, image, "constant"


def start_itself():
    start = IMAGE + 1
    return IMAGE.copy(), start, start


def planes_apart():
    """Both are parts of one array, two planes apart."""
    memory = np.zeros((SHAPE[0] + 2, *SHAPE[1:]), np.float32)
    memory[2:] = IMAGE
    return memory[2:], memory[:-2], "image"


def rows_apart():
    memory = np.zeros((SHAPE[0], SHAPE[1] + 3, SHAPE[2]), np.float32)
    memory[:, :-3] = IMAGE
    return memory[:, :-3], memory[:, 3:], "constant"


def turned():
    """The result is the image seen from the other end."""
    image = IMAGE.copy()
    return image, image[::-1, :, ::-1], "constant"


ARRAYS = (image_itself, start_itself, planes_apart, rows_apart, turned)
PLANS = [
    {"half_steps": half_steps, "placement": placement, "overlap": overlap, "acceleration": acceleration}
    for half_steps, placement, overlap, acceleration in itertools.product(
        (1, 2, 4, 8), ("host", "scratch"), (False, True), ("none", "heavy-ball")
    )
]
PLANS += [
    {"half_steps": half_steps, "acceleration": acceleration, "regularization": regularization}
    for half_steps, acceleration, regularization in itertools.product(
        (1, 2), ("none", "heavy-ball", "biggs"), ("tv", "consensus")
    )
]
PLANS += [{"half_steps": half_steps, "acceleration": "biggs"} for half_steps in (1, 2)]
CASES = [(make, PLANS[i]) for i, make in zip(range(len(PLANS)), itertools.cycle(ARRAYS), strict=False)]
CASES += [(make, PLANS[i]) for i, make in zip(range(0, len(PLANS), 2), itertools.cycle(ARRAYS[::-1]), strict=False)]


def restore(image, plan, **options):
    return no_camera.deconvolve(image, PSF, plan=plan, backend="numpy", iterations=4, **options)


@pytest.mark.parametrize(("make", "properties"), CASES, ids=[f"{m.__name__}-{i}" for i, (m, _) in enumerate(CASES)])
def test_blocks_write_over_what_they_read_as_if_they_did_not(make, properties):
    plan = in_blocks(**properties)
    image, out, start = make()
    chosen = {key: properties[key] for key in ("acceleration", "regularization") if key in properties}
    separate = start.copy() if isinstance(start, np.ndarray) else start
    wanted = restore(image.copy(), plan, start=separate, out=np.empty(SHAPE, np.float32), **chosen)
    assert restore(image, plan, start=start, out=out, **chosen) is out
    assert error(out, wanted) <= 1e-6


@pytest.mark.parametrize("boundary", ["extended", "zero", "periodic"])
@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("memory", ["17 MiB", "1 GiB"])
@pytest.mark.parametrize("backend", ["numpy", "pyfftw"])
def test_plans_of_every_kind_write_over_the_image(boundary, exchange, memory, backend):
    image = IMAGE.copy()
    options = {"boundary": boundary, "exchange": exchange, "memory": memory, "backend": backend, "iterations": 3}
    if not exchange:
        options["tolerance"] = 0.2
    try:
        wanted = no_camera.deconvolve(IMAGE, PSF, out=np.empty(SHAPE, np.float32), **options)
    except rlcore.BudgetError:
        pytest.skip("there is no such plan")
    assert error(no_camera.deconvolve(image, PSF, out=image, **options), wanted) <= 1e-6


@pytest.mark.parametrize("after", [3, 6, 9])
def test_a_run_that_plans_again_reads_an_image_that_is_whole(after):
    wanted, image = whole(), IMAGE.copy()
    backend = RefusingBackend(lambda size: size > 40_000, after=after)
    plan = no_camera.make_plan(SHAPE, PSF.shape, iterations=4, backend=backend, memory="100 MiB")
    assert plan.is_whole
    with pytest.warns(rlcore.ReplanWarning):
        no_camera.deconvolve(image, PSF, backend=backend, iterations=4, memory="100 MiB", out=image)
    assert error(image, wanted) <= 1e-4


def test_the_plan_counts_the_file_in_which_the_result_waits(tmp_path, monkeypatch):
    from rlcore.execution import run

    asked = []
    monkeypatch.setattr(run, "check_disk", lambda folder, needed: asked.append(needed))
    image = IMAGE.copy()
    for out in (np.empty(SHAPE, np.float32), image):
        restore(image, in_blocks(), out=out)
    assert asked[1] - asked[0] == IMAGE.nbytes


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_of_that_file_nor_of_the_image_changed_by_a_run_that_ends_early(fails, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    image = IMAGE.copy()
    if fails:
        with pytest.raises(rlcore.Cancelled):
            restore(image, in_blocks(), out=image, callback=lambda progress: progress.fraction < 0.99)
        np.testing.assert_array_equal(image, IMAGE)
    else:
        restore(image, in_blocks(), out=image)
    assert not any(tmp_path.iterdir())


def test_a_checkpoint_is_refused_as_a_resumed_run_would_read_the_result(tmp_path):
    image = IMAGE.copy()
    with pytest.raises(rlcore.InputError, match=r"^out shares its memory with the image .*; give another"):
        no_camera.deconvolve(image, PSF, backend="numpy", out=image, checkpoint=tmp_path / "state")
    assert not any(tmp_path.iterdir())


def test_memory_maps_of_one_file_are_known_by_any_name(tmp_path):
    file, other = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(file, IMAGE)
    np.save(other, IMAGE)
    (tmp_path / "link.npy").symlink_to(file)
    (tmp_path / "hard.npy").hardlink_to(file)
    one = np.load(file, mmap_mode="r")
    for name in ("a.npy", "link.npy", "hard.npy"):
        again = np.load(tmp_path / name, mmap_mode="r+")
        assert share_memory(one, again)
        assert share_memory(one[3:], np.asarray(again)[:10])
        assert not share_memory(one[:10], again[10:])
    assert not share_memory(one, np.load(other, mmap_mode="r+"))
    wanted = restore(IMAGE, in_blocks(half_steps=2), out=np.empty(SHAPE, np.float32))
    restore(one, in_blocks(half_steps=2), out=np.load(tmp_path / "hard.npy", mmap_mode="r+"))
    assert error(np.load(file), wanted) <= 1e-6


def test_zarr_arrays_of_one_store_are_known(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    image = group.create_array("image", shape=SHAPE, dtype="f4", chunks=(10, 20, 22))
    image[...] = IMAGE
    assert share_memory(image, zarr.open_group(str(tmp_path / "g.zarr"))["image"])
    assert share_memory(image, zarr.open_array(str(tmp_path / "g.zarr" / "image"), mode="r+"))
    assert not share_memory(image, group.create_array("other", shape=SHAPE, dtype="f4", chunks=(10, 20, 22)))
    wanted = restore(IMAGE, in_blocks(half_steps=2), out=np.empty(SHAPE, np.float32))
    restore(image, in_blocks(half_steps=2), out=zarr.open_array(str(tmp_path / "g.zarr" / "image"), mode="r+"))
    assert error(image[...], wanted) <= 1e-6


class Wrapper:
    """An image of somebody's own, which does not say where its voxels are."""

    def __init__(self, array):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key):
        return self._array[key]

    def __setitem__(self, key, values):
        self._array[key] = values


def twice_in_shared_memory(folder):
    first = SharedMemory(create=True, size=IMAGE.nbytes)
    second = SharedMemory(name=first.name)
    yield tuple(np.ndarray(SHAPE, np.float32, each.buf) for each in (first, second))
    first.unlink()


def maps_of_one_file(*ways):
    def make(folder):
        file = folder / "voxels"
        file.write_bytes(np.zeros(SHAPE, np.float32).tobytes())
        yield tuple(way(file) for way in ways)

    return make


def mapped(file):
    with file.open("r+b") as opened:
        return np.frombuffer(mmap.mmap(opened.fileno(), 0), np.float32).reshape(SHAPE)


def mapped_by_name(file):
    return np.memmap(file, np.float32, "r+", shape=SHAPE)


def mapped_by_number(file):
    with os.fdopen(os.open(file, os.O_RDWR), "r+b") as opened:
        return np.memmap(opened, np.float32, "r+", shape=SHAPE)


def wrapped(*which):
    def make(folder):
        array = np.zeros(SHAPE, np.float32)
        yield tuple(Wrapper(array) if each else array for each in which)

    return make


UNKNOWN = {
    "shared memory": twice_in_shared_memory,
    "maps without names": maps_of_one_file(mapped, mapped),
    "a map with a name": maps_of_one_file(mapped, mapped_by_name),
    "maps of numbers": maps_of_one_file(mapped_by_number, mapped_by_number),
    "a wrapped image": wrapped(True, False),
    "a wrapped result": wrapped(False, True),
    "both wrapped": wrapped(True, True),
}


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("placement", ["host", "scratch"])
def test_memory_that_nobody_tells_of_is_taken_for_the_same(kind, placement, tmp_path):
    wanted = restore(IMAGE, in_blocks(half_steps=2, placement=placement), out=np.empty(SHAPE, np.float32))
    with contextlib.contextmanager(UNKNOWN[kind])(tmp_path) as (image, out):
        image[...] = IMAGE
        assert share_memory(image, out) is None
        restore(image, in_blocks(half_steps=2, placement=placement), out=out)
        assert error(out[...], wanted) <= 1e-6


def test_memory_of_its_own_is_known_to_be_apart(tmp_path):
    """So that a result beside the image takes no file in which it waits."""
    np.save(tmp_path / "a.npy", IMAGE)
    file = np.load(tmp_path / "a.npy", mmap_mode="r")
    own, given = IMAGE.copy(), np.frombuffer(IMAGE.tobytes(), np.float32).reshape(SHAPE)
    assert share_memory(file, own) is False
    assert share_memory(given, own) is False
    assert share_memory(given, file) is False
    assert share_memory(own[:4], own[4:]) is False
    shared = SharedMemory(create=True, size=IMAGE.nbytes)
    try:
        assert share_memory(np.ndarray(SHAPE, np.float32, shared.buf), own) is False
    finally:
        shared.unlink()


def test_a_file_within_a_store_is_of_the_store(tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(str(tmp_path / "a.zarr"), shape=SHAPE, dtype="f4", chunks=SHAPE, compressors=None)
    stored[...] = IMAGE
    chunk = next(path for path in (tmp_path / "a.zarr").rglob("*") if path.stat().st_size >= IMAGE.nbytes)
    assert share_memory(stored, np.memmap(chunk, np.float32, "r+", shape=SHAPE))
    np.save(tmp_path / "b.npy", IMAGE)
    assert share_memory(stored, np.load(tmp_path / "b.npy", mmap_mode="r+")) is False
    assert share_memory(stored, IMAGE.copy()) is False
