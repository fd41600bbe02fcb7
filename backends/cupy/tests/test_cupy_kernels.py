"""The kernels' source, without a device: compiled for the host, a thread for each of theirs."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

from rlcore.backend.kit.gpu_fft.butterflies import is_product_of_primes
from rlcore.backend.kit.gpu_fft.columns import SHARED_BYTES, tiling_for, turns
from rlcore_cupy.column_transforms import column_source
from rlcore_cupy.elementwise import THREADS, source
from rlcore_cupy.row_kernels import RowPass, row_source
from rlcore_cupy.row_tilings import SHARED_BYTES as ROW_SHARED_BYTES
from rlcore_cupy.row_tilings import row_tiling_for

COMPILER = shutil.which("g++") or shutil.which("clang++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here to run kernels on the host with")

HOST = r"""
#include <pthread.h>
#include <cmath>
#include <thread>
#include <vector>
struct float2 { float x, y; };
struct Index { int x, y; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static thread_local Index threadIdx, blockIdx;
static Index blockDim, gridDim;
static pthread_barrier_t barrier;
static float2 tile[1 << 15];
#define __syncthreads() pthread_barrier_wait(&barrier)
#define __global__
#define __device__
#define __shared__ static
#define __restrict__
#define __threadfence() __sync_synchronize()
static unsigned int atomicAdd(unsigned int* p, unsigned int n) { return __sync_fetch_and_add(p, n); }
static float __int_as_float(int n) { float x; __builtin_memcpy(&x, &n, sizeof x); return x; }
#define __launch_bounds__(n)
template<class T> static T __ldg(const T* p) { return *p; }
KERNEL
extern "C" void launch(int blocks, int threads, PARAMETERS)
{
    blockDim = {threads, 1};
    gridDim = {blocks, 1};
    for (int at = 0; at < blocks; ++at) {
        std::vector<std::thread> all;
        pthread_barrier_init(&barrier, nullptr, threads);
        for (int i = 0; i < threads; ++i)
            all.emplace_back([=] { threadIdx = {i, 0}; blockIdx = {at, 0}; NAME(ARGUMENTS); });
        for (auto& one : all) one.join();
    }
}
"""


def on_host(folder, name, kernel, parameters):
    """The kernel as a function of the host: blocks one after the other, threads of a block side by side."""
    arguments = ", ".join(part.split()[-1].lstrip("*") for part in parameters.split(","))
    text = HOST.replace("KERNEL", kernel.replace("extern __shared__ float2 tile[];", "")).replace("NAME", name)
    path = folder / "kernel.cpp"
    path.write_text(text.replace("PARAMETERS", parameters).replace("ARGUMENTS", arguments))
    library = folder / "kernel.so"
    subprocess.run([COMPILER, "-O0", "-shared", "-fPIC", "-pthread", "-o", library, path], check=True)
    return ctypes.CDLL(str(library)).launch


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


ROWS = "const float* d, long long from, float* e, long long to, int count, const float2* t, const float2* u"
ESTIMATE = ", float* f, long long line"
POINT = ", const float* p, long long apart, float given, const float* stored, float share"
"""Parameters of kernels of rows: of all of them, of updates, and of those of an extrapolated point."""


def momentum(value, stored):
    """Arguments of a momentum that is given, or that is stored on the device."""
    return [ctypes.c_float(99), (ctypes.c_float * 1)(value)] if stored else [ctypes.c_float(value), None]


def complex_normal(rng, *shape):
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


@needs_compiler
@pytest.mark.parametrize(
    ("length", "kind"), [(5, "forward"), (80, "convolve"), (91, "correlate"), (96, "backward"), (264, "convolve")]
)
def test_columns_are_transformed_and_filtered(tmp_path, length, kind):
    tiling, count, rng = tiling_for(length), 21, np.random.default_rng(length)
    parameters = "float2* d, const float2* f, const float2* t, int count, long long stride, long long plane, float s"
    launch = on_host(tmp_path, "columns", column_source(tiling, kind), parameters)
    data, factor = complex_normal(rng, length, count), complex_normal(rng, length, count)
    found, table = data.copy(), np.array(turns(length), np.complex64)
    numbers = (ctypes.c_int(count), ctypes.c_longlong(count), ctypes.c_longlong(0), ctypes.c_float(1 / length))
    launch(-(-count // tiling.width), tiling.threads, *map(pointer, (found, factor, table)), *numbers)
    spectrum = data.astype(complex) if kind == "backward" else np.fft.fft(data.astype(complex), axis=0)
    if kind in ("convolve", "correlate"):
        spectrum = spectrum * (factor if kind == "convolve" else factor.conj())
    truth = spectrum if kind == "forward" else np.fft.ifft(spectrum, axis=0)
    np.testing.assert_allclose(found, truth, atol=1e-6 * np.abs(truth).max())


@needs_compiler
@pytest.mark.parametrize("n", [8, 30, 180, 1056])
@pytest.mark.parametrize(("origin", "target"), [("reals", "halves"), ("halves", "reals"), ("halves", "halves")])
def test_rows_are_transformed_with_the_ratio_on_the_way(tmp_path, n, origin, target):
    """Rows of two planes of two rows and part of a third; the ratio in a box that leaves out voxels on every side."""
    tiling, count, line, rng = row_tiling_for(n), 5, n + 4, np.random.default_rng(n)
    step = "none" if origin == "reals" else "ratio"
    parameters = ROWS
    if step == "ratio":
        parameters += ", const float* g, long long line, float b, float floor, int ny, int z0, int z1, int y0, int y1"
        parameters += ", int x0, int x1"
    launch = on_host(tmp_path, "rows", row_source(tiling, RowPass(origin, step, target)), parameters)
    values, image = rng.random((count, n)), rng.random((count, line)).astype(np.float32)
    buffer = np.zeros((count, line), np.float32)
    if origin == "reals":
        buffer[:, :n] = values
    else:
        buffer.view(np.complex64)[:, : n // 2 + 1] = np.fft.rfft(values) / n
        values = image[:, :n] / np.maximum(values + 0.3, 1e-3) - 1
        values[:, 0] = values[:, n - 1] = values[4] = 0
    tables = [np.array(turns(k), np.complex64) for k in (n // 2, n)]
    wide = ctypes.c_longlong(line)
    also = [pointer(image), wide, ctypes.c_float(0.3), ctypes.c_float(1e-3), 2, 0, 2, 0, 2, 1, n - 1]
    launch(
        -(-count // tiling.rows), tiling.threads, pointer(buffer), wide, pointer(buffer), wide, count,
        *map(pointer, tables), *(also if step == "ratio" else []),
    )  # fmt: skip
    found = buffer[:, :n] if target == "reals" else buffer.view(np.complex64)[:, : n // 2 + 1]
    truth = values if target == "reals" else np.fft.rfft(values)
    np.testing.assert_allclose(found, truth, atol=2e-6 * np.abs(truth).max())


@needs_compiler
@pytest.mark.parametrize("n", [30, 180])
@pytest.mark.parametrize("target", ["reals", "halves"])
@pytest.mark.parametrize("extrapolated", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_rows_are_updated_and_go_on(tmp_path, n, target, extrapolated, stored):
    """From the estimate itself, or from the point extrapolated from the newest one, to the next estimate; or also to
    the half spectra of the next point."""
    tiling, count, line, rng = row_tiling_for(n), 5, n + 4, np.random.default_rng(n)
    parameters = ROWS + ESTIMATE
    change = 3 * rng.random((count, n)) - 2
    before, newest = (rng.random((count, line)).astype(np.float32) for _ in range(2))
    halves = np.zeros((count, line), np.float32)
    halves.view(np.complex64)[:, : n // 2 + 1] = np.fft.rfft(change) / n
    start, wide = before[:, :n].copy(), ctypes.c_longlong(line)
    tables = [np.array(turns(k), np.complex64) for k in (n // 2, n)]
    arguments = [count, *map(pointer, tables), pointer(before), wide]
    if extrapolated:
        parameters += POINT
        arguments += [pointer(newest), wide, *momentum(0.4, stored), ctypes.c_float(0.75)]
        start = extrapolation(newest[:, :n], start, 0.4)
    if extrapolated and target == "halves":
        parameters += ", float next_given, const float* next_stored"
        arguments += momentum(0.6, stored)
    estimate = start * np.maximum(1 + change, 0)
    source = row_source(tiling, RowPass("halves", "update", target, extrapolated))
    goal = before if target == "reals" else halves
    launch = on_host(tmp_path, "rows", source, parameters)
    launch(-(-count // tiling.rows), tiling.threads, pointer(halves), wide, pointer(goal), wide, *arguments)
    np.testing.assert_allclose(before[:, :n], estimate, atol=4e-6)
    if target == "halves":
        point = extrapolation(estimate, newest[:, :n], 0.6) if extrapolated else estimate
        found, truth = halves.view(np.complex64)[:, : n // 2 + 1], np.fft.rfft(point)
        np.testing.assert_allclose(found, truth, atol=2e-6 * np.abs(truth).max())


@needs_compiler
def test_rows_of_a_point_are_made_on_the_way(tmp_path):
    n, count, line, rng = 60, 5, 64, np.random.default_rng(0)
    tiling, wide = row_tiling_for(n), ctypes.c_longlong(line)
    parameters = ROWS + POINT
    before, newest = (rng.random((count, line)).astype(np.float32) for _ in range(2))
    truth = np.fft.rfft(extrapolation(newest[:, :n], before[:, :n], 0.4))
    tables = [np.array(turns(k), np.complex64) for k in (n // 2, n)]
    launch = on_host(tmp_path, "rows", row_source(tiling, RowPass("reals", "point", "halves")), parameters)
    launch(
        -(-count // tiling.rows), tiling.threads, pointer(before), wide, pointer(before), wide, count,
        *map(pointer, tables), pointer(newest), wide, *momentum(0.4, False), ctypes.c_float(0.75),
    )  # fmt: skip
    np.testing.assert_allclose(before.view(np.complex64)[:, : n // 2 + 1], truth, atol=2e-6 * np.abs(truth).max())


SUMS = (
    "int n, int rows, float* f, int le, float* y, int lp, float* p, int lr, float* b, int lb, int ny, int z0, int z1, "
)
SUMS += (
    "int y0, int y1, int x0, int x1, int extrapolated, float given, const float* stored, float share, float maximum, "
)
SUMS += "double* found, unsigned int* finished, float* result"


@needs_compiler
@pytest.mark.parametrize("extrapolated", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_momentum_is_found_by_the_last_block(tmp_path, extrapolated, stored):
    """Of steps in a box, which leaves out voxels on every side; a pending point is made outside the box too."""
    line, blocks, rng = 12, 5, np.random.default_rng(int(extrapolated))
    launch = on_host(tmp_path, "momentum", source("sums"), SUMS)
    box, part = (1, 3, 0, 2, 2, 9), (slice(1, 3), slice(0, 2), slice(2, 9))
    finished, found = np.zeros(1, np.uint32), np.full((blocks, 2), np.nan)
    for maximum in (0.999, 0.25):  # the second launch begins where the first has ended
        arrays = [(rng.random((4, 3, line)) + 0.5).astype(np.float32) for _ in range(4)]
        arrays[1] = np.float32(arrays[0] + 0.6 * (arrays[3] - arrays[2]))  # both steps point the same way, more or less
        estimate, point, previous, before = (array[..., :10].astype(float) for array in arrays)
        given = [*momentum(0.4, stored), ctypes.c_float(0.75)]
        if extrapolated:
            point = extrapolation(previous, point, 0.4)
        steps = (estimate - point)[part], (previous - before)[part]
        square = (steps[1] ** 2 / before[part]).sum()
        truth = min(max((steps[0] * steps[1] / before[part]).sum() / square, 0.0), maximum)
        lines = [each for array in arrays for each in (pointer(array), line)]
        result = np.zeros(1, np.float32)
        outputs = pointer(found), pointer(finished), pointer(result)
        launch(blocks, THREADS, 10, 12, *lines, 3, *box, int(extrapolated), *given, ctypes.c_float(maximum), *outputs)
        assert finished[0] == 0
        np.testing.assert_allclose(result[0], truth, rtol=1e-5)
        np.testing.assert_allclose(arrays[1][..., :10], point, rtol=1e-6)


@needs_compiler
@pytest.mark.parametrize("extrapolated", [False, True])
def test_an_update_may_run_in_some_planes_alone(tmp_path, extrapolated):
    """Planes 1 and 3 of five, of three rows: their rows are found in all arrays but the target."""
    n, height, line, rng = 60, 3, 64, np.random.default_rng(0)
    tiling, wide, taken = row_tiling_for(n), ctypes.c_longlong(line), [3, 4, 5, 9, 10, 11]
    change, (before, newest, weight) = rng.random((15, n)) - 0.5, rng.random((3, 15, line)).astype(np.float32)
    halves, goal = np.zeros((15, line), np.float32), np.zeros((6, line), np.float32)
    halves.view(np.complex64)[:, : n // 2 + 1] = np.fft.rfft(change) / n
    parameters = ROWS + ESTIMATE + ", const float* w, long long other" + (POINT if extrapolated else "")
    start, unchanged = before[:, :n], before.copy()
    arguments = [pointer(before), wide, pointer(weight), wide]
    if extrapolated:
        start = extrapolation(newest[:, :n], start, 0.4)
        arguments += [pointer(newest), wide, *momentum(0.4, True), ctypes.c_float(0.75)]
    text = row_source(tiling, RowPass("halves", "weighted", "reals", extrapolated, sampled=True))
    launch = on_host(tmp_path, "rows", text, parameters + ", int height, int begin, int every")
    tables = [pointer(np.array(turns(k), np.complex64)) for k in (n // 2, n)]
    blocks = -(-len(goal) // tiling.rows)
    sizes = pointer(halves), wide, pointer(goal), wide, len(goal)
    launch(blocks, tiling.threads, *sizes, *tables, *arguments, height, 1, 2)
    truth = (start * np.maximum(1 + weight[:, :n] * change, 0))[taken]
    np.testing.assert_allclose(goal[:, :n], truth, atol=4e-6)
    np.testing.assert_array_equal(before, unchanged)


def extrapolation(newest, before, momentum):
    return np.maximum(newest + momentum * (newest - before), 0.75 * newest)


def test_every_length_of_small_factors_has_a_tiling_that_fits():
    lengths = [n for n in range(2, 2600) if is_product_of_primes(n)]
    for n in lengths:
        tiling = tiling_for(n)
        assert np.prod(tiling.radices) == n
        assert tiling.shared_bytes <= SHARED_BYTES
        assert tiling.threads <= 1024
        row = row_tiling_for(2 * n)
        if row is not None:
            assert np.prod(row.radices) == n
            assert row.shared_bytes <= ROW_SHARED_BYTES
    assert tiling_for(17) is tiling_for(97) is row_tiling_for(34) is None
    assert row_tiling_for(33) is None
