"""What a developer runs: ``nox -s demo``, ``nox -s tests``, and the checks that CI adds."""

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "tests", "conformance"]
nox.needs_version = ">=2024.10"

PROJECT = nox.project.load_toml("pyproject.toml")
BACKENDS = sorted(path.parent for path in Path("backends").glob("*/pyproject.toml"))
HEAVY = {"torch"}
"""Backends whose library is gigabytes from a package index: only a session of their own installs them."""

SIDE_BY_SIDE = ("-n", str(min(4, os.cpu_count() or 1)), "--dist", "worksteal")
"""How the tests are shared out: among few processes, since many of them use several threads and a lot of memory."""


def install(session: nox.Session, *groups: str) -> None:
    """The project with its command line, our backends, and the named dependency groups."""
    requirements = [line for group in groups for line in nox.project.dependency_groups(PROJECT, group)]
    light = [path for path in BACKENDS if path.name not in HEAVY]
    session.install("-e", ".[app]", *(part for path in light for part in ("-e", with_test_extra(path))), *requirements)


def with_test_extra(path: Path) -> str:
    """A backend's folder as a requirement, with the extra `test` if it has one: what its tests need besides."""
    extras = nox.project.load_toml(path / "pyproject.toml")["project"].get("optional-dependencies", {})
    return f"./{path}[test]" if "test" in extras else f"./{path}"


TESTS = ("tests", *(str(path / "tests") for path in BACKENDS))
"""Folders of tests."""


@nox.session
def demo(session: nox.Session) -> None:
    """Restore a phantom with known truth and show before and after."""
    install(session)
    session.run("rlcore", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, those of the backends too, and the examples in docstrings and docs."""
    install(session, "test")
    # wheels for some machines only, and what has to be compiled: their tests skip without them
    vkfft = ("-e", "./backends/reikna[vkfft]")
    groups = ("optics", "readers", "redlionfish")
    optics, readers, peers = (nox.project.dependency_groups(PROJECT, group) for group in groups)
    for others, environment in ((optics, {}), (readers, {}), (peers, {}), (vkfft, {"VKFFT_BACKEND": "opencl"})):
        session.install(*others, env=environment, success_codes=(0, 1, 2))
    examples = ("--doctest-modules", "--doctest-glob=*.md", "--ignore-glob=docs/*.py", "rlcore", "docs")
    # only CI measures coverage, which slows the tests; the floor is in pyproject.toml
    coverage = ("--cov", "--cov-report=") if os.environ.get("CI") else ()
    session.run("pytest", *SIDE_BY_SIDE, *TESTS, *coverage, *session.posargs)
    # apart from the tests, whose modules would be imported a second time to look for examples; none may be chosen
    append = ("--cov-append",) if coverage else ()
    session.run("pytest", *SIDE_BY_SIDE, *examples, *coverage, *append, *session.posargs, success_codes=(0, 5))
    if coverage:
        session.run("coverage", "report", "--skip-covered", "--sort=miss")


@nox.session
def timing(session: nox.Session) -> None:
    """Tests that assert on wall-clock time, one after the other: for a machine that does nothing else."""
    install(session, "test")
    session.run("pytest", "-m", "timing", *TESTS, *session.posargs)


@nox.session
def night(session: nox.Session) -> None:
    """Property-based tests with many more examples than an ordinary run has, for a night."""
    install(session, "test")
    session.run("pytest", *SIDE_BY_SIDE, *TESTS, *session.posargs, env={"HYPOTHESIS_PROFILE": "night"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Damaged files and checkpoints, kills, random options, hostile plugins: --seconds 300, from --seed 0."""
    install(session, "test")
    session.run("python", "-m", "fuzz", *session.posargs, env={"PYTHONPATH": os.pathsep.join(["tests", "."])})


@nox.session
def conformance(session: nox.Session) -> None:
    """The conformance kit on every backend of this repository."""
    install(session, "test")
    session.run("pytest", *(str(path / "tests") for path in BACKENDS), "tests/testing", *session.posargs)


@nox.session(venv_backend="venv")
def torch(session: nox.Session) -> None:
    """The conformance kit on PyTorch, whatever build of it pip finds."""
    install(session, "test")
    session.install("-e", "./backends/torch")
    session.run("pytest", "backends/torch/tests", *session.posargs)


@nox.session
def napari(session: nox.Session) -> None:
    """The plugin's manifest and its tests, and napari's readers of files; with a display also in a real window."""
    install(session, "test", "napari")
    session.install("-e", ".[napari]")
    session.run("npe2", "validate", "rlcore")
    # libraries that napari's own pytest plugins import warn while pytest starts
    folders = "tests/app/napari", "tests/app/round_trips"
    session.run("pytest", "-W", "ignore::DeprecationWarning", *folders, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, the layers of the house, and the manifest that napari reads."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    # the layers of backends whose libraries are not installed are read from their source
    session.run("lint-imports", env={"PYTHONPATH": os.pathsep.join(str(path / "src") for path in BACKENDS)})
    session.run("codespell", "rlcore", "backends", "tests", "docs", *map(str, Path().glob("*.md")))
    session.run("npe2", "validate", "rlcore")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict, over every distribution."""
    install(session, "types")
    session.run("mypy", "rlcore", *(str(path / "src") for path in BACKENDS))


@nox.session
def bench(session: nox.Session) -> None:
    """Speed and memory as ratios to bare transforms and to other programs, in one run."""
    install(session, "bench")
    session.run("rlcore", "bench", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Source and binary distributions of everything, into dist/."""
    session.install("build", "twine")
    for path in [Path(), *BACKENDS]:
        session.run("python", "-m", "build", "--outdir", "dist", str(path))
    session.run("twine", "check", "--strict", *(str(path) for path in Path("dist").glob("*")))
