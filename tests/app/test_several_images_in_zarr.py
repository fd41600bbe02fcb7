"""Images of plates, wells, collections and groups in OME-Zarr are told apart, named, and picked."""

import shutil
import zipfile

import numpy as np
import pytest
from fixtures.commands import IMAGE, PSF, deconvolved, refused, run, voxels
from fixtures.scenes import error

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

FIRST, SECOND = IMAGE, IMAGE[:, ::-1] // 2 + 3
OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>'


def write_image(group, *images, names=("cells", "nuclei"), version="0.5"):
    """Writes images as multiscales of one group."""
    scales = []
    for number, image in enumerate(images):
        array = group.create_array(str(number), shape=image.shape, dtype=image.dtype, chunks=(4, 16, 16))
        array[...] = image
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
        scale = {"type": "scale", "scale": [0.3 + number, 0.1, 0.1]}
        scales.append(
            {"name": names[number], "axes": axes}
            | {"datasets": [{"path": str(number), "coordinateTransformations": [scale]}]}
        )
    group.attrs["ome"] = {"version": version, "multiscales": scales}


def plate(path, fields=2):
    group = zarr.open_group(path, mode="w")
    wells = [
        {"path": f"{row}/{column}", "rowIndex": 0, "columnIndex": column - 1} for row, column in (("A", 1), ("A", 2))
    ]
    group.attrs["ome"] = {"version": "0.5", "plate": {"wells": wells, "columns": [], "rows": [], "version": "0.5"}}
    for number, well in enumerate(wells):
        inner = group.create_group(well["path"])
        inner.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": str(n)} for n in range(fields)]}}
        for field in range(fields):
            write_image(inner.create_group(str(field)), SECOND if (number, field) == (1, 1) else FIRST)
    return group


def collection(path, names=("a & b", "second"), listed=True):
    group = zarr.open_group(path, mode="w")
    group.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    for number, image in enumerate((FIRST, SECOND)):
        write_image(group.create_group(str(number)), image)
    inner = group.create_group("OME")
    if listed:
        inner.attrs["ome"] = {"version": "0.5", "series": ["0", "1"]}
    images = "".join(
        f'<Image ID="Image:{n}" Name="{name.replace("&", "&amp;")}"><Pixels ID="Pixels:{n}" DimensionOrder="XYZCT" '
        'Type="uint16" SizeX="1" SizeY="1" SizeZ="1" SizeC="1" SizeT="1"><MetadataOnly/></Pixels></Image>'
        for n, name in enumerate(names)
    )
    (path / "OME" / "METADATA.ome.xml").write_text(OME.format(images))


def restored(files, image, *options, said="", name="image.zarr"):
    result = run(files, "--force", *options, image=name, output="out.zarr")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("warning: ") == bool(said), result.stderr
    assert said in result.stderr
    assert error(voxels(files / "out.zarr"), deconvolved(image, PSF, iterations=5, backend="numpy")) <= 1e-5


def test_of_a_plate_one_field_is_taken_and_said_and_another_is_picked_by_path_or_number(files):
    plate(files / "image.zarr")
    said = "holds 4 images (0 'A/1/0', 1 'A/1/1', 2 'A/2/0', 3 'A/2/1'); 0 'A/1/0' is taken, and `rlcore"
    restored(files, FIRST, said=said)
    restored(files, SECOND, "--image", "A/2/1")
    restored(files, SECOND, "--image", 3)
    refused(run(files, "--image", "B/1/0", image="image.zarr"), "none is 'B/1/0'; give another --image")


def test_a_well_has_its_fields_as_images(files):
    plate(files / "image.zarr")
    restored(files, FIRST, said="holds 2 images (0 '0', 1 '1'); 0 '0' is taken", name="image.zarr/A/2")
    restored(files, SECOND, "--image", 1, name="image.zarr/A/2")


