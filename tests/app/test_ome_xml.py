"""OME-XML that is written is valid by the OME schema, and a second library reads from it what the image was."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, run
from fixtures.zarr_images import write_image

ome_types = pytest.importorskip("ome_types", reason="ome-types is not installed")
xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")

STACK = np.stack([[IMAGE, IMAGE // 2 + 3], [IMAGE // 3 + 1, IMAGE + 2]])
"""t, c, z, y, x."""
NAMES = ["DAPI", "GFP"]
OME = {
    "axes": "TCZYX",
    "Channel": {"Name": NAMES, "EmissionWavelength": [450.0, 520.0]},
    "PhysicalSizeX": 0.1,
    "PhysicalSizeY": 0.1,
    "PhysicalSizeZ": 300.0,
    "PhysicalSizeZUnit": "nm",
    "TimeIncrement": 2.5,
    "TimeIncrementUnit": "min",
}
PIXELS = """<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="26" SizeY="24" SizeZ="10" SizeC="2"
SizeT="2" PhysicalSizeX="0.1" PhysicalSizeY="0.1" PhysicalSizeZ="0.3">
<Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1">{settings}</Channel>
<Channel ID="Channel:0:1" Name="GFP" SamplesPerPixel="1"/><TiffData/>{planes}</Pixels>"""
RICH = (
    """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Dataset ID="Dataset:0"><ImageRef ID="Image:0"/><ImageRef ID="Image:1"/></Dataset>
<Experimenter ID="Experimenter:0" LastName="A"/>
<Instrument ID="Instrument:0"><Detector ID="Detector:0"/><Objective ID="Objective:0" LensNA="1.2"/></Instrument>
<Image ID="Image:0"><AcquisitionDate>2020-01-01T00:00:00</AcquisitionDate><ExperimenterRef ID="Experimenter:0"/>
<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0"/>"""
    + PIXELS.format(
        settings='<DetectorSettings ID="Detector:0"/><AnnotationRef ID="Annotation:0"/>',
        planes='<Plane TheZ="0" TheC="0" TheT="0"/><Plane TheZ="1" TheC="1" TheT="1"/>',
    )
    + """<ROIRef ID="ROI:0"/><AnnotationRef ID="Annotation:0"/></Image>
<Image ID="Image:1"><Pixels ID="Pixels:1" DimensionOrder="XYZCT" Type="uint16" SizeX="26" SizeY="24" SizeZ="1" SizeC="1"
SizeT="1"><Channel ID="Channel:1:0"/><TiffData IFD="40" PlaneCount="1"/></Pixels></Image>
<StructuredAnnotations><CommentAnnotation ID="Annotation:0"><Value>by hand</Value></CommentAnnotation>
</StructuredAnnotations><ROI ID="ROI:0"><Union><Point ID="Shape:0" X="1" Y="2" TheC="1"/></Union></ROI></OME>"""
)
"""With all that may stand beside an image, and a second image."""


@pytest.fixture(scope="module")
def schema():
    return xmlschema.XMLSchema(Path(ome_types.__file__).with_name("ome-2016-06.xsd"))


def written(files):
    with tifffile.TiffFile(files / "out.ome.tif") as tif:
        return tif.ome_metadata


def result(files, schema, *options, image="image.tif", psf="psf.tif"):
    """What the second library reads from the output, once it is known to be valid."""
    done = run(files, *options, image=image, psf=psf, output="out.ome.tif")
    assert done.exit_code == 0, done.output
    xml = written(files)
    schema.validate(xml)
    return ome_types.from_xml(xml, validate=False)


def scale(told):
    """Lengths and units along z, y, x, t."""
    pixels = told.images[0].pixels
    names = [*(f"physical_size_{axis}" for axis in "zyx"), "time_increment"]
    units = {name: getattr(pixels, name + "_unit").value for name in names}
    return [(getattr(pixels, name), units[name]) for name in names if getattr(pixels, name) is not None]


def sizes(told):
    return [getattr(told.images[0].pixels, f"size_{axis}") for axis in "tczyx"]


def channels(told):
    return [channel.name for channel in told.images[0].pixels.channels]


def pages(stack):
    return stack.reshape(-1, *stack.shape[-2:])


def write_with(path, planes, xml):
    tifffile.imwrite(path, planes, photometric="minisblack", description=xml.encode(), metadata=None)


def write_imagej(path, unit):
    entries = {"spacing": 0.3, "unit": unit, "finterval": 2.5, "Labels": NAMES * 20}
    metadata = {"axes": "TZCYX", **entries}
    tifffile.imwrite(path, STACK.swapaxes(1, 2), imagej=True, resolution=(10, 5), metadata=metadata)


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_of_an_ome_tiff(files, schema, dtype):
    tifffile.imwrite(files / "image.tif", STACK, ome=True, metadata=OME)
    told = result(files, schema, "--dtype", dtype)
    assert sizes(told) == [2, 2, 10, 24, 26]
    assert scale(told) == [(300.0, "nm"), (0.1, "µm"), (0.1, "µm"), (2.5, "min")]
    assert channels(told) == NAMES
    assert [channel.emission_wavelength for channel in told.images[0].pixels.channels] == [450.0, 520.0]
    assert told.images[0].pixels.type.value == {"float32": "float", "uint16": "uint16"}[dtype]
    [annotation] = told.structured_annotations
    assert dict(annotation.value)["backend"] == "numpy"
    assert told.images[0].annotation_refs[0].id == annotation.id


