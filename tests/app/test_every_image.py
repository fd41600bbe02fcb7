"""`--image all` restores every image into a file of its own, whose names are known and checked beforehand."""

import html
import json

import numpy as np
import pytest
import tifffile
from app.test_several_images import IMAGES, SMALL, truth, write
from fixtures.commands import IMAGE, refused, run
from fixtures.scenes import error


@pytest.mark.parametrize("output", ["out.tif", "out.ome.tif", "o.u.t.npy", "out.OME.TIFF"])
def test_every_image_but_thumbnails_has_a_result_named_by_its_number(files, output):
    write(files / "image.tif", {"Pos0": IMAGES["Pos0"], "label": SMALL, "Pos2": IMAGES["Pos2"]}, ome=True)
    assert run(files, "--image", "all", output=output).exit_code == 0
    first = output.replace("out", "out-{}").replace("o.u.t", "o.u.t-{}")
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", first.format(0), first.format(2)}
    for number in (0, 2):
        path = files / first.format(number)
        volume = np.load(path) if path.suffix == ".npy" else tifffile.imread(path)
        assert error(volume, truth(IMAGES[f"Pos{number}"])) <= 1e-5


def test_numbers_have_leading_zeros_so_that_names_are_in_order(files):
    write(files / "image.tif", {f"Pos{n}": IMAGE[:6] for n in range(11)}, ome=True)
    assert run(files, "--image", "all", "-n", 1).exit_code == 0
    assert sorted(path.name for path in files.glob("out*")) == [f"out-{n:02}.tif" for n in range(11)]


def test_one_image_has_a_number_too(files):
    assert run(files, "--image", "all").exit_code == 0
    assert [path.name for path in files.glob("out*")] == ["out-0.tif"]


def test_reports_and_json_are_of_each_image(files):
    write(files / "image.tif", IMAGES, ome=True)
    result = run(files, "--image", "all", "--json", "--report", files / "report.html")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)["images"]
    assert [one["provenance"]["image_of_file"] for one in said] == ["0 'Pos0'", "1 'Pos1'", "2 'Pos2'"]
    assert [one["report"] for one in said] == [str(files / f"report-{n}.html") for n in range(3)]
    assert all((files / f"report-{n}.html").exists() for n in range(3))


@pytest.mark.parametrize("taken", ["out-2.tif", "report-1.png"])
def test_an_output_that_exists_is_found_before_the_first_run(files, taken):
    write(files / "image.tif", IMAGES, ome=True)
    (files / taken).write_text("precious")
    result = run(files, "--image", "all", "--report", files / "report.png")
    refused(result, f"{taken}' exists; give --force to replace it")
    assert (files / taken).read_text() == "precious"
    assert not (files / "out-0.tif").exists()


def test_no_output_is_an_input(files):
    write(files / "image.tif", IMAGES, ome=True)
    (files / "psf.tif").rename(files / "out-1.tif")
    refused(run(files, "--image", "all", "--force", psf="out-1.tif"), "is one of the inputs; name another file")
    assert not (files / "out-0.tif").exists()


def test_an_image_that_fails_is_named_and_those_before_stay(files):
    bad = IMAGE.astype(np.float32)
    bad[1, 2, 3] = np.nan
    write(files / "image.tif", {"good": IMAGE.astype(np.float32), "bad": bad, "last": bad}, ome=True)
    result = run(files, "--image", "all")
    refused(result, "image 1 'bad' of ", "that are NaN or infinite", "; 1 of 3 images are restored")
    assert error(tifffile.imread(files / "out-0.tif"), truth(IMAGE)) <= 1e-5
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", "out-0.tif"}


