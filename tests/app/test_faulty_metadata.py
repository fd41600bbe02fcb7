"""A slip in metadata costs metadata and one warning, but never voxels whose places are known without it."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, refused, run

STACK = np.stack([[IMAGE, IMAGE // 2 + 3], [IMAGE // 3 + 1, IMAGE + 2]])
"""t, c, z, y, x."""

OME = """<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/{version}"{root}>
<Image ID="Image:0" Name="{name}"><Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="26" SizeY="24"
SizeZ="10" SizeC="2" SizeT="2" PhysicalSizeX="{size}" PhysicalSizeY="0.1" PhysicalSizeZ="0.3" {pixels}>
<Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1" {channel}/><Channel ID="Channel:0:1" Name="GFP"
SamplesPerPixel="1"/>{data}{planes}</Pixels></Image></OME>"""
SOUND = {
    "version": "2016-06", "root": "", "name": "cells", "order": "XYZCT", "size": "0.1", "pixels": "", "channel": "",
    "data": "<TiffData/>", "planes": "",
}  # fmt: skip


def write(path, **said):
    write_text(path, OME.format(**{**SOUND, **said}))


def write_text(path, text, stack=STACK):
    planes = stack.reshape(-1, *stack.shape[-2:])
    tifffile.imwrite(path, planes, description=text.encode(), metadata=None, photometric="minisblack")


def restored(files, image="image.ome.tif", output="out.ome.tif"):
    result = run(files, "-n", "1", "--force", image=image, output=output)
    assert result.exit_code == 0, result.output
    return tifffile.imread(files / output), result.stderr.replace("\n", " ")


@pytest.fixture
def truth(files):
    write(files / "image.ome.tif")
    found, said = restored(files)
    assert "warning" not in said
    return found


SLIPS = {
    "ampersand": ({"name": "A & B"}, "not well-formed"),
    "entity": ({"name": "5&micro;m"}, "not well-formed"),
    "no character": ({"name": "&#xFFFF;&#0;"}, "not well-formed"),
    "control character": ({"name": "a\x01b"}, "not well-formed"),
    "half an ampersand": ({"channel": 'Fluor="DAPI&"'}, "not well-formed"),
    "comma": ({"size": "0,1"}, "PhysicalSizeX '0,1' is taken as 0.1"),
    "comma of a wavelength": (
        {"channel": 'EmissionWavelength="450,5"'},
        "EmissionWavelength '450,5' is taken as 450.5",
    ),
    "words": ({"size": "0.1 um"}, "PhysicalSizeX '0.1 um' is no number, and is left out"),
    "not a number": ({"pixels": 'TimeIncrement="NaN"'}, "TimeIncrement 'NaN' is no number"),
    "plane": ({"planes": '<Plane TheZ="0" TheC="0" TheT="0" DeltaT="1,5"/>'}, "DeltaT '1,5' is taken as 1.5"),
    "one mended, one left out": (
        {"planes": '<Plane TheZ="0" TheC="0" TheT="0" DeltaT="1,5"/><Plane TheZ="1" TheC="0" TheT="0" DeltaT="soon"/>'},
        "DeltaT '1,5' is taken as 1.5; DeltaT 'soon' is no number, and is left out",
    ),
    "both": ({"name": "A & B", "size": "0,1"}, "not well-formed XML; PhysicalSizeX"),
}


@pytest.mark.parametrize("slip", SLIPS)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_slip_in_ome_xml_costs_a_warning(files, truth, slip, compression):
    said, text = SLIPS[slip]
    xml = OME.format(**{**SOUND, **said})
    pages = STACK.reshape(-1, 24, 26)
    options = {"description": xml.encode(), "metadata": None, "photometric": "minisblack", "compression": compression}
    tifffile.imwrite(files / "image.ome.tif", pages, **options)
    found, warned = restored(files)
    assert np.array_equal(found, truth)
    assert warned.count("warning") == 1
    assert text in warned
    with tifffile.TiffFile(files / "out.ome.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [channel["Name"] for channel in pixels["Channel"]] == ["DAPI", "GFP"]
    assert pixels.get("PhysicalSizeX") == (None if slip == "words" else 0.1)


@pytest.mark.parametrize(
    ("size", "text"), [('SizeT="two"', "SizeT 'two' in its OME-XML"), ('SizeT="-2"', "SizeT '-2'"), ("", "no SizeT")]
)
def test_sizes_that_are_no_numbers_are_refused_by_name(files, size, text):
    write_text(files / "image.ome.tif", OME.replace('SizeT="2"', size).format(**SOUND))
    refused(run(files, image="image.ome.tif"), f"states {text}", "get it again from where it came")


BROKEN = {
    "less-than": {"name": "A < B"},
    "quotes": {"name": 'the "best"'},
    "twice": {"channel": 'SamplesPerPixel="1"'},
    "prefix": {"planes": "<sa:Note/>"},
    "not closed": {"planes": "<Plane>"},
    "places": {"name": "<", "data": '<TiffData IFD="0" FirstZ="0" FirstC="0" FirstT="0" PlaneCount="40"/>'},
}


@pytest.mark.parametrize("broken", BROKEN)
def test_sizes_and_order_are_found_in_text_that_is_no_xml(files, truth, broken):
    write(files / "image.ome.tif", **BROKEN[broken])
    found, warned = restored(files)
    assert np.array_equal(found, truth)
    assert warned.count("warning") == 1
    assert "it is not XML, and nothing but its sizes is used" in warned
    with tifffile.TiffFile(files / "out.ome.tif") as tif:
        assert 'PhysicalSizeX="0.1"' in tif.ome_metadata


@pytest.mark.parametrize("old", ['SizeZ="10"', 'DimensionOrder="XYZCT" ', "XYZCT"])
def test_sizes_may_have_decimals_and_an_order_may_lack_where_it_does_not_matter(files, old):
    new = {'SizeZ="10"': 'SizeZ="10.0"', "XYZCT": "XYZTC "}.get(old, "")
    tifffile.imwrite(files / "image.tif", IMAGE, metadata=None)
    truth, _ = restored(files, "image.tif", "out.tif")
    text = OME.format(**SOUND).replace(old, new).replace('SizeC="2" SizeT="2"', 'SizeC="1" SizeT="1"')
    write_text(files / "image.ome.tif", text, IMAGE)
    found, warned = restored(files)
    assert np.array_equal(found, truth)
    assert warned.count("warning") == 1


@pytest.mark.parametrize("version", ["2099-01", "2003-FC", ""])
def test_ome_xml_of_an_unknown_version_is_read(files, truth, version):
    write(files / "image.ome.tif", version=version)
    assert np.array_equal(restored(files)[0], truth)


@pytest.mark.parametrize(
    "text",
    [
        OME.format(**SOUND).replace("</Image>", "").replace("<TiffData/>", "<TiffData>"),
        OME.format(**SOUND).replace("</Image>", "").replace("DimensionOrder", "Order"),
        OME.format(**SOUND).replace("</Image>", '<Pixels ID="Pixels:1" SizeX="3"/>'),
        OME.format(**{**SOUND, "channel": "<"}).replace('"1" <', '"2" <'),
        OME.format(**{**SOUND, "order": "XYZZT"}),
        OME.format(**{**SOUND, "order": "XY&CT"}),
        OME.format(**{**SOUND, "data": "\x01TiffData/>"}),
        OME.format(**{**SOUND, "order": "XYZCT", "name": "&"}).replace('SizeZ="10"', 'SizeZ="&"'),
        OME.format(**{**SOUND, "name": "&"})[8:],
    ],
)
def test_planes_that_metadata_alone_can_tell_stay_refused(files, text):
    write_text(files / "image.ome.tif", text)
    refused(run(files, image="image.ome.tif"), "image.ome.tif")


@pytest.mark.parametrize("inside", ["", "<Instrument ID='Instrument:0'/>", "<Image ID='Image:0'/>"])
def test_ome_xml_without_an_image_leaves_the_pages_as_planes(files, inside):
    tifffile.imwrite(files / "image.tif", IMAGE, metadata=None)
    truth, _ = restored(files, "image.tif", "out.tif")
    text = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{inside}</OME>'
    write_text(files / "image.ome.tif", text, IMAGE)
    found, said = restored(files)
    assert np.array_equal(found, truth)
    assert said.count("warning") == 1
    assert "it describes no image, so that its pages are taken as planes" in said


@pytest.mark.parametrize("line", ["spacing=none", "finterval=soon", "spacing=0.3 micron"])
def test_numbers_of_imagej_may_be_none(files, line):
    tifffile.imwrite(files / "image.tif", IMAGE, metadata=None)
    truth, _ = restored(files, "image.tif", "out.tif")
    write_text(files / "image.tif", f"ImageJ=1.53t\nimages=10\nslices=10\nunit=micron\n{line}\nloop=false\n", IMAGE)
    found, said = restored(files, "image.tif", "out.tif")
    assert np.array_equal(found, truth)
    assert said.count("has a scale that cannot be read") == 1


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-8"])
def test_text_may_be_encoded_in_other_ways(files, truth, encoding):
    text = OME.format(**{**SOUND, "name": "5 \u00b5m"}).encode(encoding)
    options = {"description": text, "metadata": None, "photometric": "minisblack"}
    tifffile.imwrite(files / "image.ome.tif", STACK.reshape(-1, 24, 26), **options)
    assert np.array_equal(restored(files)[0], truth)


BINARY = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><BinaryOnly MetadataFile="{}" UUID="urn:uuid:1"/>'
    "</OME>"
)
UUID = '<UUID FileName="{}">urn:uuid:1</UUID>'


@pytest.mark.parametrize("said", [{}, {"name": "A & B"}, {"size": "0,1"}])
def test_a_file_without_metadata_is_read_by_its_companion(files, truth, said):
    write_text(files / "image.ome.tif", BINARY.format("set.companion.ome"))
    data = f'<TiffData IFD="0" PlaneCount="40">{UUID.format("image.ome.tif")}</TiffData>'
    (files / "set.companion.ome").write_text(OME.format(**{**SOUND, "data": data, **said}), encoding="utf-8")
    found, warned = restored(files)
    assert np.array_equal(found, truth)
    assert warned.count("warning") == bool(said)
    with tifffile.TiffFile(files / "out.ome.tif") as tif:
        assert "BinaryOnly" not in tif.ome_metadata
        assert 'PhysicalSizeZ="0.3"' in tif.ome_metadata


@pytest.mark.parametrize("companion", [None, "", OME.format(**SOUND), "<OME", BINARY.format("image.ome.tif")])
def test_a_file_without_its_companion_leaves_the_pages_as_planes(files, companion):
    tifffile.imwrite(files / "image.tif", IMAGE, metadata=None)
    truth, _ = restored(files, "image.tif", "out.tif")
    write_text(files / "image.ome.tif", BINARY.format("set.companion.ome"), IMAGE)
    if companion is not None:
        (files / "set.companion.ome").write_text(companion)
    found, said = restored(files)
    assert np.array_equal(found, truth)
    assert said.count("warning") == 1
    assert "its companion 'set.companion.ome'" in said


def test_a_companion_is_looked_for_beside_its_file_alone(files):
    (files / "other").mkdir()
    data = f'<TiffData IFD="0" PlaneCount="40">{UUID.format("image.ome.tif")}</TiffData>'
    (files / "set.companion.ome").write_text(OME.format(**{**SOUND, "data": data}))
    write_text(files / "other" / "image.ome.tif", BINARY.format("../set.companion.ome"), IMAGE)
    assert "its companion 'set.companion.ome' is not there" in restored(files, "other/image.ome.tif")[1]


zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

AXES = [{"name": n, "type": {"t": "time", "c": "channel"}.get(n, "space")} for n in "tczyx"]
LEVEL = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 0.3, 0.1, 0.1]}]}


def write_zarr(path, said, *, nested=True):
    group = zarr.open_group(path, mode="w", zarr_format=3 if nested else 2)
    group.create_array("0", shape=STACK.shape, dtype=STACK.dtype)[...] = STACK
    group.attrs.update({"ome": said} if nested else said)


def scales(**said):
    return {"multiscales": [{"axes": AXES, "datasets": [LEVEL], **said}]}


@pytest.mark.parametrize(
    ("said", "nested", "names", "scale"),
    [
        ({"version": "0.5", "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}}, True, ["DAPI", "GFP"], 0.3),
        ({"version": "0.5", "omero": {"channels": [{"label": "DAPI", "color": "blue"}, 7]}}, True, ["DAPI", None], 0.3),
        ({"version": "0.5", "omero": [1]}, True, [None, None], 0.3),
        ({"version": "0.5", "omero": {"channels": None}}, True, [None, None], 0.3),
        ({"version": "0.9"}, True, [None, None], 0.3),
        ({"version": "0.5", **scales(datasets=[{"path": "0"}])}, True, [None, None], 1),
        (
            {"version": "0.5", **scales(datasets=[{**LEVEL, "coordinateTransformations": [{"type": "scale"}]}])},
            True, [None, None], 1,
        ),
        ({"omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}}, False, ["DAPI", "GFP"], 0.3),
        (scales(version="0.3", axes=list("tczyx"), datasets=[{"path": "0"}]), False, [None, None], 1),
        ({"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]}, False, [None, None], 1),
    ],
)  # fmt: skip
def test_metadata_of_a_zarr_on_which_no_voxel_depends_may_be_faulty(files, truth, said, nested, names, scale):
    write_zarr(files / "image.zarr", {**scales(), **said}, nested=nested)
    found, warned = restored(files, "image.zarr")
    assert np.array_equal(found, truth)
    assert warned.count("has faulty OME-Zarr metadata, and its voxels are read") == 1
    restored_zarr = run(files, "-n", "1", image="image.zarr", output="out.zarr")
    assert restored_zarr.exit_code == 0, restored_zarr.output
    ome = zarr.open_group(files / "out.zarr", mode="r").attrs["ome"]
    assert [channel.get("label") for channel in ome["omero"]["channels"]] == names
    assert ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][2] == scale


@pytest.mark.parametrize("axes", [[], "zyx", [1, 2, 3, 4, 5], [{"name": "z"}] * 5, AXES[1:]])
def test_axes_of_a_zarr_have_to_be_known(files, axes):
    write_zarr(files / "image.zarr", {"version": "0.9", **scales(axes=axes)})
    refused(run(files, image="image.zarr"), "image.zarr")


SCALE, IDENTITY = LEVEL["coordinateTransformations"][0], {"type": "identity"}
IN_MICROMETRES = [{**axis, "unit": "micrometer"} if axis["type"] == "space" else axis for axis in AXES]


def ome_xml_of(path):
    with tifffile.TiffFile(path) as tif:
        return tif.ome_metadata


@pytest.mark.parametrize("everything", [[IDENTITY], [IDENTITY, IDENTITY]])
@pytest.mark.parametrize("level", [[SCALE], [IDENTITY, SCALE], [SCALE, IDENTITY]])
def test_transformations_of_a_zarr_that_change_nothing_cost_no_scale(files, truth, everything, level):
    datasets = [{**LEVEL, "coordinateTransformations": level}]
    said = scales(axes=IN_MICROMETRES, datasets=datasets, coordinateTransformations=everything)
    write_zarr(files / "image.zarr", {"version": "0.5", **said})
    found, warned = restored(files, "image.zarr")
    assert np.array_equal(found, truth)
    assert warned.count("warning: ") == 1
    assert 'PhysicalSizeZ="0.3"' in ome_xml_of(files / "out.ome.tif")


@pytest.mark.parametrize(
    "level", [None, [], [{"type": "scale", "scale": [0.3]}], [SCALE, SCALE], [{"type": "affine", "affine": [[1]]}]]
)
def test_a_scale_of_a_zarr_that_is_none_leaves_no_unit_that_would_be_one(files, truth, level):
    said = scales(axes=IN_MICROMETRES, datasets=[{"path": "0", "coordinateTransformations": level}])
    write_zarr(files / "image.zarr", {"version": "0.5", **said})
    found, warned = restored(files, "image.zarr")
    assert np.array_equal(found, truth)
    assert warned.count("warning: ") == 1
    assert "TIP" not in warned
    assert "PhysicalSize" not in ome_xml_of(files / "out.ome.tif")
