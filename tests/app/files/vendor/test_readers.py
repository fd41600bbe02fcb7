"""Readers of BioIO: found, missing, failing, and such as write where they should not."""

import logging
import sys
import textwrap

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures.commands import NO_CAMERA, PSF, refused, voxels

from rlcore.app.files.layout import Pick
from rlcore.app.files.opening import open_file
from rlcore.app.files.vendor.formats import FORMATS
from rlcore.app.main import main
from rlcore.app.psf.metadata import read_metadata

pytest.importorskip("bioio", reason="bioio is not installed")

READER = """
import logging, sys, warnings
from datetime import timedelta
from types import SimpleNamespace as Named
import dask, dask.array as da, numpy as np, xarray as xr
from bioio_base.reader import Reader as Base
from bioio_base.reader_metadata import ReaderMetadata as BaseMetadata
from bioio_base.types import PhysicalPixelSizes

VALUES = np.arange(2 * 2 * 4 * 12 * 14, dtype="u2").reshape(2, 2, 4, 12, 14)

def late(function):
    return da.from_delayed(dask.delayed(function)(), VALUES.shape, VALUES.dtype)

class Reader(Base):
    def __init__(self, image, **options):
        self._path, self._current_scene_index = image, 0
        {opening}
    @staticmethod
    def _is_supported_image(fs, path, **options):
        return True
    @property
    def scenes(self):
        return {scenes}
    @property
    def ome_metadata(self):
        {ome}
    def _read_delayed(self):
        values, dims = VALUES, "TCZYX"
        {reading}
        if isinstance(values, np.ndarray):
            values = da.from_array(values, chunks=(1,) * (values.ndim - 2) + values.shape[-2:])
        return xr.DataArray(values, dims=list(dims))
    def _read_immediate(self):
        raise NotImplementedError
    @property
    def physical_pixel_sizes(self):
        return PhysicalPixelSizes({scale})
    @property
    def channel_names(self):
        return {names}
    {more}

class ReaderMetadata(BaseMetadata):
    @staticmethod
    def get_supported_extensions():
        return [{ending!r}]
    @staticmethod
    def get_reader():
        return Reader
"""
"""A reader of a package of its own, with its faults in braces."""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a reader as pip does: a module, and a folder that names it."""

    def one(name="bioio-sample", ending=".oib", opening="", reading="", scale="0.3, 0.1, 0.1", **said):
        folder, module = tmp_path / "site", name.replace("-", "_")
        about = folder / f"{module}-1.0.dist-info"
        about.mkdir(parents=True)
        given = {"opening": opening or "pass", "reading": reading or "pass", "scale": scale}
        given |= {
            "names": "['a', 'b']",
            "scenes": "('only',)",
            "ome": "raise NotImplementedError",
            "more": "pass",
        } | said
        indented = {key: textwrap.indent(text, " " * 8).strip() for key, text in given.items()}
        (folder / f"{module}.py").write_text(READER.format(ending=ending, **indented))
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: bioio-base\n"
        )
        (about / "entry_points.txt").write_text(f"[bioio.readers]\n{name} = {module}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, module, raising=False)

    (tmp_path / "cells.oib").write_bytes(b"voxels of somebody")
    np.save(tmp_path / "psf.npy", PSF[1:4, 1:6, 1:6])
    return one


def run(folder, *options, output="out.npy"):
    command = ["deconvolve", str(folder / "cells.oib"), str(folder / "psf.npy"), "-o", str(folder / output)]
    return CliRunner().invoke(main, [*command, "-n", "2", "--backend", "numpy", *NO_CAMERA, *map(str, options)])


@pytest.mark.parametrize("ending", [".czi", ".lif", ".nd2", ".OIR", ".vsi", ".sld"])
def test_without_its_package_one_sentence_names_it_and_its_licence(tmp_path, monkeypatch, ending):
    monkeypatch.setattr("bioio.plugins.entry_points", lambda **_: [])
    (tmp_path / f"cells{ending}").write_bytes(b"voxels of somebody")
    format_ = FORMATS[ending.lower()]
    with pytest.raises(ValueError, match=r"^image '.*cells\.\w+' is an? ") as caught:
        open_file(tmp_path / f"cells{ending}", "image")
    message = str(caught.value)
    assert f"{format_.name}, which package {format_.package!r} ({format_.licence}" in message
    assert message.endswith(f"try: pip install bioio {format_.package}")
    assert ("Java" in message) == (ending == ".sld")


def test_without_bioio_itself_the_sentence_is_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioio", None)
    monkeypatch.setitem(sys.modules, "bioio.plugins", None)
    (tmp_path / "cells.lif").write_bytes(b"voxels of somebody")
    with pytest.raises(
        ValueError, match=r"is a Leica LIF file, which package 'bioio-lif' \(BSD-3-Clause\) reads; try: pip"
    ):
        open_file(tmp_path / "cells.lif", "image")


def test_any_reader_that_is_installed_is_used(tmp_path, install):
    install()
    result = run(tmp_path, output="out.ome.tif")
    assert result.exit_code == 0, result.output
    said = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert all("is cut off" in line for line in said)  # the PSF is of few voxels
    image = open_file(tmp_path / "out.ome.tif", "image")
    assert (image.layout.axes, image.layout.shape, image.channel_names) == ("TCZYX", (2, 2, 4, 12, 14), ("a", "b"))
    assert image.about.voxel.micrometres("ZYX") == (0.3, 0.1, 0.1)


def test_the_reader_is_asked_for_chunks_of_a_plane(tmp_path, install):
    install(opening="assert options == {'chunk_dims': ['Y', 'X']}, options")
    open_file(tmp_path / "cells.oib", "image")


OME = """
from ome_types import OME
from ome_types.model import Channel, Image, Pixels
sizes = dict(size_x=14, size_y=12, size_z=4, size_c=1, size_t=2, dimension_order="XYZCT", type="uint16")
light = lambda length: Pixels(**sizes, physical_size_x=length, channels=[Channel(emission_wavelength=length)])
return OME(images=[Image(pixels=light(length)) for length in ({lengths})])
"""


@pytest.mark.parametrize(("lengths", "found"), [("450, 520", 520), ("520,", 520), ("450, 520, 600", None)])
def test_the_ome_model_is_that_of_the_scene(tmp_path, install, lengths, found):
    install(scenes="('left', 'right')", names="None", ome=OME.format(lengths=lengths))
    image = open_file(tmp_path / "cells.oib", "image", pick=Pick(image="right"))
    emission = read_metadata(image, 0).figures.get("emission")
    assert (emission and emission.value) == found


@pytest.mark.parametrize("names", ["['Channel:0', 'Channel:1']", "['a', 'a']", "['a']", "None"])
def test_names_of_channels_that_are_none_are_left_out(tmp_path, install, names):
    install(names=names)
    assert open_file(tmp_path / "cells.oib", "image").channel_names == ()


@pytest.mark.parametrize(
    ("scale", "known"), [("0, 0, 0", ""), ("None, 0.1, 0.1", "YX"), ("float('nan'), .2, .2", "YX")]
)
def test_sizes_of_voxels_that_are_none_count_as_unknown(tmp_path, install, scale, known):
    install(scale=scale)
    sizes = open_file(tmp_path / "cells.oib", "image").about.voxel.sizes
    assert "".join(axis for axis in "ZYX" if axis in sizes) == known


def test_units_and_the_time_step_are_those_that_the_reader_names(tmp_path, install):
    units = "Named(Z=Named(unit='nanometer'), Y=Named(unit='mm'), X=Named(unit=None), T=None)"
    step = "Named(timelapse_interval=timedelta(minutes=2.5))"
    named = f"dimension_properties = property(lambda _: {units}); standard_metadata = property(lambda _: {step})"
    install(scale="300, 0.0002, 0.1", more=named)
    voxel = open_file(tmp_path / "cells.oib", "image").about.voxel
    assert voxel.sizes == {"Z": 300, "Y": 0.0002, "X": 0.1, "T": 150}
    assert voxel.units == {"Z": "nm", "Y": "mm", "X": "µm", "T": "s"}


@pytest.mark.parametrize(
    ("name", "folder"), [("cells.oif", "cells.oif.files"), ("cells.vsi", "_cells_"), ("cells.sldy", "cells.dir")]
)
def test_a_folder_that_holds_the_voxels_belongs_to_the_file(tmp_path, install, name, folder):
    install(ending=(tmp_path / name).suffix)
    (tmp_path / name).write_bytes(b"voxels of somebody")
    assert open_file(tmp_path / name, "image").about.beside == ()
    (tmp_path / folder).mkdir()
    assert open_file(tmp_path / name, "image").about.beside == (folder,)


@pytest.mark.parametrize(
    "noise",
    [
        "print('a reader talks')",
        "warnings.warn('a reader warns')",
        "logging.getLogger('reader').warning('a reader logs')",
    ],
)
@pytest.mark.parametrize("where", ["opening", "reading"])
def test_what_a_reader_says_is_kept_off_stdout_and_stderr(tmp_path, install, monkeypatch, noise, where, capfd):
    install(**{where: noise})
    # pytest's own handlers would take what Python prints where there is none
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    result = run(tmp_path, "--json")
    assert result.exit_code == 0, result.output
    assert "a reader" not in result.output
    assert "a reader" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise KeyError('R')", "'bioio-sample' says: KeyError: 'R'"),
        ("raise ValueError('a directory\\nof nothing')", "'bioio-sample' says: a directory;"),
        (
            "try:\n    raise RuntimeError('No JVM found')\nexcept RuntimeError as late:\n    raise KeyError from late",
            "needs Java, which is not there; install a JDK",
        ),
        ("sys.exit(0)", "SystemExit"),
        (
            "raise RuntimeError('No JVM shared library file (libjvm.so) found')",
            "needs Java, which is not there; install a JDK",
        ),
        ("raise RuntimeError('Failed to download Java via cjdk')", "needs Java, which is not there; install a JDK"),
        (
            "raise RuntimeError('java.io.IOException: unexpected end')",
            "'bioio-sample' says: RuntimeError: java.io.IOExc",
        ),
    ],
)
def test_a_reader_that_cannot_open_a_file_is_one_sentence(tmp_path, install, fault, said):
    install(opening=fault)
    refused(run(tmp_path), "cells.oib", "cannot be read", said)


def test_a_file_without_scenes_holds_no_image(tmp_path, install):
    install(scenes="()")
    refused(run(tmp_path), "cells.oib", "'bioio-sample' says: it holds no image; get it again")


@pytest.mark.parametrize(("planes", "sampled"), [(1, True), (4, False)])
def test_info_samples_values_where_chunks_are_planes(tmp_path, install, planes, sampled):
    install(reading=f"values = da.from_array(values, chunks=(1, 1, {planes}, 12, 14))")
    result = CliRunner().invoke(main, ["info", str(tmp_path / "cells.oib")])
    assert result.exit_code == 0, result.output
    assert ("  values " in result.stdout) == sampled


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raise KeyError('R')", "cannot be read: KeyError"),
        ("values = values.astype(complex)", "voxels of type 'complex128'"),
        ("dims = 'TCZXY'", "volumes must lie as z, y, x"),
        ("dims = 'TMZYX'", "has 2 entries along its axis 'M'"),
        ("values = late(lambda: VALUES[:, :, :3])", "gives voxels of shape"),
        ("values = late(lambda: 1 / 0)", "ZeroDivisionError"),
        ("values = late(lambda: VALUES + .5)", "Cannot cast"),
    ],
)
def test_voxels_that_cannot_be_read_are_one_sentence(tmp_path, install, fault, said):
    install(reading=fault)
    refused(run(tmp_path), "cells.oib", said)
    assert not (tmp_path / "out.npy").exists()


def test_where_one_reader_fails_the_next_is_used_and_that_is_said(tmp_path, install):
    install("bioio-first", opening="raise KeyError('R')")
    install("bioio-second")
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert "is read by 'bioio-second': 'bioio-first' says: KeyError: 'R'" in result.stderr


def test_metadata_that_a_reader_fails_to_give_cost_metadata_and_a_warning(tmp_path, install):
    install(names="1 / 0")
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert (
        "metadata that its reader cannot give, and is read without (names of channels: ZeroDivisionError"
        in result.stderr
    )


@pytest.mark.filterwarnings("ignore:.*red, green and blue")
@pytest.mark.parametrize(("samples", "option"), [(3, ()), (4, ("--channel", "0:3"))])
def test_colours_are_channels_and_said_to_be(tmp_path, install, samples, option):
    install(reading=f"values, dims = np.stack([VALUES[:, 0] + n for n in range({samples})], -1), 'TZYXS'", names="None")
    result = run(tmp_path, *option)
    assert result.exit_code == 0, result.output
    assert "has red, green and blue, which are restored as channels" in result.stderr
    assert voxels(tmp_path / "out.npy").shape == (2, 3, 4, 12, 14)
    image = open_file(tmp_path / "cells.oib", "image", pick=Pick(channel=2, time=1))
    expected = np.arange(2 * 2 * 4 * 12 * 14).reshape(2, 2, 4, 12, 14)[1, 0] + 2
    np.testing.assert_array_equal(image.only("image"), expected)


@pytest.mark.filterwarnings("ignore:.*red, green and blue")
def test_colours_have_the_names_of_channels(tmp_path, install):
    install(reading="values, dims = np.stack([VALUES[:, 0]] * 3, -1), 'TZYXS'", names="['r', 'g', 'b']")
    assert open_file(tmp_path / "cells.oib", "image").channel_names == ("r", "g", "b")


def test_opacity_is_refused_unless_it_is_left_out(tmp_path, install):
    install(reading="values, dims = np.stack([VALUES[:, 0]] * 4, -1), 'TZYXS'", names="None")
    refused(run(tmp_path), "opacity", "--channel 0:3")


def test_volumes_are_decoded_to_disk_if_memory_is_short(tmp_path, install):
    from rlcore.app.files.decoding import into

    install()
    image = open_file(tmp_path / "cells.oib", "image", decode=into(tmp_path / "scratch.npy", "1000 B"))
    volume = image.volume(image.layout.places[3])
    np.testing.assert_array_equal(volume, np.arange(2 * 2 * 4 * 12 * 14).reshape(2, 2, 4, 12, 14)[1, 1])
    assert (tmp_path / "scratch.npy").exists()
