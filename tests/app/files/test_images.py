"""Thumbnails are told from images by flags, names and sizes, and one image is chosen of several."""

import numpy as np
import pytest

from rlcore.app.files.images import ImageEntry, ImagesWarning, choose_image, tell_thumbnails
from rlcore.app.files.layout import ALL, Pick


def entries(*described):
    """Returns an entry for each shape, which may have a name before it: y and x, behind z if there are three."""
    made = []
    for number, each in enumerate(described):
        name, shape = each if isinstance(each[0], str) else ("", each)
        made.append(ImageEntry(number, name, tuple(shape), "ZYX"[-len(shape) :], str(np.dtype("u2"))))
    return made


def kinds(*described):
    """Returns a letter for each entry: an image, a thumbnail by flags or name, or one that is guessed."""
    told = tell_thumbnails(entries(*described))
    return "".join("g" if each.guessed else each.kind[0] for each in told)


STACK = (10, 64, 96)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ([STACK, (31, 47)], "ig"),  # less than a quarter of the voxels of a plane
        ([STACK, (32, 48)], "ig"),  # a quarter, with the proportions of the plane at half its size
        ([STACK, (32, 49)], "ii"),
        ([STACK, (64, 96)], "ii"),
        ([STACK, (2, 16, 16)], "ii"),  # a stack is none
        ([(64, 96), (32, 48)], "ig"),
        ([(64, 96), (33, 49)], "ii"),  # more than half the size
        ([(64, 96), (32, 32)], "ii"),  # of other proportions
        ([(64, 96), (16, 16)], "ii"),
        ([(64, 96), (64, 96)], "ii"),
        ([(16, 24), (64, 96)], "gi"),
    ],
)
def test_a_smaller_plane_is_guessed_by_its_size(described, expected):
    assert kinds(*described) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("label", "it"), ("Label image", "it"), ("thumbnail", "it"), ("slide macro", "it"), ("overview 2", "it"),
        ("labelled cells", "ii"), ("Pos1", "ii"),
    ],
)  # fmt: skip
def test_a_name_tells_a_thumbnail_that_is_smaller(name, expected):
    assert kinds(("cells", (64, 96)), (name, (60, 40))) == expected
    # one that is as large as the image is an image, whatever its name
    assert kinds(("cells", (64, 96)), (name, (64, 96))) == "ii"


def test_nothing_but_thumbnails_are_images():
    flagged = [ImageEntry(n, "", (8, 8), "YX", "uint8", "thumbnail") for n in range(2)]
    assert [each.kind for each in tell_thumbnails(flagged)] == ["image", "image"]


THREE = tell_thumbnails(entries(("a", STACK), ("1", STACK), ("a", STACK)))


@pytest.mark.parametrize(("image", "number"), [("1", 1), (0, 0), ("2", 2)])
def test_a_name_comes_before_a_number(image, number):
    assert choose_image("image 'f'", THREE, Pick(image=image)).number == number
    swapped = entries(("2", STACK), ("b", STACK), ("0", STACK))
    with pytest.warns(ImagesWarning, match="is the name of 2 '0' in image 'f' and the number of 0 '2'"):
        assert choose_image("image 'f'", swapped, Pick(image="0")).number == 2
    assert choose_image("image 'f'", swapped, Pick(image=0)).number == 0


@pytest.mark.parametrize(
    ("pick", "text"),
    [
        (Pick(image="a"), "has 2 images of the name 'a' (0 'a', 2 'a'); give a number"),
        (Pick(image="3"), "has 3 images (0 'a', 1 '1', 2 'a'), and none is '3'"),
        (Pick(image="-1"), "none is '-1'"),
        (Pick(image="all"), "'all' is for `rlcore deconvolve`"),
        (Pick(sole=True), "holds 3 images (0 'a', 1 '1', 2 'a'); save the one you want as a file"),
    ],
)
def test_a_choice_that_is_none_is_refused(pick, text):
    with pytest.raises(ValueError, match="image") as caught:
        choose_image("image 'f'", THREE, pick)
    assert text in str(caught.value)


def test_the_first_image_is_taken_with_a_warning_of_what_else_is_there():
    with pytest.warns(ImagesWarning, match=r"holds 3 images \(0 'a', 1 '1', 2 'a'\); 0 'a' is taken"):
        assert choose_image("image 'f'", THREE, ALL).number == 0
    guessed = tell_thumbnails(entries((8, 12), STACK))
    with pytest.warns(ImagesWarning, match="holds a smaller picture .0: y 8, x 12, uint16. that is taken for"):
        assert choose_image("image 'f'", guessed, ALL).number == 1
    # one that is known by its name needs no warning, which would be an error here
    assert choose_image("image 'f'", tell_thumbnails(entries(("label", (8, 12)), STACK)), ALL).number == 1
