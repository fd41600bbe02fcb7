"""Series that cannot be mapped: each file is opened once, its pages are parsed once, and missing codecs are named."""

import struct

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, refused, run
from fixtures.scenes import error

STACK = np.stack([np.roll(IMAGE, t, axis=2) for t in range(6)])
WAYS = {
    "compressed": {"compression": "zlib"},
    "tiled": {"tile": (16, 16)},
    "filtered": {"compression": "zlib", "predictor": True},
    "strips of few rows": {"compression": "zlib", "rowsperstrip": 8},
}


def written(folder, stack=STACK, name="image.ome.tif", axes="TZYX", **how):
    tifffile.imwrite(folder / name, stack, photometric="minisblack", metadata={"axes": axes}, **how)


def file_set(folder, stack=STACK, kept=None):
    """Writes an OME-TIFF of one file a time point; those that are not `kept` are left out."""
    times, planes, *plane = stack.shape
    tokens = [f"urn:uuid:0000000{t}-0000-4000-8000-000000000000" for t in range(times)]
    blocks = "".join(
        f'<TiffData FirstT="{t}" FirstZ="{z}" IFD="{z}" PlaneCount="1">'
        f'<UUID FileName="{"image" if t == 0 else f"t{t}"}.ome.tif">{tokens[t]}</UUID></TiffData>'
        for t in range(times)
        for z in range(planes)
    )
    for t in range(times) if kept is None else kept:
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{tokens[t]}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{plane[1]}" SizeY="{plane[0]}" '
            f'SizeZ="{planes}" SizeC="1" SizeT="{times}"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{blocks}'
            "</Pixels></Image></OME>"
        )
        with tifffile.TiffWriter(folder / ("image.ome.tif" if t == 0 else f"t{t}.ome.tif")) as writer:
            for z in range(planes):
                writer.write(
                    stack[t, z], description=xml if z == 0 else None, metadata=None, contiguous=False,
                    photometric="minisblack",
                )  # fmt: skip


@pytest.fixture
def counted(monkeypatch):
    """Counts the files that tifffile opens, and the pages that it parses, by name of the file."""
    opened, parsed = [], []
    open_handle, parse = tifffile.FileHandle.open, tifffile.TiffPage.__init__
    parse_frame = tifffile.TiffFrame.__init__

    def opens(handle):
        before = handle._fh is None
        open_handle(handle)
        opened.extend([handle.name] * before)

    def parses(page, parent, *arguments, **named):
        parsed.append(parent.filehandle.name)
        parse(page, parent, *arguments, **named)

    def parses_frame(frame, parent, *arguments, **named):
        parsed.append(parent.filehandle.name)
        parse_frame(frame, parent, *arguments, **named)

    monkeypatch.setattr(tifffile.FileHandle, "open", opens)
    monkeypatch.setattr(tifffile.TiffPage, "__init__", parses)
    monkeypatch.setattr(tifffile.TiffFrame, "__init__", parses_frame)
    return opened, parsed


@pytest.mark.parametrize("name", ["image.ome.tif", "image.tif"])
@pytest.mark.parametrize("way", WAYS)
def test_a_file_is_opened_once_and_its_pages_are_parsed_once(files, counted, way, name):
    counts = {}
    for times in (3, 6):
        written(files, STACK[:times], name, **WAYS[way])
        for each in counted:
            each.clear()
        result = run(files, "--force", image=name)
        assert result.exit_code == 0, result.output
        opened, parsed = counted
        assert opened.count(name) == 1
        counts[times] = parsed.count(name)
    # once to find the series and once to know where its voxels are
    assert counts[6] - counts[3] <= 2 * 3 * len(IMAGE)


def test_what_is_decoded_is_what_was_written(files):
    written(files, STACK, "mapped.tif")
    assert run(files, image="mapped.tif", output="mapped-out.tif").exit_code == 0
    for way, how in WAYS.items():
        written(files, **how)
        assert run(files, "--force", image="image.ome.tif").exit_code == 0, way
        assert error(tifffile.imread(files / "out.tif"), tifffile.imread(files / "mapped-out.tif")) == 0


def test_files_of_a_set_are_opened_once_to_be_parsed_and_once_to_be_decoded(files, counted):
    file_set(files)
    opened, _ = counted
    opened.clear()
    result = run(files, image="image.ome.tif")
    assert result.exit_code == 0, result.output
    assert "closed file" not in result.stderr
    assert opened.count("image.ome.tif") == 1
    assert max(opened.count(f"t{t}.ome.tif") for t in range(1, 6)) <= 2
    assert tifffile.imread(files / "out.tif").shape == STACK.shape


def test_no_file_stays_open_after_a_run(files, monkeypatch):
    from rlcore.app.files.tiff import planes as tiff_planes

    monkeypatch.setattr(tiff_planes, "_OPEN_FILES", 2)
    handles, open_handle = set(), tifffile.FileHandle.open
    monkeypatch.setattr(tifffile.FileHandle, "open", lambda handle: (open_handle(handle), handles.add(handle))[0])
    most, asarray = [], tifffile.TiffFrame.asarray

    def decoded(page, *arguments, **named):
        most.append(sum(not handle.closed for handle in handles if handle.name.startswith("t")))
        return asarray(page, *arguments, **named)

    monkeypatch.setattr(tifffile.TiffFrame, "asarray", decoded)
    file_set(files)
    assert run(files, image="image.ome.tif").exit_code == 0
    assert max(most) == 2
    assert all(handle.closed for handle in handles)


def relabelled(path, tag, value):
    """Writes another value into a tag of the first page."""
    content = bytearray(path.read_bytes())
    [offset] = struct.unpack_from("<I", content, 4)
    for entry in range(struct.unpack_from("<H", content, offset)[0]):
        at = offset + 2 + 12 * entry
        if struct.unpack_from("<H", content, at)[0] == tag:
            struct.pack_into("<H", content, at + 8, value)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("tag", "value", "name"),
    [(259, 5, "LZW"), (259, 34712, "JPEG2000"), (259, 34887, "LERC"), (317, 3, "FLOATINGPOINT")],
)
def test_a_missing_codec_is_named_with_the_extra_that_brings_it(files, tag, value, name):
    if tifffile.tifffile.imagecodecs.__name__ == "imagecodecs":
        pytest.skip("imagecodecs is installed")
    tifffile.imwrite(files / "image.tif", IMAGE[0], compression="zlib", predictor=True, photometric="minisblack")
    relabelled(files / "image.tif", tag, value)
    refused(run(files), name, "needs the package imagecodecs; try: pip install 'rlcore[codecs]'")


def test_a_compression_that_nothing_decodes_is_refused(files):
    tifffile.imwrite(files / "image.tif", IMAGE[0], compression="zlib", photometric="minisblack")
    relabelled(files / "image.tif", 259, 99)
    refused(run(files), "JPEG_99", "which nothing here decodes; save it with another")