def test_a_plate_of_one_field_has_nothing_to_say(files):
    group = plate(files / "image.zarr", fields=1)
    said = dict(group.attrs["ome"])
    group.attrs["ome"] = said | {"plate": said["plate"] | {"wells": said["plate"]["wells"][:1]}}
    restored(files, FIRST)


@pytest.mark.parametrize("listed", [True, False])
def test_images_of_a_collection_have_the_names_of_its_ome_xml(files, listed):
    collection(files / "image.zarr", listed=listed)
    restored(files, FIRST, said="holds 2 images (0 'a & b', 1 'second'); 0 'a & b' is taken")
    restored(files, SECOND, "--image", "second")
    restored(files, SECOND, "--image", 1)


def test_damaged_names_of_a_collection_cost_names_alone(files):
    collection(files / "image.zarr")
    (files / "image.zarr" / "OME" / "METADATA.ome.xml").write_bytes(b"<OME>\xff")
    restored(files, FIRST, said="holds 2 images (0 '0', 1 '1')")


def test_several_images_of_one_group_have_scales_of_their_own(files):
    write_image(zarr.open_group(files / "image.zarr", mode="w"), FIRST, SECOND)
    restored(files, FIRST, said="holds 2 images (0 'cells', 1 'nuclei'); 0 'cells' is taken")
    restored(files, SECOND, "--image", "nuclei")
    [scale] = zarr.open_group(files / "out.zarr").attrs["ome"]["multiscales"]
    assert scale["name"] == "nuclei"
    assert scale["datasets"][0]["coordinateTransformations"][0]["scale"] == pytest.approx([1.3, 0.1, 0.1])


def test_a_group_that_images_were_gathered_in_has_them_by_name(files):
    group = zarr.open_group(files / "image.zarr", mode="w")
    write_image(group.create_group("b"), SECOND)
    write_image(group.create_group("a"), FIRST)
    restored(files, FIRST, said="holds 2 images (0 'a', 1 'b')")
    restored(files, SECOND, "--image", "b")


def test_labels_of_an_image_are_none(files):
    group = zarr.open_group(files / "image.zarr", mode="w")
    write_image(group, FIRST)
    labels = group.create_group("labels")
    labels.attrs["ome"] = {"version": "0.5", "labels": ["cells"]}
    write_image(labels.create_group("cells"), np.ones_like(FIRST))
    restored(files, FIRST)


def test_an_output_does_not_lie_in_the_collection_that_it_is_made_of(files):
    plate(files / "image.zarr")
    result = run(files, "--image", "A/2/1", image="image.zarr", output="image.zarr/A/2/out.zarr")
    refused(result, "lies in image")


def test_a_collection_without_images_is_refused(files):
    group = zarr.open_group(files / "image.zarr", mode="w")
    for kind, said in {"plate": {"wells": []}, "well": {"images": []}, "bioformats2raw.layout": 3}.items():
        group.attrs["ome"] = {"version": "0.5", kind: said}
        refused(run(files, image="image.zarr"), "without images; name a file with an image")


@pytest.mark.parametrize("lost", ["A/1", "A/2/1", "A/2"])
def test_an_image_that_a_plate_names_and_does_not_hold_keeps_its_number_and_is_refused(files, lost):
    plate(files / "image.zarr")
    shutil.rmtree(files / "image.zarr" / lost)
    number = {"A/1": 0, "A/2/1": 3, "A/2": 2}[lost]
    said = f"lacks its image {number} '{lost}', which its metadata name; get it from where the others came"
    refused(run(files, "--image", number, image="image.zarr"), said)
    refused(run(files, "--image", "all", image="image.zarr"), said, f"; {number} of ")
    restored(files, FIRST, "--image", "A/2/0" if lost == "A/1" else "A/1/0")


