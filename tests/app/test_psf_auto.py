"""`--psf auto`: a PSF computed from what the image says of its microscope, and said from where."""

import json

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.commands import NO_CAMERA, deconvolved
from fixtures.zarr_images import write_image

from rlcore.app.main import main
from rlcore.optics import Microscope, default_shape, generate_psf
from rlcore.testing.metrics import nrmse
from rlcore.testing.phantoms import phantom

VOXEL = (0.2, 0.1, 0.1)
MICROSCOPE = Microscope(na=1.2, wavelength=0.52, index=1.33)
LENS = '<Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="1.2"/></Instrument>'
TRUE = generate_psf(MICROSCOPE, default_shape(MICROSCOPE, VOXEL), VOXEL)


def write(path, image, channels, axes="ZYX", lens=LENS):
    z, y, x = VOXEL
    metadata = {"axes": axes, "PhysicalSizeX": x, "PhysicalSizeY": y, "PhysicalSizeZ": z, "Channel": channels}
    tifffile.imwrite(path, image, ome=True, metadata=metadata)
    text = tifffile.tiffcomment(path).replace("<Image ", lens + "<Image ", 1)
    tifffile.tiffcomment(path, text.encode())


def run(folder, *options, image="image.ome.tif"):
    command = [
        "deconvolve",
        str(folder / image),
        "-n",
        "5",
        "--backend",
        "numpy",
        "--offset",
        "0",
        *(() if "--background" in options else ("--background", "0")),
        *map(str, options),
    ]
    return CliRunner().invoke(main, command, prog_name="rlcore")


@pytest.fixture(scope="module")
def scene():
    return phantom("mixed", (16, 48, 48), psf=TRUE)


def test_one_command_restores_and_says_which_values_it_took_from_where(tmp_path, scene):
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    write(tmp_path / "image.ome.tif", scene.image.astype(np.uint16), {"EmissionWavelength": 520.0})
    out, report = tmp_path / "out.ome.zarr", tmp_path / "report.html"
    result = run(tmp_path, "--psf", "auto", "-o", out, "--report", report, "--background", scene.background)
    assert result.exit_code == 0, result.output
    size = " x ".join(map(str, TRUE.shape))
    told = (
        f"psf for channel 0: gibson-lanni, {size} voxels, wide-field (assumed), NA 1.2 (objective), emission 520 nm "
        "(channel), immersion 1.33 (assumed: water, by the aperture), voxels 0.2 x 0.1 x 0.1 µm (image)"
    )
    assert told in result.stderr
    assert told in report.read_text()
    assert "warning" not in result.stderr
    import zarr

    restored = zarr.open_group(out, mode="r")["0"][:]
    image = scene.image.astype(np.uint16)
    expected = deconvolved(image, TRUE, iterations=5, background=scene.background, backend="numpy")
    assert nrmse(restored, expected) < 1e-5


def test_each_channel_has_its_own_and_files_and_models_go_with_it(tmp_path, scene):
    image = np.stack([scene.image.astype(np.uint16)] * 2)
    write(tmp_path / "image.ome.tif", image, {"EmissionWavelength": [520.0, 620.0]}, "CZYX")
    red = Microscope(na=1.2, wavelength=0.62, index=1.33)
    result = run(tmp_path, "--psf", "auto", "-o", tmp_path / "out.npy", "--json")
    assert result.exit_code == 0, result.output
    used = json.loads(result.stdout)["provenance"]["psf"]
    assert [one["file"] for one in used] == ["gibson-lanni for channel 0", "gibson-lanni for channel 1"]
    assert used[1]["shape"] == list(default_shape(red, VOXEL))
    np.save(tmp_path / "psf.npy", TRUE)
    mixed = ("--psf", f"0={tmp_path / 'psf.npy'}", "--psf", "1=auto", "--psf-model", "gaussian")
    result = run(tmp_path, *mixed, "-o", tmp_path / "mixed.npy")
    assert result.exit_code == 0, result.output
    assert "psf for channel 1: gaussian" in result.stderr
    assert nrmse(np.load(tmp_path / "mixed.npy")[0], np.load(tmp_path / "out.npy")[0]) < 1e-4
    assert nrmse(np.load(tmp_path / "mixed.npy")[1], np.load(tmp_path / "out.npy")[1]) > 1e-3