def test_a_checkpoint_of_one_image_is_not_resumed_for_another(files, monkeypatch):
    from rlcore.app.series_run import SeriesRun
    from rlcore.errors import Cancelled

    stack = np.stack([IMAGE, IMAGE // 2])
    with tifffile.TiffWriter(files / "image.tif", ome=True) as writer:
        for name in "ab":
            writer.write(stack, photometric="minisblack", metadata={"axes": "TZYX", "Name": name})
    restore = SeriesRun._restore

    def stops(series, number, *rest):
        if number == 1:
            raise Cancelled("stopped")
        restore(series, number, *rest)

    options = ["--checkpoint", files / "kept"]
    with monkeypatch.context() as patch:
        patch.setattr(SeriesRun, "_restore", stops)
        assert run(files, "--image", "a", *options).exit_code == 130
    refused(run(files, "--image", "b", *options), "checkpoint", "image of the file")
    assert run(files, "--image", "a", *options).exit_code == 0


def test_checkpoints_of_all_images_are_apart(files):
    write(files / "image.tif", IMAGES, ome=True)
    assert run(files, "--image", "all", "--checkpoint", files / "kept").exit_code == 0
    assert sorted(path.name for path in files.iterdir()) == [
        "image.tif", "out-0.tif", "out-1.tif", "out-2.tif", "psf.tif",
    ]  # fmt: skip


def test_numbers_are_meant_whatever_the_images_are_called(files):
    write(files / "image.tif", dict(zip(("all", "0", "1"), IMAGES.values(), strict=True)), ome=True)
    result = run(files, "--image", "all")
    assert result.exit_code == 0, result.output
    assert "is the name of" not in result.stderr
    for number, image in enumerate(IMAGES.values()):
        assert error(tifffile.imread(files / f"out-{number}.tif"), truth(image)) <= 1e-5


def test_the_same_fault_of_two_images_is_said_of_both_and_reported_for_each(files):
    stack = np.stack([IMAGE, IMAGE]).astype(np.float32)
    stack[1, 2, 3, 4] = np.nan
    with tifffile.TiffWriter(files / "image.tif", ome=True) as writer:
        for name, image in {"a": stack, "b": stack, "c": np.nan_to_num(stack)}.items():
            writer.write(image, photometric="minisblack", metadata={"axes": "TZYX", "Name": name})
    result = run(files, "--image", "all", "--keep-going", "--report", files / "report.html")
    assert result.exit_code == 3, result.output
    for number, name in enumerate("ab"):
        said = f"volume at time 1, channel 0 of image {number} '{name}' cannot be restored"
        assert result.stderr.count(said) == 1
        assert f"image {number} of {str(files / 'image.tif')!r}: 1 of 2 volumes was left empty" in result.stderr
        reports = [html.unescape((files / f"report-{n}.html").read_text()) for n in range(3)]
        assert [said in report for report in reports] == [n == number for n in range(3)]


@pytest.mark.parametrize("kind", ["file", "nothing yet", "each other", "checkpoint"])
def test_results_whose_names_are_links_to_one_place_are_refused_before_the_first_run(files, kind):
    write(files / "image.tif", IMAGES, ome=True)
    one, two = files / "out-0.tif", files / "out-1.tif"
    if kind == "checkpoint":  # that of one image is in the result of another
        (files / "kept-1").symlink_to(files / "out-2.tif")
    elif kind == "each other":
        two.symlink_to(one)
    else:
        one.symlink_to(files / "place.tif")
        two.symlink_to(files / "place.tif")
    if kind == "file":
        (files / "place.tif").write_text("precious")
    before = {path.name for path in files.iterdir()}
    result = run(files, "--image", "all", "--force", "--checkpoint", files / "kept")
    refused(result, "leads to the same place as", "of another image; remove the link, or name others")
    assert {path.name for path in files.iterdir()} == before
    assert kind != "file" or (files / "place.tif").read_text() == "precious"


def test_names_that_are_links_to_several_places_are_followed(files):
    write(files / "image.tif", IMAGES, ome=True)
    for number in range(3):
        (files / f"out-{number}.tif").symlink_to(files / f"place-{number}.tif")
    assert run(files, "--image", "all", "--force").exit_code == 0
    for number in range(3):
        assert error(tifffile.imread(files / f"place-{number}.tif"), truth(IMAGES[f"Pos{number}"])) <= 1e-5
