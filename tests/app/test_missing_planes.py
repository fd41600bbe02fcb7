"""Planes that an image's metadata state and no file holds: refused by name, or no data if wanted."""

import json

import numpy as np
import pytest
import tifffile
from app.test_reading_of_series import STACK, file_set
from fixtures.commands import IMAGE, PSF, deconvolved, refused, run
from fixtures.scenes import error

VOLUME = IMAGE[:8]
SPLIT = 5
IMAGEJ = "ImageJ=1.11a\nimages={n}\nslices={n}\nhyperstack=true\n"
SHAPED = '{{"shape": [{n}, 24, 26], "axes": "ZYX"}}'


def ome(planes, blocks):
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYZCT" Type="uint16" SizeX="26" SizeY="24" SizeZ="{planes}" SizeC="1" SizeT="1">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{blocks}</Pixels></Image></OME>'
    )


def pages(path, description, held=SPLIT, **how):
    """Writes pages with tags of their own, of which the first holds a description."""
    with tifffile.TiffWriter(path) as writer:
        for z in range(held):
            writer.write(
                VOLUME[z], description=description if z == 0 else None, metadata=None, contiguous=False,
                photometric="minisblack", **how,
            )  # fmt: skip


def cut(path, description, **how):
    pages(path, description, len(VOLUME), **how)
    with tifffile.TiffFile(path) as tif:
        end = tif.pages[SPLIT].dataoffsets[0] + 10
    path.write_bytes(path.read_bytes()[:end])


def cut_in_one_piece(path, **how):
    """Writes a stack whose first page alone has tags before the voxels, and cuts it short within them."""
    tifffile.imwrite(path, VOLUME, metadata={"axes": "ZYX"}, **how)
    with tifffile.TiffFile(path) as tif:
        end = tif.pages.first.dataoffsets[0] + SPLIT * VOLUME[0].nbytes + 10
    path.write_bytes(path.read_bytes()[:end])


def unwritten(path):
    """Writes a stack whose last pages have room in the file, and no voxels: their offsets and lengths are 0."""
    pages(path, IMAGEJ.format(n=len(VOLUME)), len(VOLUME), compression="zlib")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for page in tif.pages[SPLIT:]:
            for name in ("StripOffsets", "StripByteCounts"):
                tag = page.tags[name]
                content[tag.valueoffset : tag.valueoffset + 4] = bytes(4)
    path.write_bytes(content)


EACH = "".join(f'<TiffData FirstZ="{z}" IFD="{z}" PlaneCount="1"/>' for z in range(8))
SOME = "".join(f'<TiffData FirstZ="{z}" IFD="{z}" PlaneCount="1"/>' for z in range(SPLIT))
WAYS = {
    "OME, each plane placed": lambda path: pages(path, ome(8, EACH)),
    "OME, planes that were recorded placed": lambda path: pages(path, ome(8, SOME)),
    "OME, all in one block": lambda path: pages(path, ome(8, '<TiffData IFD="0" PlaneCount="8"/>')),
    "OME, a block without numbers": lambda path: pages(path, ome(8, "<TiffData/>")),
    "OME, compressed": lambda path: pages(path, ome(8, EACH), compression="zlib"),
    "OME, cut short": lambda path: cut(path, ome(8, EACH)),
    "ImageJ, stopped": lambda path: pages(path, IMAGEJ.format(n=8)),
    "ImageJ, stopped, compressed": lambda path: pages(path, IMAGEJ.format(n=8), compression="zlib"),
    "ImageJ, cut short": lambda path: cut(path, IMAGEJ.format(n=8)),
    "ImageJ in one piece, cut short": lambda path: cut_in_one_piece(path, imagej=True),
    "ImageJ, unwritten": unwritten,
    "shaped, stopped": lambda path: pages(path, SHAPED.format(n=8)),
    "shaped, stopped, tiled": lambda path: pages(path, SHAPED.format(n=8), tile=(16, 16)),
    "shaped, cut short": lambda path: cut(path, SHAPED.format(n=8), compression="zlib"),
    "shaped in one piece, cut short": cut_in_one_piece,
}


@pytest.mark.parametrize("way", WAYS)
def test_planes_that_are_missing_are_named_and_count_as_no_data_if_wanted(files, way):
    name = "image.ome.tif" if way.startswith("OME") else "image.tif"
    WAYS[way](files / name)
    result = run(files, image=name)
    refused(result, "lacks 3 of its 8 planes (z 5 to 7)", "--fill-missing")
    assert ("cut short" in result.stderr) == ("cut short" in way)
    assert not (files / "out.tif").exists()
    filled = run(files, "--fill-missing", "--json", image=name)
    assert filled.exit_code == 0, filled.output
    said = f"image {str(files / name)!r} lacks 3 of its 8 planes (z 5 to 7); they count as no data"
    assert said in json.loads(filled.stdout)["warnings"]
    assert f"warning: {said}" in filled.stderr
    assert json.loads(filled.stdout)["plan"]["weighted"]
    there = (np.arange(len(VOLUME)) < SPLIT)[:, None, None] * np.ones(VOLUME.shape, np.uint8)
    expected = deconvolved(VOLUME, PSF, iterations=5, backend="numpy", weights=there)
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


