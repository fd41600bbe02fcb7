"""What OME-XML and Micro-Manager state of detectors: shown, and used as far as the image does not contradict it."""

import json

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.cameras import PSF, recorded
from fixtures.commands import run

from rlcore.app.camera.stated import stated_camera
from rlcore.app.files.opening import open_file
from rlcore.app.main import main

IMAGE = recorded()
XML = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="Instrument:0">
<Detector ID="Detector:0:0" Model="Orca" Type="CMOS" Gain="4" Offset="7"/></Instrument>
<Image ID="Image:0"><InstrumentRef ID="Instrument:0"/><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16"
SizeX="42" SizeY="40" SizeZ="10" SizeC="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1">
<DetectorSettings ID="Detector:0:0" Offset="{offset}" ReadOutRate="560" Binning="1x1"/></Channel>
<TiffData IFD="0" PlaneCount="10"/></Pixels></Image></OME>"""


@pytest.fixture
def write(tmp_path):
    np.save(tmp_path / "psf.npy", PSF)

    def made(offset):
        tifffile.imwrite(tmp_path / "image.ome.tif", IMAGE, description=XML.format(offset=offset), metadata=None)
        return tmp_path

    return made


def restored(folder):
    result = run(folder, "--json", image="image.ome.tif", psf="psf.npy", output="out.npy", camera=())
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["cameras"][0]


def test_an_offset_that_the_image_does_not_contradict_is_used(write):
    said = restored(write(100.25))
    assert said["offset"] == 100.25
    assert "the file states an offset of 100.25, which the image's noise does not contradict" in said["said"]
    assert said["gain"] != 4


def test_an_offset_that_the_image_contradicts_is_not_used(write):
    said = restored(write(20))
    assert abs(said["offset"] - 100) < 3 * said["offset_error"]
    assert "the file states an offset of 20, which the image's noise contradicts; the image is believed" in said["said"]


def test_info_shows_what_is_stated_and_what_would_be_taken(write):
    path = write(20) / "image.ome.tif"
    result = CliRunner().invoke(main, ["info", str(path)])
    assert result.exit_code == 0, result.output
    [stated] = [line for line in result.stdout.splitlines() if line.startswith("    states")]
    for text in ("model Orca", "offset 20", "amplification 4", "read-out rate 560 MHz", "binning 1x1"):
        assert text in stated
    [taken] = [line for line in result.stdout.splitlines() if line.startswith("    camera")]
    assert "would take: camera offset" in taken
    assert "the image is believed" in taken
    [channel] = json.loads(CliRunner().invoke(main, ["info", str(path), "--json"]).stdout)["channels"]
    assert channel["camera_stated"]["amplification"] == "4"
    assert "camera offset" in channel["camera"]


def test_what_micromanager_writes_of_a_camera_is_read(tmp_path):
    text = json.dumps({
        "HamamatsuHam_DCAM-CONVERSION FACTOR OFFSET": {"PropVal": "100.0000"},
        "HamamatsuHam_DCAM-CONVERSION FACTOR COEFF": {"PropVal": "0.4600"},
    })  # fmt: skip
    path = tmp_path / "image.tif"
    tags = [(51123, "s", 0, text, True)]
    tifffile.imwrite(path, IMAGE, extratags=tags)
    stated = stated_camera(open_file(path, "image"), 0)
    assert stated.offset == 100
    assert stated.words["photoelectrons per count"] == "0.4600"


@pytest.mark.parametrize("offset", ["much", "nan", ""])
def test_an_offset_that_is_no_number_is_none(write, offset):
    assert stated_camera(open_file(write(offset) / "image.ome.tif", "image"), 0).offset in (None, 7.0)
