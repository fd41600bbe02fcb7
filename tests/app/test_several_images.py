"""Of several images in a TIFF the first is taken and said, another can be picked, and thumbnails are no images."""

import json
import re

import numpy as np
import pytest
import tifffile
from app.test_reading_of_series import file_set
from click.testing import CliRunner
from fixtures.commands import IMAGE, PSF, deconvolved, refused, run
from fixtures.scenes import error
from fixtures.vendor_files import write_lsm

from rlcore.app.main import main

IMAGES = {"Pos0": IMAGE, "Pos1": IMAGE[:, ::-1] + 3, "Pos2": IMAGE[::-1] // 2 + 1}
SMALL = np.full((6, 7), 9, np.uint16)


def truth(image):
    return deconvolved(image, PSF, iterations=5, backend="numpy")


def write(path, images, *, ome=False, **how):
    """Writes images of these names one after the other."""
    with tifffile.TiffWriter(path, ome=ome) as writer:
        for name, image in images.items():
            about = {"axes": "ZYX"[-image.ndim :], "PhysicalSizeX": 0.1 + len(name) / 10, "Name": name} if ome else None
            writer.write(image, photometric="minisblack", metadata=about, contiguous=False, **how)


def restored(files, image, *options, name="image.tif", said=""):
    """Asserts that a run restores this image, and says no more than one thing of it, which holds `said`."""
    result = run(files, "--force", *options, image=name)
    assert result.exit_code == 0, result.output
    warned = [line for line in result.stderr.splitlines() if line.startswith("warning: ") and "voxels of" not in line]
    assert len(warned) == bool(said), warned
    assert said in "".join(warned)
    assert error(tifffile.imread(files / "out.tif"), truth(image)) <= 1e-5
    return result


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_of_several_images_of_an_ome_tiff_the_first_is_taken_and_said(files, compression):
    write(files / "image.tif", IMAGES, ome=True, compression=compression)
    said = "3 images (0 'Pos0', 1 'Pos1', 2 'Pos2'); 0 'Pos0' is taken, and `rlcore deconvolve --image` takes another"
    restored(files, IMAGES["Pos0"], said=said)


@pytest.mark.parametrize("pick", [1, "Pos1"])
def test_an_image_is_picked_by_number_or_name_with_metadata_of_its_own(files, pick):
    write(files / "image.tif", {**IMAGES, "other": IMAGE[:5]}, ome=True)
    restored(files, IMAGES["Pos1"], "--image", pick)
    with tifffile.TiffFile(files / "out.tif") as tif:
        [series] = tif.series
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (series.name, pixels["PhysicalSizeX"]) == ("Pos1", pytest.approx(0.5))
    restored(files, IMAGE[:5], "--image", "other")
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]["PhysicalSizeX"] == pytest.approx(0.6)


def test_what_is_restored_stands_in_the_provenance(files):
    write(files / "image.tif", IMAGES, ome=True)
    for options, expected in (((), "0 'Pos0'"), (("--image", "Pos2"), "2 'Pos2'")):
        assert run(files, "--force", *options).exit_code == 0
        with tifffile.TiffFile(files / "out.tif") as tif:
            assert f'<M K="image_of_file">{expected}</M>' in tif.ome_metadata


@pytest.mark.parametrize(
    ("pick", "text"),
    [
        ("3", "has 3 images (0 'Pos0', 1 'Pos1', 2 'Pos2'), and none is '3'; give another --image"),
        ("-1", "and none is '-1'"),
        ("pos1", "and none is 'pos1'"),
    ],
)
def test_an_image_that_does_not_exist_is_refused_with_those_that_do(files, pick, text):
    write(files / "image.tif", IMAGES, ome=True)
    refused(run(files, "--image", pick), text)
    assert not (files / "out.tif").exists()


