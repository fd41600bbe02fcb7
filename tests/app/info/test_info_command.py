"""`rlcore info` says what was understood of a file, what is odd, what puts it right, and what a run would refuse."""

import json

import numpy as np
import pytest
import tifffile
from app.test_several_images import IMAGES, SMALL, write
from click.testing import CliRunner
from fixtures.commands import IMAGE, PSF, refused, run

from rlcore.app.main import main

OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" '
    'Name="{name}"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="26" SizeY="24" SizeZ="10" '
    'SizeC="1" SizeT="1" {size}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{blocks}</Pixels></Image></OME>'
)


def info(path, *options):
    result = CliRunner().invoke(main, ["info", str(path), *map(str, options)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def odd(path, *options):
    return [line.removeprefix("odd: ") for line in info(path, *options).splitlines() if line.startswith("odd: ")]


def said(path, topic, *options):
    """The text behind a topic, and those in the lines below that have none."""
    lines = iter(info(path, *options).splitlines())
    first = next(line for line in lines if line[2:].startswith(topic))
    return first[len("  a run takes   ") :]


def imagej(path, image, **about):
    tifffile.imwrite(path, image, imagej=True, **about)


def told(path, image, xml):
    tifffile.imwrite(path, image, description=xml.encode(), metadata=None, photometric="minisblack")


def sound(path, image=IMAGE, axes="ZYX", **more):
    """Writes a file of which nothing is odd."""
    scale = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (0.3, 0.1, 0.1), strict=True)}
    tifffile.imwrite(path, image, ome=True, photometric="minisblack", metadata={"axes": axes, **scale, **more})


def test_a_sound_file_is_described_and_nothing_of_it_is_odd(tmp_path):
    path = tmp_path / "a.ome.tif"
    sound(path, np.stack([IMAGE] * 2), "CZYX", Channel={"Name": ["DAPI", "GFP"], "EmissionWavelength": [450.0, 520.0]})
    assert odd(path) == []
    assert "would refuse" not in info(path)
    assert said(path, "format") == "OME-TIFF"
    assert said(path, "axes") == "c 2, z 10, y 24, x 26"
    assert said(path, "scale") == "z 0.3 µm, y 0.1 µm, x 0.1 µm"
    assert said(path, "channel 1") == "'GFP', emission 520 nm"
    assert said(path, "a run takes") == "2 volumes, one after the other, each of 10 x 24 x 26, 24.4 KiB as float32"
    middle = IMAGE[len(IMAGE) // 2]
    assert said(path, "values").startswith(f"{middle.min()} to {middle.max()}, mean {middle.mean():.6g}, in the middle")


@pytest.mark.parametrize(
    ("how", "topics"),
    [
        ({"compression": "zlib", "tile": (16, 16)}, {"compression": "adobe_deflate", "tiles": "16 x 16"}),
        ({"bigtiff": True, "compression": "lzma"}, {"format": "TIFF, BigTIFF", "compression": "lzma"}),
        ({"rowsperstrip": 8, "compression": "zlib"}, {"strips": "8 rows"}),
    ],
)
def test_it_says_how_voxels_are_stored_and_samples_those_that_are_encoded(tmp_path, how, topics):
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, metadata={"axes": "ZYX"}, photometric="minisblack", **how)
    assert {topic: said(tmp_path / "a.tif", topic) for topic in topics} == topics
    assert said(tmp_path / "a.tif", "values").startswith(f"{IMAGE[5].min()} to {IMAGE[5].max()}, ")


def test_nothing_but_sampled_planes_is_decoded(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([IMAGE] * 3), compression="zlib", metadata={"axes": "TZYX"})
    decoded = set()
    asarray = tifffile.TiffFrame.asarray

    def counted(page, *arguments, **named):
        decoded.add(page.index)
        return asarray(page, *arguments, **named)

    monkeypatch.setattr(tifffile.TiffFrame, "asarray", counted)
    info(tmp_path / "a.tif")
    assert decoded == {5, 15, 25}


def test_images_are_listed_with_the_one_that_would_be_taken(tmp_path):
    write(tmp_path / "a.tif", {"label": SMALL, **IMAGES}, ome=True)
    lines = info(tmp_path / "a.tif").splitlines()
    assert [line.strip() for line in lines[1:5]] == [
        "images        0 'label', y 6, x 7, uint16, thumbnail",
        "1 'Pos0', z 10, y 24, x 26, uint16, taken",
        "2 'Pos1', z 10, y 24, x 26, uint16",
        "3 'Pos2', z 10, y 24, x 26, uint16",
    ]
    assert any("`rlcore deconvolve --image` takes another, or all" in line for line in odd(tmp_path / "a.tif"))
    assert "3 'Pos2', z 10, y 24, x 26, uint16, taken" in info(tmp_path / "a.tif", "--image", "Pos2")


