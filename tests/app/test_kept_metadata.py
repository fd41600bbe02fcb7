"""What a result says of itself is true of it: of its image's metadata that alone is kept which is known to be."""

import json

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, run
from fixtures.zarr_images import write_image

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

STACK = np.stack([[IMAGE * (1 + c) + t for c in range(2)] for t in range(3)]).astype(np.uint16)
"""t, c, z, y, x."""
ORDERS = ["czt", "ctz", "zct", "ztc", "tcz", "tzc"]


def restored(files, *options, output="out.tif", image="image.tif"):
    result = run(files, "-n", "1", "--force", *options, image=image, output=output)
    assert result.exit_code == 0, result.output
    return files / output


def write_imagej(path, lines="", order="czt"):
    """Writes planes in an order, fastest first, as ImageJ states it."""
    planes = STACK.transpose(*("TCZ".index(letter) for letter in order.upper()[::-1]), 3, 4).reshape(-1, 24, 26)
    text = f"ImageJ=1.53t\nimages=60\nchannels=2\nslices=10\nframes=3\nhyperstack=true\norder={order}\n{lines}"
    tifffile.imwrite(path, planes, description=text, metadata=None, photometric="minisblack")


def by_axes(path, axes="TCZYX"):
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        return series.asarray().transpose([series.axes.index(letter) for letter in axes])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("output", ["out.tif", "out.ome.tif", "out.zarr"])
def test_planes_are_where_they_were(files, order, output):
    tifffile.imwrite(files / "plain.tif", STACK, metadata={"axes": "TCZYX"}, photometric="minisblack")
    truth = by_axes(restored(files, image="plain.tif", output="truth.tif"))
    write_imagej(files / "image.tif", order=order)
    path = restored(files, output=output)
    found = zarr.open_group(path, mode="r")["0"][...] if output.endswith("zarr") else by_axes(path)
    np.testing.assert_allclose(found, truth, rtol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_labels_go_with_their_planes(files, order):
    grid = np.array([[[f"t{t} c{c} z{z}" for z in range(10)] for c in range(2)] for t in range(3)])
    labels = grid.transpose(*("TCZ".index(letter) for letter in order.upper()[::-1])).ravel().tolist()
    write_imagej(files / "image.tif", order=order)
    with tifffile.TiffFile(files / "image.tif") as tif:
        text, pages = tif.pages.first.description, tif.asarray().reshape(-1, 24, 26)
    extra = tifffile.tifffile.imagej_metadata_tag({"Labels": labels}, "<")
    tifffile.imwrite(
        files / "image.tif", pages, description=text, metadata=None, photometric="minisblack", extratags=extra
    )
    with tifffile.TiffFile(restored(files, "--time", "2,0", "--channel", "1")) as tif:
        assert tif.imagej_metadata["Labels"] == [f"t{t} c1 z{z}" for t in (2, 0) for z in range(10)]


def test_an_order_that_imagej_does_not_have_is_refused_where_it_matters(files):
    write_imagej(files / "image.tif", order="czt")
    content = (files / "image.tif").read_bytes()
    (files / "image.tif").write_bytes(content.replace(b"order=czt", b"order=cxt"))
    result = run(files)
    assert result.exit_code == 2
    assert "has its planes in the order 'cxt' by ImageJ's text, which is none of ctz, czt, " in result.stderr
    assert "by Image > Hyperstacks > Re-order Hyperstack" in result.stderr


STALE = (
    "min=3\nmax=9\ncf=20\nc0=1\nc1=2\nvunit=OD\nfps=7\nyunit=inch\nzunit=nm\nSCIFIO=0.4\nnframes=9\nbitdepth=16\n"
    "axes=XYZ\nlengths=1,2,3\nInverting=true\n"
)


@pytest.mark.parametrize("line", STALE.splitlines())
def test_of_imagej_text_nothing_else_is_kept(files, line):
    write_imagej(files / "image.tif", f"{line}\nxorigin=4\n")
    with tifffile.TiffFile(restored(files)) as tif:
        said = tif.imagej_metadata
        text = tif.pages.first.description
    assert line.lower() not in text.lower().splitlines()
    assert "order" not in said
    assert said["xorigin"] == 4


def test_regions_are_kept_with_all_planes_alone(files):
    metadata = {"axes": "TZCYX", "mode": "composite", "ROI": b"Iout" + bytes(60), "Overlays": [b"Iout" + bytes(60)] * 2}
    tifffile.imwrite(files / "image.tif", STACK.swapaxes(1, 2), imagej=True, metadata=metadata)
    with tifffile.TiffFile(restored(files)) as tif:
        assert {"ROI", "Overlays", "mode"} <= tif.imagej_metadata.keys()
    with tifffile.TiffFile(restored(files, "--channel", "1")) as tif:
        assert not {"ROI", "Overlays"} & tif.imagej_metadata.keys()
        assert tif.imagej_metadata["mode"] == "grayscale"


@pytest.mark.parametrize(
    "names",
    [
        ["Channel:0:0", "Channel:0:1"],
        ["c:1/2 - cells.tif", "c:2/2 - cells.tif"],
        ["DAPI", "DAPI"],
        ["", " "],
        ["DAPI"],
        ["DAPI", "GFP", "Cy5"],
    ],
)
@pytest.mark.parametrize("kind", ["plain", "zarr", "ome", "imagej"])
def test_names_of_channels_that_are_none_are_not_taken_for_them(files, names, kind):
    image = "image.zarr" if kind == "zarr" else "image.tif"
    if kind == "zarr":
        write_zarr(files / image, {"channels": [{"label": name} for name in names]})
    elif kind == "imagej":
        metadata = {"axes": "TZCYX", "Labels": (names * 30)[:60]}
        tifffile.imwrite(files / image, STACK.swapaxes(1, 2), imagej=True, metadata=metadata)
        if len(names) == 1:
            names = names * 2
    elif kind == "plain":
        metadata = {"axes": "TCZYX", "channel_names": names}
        tifffile.imwrite(files / image, STACK, photometric="minisblack", metadata=metadata)
    else:
        channels = "".join(f'<Channel ID="Channel:0:{n}" Name="{name}"/>' for n, name in enumerate(names))
        write_ome(files / image, channels)
    ome = zarr.open_group(restored(files, image=image, output="out.zarr"), mode="r").attrs["ome"]
    assert [channel.get("label") for channel in ome["omero"]["channels"]] == [None, None]


@pytest.mark.parametrize("name", ["0488", "True", "1e3", "nan", "Alexa 488"])
def test_names_of_channels_are_kept_to_the_letter(files, name):
    write_ome(files / "image.tif", f'<Channel ID="Channel:0:0" Name="{name}"/><Channel ID="Channel:0:1" Name="x"/>')
    ome = zarr.open_group(restored(files, output="out.zarr"), mode="r").attrs["ome"]
    assert [channel["label"] for channel in ome["omero"]["channels"]] == [name, "x"]


def write_ome(path, channels, planes="", beside="", pixels=""):
    xml = f"""<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Project ID="Project:0"/>
<Plate ID="Plate:0"/><Instrument ID="Instrument:0"/><Image ID="Image:0"><Description>by hand</Description>
<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="26" SizeY="24" SizeZ="10" SizeC="2" SizeT="3"
{pixels}>
{channels}<TiffData/>{planes}</Pixels><ROIRef ID="ROI:0"/><ROIRef ID="ROI:1"/></Image>{beside}</OME>"""
    pages = STACK.reshape(-1, 24, 26)
    tifffile.imwrite(path, pages, description=xml.encode(), metadata=None, photometric="minisblack")


CHANNELS = '<Channel ID="Channel:0:0" Name="DAPI"/><Channel ID="Channel:0:1" Name="GFP" Color="16711935"/>'


def ome_of(path):
    with tifffile.TiffFile(path) as tif:
        return tif.ome_metadata, tifffile.xml2dict(tif.ome_metadata)["OME"]


def test_of_ome_xml_what_speaks_of_the_images_voxels_is_left_out(files):
    plane = '<Plane TheZ="3" TheC="1" TheT="2" DeltaT="5" PositionX="7"><HashSHA1>{}</HashSHA1></Plane>'.format(
        "A" * 40
    )
    pixels = 'SignificantBits="12" BigEndian="true" Interleaved="false" PhysicalSizeX="0.1"'
    write_ome(files / "image.tif", CHANNELS, planes=plane, pixels=pixels)
    text, said = ome_of(restored(files, "--channel", "1", "--time", "2"))
    for gone in ("HashSHA1", "SignificantBits", "BigEndian", "Interleaved", "Project", "Plate"):
        assert gone not in text
    found = said["Image"]["Pixels"]
    assert found["Plane"] == {"TheZ": 3, "TheC": 0, "TheT": 0, "DeltaT": 5.0, "PositionX": 7}
    assert (found["Channel"]["Color"], found["PhysicalSizeX"]) == (16711935, 0.1)
    assert (said["Instrument"]["ID"], said["Image"]["Description"][:7]) == ("Instrument:0", "by hand")


def test_regions_of_ome_xml_follow_their_channels_and_times(files):
    regions = "".join(
        f'<ROI ID="ROI:{n}"><Union><Point ID="Shape:{n}" X="1" Y="2" TheC="{n}" TheT="2"/></Union></ROI>'
        for n in (0, 1)
    )
    write_ome(files / "image.tif", CHANNELS, beside=regions)
    _, said = ome_of(restored(files, "--channel", "1", "--time", "2"))
    assert said["ROI"]["ID"] == said["Image"]["ROIRef"]["ID"] == "ROI:1"
    assert (said["ROI"]["Union"]["Point"]["TheC"], said["ROI"]["Union"]["Point"]["TheT"]) == (0, 0)


def test_planes_and_regions_of_other_axes_than_the_files_are_left_out(files):
    plane = '<Plane TheZ="3" TheC="1" TheT="2" DeltaT="5"/>'
    region = '<ROI ID="ROI:0"><Union><Point ID="Shape:0" X="1" Y="2" TheC="1"/></Union></ROI>'
    write_ome(files / "image.tif", CHANNELS, planes=plane, beside=region)
    text, _ = ome_of(restored(files, "--axes", "CTZYX"))
    assert "Plane " not in text
    assert "ROI" not in text
    assert "DAPI" not in text


INTERVALS = {"0:2": 2.5, "0,2": 5.0, "1": None, "2,0": None, "0,1,2": 2.5}


@pytest.mark.parametrize("times", INTERVALS)
@pytest.mark.parametrize("output", ["out.ome.tif", "out.tif", "out.zarr"])
def test_the_interval_is_that_between_selected_time_points(files, times, output):
    metadata = {"axes": "TZCYX", "finterval": 2.5, "unit": "um"}
    tifffile.imwrite(files / "image.tif", STACK.swapaxes(1, 2), imagej=True, metadata=metadata)
    path = restored(files, "--time", times, output=output)
    if output == "out.zarr":
        scales = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"][0]
        axes = [axis["name"] for axis in scales["axes"]]
        steps = dict(zip(axes, scales["datasets"][0]["coordinateTransformations"][0]["scale"], strict=True))
        units = {axis["name"]: axis.get("unit") for axis in scales["axes"]}
        found = steps["t"] if units.get("t") else None
    elif output == "out.tif":
        with tifffile.TiffFile(path) as tif:
            found = tif.imagej_metadata.get("finterval")
    else:
        found = ome_of(path)[1]["Image"]["Pixels"].get("TimeIncrement")
    assert found == INTERVALS[times]


def test_the_interval_of_ome_xml_is_that_between_selected_time_points(files):
    write_ome(files / "image.tif", CHANNELS, pixels='TimeIncrement="2.5" TimeIncrementUnit="min"')
    for times, expected in INTERVALS.items():
        pixels = ome_of(restored(files, "--time", times))[1]["Image"]["Pixels"]
        assert (pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit")) == (expected, expected and "min")


@pytest.mark.parametrize("name", ["truncate", "min", "axes_of_camera", "mean", "note"])
def test_entries_of_a_plain_tiff_stand_apart_as_those_of_the_image(files, name):
    tifffile.imwrite(files / "image.tif", STACK[0, 0], photometric="minisblack", metadata={"axes": "ZYX", name: 3})
    with tifffile.TiffFile(restored(files)) as tif:
        said = tif.shaped_metadata[0]
    assert said["image_metadata"] == {name: 3}
    assert said.get(name) != 3
    assert said["note"].startswith("Richardson-Lucy")


def write_zarr(path, omero=None, ome=None, **others):
    """Writes a Zarr whose attributes are `others`, besides what the format has, and `ome` beside its image."""
    shown = {"omero": omero} if omero else {}
    write_image(path, STACK, "tczyx", (1.0, 1.0, 0.3, 0.1, 0.1), units={}, **shown, **(ome or {}))
    zarr.open_group(path, mode="r+").attrs.update(others)


def test_attributes_of_a_zarr_stand_apart_as_those_of_the_image(files):
    window = {"min": 0, "max": 9, "start": 0, "end": 9}
    shown = {
        "label": "DAPI",
        "color": "0000FF",
        "window": window,
        "coefficient": 3.0,
        "family": "log",
        "inverted": True,
    }
    omero = {"channels": [shown, {**shown, "label": "GFP"}], "rdefs": {"defaultT": 2, "model": "color"}, "id": 7}
    write_zarr(files / "image.zarr", omero, ome={"labels": ["cells"]}, statistics={"max": 9}, series=["0"])
    said = zarr.open_group(restored(files, image="image.zarr", output="out.zarr"), mode="r").attrs.asdict()
    assert said.keys() == {"ome", "rlcore"}
    assert said["ome"].keys() == {"version", "multiscales", "omero"}
    assert said["ome"]["omero"].keys() == {"channels"}
    first = said["ome"]["omero"]["channels"][0]
    assert first.keys() == {"label", "color", "window", "inverted", "active"}
    assert said["rlcore"]["image_metadata"] == {"labels": ["cells"], "statistics": {"max": 9}, "series": ["0"]}


@pytest.mark.parametrize("kind", ["imagej", "ome", "plain", "zarr"])
def test_provenance_of_the_image_is_not_that_of_the_result(files, kind):
    options = {"imagej": {"imagej": True}, "ome": {"ome": True}}.get(kind, {})
    tifffile.imwrite(files / "image.tif", IMAGE, photometric="minisblack", metadata={"axes": "ZYX"}, **options)
    ending = ".zarr" if kind == "zarr" else ".tif"
    restored(files, "--background", "2", output=f"first{ending}")
    path = restored(files, "--background", "1", image=f"first{ending}", output=f"second{ending}")
    if kind == "zarr":
        said = zarr.open_group(path, mode="r").attrs["rlcore"]
        own, earlier = said, said["image_metadata"]["rlcore"]
    elif kind == "plain":
        with tifffile.TiffFile(path) as tif:
            said = tif.shaped_metadata[0]
        own, earlier = said["rlcore"], said["image_metadata"]["rlcore"]
    elif kind == "imagej":
        with tifffile.TiffFile(path) as tif:
            lines = tif.imagej_metadata["Info"].splitlines()
        [own] = [json.loads(line[8:]) for line in lines if line.startswith("rlcore: ")]
        [earlier] = [json.loads(line[21:]) for line in lines if line.startswith("rlcore of the image: ")]
    else:
        maps = ome_of(path)[1]["StructuredAnnotations"]["MapAnnotation"]
        by_name = {each["Namespace"]: {m["K"]: m["value"] for m in each["Value"]["M"]} for each in maps}
        own, earlier = by_name["rlcore"], by_name["rlcore/image"]
    assert (float(own["background"]), float(earlier["background"])) == (1, 2)
    assert (own["image"], earlier["image"]) == (f"first{ending}", "image.tif")