def test_a_name_of_two_images_does_not_pick_one(files):
    with tifffile.TiffWriter(files / "image.tif", ome=True) as writer:
        for image in IMAGES.values():
            writer.write(image, photometric="minisblack", metadata={"axes": "ZYX", "Name": "A"})
    refused(run(files, "--image", "A"), "has 3 images of the name 'A' (0 'A', 1 'A', 2 'A'); give a number")
    restored(files, IMAGES["Pos2"], "--image", 2)


def test_a_file_of_one_image_has_that_one_to_pick(files):
    restored(files, IMAGE, "--image", 0)
    refused(run(files, "--image", 1, "--force"), "has 1 image (0), and none is '1'; give another --image")
    np.save(files / "image.npy", IMAGE)
    restored(files, IMAGE, "--image", 0, name="image.npy")
    refused(run(files, "--image", "first", "--force", image="image.npy"), "none is 'first'")


def test_a_psf_file_has_to_hold_one_image_beside_thumbnails(files):
    write(files / "psf.tif", {"a": PSF, "b": PSF[1:-1]}, ome=True)
    refused(run(files), "psf ", "holds 2 images (0 'a', 1 'b'); save the one you want as a file")
    write(files / "psf.tif", {"thumbnail": PSF[0, :3, :3], "a": PSF}, ome=True)
    restored(files, IMAGE)


@pytest.mark.parametrize("name", ["label image", "macro image", "Thumbnail", "slide overview", "preview 2"])
@pytest.mark.parametrize("first", [True, False])
def test_a_picture_named_as_one_beside_the_image_is_never_taken(files, name, first):
    images = {name: SMALL, "cells": IMAGE} if first else {"cells": IMAGE, name: SMALL}
    write(files / "image.tif", images, ome=True)
    restored(files, IMAGE)


def test_an_image_named_as_a_thumbnail_is_one_if_nothing_is_larger(files):
    write(files / "image.tif", {"overview": IMAGE}, ome=True)
    restored(files, IMAGE)
    write(files / "image.tif", {"label-free cells": IMAGE[:4], "cells": IMAGE}, ome=True)
    restored(files, IMAGE[:4], said="holds 2 images")


def test_pages_marked_as_reduced_are_no_images(files):
    with tifffile.TiffWriter(files / "image.tif") as writer:
        writer.write(SMALL, photometric="minisblack", metadata=None, subfiletype=1)
        for plane in IMAGE:
            writer.write(plane, photometric="minisblack", metadata=None, contiguous=False)
    restored(files, IMAGE)


def test_thumbnails_of_an_lsm_are_no_images(files):
    write_lsm(files / "image.lsm", IMAGE, voxel=(3e-7, 1e-7, 1e-7))
    restored(files, IMAGE, name="image.lsm")


def test_thumbnails_in_pages_of_their_own_below_a_page_are_no_images(files):
    with tifffile.TiffWriter(files / "image.ome.tif") as writer:
        writer.write(IMAGE, photometric="minisblack", subifds=1, metadata={"axes": "ZYX"})
        writer.write(IMAGE[:, ::2, ::2], photometric="minisblack", subfiletype=1)
    restored(files, IMAGE, name="image.ome.tif")


@pytest.mark.parametrize("first", [True, False])
def test_a_much_smaller_plane_beside_a_stack_is_taken_for_its_thumbnail_and_said(files, first):
    write(files / "image.tif", {"t": SMALL, "i": IMAGE} if first else {"i": IMAGE, "t": SMALL})
    number = 0 if first else 1
    said = f"holds a smaller picture ({number}: y 6, x 7, uint16) that is taken for a thumbnail; `rlcore deconvolve"
    restored(files, IMAGE, said=said)