def test_a_series_that_a_collection_lists_and_does_not_hold_is_refused(files):
    collection(files / "image.zarr")
    (files / "image.zarr" / "OME" / "METADATA.ome.xml").unlink()
    shutil.rmtree(files / "image.zarr" / "1")
    refused(run(files, "--image", "1", image="image.zarr"), "lacks its image 1 '1', which its metadata name")
    restored(files, FIRST, "--image", "0")


def test_a_folder_without_metadata_in_a_group_of_images_is_said(files):
    group = zarr.open_group(files / "image.zarr", mode="w")
    for name in "abc":
        write_image(group.create_group(name), SECOND if name == "a" else FIRST)
    (files / "image.zarr" / "b" / "zarr.json").unlink()
    restored(files, SECOND, "--image", "a", said="holds 'b', which has no metadata of a Zarr and is left out")


@pytest.mark.parametrize("said", [None, [], {"wells": None}, {"wells": [{}]}, {"wells": "A"}, {"wells": [{"path": 5}]}])
def test_metadata_of_a_plate_that_say_nothing_of_its_images_are_refused_with_a_way_out(files, said):
    group = plate(files / "image.zarr")
    group.attrs["ome"] = {"version": "0.5", "plate": said}
    texts = "is a plate whose metadata do not say which images it has; name the folder of the image that you want"
    refused(run(files, image="image.zarr"), texts)
    restored(files, FIRST, name="image.zarr/A/1/0")


@pytest.mark.parametrize("said", [None, {"images": None}, {"images": [{}]}, {"images": 7}])
def test_metadata_of_a_well_that_say_nothing_of_its_images_are_refused_with_a_way_out(files, said):
    group = plate(files / "image.zarr")
    group["A/1"].attrs["ome"] = {"version": "0.5", "well": said}
    refused(run(files, image="image.zarr/A/1"), "is a well whose metadata do not say which images it has")
    refused(run(files, image="image.zarr"), "is a plate whose metadata do not say which images it has")


def test_an_array_is_no_image(files):
    write_image(zarr.open_group(files / "image.zarr", mode="w"), FIRST)
    refused(run(files, image="image.zarr/0"), "is a single array of a Zarr, without axes and scale; name the folder")


@pytest.mark.parametrize("root", ["", "any/"])
def test_images_of_a_collection_in_an_archive_have_the_names_of_its_ome_xml(files, root):
    collection(files / "image.zarr")
    with zipfile.ZipFile(files / "image.zip", "w") as made:
        for path in sorted((files / "image.zarr").rglob("*")):
            if path.is_file():
                made.write(path, root + path.relative_to(files / "image.zarr").as_posix())
    restored(files, SECOND, "--image", "second", name="image.zip")
    restored(files, FIRST, said="holds 2 images (0 'a & b', 1 'second')", name="image.zip")


GROUP = '{{"zarr_format": 3, "node_type": "group", "attributes": {}}}'


@pytest.mark.parametrize(
    ("damaged", "content", "text"),
    [
        ("zarr.json", "{", "cannot be read, since the metadata at its root are damaged"),
        ("zarr.json", "", "cannot be read, since the metadata at its root are damaged"),
        ("zarr.json", "[]", "cannot be read, since the metadata at its root are damaged"),
        ("zarr.json", GROUP.format("[]"), "cannot be read, since the metadata at its root are damaged"),
        ("zarr.json", GROUP.format('{"ome": null}'), "has no OME-Zarr metadata"),
        ("zarr.json", GROUP.format('{"ome": [1]}'), "has no OME-Zarr metadata"),
        ("0/zarr.json", "{", "since the metadata of its array '0' are damaged"),
        ("0/zarr.json", "null", "since the metadata of its array '0' are damaged"),
    ],
)
def test_damaged_metadata_of_a_zarr_are_refused_with_their_place(files, damaged, content, text):
    write_image(zarr.open_group(files / "image.zarr", mode="w"), FIRST)
    (files / "image.zarr" / damaged).write_text(content)
    refused(run(files, image="image.zarr"), text)
