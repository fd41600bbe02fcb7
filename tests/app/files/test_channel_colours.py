"""Colours are used for all channels or for none."""

import pytest

from rlcore.app.files.metadata.channel_colours import colours_of_channels, in_ome_number, of_hex, of_ome_number


@pytest.mark.parametrize(
    ("colours", "size", "used"),
    [
        (["FF0000", "00FF00"], 2, ("FF0000", "00FF00")),
        (["FF0000", ""], 2, ("FF0000", "")),
        (["", ""], 2, ()),
        (["FF0000"], 2, ()),  # one channel of an RGB image stands for three
        (["FF0000", "00FF00", "0000FF"], 2, ()),
        ([], 1, ()),
    ],
)
def test_there_has_to_be_an_entry_for_each_channel(colours, size, used):
    assert colours_of_channels(colours, size) == used


@pytest.mark.parametrize("colour", ["FF0000", "00FF00", "0000FF", "FFFFFF", "7F8081"])
def test_the_number_of_ome_xml_is_signed_and_names_the_same_colour(colour):
    number = in_ome_number(colour)
    assert -(1 << 31) <= int(number) < 1 << 31
    assert of_ome_number(number) == colour


@pytest.mark.parametrize(
    ("text", "colour"), [("ff8c00", "FF8C00"), ("#FF8C00", "FF8C00"), ("FF8C", ""), ("blue", ""), (None, ""), (7, "")]
)
def test_six_hexadecimal_digits_are_a_colour(text, colour):
    assert of_hex(text) == colour
