"""What `import rlcore` offers, and what it leaves alone."""

import inspect
import subprocess
import sys

import rlcore

NAMES = {
    "deconvolve", "make_plan", "Plan", "prepare_psf", "PSF", "BOUNDARIES", "ACCELERATIONS", "REGULARIZATIONS",
    "load_backend", "survey", "Finding", "choose_backend", "Choice",
    "Progress", "RLCoreError", "InputError", "BackendError", "BackendUnavailable", "BudgetError", "CheckpointError",
    "OutOfMemory", "Cancelled", "ImageWarning", "PSFWarning", "ReplanWarning", "Info", "Camera",
}  # fmt: skip


def test_the_public_names_are_the_documented_ones():
    assert set(rlcore.__all__) == NAMES
    assert all(hasattr(rlcore, name) for name in NAMES)


def test_whatever_users_call_says_what_it_is_for():
    for name in NAMES - {"BOUNDARIES", "ACCELERATIONS", "REGULARIZATIONS"}:
        assert inspect.getdoc(getattr(rlcore, name)), name
    for function in (rlcore.deconvolve, rlcore.make_plan, rlcore.prepare_psf, rlcore.load_backend):
        doc = inspect.getdoc(function)
        assert "Parameters\n---" in doc
        assert all(name in doc.partition("Parameters")[2] for name in inspect.signature(function).parameters)


def test_every_error_is_caught_by_its_root_and_by_the_kind_python_users_expect():
    errors = [getattr(rlcore, name) for name in NAMES if name.endswith(("Error", "Unavailable", "Memory", "Cancelled"))]
    assert all(issubclass(error, rlcore.RLCoreError) for error in errors)
    assert issubclass(rlcore.InputError, ValueError)
    assert issubclass(rlcore.BudgetError, MemoryError)
    assert issubclass(rlcore.OutOfMemory, MemoryError)


def test_importing_it_loads_no_heavy_library():
    heavy = (
        "cupy",
        "pyfftw",
        "pyopencl",
        "reikna",
        "torch",
        "dask",
        "zarr",
        "napari",
        "tifffile",
        "click",
        "rich",
        "scipy",
    )
    code = f"import sys, rlcore; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