@pytest.mark.parametrize(
    ("kept", "texts"),
    [
        ((0, 1, 2, 4, 5), ("lacks 10 of its 60 planes (time 3), as 't3.ome.tif' is not there",)),
        ((0, 1, 5), ("lacks 30 of its 60 planes (time 2 to 4), as 't2.ome.tif', 't3.ome.tif', 't4.ome.tif' are",)),
        ((0,), ("lacks 50 of its 60 planes (time 1 to 5)", "'t4.ome.tif' and 1 more are not there")),
    ],
)
def test_files_of_a_set_that_are_not_there_are_named(files, kept, texts):
    file_set(files, kept=kept)
    refused(run(files, image="image.ome.tif"), *texts)
    result = run(files, "--fill-missing", image="image.ome.tif")
    assert result.exit_code == 0, result.output
    assert "they count as no data" in result.stderr


@pytest.mark.parametrize("content", [b"", b"no image" * 9])
def test_a_file_of_a_set_that_is_no_tiff_is_named(files, content):
    file_set(files)
    (files / "t2.ome.tif").write_bytes(content)
    refused(run(files, image="image.ome.tif"), "has planes in 't2.ome.tif' by its OME-XML, which is no TIFF")


def test_planes_of_a_file_of_a_set_that_is_cut_short_are_named_and_filled(files):
    file_set(files)
    path = files / "t2.ome.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(run(files, image="image.ome.tif"), "(file 't2.ome.tif' of it)", "cut short", "(time 2, z 1 to 9)")
    assert run(files, "--fill-missing", image="image.ome.tif").exit_code == 0


def test_a_file_of_a_set_that_was_stopped_lacks_its_last_planes(files):
    file_set(files)
    with tifffile.TiffWriter(files / "t2.ome.tif") as writer:
        for z in range(4):
            writer.write(STACK[2, z], metadata=None, contiguous=False)
    refused(run(files, image="image.ome.tif"), "lacks 6 of its 60 planes (time 2, z 4 to 9)")


def test_a_second_image_is_not_taken_for_a_first_whose_file_is_not_there(files):
    pixels = (
        '<Image ID="Image:{0}"><Pixels ID="Pixels:{0}" DimensionOrder="XYZCT" Type="uint16" SizeX="26" SizeY="24" '
        'SizeZ="8" SizeC="1" SizeT="1"><Channel ID="Channel:{0}:0" SamplesPerPixel="1"/><TiffData IFD="0" '
        'PlaneCount="8"><UUID FileName="p{0}.ome.tif">urn:uuid:0000000{0}-0000-4000-8000-000000000000</UUID>'
        "</TiffData></Pixels></Image>"
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:00000001-0000-4000-8000-000000000000">{pixels.format(0)}{pixels.format(1)}</OME>'
    )
    pages(files / "p1.ome.tif", xml, len(VOLUME))
    refused(run(files, image="p1.ome.tif"), "has no plane of its image 0, which its OME-XML places in 'p0.ome.tif'")
    assert run(files, "--image", 1, image="p1.ome.tif").exit_code == 0


def test_planes_that_are_not_selected_may_be_missing(files):
    file_set(files, kept=(0, 1, 2, 4, 5))
    result = run(files, "--time", "4:", image="image.ome.tif")
    assert result.exit_code == 0, result.output
    assert "no data" not in result.stderr
    assert tifffile.imread(files / "out.tif").shape == (2, *IMAGE.shape)
    refused(run(files, "--time", "3:", "--force", image="image.ome.tif"), "lacks 10 of its 30 planes (time 3)")


def test_planes_here_and_there_are_named_one_by_one(files):
    blocks = "".join(
        f'<TiffData FirstT="{t}" FirstZ="{z}" IFD="{t * 4 + z}" PlaneCount="1"/>'
        for t in range(3) for z in range(4) if (t, z) not in {(0, 1), (2, 0), (2, 3)}
    )  # fmt: skip
    xml = ome(4, blocks).replace('SizeT="1"', 'SizeT="3"')
    with tifffile.TiffWriter(files / "image.ome.tif") as writer:
        for n, plane in enumerate(STACK[:3, :4].reshape(-1, 24, 26)):
            writer.write(plane, description=xml if n == 0 else None, metadata=None, contiguous=False)
    refused(run(files, image="image.ome.tif"), "lacks 3 of its 12 planes (time 0, z 1; time 2, z 0, 3)")


def test_a_psf_that_lacks_planes_is_refused_without_the_option_of_images(files):
    pages(files / "psf.ome.tif", ome(8, EACH))
    result = run(files, psf="psf.ome.tif")
    refused(result, "psf ", "lacks 3 of its 8 planes")
    assert "--fill-missing" not in result.stderr


def test_a_stack_of_pages_with_tags_between_them_is_not_mapped_as_one_piece(files):
    # one plane of eight is missing, and the tags of the others take as much room as that plane
    small = np.ascontiguousarray(VOLUME[:, :8, :8])
    description = json.dumps({"shape": [8, 8, 8], "axes": "ZYX"})
    with tifffile.TiffWriter(files / "image.tif") as writer:
        for z in range(7):
            writer.write(small[z], description=description if z == 0 else None, metadata=None, contiguous=False)
    refused(run(files), "lacks 1 of its 8 planes (z 7)")


def test_a_file_that_is_cut_short_and_states_no_number_of_planes_is_refused_all_the_same(files):
    cut(files / "image.tif", None)
    refused(run(files, "--fill-missing"), "is cut short or damaged: page 5")


def test_the_result_itself_says_which_planes_were_filled(files):
    pages(files / "image.tif", IMAGEJ.format(n=len(VOLUME)))
    assert run(files, "--fill-missing").exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        said = json.loads(tif.imagej_metadata["Info"].rpartition("rlcore: ")[2])["filled"]
    assert said == "lacks 3 of its 8 planes (z 5 to 7)"