@pytest.mark.parametrize(
    ("options", "expected", "names", "planes"),
    [((), [2, 2, 10, 24, 26], NAMES, 2), (("--channel", "GFP", "--time", "1"), [1, 1, 10, 24, 26], ["GFP"], 1)],
)
def test_of_one_with_all_that_may_stand_beside_an_image(files, schema, options, expected, names, planes):
    write_with(files / "image.tif", np.concatenate([pages(STACK), pages(STACK)[:1]]), RICH)
    told = result(files, schema, *options)
    assert len(told.images) == 1
    assert (sizes(told), channels(told)) == (expected, names)
    assert len(told.images[0].pixels.planes) == planes
    assert told.instruments[0].objectives[0].lens_na == 1.2
    assert [annotation.id for annotation in told.structured_annotations] == ["Annotation:0", "Annotation:rlcore-0"]
    assert told.rois[0].id == "ROI:0"


@pytest.mark.parametrize("version", ["2010-06", "2013-06", "2015-01"])
def test_of_one_by_an_older_schema(files, version):
    pytest.importorskip("lxml", reason="lxml is not installed")
    image = f'<Image ID="Image:0" Name="x">{PIXELS.format(settings="", planes="")}</Image>'
    xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/{version}">{image}</OME>'
    write_with(files / "image.tif", pages(STACK), xml)
    assert run(files, output="out.ome.tif").exit_code == 0
    told = ome_types.from_xml(written(files), validate=False, warn_on_schema_update=False)
    assert (sizes(told), channels(told)) == ([2, 2, 10, 24, 26], NAMES)
    assert told.images[0].description.startswith("Richardson-Lucy deconvolution by rlcore ")
    assert [annotation.id for annotation in told.structured_annotations] == ["Annotation:rlcore-0"]


@pytest.mark.parametrize(("said", "read"), [("um", "µm"), ("nm", "nm"), ("inch", "in"), ("km", "km")])
def test_of_an_imagej_tiff(files, schema, said, read):
    write_imagej(files / "image.tif", said)
    told = result(files, schema)
    assert (sizes(told), channels(told)) == ([2, 2, 10, 24, 26], NAMES)
    assert scale(told) == [(0.3, read), (0.2, read), (0.1, read), (2.5, "s")]


@pytest.mark.parametrize("unit", ["pixel", "furlong"])
def test_a_length_whose_unit_ome_does_not_have_is_not_said(files, schema, unit):
    write_imagej(files / "image.tif", unit)
    assert scale(result(files, schema)) == [(2.5, "s")]


@pytest.mark.parametrize(
    ("length", "time", "read"),
    [
        ("micrometer", "second", ("µm", "s")),
        ("angstrom", "nanosecond", ("Å", "ns")),
        ("picometer", "hour", ("pm", "h")),
        ("foot", "day", ("ft", "d")),
        ("parsec", "attosecond", ("pc", "as")),
        ("megameter", "millisecond", ("Mm", "ms")),
    ],
)
def test_of_an_ome_zarr_and_back(files, schema, length, time, read):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    units = {"t": time, **dict.fromkeys("zyx", length)}
    window = {"min": 0, "max": 255, "start": 0, "end": 255}
    shown = {"channels": [{"label": name, "color": "FFFFFF", "window": window} for name in NAMES]}
    write_image(files / "image.zarr", STACK, "tczyx", (4.0, 1.0, 0.3, 0.2, 0.1), units=units, omero=shown)
    told = result(files, schema, image="image.zarr")
    assert (sizes(told), channels(told)) == ([2, 2, 10, 24, 26], NAMES)
    assert scale(told) == [(0.3, read[0]), (0.2, read[0]), (0.1, read[0]), (4.0, read[1])]
    assert run(files, image="out.ome.tif", output="back.zarr").exit_code == 0
    [back] = zarr.open_group(files / "back.zarr", mode="r").attrs["ome"]["multiscales"]
    assert [axis.get("unit") for axis in back["axes"]] == [time, None, length, length, length]


def test_of_red_green_and_blue_and_of_a_single_volume(files, schema):
    assert sizes(result(files, schema)) == [1, 1, 10, 24, 26]
    colours = np.stack([IMAGE[3], IMAGE[4], IMAGE[5]], axis=-1)
    tifffile.imwrite(files / "image.tif", colours, photometric="rgb")
    tifffile.imwrite(files / "psf.tif", PSF[2] / PSF[2].sum())
    assert sizes(result(files, schema, "--force")) == [1, 3, 1, 24, 26]