def test_a_plan_is_made_with_it_too(tmp_path, scene):
    write(tmp_path / "image.ome.tif", scene.image.astype(np.uint16), {"EmissionWavelength": 520.0})
    command = [
        "plan",
        str(tmp_path / "image.ome.tif"),
        "--psf",
        "auto",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "psf for channel 0: gibson-lanni" in result.stderr


@pytest.mark.parametrize(
    ("channels", "lens", "options", "said"),
    [
        ({"Name": "gfp"}, LENS, (), "-o psf.tif --emission ..."),
        ({"EmissionWavelength": 520.0}, "", (), "-o psf.tif --na ..."),
        ({"EmissionWavelength": 520.0}, LENS.replace("1.2", "1.7"), (), "na 1.7 is not between"),
        ({"EmissionWavelength": 520.0}, LENS, ("--psf-model", "gibson"), "did you mean 'gibson-lanni'?"),
        ({"EmissionWavelength": 520.0, "AcquisitionMode": "SPIM"}, LENS, (), "-o psf.tif --sheet ..."),
    ],
)
def test_what_is_not_known_well_enough_is_refused_with_the_remedy(tmp_path, scene, channels, lens, options, said):
    write(tmp_path / "image.ome.tif", scene.image.astype(np.uint16), channels, lens=lens)
    result = run(tmp_path, "--psf", "auto", "-o", tmp_path / "out.tif", *options)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / "out.tif").exists()


def write_zarr(path, image):
    pytest.importorskip("zarr", reason="zarr is not installed")
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    write_image(path, image, scale=VOXEL)


def test_an_image_of_an_ome_zarr_collection_goes_by_the_ome_xml_beside_it(tmp_path, scene):
    write_zarr(tmp_path / "1", scene.image)
    (tmp_path / "OME").mkdir()
    channels = '<Channel ID="Channel:{0}:0" EmissionWavelength="{1}"/>'
    images = [
        f'<Image ID="Image:{n}"><Pixels ID="Pixels:{n}">{channels.format(n, length)}</Pixels></Image>'
        for n, length in enumerate((450.0, 520.0))
    ]
    text = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{LENS}{"".join(images)}</OME>'
    (tmp_path / "OME" / "METADATA.ome.xml").write_text(text)
    result = run(tmp_path, "--psf", "auto", "-o", tmp_path / "out.npy", image="1")
    assert result.exit_code == 0, result.output
    assert "NA 1.2 (objective), emission 520 nm (channel)" in result.stderr
    assert "voxels 0.2 x 0.1 x 0.1 µm (image)" in result.stderr


def test_formats_that_say_nothing_of_a_microscope_are_refused_with_the_options_to_give(tmp_path, scene):
    write_zarr(tmp_path / "image.zarr", scene.image)
    metadata = {"axes": "ZYX", "spacing": VOXEL[0], "unit": "um"}
    tifffile.imwrite(tmp_path / "image.tif", scene.image, imagej=True, resolution=(10, 10), metadata=metadata)
    for image in ("image.zarr", "image.tif"):
        result = run(tmp_path, "--psf", "auto", "-o", tmp_path / "out.npy", image=image)
        assert result.exit_code == 2
        name = str(tmp_path / image)
        assert result.stderr == (
            f"error: image {name!r} does not say enough of its microscope for a psf; make one by: rlcore psf generate "
            f"{name} -o psf.tif --na ... --emission ...\n"
        )


def test_a_model_without_auto_and_an_image_without_metadata_are_refused(tmp_path, scene):
    np.save(tmp_path / "image.npy", scene.image)
    np.save(tmp_path / "psf.npy", TRUE)
    result = run(tmp_path, "--psf", "auto", "-o", tmp_path / "out.npy", image="image.npy")
    assert "--na ... --emission ... --voxel ..." in result.stderr
    named = ("--psf", f"0={tmp_path / 'psf.npy'}", "--psf-model", "gaussian")
    result = run(tmp_path, *named, "-o", tmp_path / "out.npy", image="image.npy")
    assert result.exit_code == 2
    assert "--psf-model 'gaussian' is for psfs that are computed" in result.stderr
