"""The kernels of this folder's files, compiled once for a context, when first needed, and launched over voxels."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

import numpy as np
import pyopencl as cl

from rlcore_reikna.arrays import cubic, power_of_two

_ARGUMENTS: dict[str, dict[str, str]] = {
    "geometry": {
        "fill": "bfn",
        "copy": "bbn",
        "flip": "bbiii",
        "cut": "bbiiiiiiii",
        "cut_wrapped": "bbiiiiiiii",
        "paste": "bbiiiiiiiiiiii",
        "expand": "bbbiiiii",
    },
    "kernels": {
        "multiply": "bbbn",
        "add": "bbbn",
        "add_number": "bbfn",
        "clamp_below": "bbfn",
        "quotient": "bbbfn",
        "ratio": "bbbffn",
        "ratio_inside": "bbbffiiiiiiii",
        "update": "bbbn",
        "update_weighted": "bbbbn",
        "predict": "bbbffn",
        "update_spread": "bbbbbiiiii",
        "product_full": "bbbin",
        "product_packed": "bbbiiii",
        "widen": "bbn",
        "narrow": "bbn",
        "summary": "bbn",
    },
    "fitness": {
        "inner_products": "bbbbbiiiiiiii",
        "planes": "bbiiin",
        "fit": "bbbffiiiiiiiin",
    },
    "regularization": {
        "agree": "bbbn",
        "halve": "bbfuuiiiiiiiii",
        "smooth": "bbbfffiiiiiiiii",
    },
}
"""Arguments of every kernel, by the file it is in: buffer, float, int, unsigned int, number of voxels (ulong)."""

_SOME = 4
_BY_SOME = frozenset(
    {
        *("ratio", "update", "update_weighted", "predict"),
        *("ratio_inside", "update_spread", "cut", "cut_wrapped", "paste"),
    }
)
"""Kernels whose work-items do so many voxels each."""

_FILE_OF = {name: file for file, kernels in _ARGUMENTS.items() for name in kernels}

_DTYPES: dict[str, Any] = {"b": None, "f": np.float32, "i": np.int32, "u": np.uint32, "n": np.uint64}

_BEFORE = {"kernels": ("common", "packed")}
"""What the kernels of a file use; of others only what is common."""
_WIDTH = 32
"""Work-items side by side along x: a cache line, and few left over at the end of a row."""


class Program:
    """Kernels on one queue; launches of several threads do not mix up their arguments."""

    def __init__(self, queue: cl.CommandQueue, lock: contextlib.AbstractContextManager[Any]) -> None:
        self._queue = queue
        self.lock = lock
        self._loading = threading.Lock()
        self._kernels: dict[str, cl.Kernel] = {}
        self._loaded: set[str] = set()
        self._line = 1 << (min(256, queue.device.max_work_group_size).bit_length() - 1)
        with quiet_compiler():
            self.load("geometry")

    def load(self, file: str = "kernels") -> None:
        """Compile the kernels of a file, if that has not been done: what making arrays needs is there from the start,
        the others can be compiled beside what a shape needs. Inside `quiet_compiler`; in any thread."""
        with self._loading:
            if file not in self._loaded:
                names = *_BEFORE.get(file, ("common",)), file
                source = "".join(files(__package__).joinpath(f"{name}.cl").read_text() for name in names)
                program = cl.Program(self._queue.context, source).build([f"-DSOME={_SOME}"])
                self._kernels |= {
                    name: _kernel(program, name, arguments) for name, arguments in _ARGUMENTS[file].items()
                }
                self._loaded.add(file)

    def each(self, name: str, count: int, *arguments: Any) -> None:
        """Launch an elementwise kernel over `count` voxels; the count is its last argument."""
        span = self._line * _some(name)
        size = -(-count // span) * self._line
        self._launch(name, (size,), (self._line,), *arguments, count)

    def strided(self, name: str, items: int, count: int, *arguments: Any) -> None:
        """Launch `items` work-items that share `count` voxels among them."""
        self._launch(name, (items,), None, *arguments, count)

    def items(self, name: str, items: int, *arguments: Any) -> None:
        """Launch so many work-items that know by themselves what to do."""
        self._launch(name, (items,), None, *arguments)

    def over(self, name: str, shape: tuple[int, ...], *arguments: Any) -> None:
        """Launch a kernel over the voxels of a shape, x fastest; the shape is not among its arguments."""
        nz, ny, nx = cubic(shape)
        wide = min(_WIDTH, self._line, power_of_two(nx))
        high = min(self._line // wide, power_of_two(ny))
        span = wide * _some(name)
        size = (-(-nx // span) * wide, -(-ny // high) * high, nz)
        self._launch(name, size, (wide, high, 1), *arguments)

    def _launch(self, name: str, size: tuple[int, ...], local: tuple[int, ...] | None, *arguments: Any) -> None:
        with self.lock:
            if name not in self._kernels:
                with quiet_compiler():
                    self.load(_FILE_OF[name])
            kernel = self._kernels[name]
            kernel.set_args(*arguments)
            cl.enqueue_nd_range_kernel(self._queue, kernel, size, local)


@contextlib.contextmanager
def quiet_compiler() -> Iterator[None]:
    """Keep what compilers remark to ourselves, unless PYOPENCL_COMPILER_OUTPUT asks for it."""
    with warnings.catch_warnings():
        if not os.environ.get("PYOPENCL_COMPILER_OUTPUT"):
            warnings.simplefilter("ignore", cl.CompilerWarning)
        yield


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Compile several things side by side: compilers take one processor each."""
    with quiet_compiler(), ThreadPoolExecutor(len(tasks)) as threads:
        for done in [threads.submit(task) for task in tasks]:
            done.result()


def _some(name: str) -> int:
    """Voxels that a work-item of this kernel does."""
    return _SOME if name in _BY_SOME else 1


def _kernel(program: cl.Program, name: str, arguments: str) -> cl.Kernel:
    kernel = cl.Kernel(program, name)
    kernel.set_scalar_arg_dtypes([_DTYPES[kind] for kind in arguments])
    return kernel