@pytest.mark.parametrize("axis", "ZYX")
@pytest.mark.parametrize("planes", [10, 1])
def test_an_image_stated_to_have_no_voxels_is_damaged_and_no_thumbnail(files, axis, planes):
    path = files / "image.ome.tif"
    write(path, {"first": IMAGE[:planes], "second": IMAGE[:, :20]}, ome=True)
    stated = {"Z": planes, "Y": 24, "X": 26}[axis]
    text = path.read_bytes()
    path.write_bytes(
        text.replace(
            b'Size%s="%d"' % (axis.encode(), stated), b'Size%s="%0*d"' % (axis.encode(), len(str(stated)), 0), 1
        )
    )
    assert path.read_bytes() != text
    refused(run(files, image="image.ome.tif"), "image.ome.tif'")
    assert not (files / "out.tif").exists()


def test_a_plane_at_half_the_size_of_another_is_taken_for_its_thumbnail_and_said(files):
    tifffile.imwrite(files / "psf.tif", PSF.sum(0))
    plane = IMAGE[4]
    for images in ({"a": plane, "b": plane[::2, ::2]}, {"b": plane[::2, ::2], "a": plane}):
        write(files / "image.tif", images, ome=True)
        result = run(files, "--force")
        assert "'b': y 12, x 13, uint16) that is taken for a thumbnail" in result.stderr
        assert tifffile.imread(files / "out.tif").shape == plane.shape
    write(files / "image.tif", {"b": plane[::2], "a": plane}, ome=True)
    assert "holds 2 images" in run(files, "--force").stderr


def test_label_and_macro_of_a_slide_scanner_are_no_images(files):
    tifffile.imwrite(files / "psf.tif", PSF.sum(0))
    about = "Aperio Image Library v12.0.0\r\n26x24 [0,0 26x24] (16x16)|AppMag = 20"
    with tifffile.TiffWriter(files / "image.svs") as writer:
        for plane, said, how in (
            (IMAGE[4], about, {"tile": (16, 16)}),
            (IMAGE[4, ::4, ::4], "Aperio Image Library v12.0.0\r\n26x24 -> 6x7", {}),
            (SMALL + 1, "Aperio Image Library v12.0.0\r\nlabel 7x6", {"subfiletype": 1}),
            (SMALL + 2, "Aperio Image Library v12.0.0\r\nmacro 7x6", {"subfiletype": 9}),
        ):
            writer.write(plane, description=said, photometric="minisblack", metadata=None, **how)
    result = run(files, image="image.svs")
    assert result.exit_code == 0, result.output
    assert "holds" not in result.stderr
    assert tifffile.imread(files / "out.tif").shape == IMAGE[4].shape


def test_a_smaller_stack_is_an_image(files):
    write(files / "image.tif", {"Pos0": IMAGE[:, ::2, ::2], "Pos1": IMAGE}, ome=True)
    restored(files, IMAGE[:, ::2, ::2], said="holds 2 images (0 'Pos0', 1 'Pos1'); 0 'Pos0' is taken")


def test_a_plain_tiff_of_stacks_of_two_sizes_has_two_images(files):
    write(files / "image.tif", {"a": IMAGE, "b": IMAGE[:, 1:, 1:]})
    restored(files, IMAGE, said="holds 2 images (0, 1); 0 is taken")
    restored(files, IMAGE[:, 1:, 1:], "--image", 1)


def test_a_picked_image_of_one_length_in_common_with_another_is_no_damage(files):
    write(files / "image.tif", {"a": IMAGE, "b": IMAGE[:, 1:]})
    refused(run(files), "of another kind than those before", "or pick one of its images by --image")
    restored(files, IMAGE[:, 1:], "--image", 1)


def test_planes_that_were_appended_one_by_one_are_one_stack(files):
    (files / "image.tif").unlink()
    for plane in IMAGE:
        tifffile.imwrite(files / "image.tif", plane, append=True)
    said = "holds 10 planes that were appended one by one; they are taken along z as one image, and"
    restored(files, IMAGE, said=said)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_stacks_that_were_appended_one_by_one_are_images(files, compression):
    (files / "image.tif").unlink()
    for image in IMAGES.values():
        tifffile.imwrite(files / "image.tif", image, append=True, compression=compression, metadata={"axes": "ZYX"})
    restored(files, IMAGES["Pos0"], said="holds 3 images (0, 1, 2); 0 is taken")
    restored(files, IMAGES["Pos2"], "--image", 2)