def test_a_psf_can_be_computed_or_what_that_lacks_is_named(tmp_path):
    sound(tmp_path / "a.tif")
    assert "rlcore psf generate` can with --na --emission" in info(tmp_path / "a.tif")
    optics = (
        '<Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="1.2" Immersion="Water"/></Instrument><Image'
    )
    size = 'PhysicalSizeX="0.1" PhysicalSizeY="0.1" PhysicalSizeZ="0.3"'
    xml = OME.format(name="a", size=size, blocks="<TiffData/>").replace("<Image", optics)
    told(tmp_path / "b.tif", IMAGE, xml.replace('SamplesPerPixel="1"', 'SamplesPerPixel="1" EmissionWavelength="520"'))
    assert "  --psf auto  would take: wide-field (assumed), NA 1.2 (objective), emission 520 nm" in info(
        tmp_path / "b.tif"
    )


UNKNOWN = "states no size of its voxels along"
BAD = np.full((4, *IMAGE.shape), 120, np.float32)
BAD[:, :, 3] = 121
NAN, DIM, FULL = BAD.copy(), BAD.copy(), IMAGE.copy()
NAN[3], DIM[3], FULL[5, :3] = np.nan, 95, 65535
ZYX = {"metadata": {"axes": "ZYX"}}
ODD = {
    "order": (
        lambda p: told(
            p,
            np.stack([IMAGE, IMAGE + 1]).reshape(-1, 24, 26),
            "ImageJ=1.53t\nimages=20\nchannels=2\nslices=10\nhyperstack=true\norder=zct\n",
        ),
        "has its planes in ImageJ's order zct",
    ),
    "inches": (
        lambda p: imagej(p, IMAGE, resolution=(96, 96), metadata={"axes": "ZYX", "unit": "inch"}),
        "--voxel gives it",
    ),
    "print": (lambda p: tifffile.imwrite(p, IMAGE, resolution=(72, 72), resolutionunit="INCH"), "--voxel gives it"),
    "ones": (
        lambda p: sound(p, PhysicalSizeX=1, PhysicalSizeY=1, PhysicalSizeZ=1),
        "programs write where they know no size",
    ),
    "huge": (lambda p: sound(p, PhysicalSizeX=0.1, PhysicalSizeZ=5000), "which no microscope has"),
    "no scale": (
        lambda p: imagej(p, IMAGE, **ZYX),
        f"{UNKNOWN} z, y, x in a unit of length; --voxel 0.3,0.1,0.1 gives it",
    ),
    "no depth": (
        lambda p: imagej(p, IMAGE, resolution=(10, 10), metadata={"axes": "ZYX", "unit": "micron"}),
        f"{UNKNOWN} z ",
    ),
    "pixels": (lambda p: imagej(p, IMAGE, resolution=(5, 5), metadata={"axes": "ZYX", "unit": "pixel"}), UNKNOWN),
    "channels": (
        lambda p: imagej(p, IMAGE),
        "its 10 channels of which it says nothing would be planes along z beside a psf of several planes; --axes ZYX "
        "says so",
    ),
    "times": (lambda p: imagej(p, IMAGE, metadata={"axes": "TYX"}), "has 10 time points and no axis z"),
    "ome times": (lambda p: sound(p, IMAGE, "TYX"), "--axes ZYX says so"),
    "ampersand": (
        lambda p: told(p, IMAGE, OME.format(name="A & B", size="", blocks="<TiffData/>")),
        "has faulty OME-XML",
    ),
    "comma": (
        lambda p: told(p, IMAGE, OME.format(name="a", size='PhysicalSizeZ="0,3"', blocks="<TiffData/>")),
        "is taken as 0.3",
    ),
    "no image": (lambda p: told(p, IMAGE, OME.split("<Image")[0] + "</OME>"), "it describes no image"),
    "signed": (
        lambda p: imagej(p, IMAGE, metadata={"axes": "ZYX", "cf": 0, "c0": -32768.0, "c1": 1.0}),
        "calibrated voxels",
    ),
    "dim": (lambda p: imagej(p, DIM, metadata={"axes": "TZYX"}), "unlike the others (time 3, channel 0: mean 95)"),
    "constant": (lambda p: imagej(p, np.full_like(IMAGE, 7), **ZYX), "has the value 7 in all voxels that were sampled"),
    "negative": (lambda p: imagej(p, IMAGE.astype("f4") - 99, **ZYX), "has negative values, down to -"),
    "saturated": (lambda p: imagej(p, FULL, **ZYX), "is saturated: 12.5% of the voxels"),
    "even psf": (lambda p: imagej(p, np.pad(PSF, ((0, 1), (0, 0), (0, 0))), **ZYX), "even number of voxels along z,"),
    "white": (
        lambda p: tifffile.imwrite(p, IMAGE, photometric="miniswhite", **ZYX),
        "shows its smallest values as white",
    ),
    "appended": (lambda p: [tifffile.imwrite(p, plane, append=True) for plane in IMAGE], "appended one by one"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_said_and_costs_no_exit_code(tmp_path, case):
    write_file, text = ODD[case]
    write_file(tmp_path / "a.tif")
    assert any(text in line for line in odd(tmp_path / "a.tif")), odd(tmp_path / "a.tif")


def test_what_options_put_right_is_odd_no_more(tmp_path):
    imagej(tmp_path / "a.tif", IMAGE)
    assert len(odd(tmp_path / "a.tif")) == 2
    assert odd(tmp_path / "a.tif", "--axes", "ZYX", "--voxel", "0.3,0.1,0.1") == []


LACKING = OME.format(
    name="a",
    size="",
    blocks='<TiffData IFD="0" PlaneCount="5"/><TiffData FirstZ="5" IFD="0" PlaneCount="5"><UUID FileName="b.ome.tif">'
    "urn:uuid:00000002-0000-4000-8000-000000000000</UUID></TiffData>",
)
REFUSED = {
    "planes": (lambda p: told(p, IMAGE[:5], LACKING), "as 'b.ome.tif' is not there", "or give --fill-missing"),
    "nan": (
        lambda p: imagej(p, NAN, metadata={"axes": "TZYX"}),
        "NaN or infinite at time 3, channel 0",
        "--keep-going",
    ),
    "axes": (
        lambda p: tifffile.imwrite(p, IMAGE[None, None].repeat(3, 0), metadata={"axes": "QQZYX"}),
        "does not name all of its axes",
        "--axes",
    ),
    "kinds": (lambda p: write(p, {"a": IMAGE, "b": IMAGE[:, 1:]}), "of another kind", "--image"),
    "name": (
        lambda p: tifffile.imwrite(p, IMAGE, ome=False),
        "no OME-XML, though its name says OME-TIFF",
        "name it .tif",
    ),
    "colours": (
        lambda p: tifffile.imwrite(p, np.zeros((9, 9, 3), "u1"), photometric="cielab"),
        "colours as L*a*b*",
        "",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_run_would_refuse_is_described_nevertheless(tmp_path, case):
    write_file, text, remedy = REFUSED[case]
    path = tmp_path / "a.ome.tif" if case in ("name", "planes") else tmp_path / "a.tif"
    write_file(path)
    lines = [line for line in info(path).splitlines() if line.startswith("a run would refuse it: ")]
    assert any(text in line and remedy in line for line in lines), info(path)
    assert "uint" in info(path) or "float" in info(path)
    tifffile.imwrite(tmp_path / "psf.tif", PSF)
    assert run(tmp_path, image=path.name).exit_code == 2


@pytest.mark.parametrize("content", [b"", b"no picture at all", None])
def test_what_cannot_be_described_at_all_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "a.tif").write_bytes(content)
    refused(CliRunner().invoke(main, ["info", str(tmp_path / "a.tif")]), "a.tif")
    (tmp_path / "folder").mkdir()
    refused(CliRunner().invoke(main, ["info", str(tmp_path / "folder")]), "is a folder; name a file")


def test_arrays_of_numpy_are_described(tmp_path):
    np.save(tmp_path / "a.npy", IMAGE)
    assert said(tmp_path / "a.npy", "format") == "NumPy"
    np.save(tmp_path / "a.npy", IMAGE[None])
    assert said(tmp_path / "a.npy", "axes", "--axes", "TZYX").startswith("t 1, z 10, y 24, x 26")
    np.save(tmp_path / "a.npy", IMAGE[None, None].repeat(2, 0).repeat(3, 1))
    assert "a run would refuse it: " in info(tmp_path / "a.npy")
    assert "--axes" in info(tmp_path / "a.npy")


def test_json_has_the_same_facts(tmp_path):
    write(tmp_path / "a.tif", IMAGES, ome=True)
    facts = json.loads(info(tmp_path / "a.tif", "--json", "--image", 1))
    assert [image["taken"] for image in facts["images"]] == [False, True, False]
    assert (facts["axes"], facts["shape"], facts["dtype"]) == ("ZYX", list(IMAGE.shape), "uint16")
    assert facts["voxel"]["x"] == {"size": 0.5, "unit": "µm"}
    assert facts["voxel_believed"] is True
    assert facts["channels"][0]["lacks"] == ["na", "emission", "voxel"]
    assert any(UNKNOWN in text for text in facts["odd"])
    imagej(tmp_path / "b.tif", NAN, metadata={"axes": "TZYX"})
    assert "NaN" in json.loads(info(tmp_path / "b.tif", "--json"))["refused"][0]
