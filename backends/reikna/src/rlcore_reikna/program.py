"""The kernels of this folder's files: compiled once for a context, when first needed, and launched over voxels."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyopencl as cl

from rlcore_reikna.shapes import cubic, power_of_two

_INCLUDED = {"geometry": (), "arithmetic": ("packed",), "sums": (), "regularization": ()}
"""Files of kernels, with the files that each one uses besides what is common."""

_KERNEL = re.compile(r"kernel void (\w+)\((.*?)\)(.*?)(?=^kernel |\Z)", re.DOTALL | re.MULTILINE)
_SCALARS = {"float": np.float32, "int": np.int32, "uint": np.uint32, "ulong": np.uint64}

_SOME = 4
"""Voxels of a work-item in kernels that use the macro FOR_SOME."""
_WIDTH = 32
"""Work-items side by side along x: a cache line, and few left over at the end of a row."""


@dataclass(frozen=True, slots=True)
class _Kernel:
    """One kernel, as its text declares it."""

    file: str
    dtypes: tuple[Any, ...]
    """Types of its arguments; None for a buffer."""
    voxels: int
    """Voxels of a work-item."""


class Program:
    """Kernels on one queue; threads that launch at the same time do not mix up their arguments."""

    def __init__(self, queue: cl.CommandQueue, lock: contextlib.AbstractContextManager[Any]) -> None:
        self._queue = queue
        self.lock = lock
        self._loading = threading.Lock()
        self._kernels: dict[str, cl.Kernel] = {}
        self._loaded: set[str] = set()
        self._line = 1 << (min(256, queue.device.max_work_group_size).bit_length() - 1)
        # a device whose compiler fails is found out here, while another one can still be chosen
        with quiet_compiler():
            self.load("geometry")

    def load(self, file: str = "arithmetic") -> None:
        """Compile the kernels of a file, unless that has been done. Inside `quiet_compiler`; in any thread."""
        with self._loading:
            if file not in self._loaded:
                text = "".join(map(_text, ("common", *_INCLUDED[file], file)))
                program = cl.Program(self._queue.context, text).build([f"-DSOME={_SOME}", f"-DGROUP={self._line}"])
                for name, declared in _declared().items():
                    if declared.file == file:
                        self._kernels[name] = kernel = cl.Kernel(program, name)
                        kernel.set_scalar_arg_dtypes(list(declared.dtypes))
                self._loaded.add(file)

    def each(self, name: str, count: int, *arguments: Any) -> None:
        """Launch an elementwise kernel over `count` voxels; the count is its last argument."""
        span = self._line * _declared()[name].voxels
        size = -(-count // span) * self._line
        self._launch(name, (size,), (self._line,), *arguments, count)

    def strided(self, name: str, items: int, count: int, *arguments: Any) -> None:
        """Launch `items` work-items that share `count` voxels; the count is the last argument."""
        self._launch(name, (items,), None, *arguments, count)

    def groups(self, name: str, groups: int, count: int, *arguments: Any) -> int:
        """Launch at most so many work-groups that share `count` voxels, the last argument; returns their number."""
        groups = min(groups, -(-count // self._line))
        self._launch(name, (groups * self._line,), (self._line,), *arguments, count)
        return groups

    def items(self, name: str, items: int, *arguments: Any) -> None:
        """Launch `items` work-items, with the arguments alone."""
        self._launch(name, (items,), None, *arguments)

    def over(self, name: str, shape: tuple[int, ...], *arguments: Any) -> None:
        """Launch a kernel over the voxels of a shape, x fastest; the shape is not among its arguments."""
        nz, ny, nx = cubic(shape)
        wide = min(_WIDTH, self._line, power_of_two(nx))
        high = min(self._line // wide, power_of_two(ny))
        span = wide * _declared()[name].voxels
        size = (-(-nx // span) * wide, -(-ny // high) * high, nz)
        self._launch(name, size, (wide, high, 1), *arguments)

    def _launch(self, name: str, size: tuple[int, ...], local: tuple[int, ...] | None, *arguments: Any) -> None:
        with self.lock:
            if name not in self._kernels:
                with quiet_compiler():
                    self.load(_declared()[name].file)
            kernel = self._kernels[name]
            kernel.set_args(*arguments)
            cl.enqueue_nd_range_kernel(self._queue, kernel, size, local)


@contextlib.contextmanager
def quiet_compiler() -> Iterator[None]:
    """Suppress compilers' remarks, unless PYOPENCL_COMPILER_OUTPUT asks for them."""
    with warnings.catch_warnings():
        if not os.environ.get("PYOPENCL_COMPILER_OUTPUT"):
            warnings.simplefilter("ignore", cl.CompilerWarning)
        yield


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Compile several things side by side: compilers take one processor each."""
    with quiet_compiler(), ThreadPoolExecutor(len(tasks)) as threads:
        for done in [threads.submit(task) for task in tasks]:
            done.result()


@cache
def _declared() -> dict[str, _Kernel]:
    """All kernels by name, read from the text, so that it alone says which arguments they take."""
    return {
        name: _Kernel(file, tuple(map(_dtype, arguments.split(","))), _SOME if "FOR_SOME" in body else 1)
        for file in _INCLUDED
        for name, arguments, body in _KERNEL.findall(_text(file))
    }


def _dtype(argument: str) -> Any:
    return next((_SCALARS[word] for word in argument.split() if word in _SCALARS and "*" not in argument), None)


def _text(file: str) -> str:
    return files(__package__).joinpath(f"{file}.cl").read_text()