def test_pages_behind_those_of_imagej_are_left_out_and_said(files):
    about = f"ImageJ=1.53t\nimages={len(IMAGE)}\nslices={len(IMAGE)}\n"
    with tifffile.TiffWriter(files / "image.tif") as writer:
        for number, plane in enumerate([*IMAGE, IMAGE[0]]):
            text = None if number else about
            writer.write(plane, description=text, photometric="minisblack", metadata=None, contiguous=False)
    restored(files, IMAGE, said="has 1 more page than the 10 that ImageJ's text states, and is restored without")


def test_an_image_in_a_file_that_is_absent_is_named_and_another_can_be_picked(files):
    write(files / "image.ome.tif", IMAGES, ome=True)
    xml = tifffile.tiffcomment(files / "image.ome.tif")
    uuid = '<UUID FileName="gone.ome.tif">urn:uuid:00000000-0000-4000-8000-000000000001</UUID></TiffData>'
    block = re.search("<TiffData[^>]*/>", xml)[0]
    xml = xml.replace(block, block.replace("/>", ">") + uuid, 1)
    tifffile.tiffcomment(files / "image.ome.tif", xml.encode())
    refused(
        run(files, image="image.ome.tif"),
        "has no plane of its image 0 'Pos0', which its OME-XML places in 'gone.ome.tif'",
    )
    restored(files, IMAGES["Pos1"], "--image", "Pos1", name="image.ome.tif")
    restored(files, IMAGES["Pos2"], "--image", 2, name="image.ome.tif")


def test_what_tifffile_logs_of_missing_files_is_said_once_by_us(files):
    write(files / "image.ome.tif", IMAGES, ome=True)
    file_set(files, kept=[0, 2])
    result = run(files, image="image.ome.tif")
    assert len(result.stderr.splitlines()) == 1
    refused(result, "lacks 40 of its 60 planes")


