"""`rlcore psf`, and what becomes of a user's PSF in `rlcore deconvolve`."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.bead_fields import bead_field
from fixtures.commands import IMAGE, deconvolved, run
from fixtures.scenes import gaussian

import rlcore
from rlcore.app.main import main
from rlcore.optics import Microscope, generate_psf
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import wide_field_psf
from rlcore.testing.phantoms import phantom

MEASURED = Path(__file__).parents[2].parent / "shared" / "data" / "rfi" / "psf.tif"
SCALE = {"axes": "ZYX", "spacing": 0.2, "unit": "micron"}
OME = {
    "axes": "ZYX",
    "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.2,
    "Channel": {"EmissionWavelength": 520.0, "EmissionWavelengthUnit": "nm", "ExcitationWavelength": 488.0,
                "AcquisitionMode": "LaserScanningConfocalMicroscopy"},
}  # fmt: skip
LIGHT = ("--na", 1.2, "--emission", 520, "--immersion", 1.33)


def psf(*arguments):
    return CliRunner().invoke(main, ["psf", *map(str, arguments)], prog_name="rlcore")


def done(*arguments):
    result = psf(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments):
    result = psf(*arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def png(path):
    return path.read_bytes().startswith(b"\x89PNG")


def test_generate_writes_what_the_library_makes_with_its_scale(tmp_path):
    out = tmp_path / "psf.tif"
    options = ("--shape", "9x11x12", "--voxel", "0.2,0.1,0.1", "--picture", tmp_path / "psf.png")
    told = json.loads(done("generate", "-o", out, *LIGHT, "--sample", 1.4, "--depth", 3, *options, "--json").stdout)
    microscope = Microscope(na=1.2, wavelength=0.52, index=1.33, sample_index=1.4, depth=3)
    expected = generate_psf(microscope, (9, 11, 12), (0.2, 0.1, 0.1))
    np.testing.assert_allclose(tifffile.imread(out), expected, rtol=1e-6, atol=1e-12)
    assert told["microscope"]["sample_index"] == 1.4
    assert told["sources"]["na"] == told["sources"]["voxel"] == "option"
    assert told["sources"]["technique"] == "assumed"
    with tifffile.TiffFile(out) as tif:
        assert tif.imagej_metadata["spacing"] == 0.2
        assert tif.pages.first.tags["XResolution"].value[0] / tif.pages.first.tags["XResolution"].value[1] == 10
    assert png(tmp_path / "psf.png")


def test_generate_takes_from_ome_metadata_what_is_not_given(tmp_path):
    tifffile.imwrite(tmp_path / "image.ome.tif", IMAGE, ome=True, metadata=OME)
    told = json.loads(
        done("generate", tmp_path / "image.ome.tif", "-o", tmp_path / "psf.npy", "--na", 1.2, "--immersion", 1.33,
             "--json").stdout
    )  # fmt: skip
    microscope = told["microscope"]
    assert (microscope["wavelength"], microscope["excitation"], microscope["technique"]) == (0.52, 0.488, "confocal")
    assert told["voxel"] == pytest.approx([0.2, 0.1, 0.1])
    assert np.load(tmp_path / "psf.npy").sum() == pytest.approx(1, abs=1e-5)


def test_generate_takes_the_objective_and_options_go_before(tmp_path):
    path = tmp_path / "image.ome.tif"
    tifffile.imwrite(path, IMAGE, ome=True, metadata=OME)
    text = tifffile.tiffcomment(path)
    lens = '<Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="1.4" Immersion="Oil"/></Instrument>'
    tifffile.tiffcomment(path, text.replace("<Image ", lens + "<Image ", 1).encode())
    told = json.loads(done("generate", path, "-o", tmp_path / "psf.tif", "--emission", 600, "--json").stdout)
    microscope = told["microscope"]
    assert (microscope["na"], microscope["index"], microscope["wavelength"]) == (1.4, 1.515, 0.6)
    said = {"na": "objective", "immersion": "objective: oil", "emission": "option", "excitation": "channel"}
    assert said.items() <= told["sources"].items()


@pytest.mark.parametrize("rubbish", ['LensNA="large" Immersion="Honey"', 'LensNA="-1"', ""])
def test_generate_takes_no_rubbish_from_metadata(tmp_path, rubbish):
    path = tmp_path / "image.ome.tif"
    tifffile.imwrite(path, IMAGE, ome=True, metadata=OME)
    lens = f'<Instrument ID="Instrument:0"><Objective ID="Objective:0" {rubbish}/></Instrument>'
    tifffile.tiffcomment(path, tifffile.tiffcomment(path).replace("<Image ", lens + "<Image ", 1).encode())
    assert "give --na" in refused("generate", path, "-o", tmp_path / "psf.tif")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--na", 1.2), "microscope is not known well enough; give --emission, --voxel"),
        (LIGHT, "not known well enough; give --voxel"),
        ((*LIGHT, "--voxel", "0.1"), "voxel '0.1' is not a size"),
        ((*LIGHT, "--voxel", "1,1,1", "--shape", "big"), "shape 'big' is not one of a psf"),
        ((*LIGHT, "--voxel", "1,1,1", "--psf-model", "gibson"), "did you mean 'gibson-lanni'?"),
        ((*LIGHT, "--voxel", "1,1,1", "--technique", "light-sheet"), "give --sheet"),
        ((*LIGHT, "--voxel", "1,1,1", "--picture", "psf.jpg"), "does not end in .png"),
        (("--na", 1.4, "--emission", 520, "--immersion", 1.33, "--voxel", "1,1,1"), "na 1.4 is not between"),
        (
            ("--na", 1.2, "--emission", 0.52, "--voxel", "0.2,0.1,0.1"),
            "--emission 0.52 nm (option) is a wavelength in micrometres, it seems; give nanometres: 520",
        ),
        ((*LIGHT, "--voxel", "200,100,100"), "in nanometres, it seems, since the objective resolves 0.26 µm; give"),
    ],
)
def test_generate_refuses_what_it_cannot_make_and_writes_nothing(tmp_path, arguments, said):
    assert said in refused("generate", "-o", tmp_path / "psf.tif", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_replaced_unless_forced(tmp_path):
    (tmp_path / "psf.tif").write_text("mine")
    options = (*LIGHT, "--voxel", "0.2,0.1,0.1", "--shape", "5x5x5")
    assert "give --force to replace it" in refused("generate", "-o", tmp_path / "psf.tif", *options)
    assert (tmp_path / "psf.tif").read_text() == "mine"
    done("generate", "-o", tmp_path / "psf.tif", *options, "--force")
    assert tifffile.imread(tmp_path / "psf.tif").shape == (5, 5, 5)


def test_distil_writes_a_psf_and_says_how_many_beads(tmp_path):
    made = bead_field(count=10, shape=(30, 180, 180), apart=(18, 26, 26), psf=wide_field_psf((31, 31, 31)))
    tifffile.imwrite(tmp_path / "beads.tif", made.stack, imagej=True, resolution=(10, 10), metadata=SCALE)
    out = tmp_path / "psf.tif"
    told = json.loads(
        done("distil", tmp_path / "beads.tif", "-o", out, "--shape", "17x31x31", "--picture", tmp_path / "p.png",
             "--json").stdout
    )  # fmt: skip
    assert told["found"] >= told["used"] >= 4
    assert told["correlation"]["median"] > 0.9
    assert tifffile.imread(out).shape == (17, 31, 31)
    lines = done("distil", tmp_path / "beads.tif", "-o", out, "--shape", "17x31x31", "--force").stdout.splitlines()
    assert f"{told['found']} beads found, {told['used']} used" in lines[1]
    assert "µm)" in next(line for line in lines if line.startswith("width"))
    assert png(tmp_path / "p.png")


def test_inspect_says_figures_on_stdout_and_what_will_hurt_on_stderr(tmp_path):
    values = np.roll(gaussian((21, 21, 21), 2.0), 2, 2)
    tifffile.imwrite(tmp_path / "psf.tif", (values + 0.05 * values.max()).astype(np.float32), metadata={"axes": "ZYX"})
    result = done("inspect", tmp_path / "psf.tif", "--picture", tmp_path / "psf.png")
    assert "width (FWHM) z 4.7" in result.stdout
    assert "warning: pedestal: the outer shell's median is 4.8% of the maximum" in result.stderr
    assert "warning: off centre: the peak is z" in result.stderr
    assert "x +2.0 voxels" in result.stderr
    assert png(tmp_path / "psf.png")


def test_models_lists_ours(tmp_path):
    found = {finding["name"]: finding for finding in json.loads(done("models", "--json").stdout)}
    assert found["gibson-lanni"]["state"] == "usable"
    lines = done("models").stdout.splitlines()
    assert any(line.startswith("gibson-lanni") and "usable" in line for line in lines)


def spoil(truth):
    values = np.roll(truth / truth.max(), (-1, -1), (1, 2)) * 236 + 13
    noisy = values + 2 * np.random.default_rng(0).normal(size=values.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def test_a_measured_psf_is_mended_on_the_way_with_a_warning_and_restores_as_well_as_the_truth(tmp_path):
    truth = wide_field_psf((31, 32, 32))
    made = phantom("mixed", (24, 64, 64), psf=truth)
    tifffile.imwrite(tmp_path / "image.tif", made.image.astype(np.uint16), metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "truth.tif", truth.astype(np.float32), metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "psf.tif", spoil(truth), metadata={"axes": "ZYX"})
    done("mend", tmp_path / "psf.tif", "-o", tmp_path / "mended.tif")

    def error(name, *options):
        result = run(tmp_path, "--background", made.background, "--force", *options, psf=name)
        assert result.exit_code == 0, result.output
        return nrmse(tifffile.imread(tmp_path / "out.tif"), made.truth), result.stderr

    best, quiet = error("truth.tif")
    assert "warning" not in quiet
    mended, told = error("psf.tif")
    assert mended == pytest.approx(best, rel=0.02)
    assert "psf 'psf.tif' stands on a pedestal of 5." in told
    assert "is off centre: its peak is (" in told
    assert error("mended.tif")[0] == pytest.approx(best, rel=0.02)
    kept, warned = error("psf.tif", "--psf-as-is")
    assert kept > 1.05 * best
    assert "stands on a pedestal: its outer shell's median is 5." in warned
    assert "psf has its peak at" in warned
    assert error("psf.tif", "--psf-background", 0, "--psf-centre", "middle")[0] == kept
    assert error("psf.tif", "--psf-as-is", "--psf-background", "auto", "--psf-centre", "peak")[0] < 0.98 * kept


@pytest.mark.skipif(not MEASURED.exists(), reason="the folder shared/data is not beside the repository")
def test_the_measured_psf_of_the_reference_volumes_is_mended_and_restores_as_well(tmp_path):
    head = done("mend", MEASURED, "-o", tmp_path / "mended.tif").stdout.splitlines()[0]
    assert (
        "psf.tif stands on a pedestal of 4.0% of its maximum and is off centre: its peak is (0.3, -0.6, -1.1)" in head
    )
    said = psf("inspect", MEASURED).stderr
    assert "pedestal: the outer shell's median is 4.0% of the maximum" in said
    assert "off centre: the peak is z +0.3, y -0.6, x -1.1 voxels" in said
    truth = rlcore.prepare_psf(tifffile.imread(tmp_path / "mended.tif"))
    made = phantom("mixed", (32, 64, 64), psf=truth)
    tifffile.imwrite(tmp_path / "image.tif", made.image.astype(np.uint16), metadata={"axes": "ZYX"})
    (tmp_path / "psf.tif").write_bytes(MEASURED.read_bytes())
    result = run(tmp_path, "--background", made.background)
    [warning] = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert warning == (
        "warning: psf 'psf.tif' stands on a pedestal of 4.0% of its maximum and is off centre: its peak is "
        "(0.3, -0.6, -1.1) voxels off; it is mended, or kept by --psf-as-is"
    )
    restored = deconvolved(made.image, truth, iterations=5, background=made.background, backend="numpy")
    shipped = nrmse(tifffile.imread(tmp_path / "out.tif"), made.truth)
    assert shipped == pytest.approx(nrmse(restored, made.truth), rel=0.02)


def test_a_psf_of_other_voxels_is_resampled_with_a_note(tmp_path):
    truth = wide_field_psf((21, 25, 25))
    fine = wide_field_psf((41, 49, 49), voxel=(0.1, 0.05, 0.05))
    made = phantom("mixed", (16, 40, 40), psf=truth)
    tifffile.imwrite(tmp_path / "image.tif", made.image, imagej=True, resolution=(10, 10), metadata=SCALE)
    tifffile.imwrite(
        tmp_path / "psf.tif",
        fine.astype(np.float32),
        imagej=True,
        resolution=(20, 20),
        metadata={**SCALE, "spacing": 0.1},
    )
    told = json.loads(run(tmp_path, "--background", made.background, "--json").stdout)
    assert "resampled from (41, 49, 49) to (21, 25, 25) voxels, to the image's voxel size" in told["psf"]
    assert any("the psf is resampled to the image's" in warning for warning in told["warnings"])
    expected = deconvolved(made.image, truth, iterations=5, background=made.background, backend="numpy")
    assert nrmse(tifffile.imread(tmp_path / "out.tif"), expected) < 0.02