def test_a_plan_is_of_the_image_that_is_picked(files):
    write(files / "image.tif", {"a": IMAGE, "b": IMAGE[:7]}, ome=True)
    command = ["plan", str(files / "image.tif"), str(files / "psf.tif"), "--backend", "numpy", "--json"]
    result = CliRunner().invoke(main, [*command, "--image", "b"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["geometry"]["image_shape"] == [7, *IMAGE.shape[1:]]
    refused(CliRunner().invoke(main, [*command, "--image", "all"]), "--image 'all' is for `rlcore deconvolve`")
    shapes = ["plan", "--shape", "9x9x9", "3x3x3", "--image", "1"]
    refused(CliRunner().invoke(main, shapes), "--image has an effect only with files, not with --shape")


@pytest.mark.parametrize(
    ("names", "pick", "taken"),
    [(("1", "2", "3"), "1", 0), (("2", "0", "1"), "0", 1), (("1", "1", "a"), "1", 1), (("7", "a", "a"), "7", 0)],
)
def test_text_that_is_the_name_of_one_image_and_the_number_of_another_is_said(files, names, pick, taken):
    with tifffile.TiffWriter(files / "image.tif", ome=True) as writer:
        for name, image in zip(names, IMAGES.values(), strict=True):
            writer.write(image, photometric="minisblack", metadata={"axes": "ZYX", "Name": name})
    doubtful = pick != "7"
    said = f"--image '{pick}' is the name of " if doubtful else ""
    result = restored(files, list(IMAGES.values())[taken], "--image", pick, said=said)
    assert not doubtful or f"; {taken} '{names[taken]}' is taken" in result.stderr


EMPTY = '<Image ID="Image:9" Name="nothing"/>'


@pytest.mark.parametrize("before", ["Pos0", "Pos1"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_element_without_pixels_is_no_image(files, before, number):
    write(files / "image.tif", IMAGES, ome=True)
    with tifffile.TiffFile(files / "image.tif") as tif:
        text = tif.ome_metadata
    at = [match.start() for match in re.finditer("<Image ", text)][int(before[-1])]
    tifffile.tiffcomment(files / "image.tif", (text[:at] + EMPTY + text[at:]).encode())
    restored(files, IMAGES[f"Pos{number}"], "--image", number)
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.series[0].name == f"Pos{number}"
    restored(files, IMAGES["Pos0"], said="holds 3 images (0 'Pos0', 1 'Pos1', 2 'Pos2'); 0 'Pos0' is taken")


def test_an_image_whose_planes_are_nowhere_is_refused_in_a_sentence(files):
    write(files / "image.tif", IMAGES, ome=True)
    with tifffile.TiffFile(files / "image.tif") as tif:
        text = tif.ome_metadata
    pixels = text[text.index("<Pixels") : text.index("</Pixels>")]
    bare = re.sub("<TiffData.*", "<MetadataOnly/>", pixels, flags=re.DOTALL)
    image = f'<Image ID="Image:9" Name="lost">{bare}</Pixels></Image>'
    tifffile.tiffcomment(files / "image.tif", text.replace("</OME>", f"{image}</OME>").encode())
    refused(run(files, "--image", "lost"), "has no plane of its image 3 'lost'; get the file again from where it came")
    restored(files, IMAGES["Pos1"], "--image", 1)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_image_beside_one_whose_file_is_cut_short_is_restored(files, share, compression):
    tokens = [f"urn:uuid:0000000{number}-0000-4000-8000-000000000000" for number in range(2)]
    image = (
        '<Image ID="Image:{0}" Name="Pos{0}"><Pixels ID="Pixels:{0}" DimensionOrder="XYZCT" Type="uint16" SizeX="26" '
        'SizeY="24" SizeZ="10" SizeC="1" SizeT="1"><Channel ID="Channel:{0}:0" SamplesPerPixel="1"/>{1}</Pixels>'
        "</Image>"
    )
    block = '<TiffData FirstZ="{0}" IFD="{0}" PlaneCount="1"><UUID FileName="f{1}.ome.tif">{2}</UUID></TiffData>'
    both = "".join(
        image.format(number, "".join(block.format(z, number, tokens[number]) for z in range(10))) for number in range(2)
    )
    for number, stack in enumerate((IMAGES["Pos0"], IMAGES["Pos1"])):
        xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{tokens[number]}">{both}</OME>'
        with tifffile.TiffWriter(files / f"f{number}.ome.tif") as writer:
            for z, plane in enumerate(stack):
                about = {"description": xml if z == 0 else None, "metadata": None, "photometric": "minisblack"}
                writer.write(plane, contiguous=False, compression=compression, **about)
    content = (files / "f1.ome.tif").read_bytes()
    (files / "f1.ome.tif").write_bytes(content[: int(len(content) * share)])
    said = "f0.ome.tif' is one of several files, of which 'f1.ome.tif' is damaged; image 0 'Pos0' has no plane there"
    restored(files, IMAGES["Pos0"], "--image", "Pos0", name="f0.ome.tif", said=said)
    refused(run(files, "--image", "Pos1", "--force", image="f0.ome.tif"), "(file 'f1.ome.tif' of it) is cut short")


def test_axes_of_planes_that_were_appended_are_said_by_the_user_alone(files):
    with tifffile.TiffWriter(files / "image.tif") as writer:
        for plane in IMAGE:
            writer.write(plane, contiguous=False)
    assert "appended one by one; they are taken along z" in run(files, "--force").stderr
    result = run(files, "--force", "--axes", "ZYX")
    assert (result.exit_code, "appended" in result.stderr) == (0, False)
    assert error(tifffile.imread(files / "out.tif"), truth(IMAGE)) <= 1e-5
