"""Selections of time points and channels: by index, list, range or name."""

import pytest

from rlcore.app.files.entries import Entries, selected

CHANNELS = Entries("channel", "--channel", 4, ("DAPI", "488", "1", ""))


@pytest.mark.parametrize(
    ("said", "indices", "drops"),
    [
        (None, (0, 1, 2, 3), False),
        ("DAPI", (0,), True),
        ("488", (1,), True),  # no index: a name
        ("1", (2,), True),  # a name comes before an index
        (3, (3,), True),
        ("3,0", (3, 0), False),
        ("3,0,3", (3, 0), False),  # a channel is restored once
        ("1:3", (1, 2), False),
        (":2", (0, 1), False),
        ("2:", (2, 3), False),
    ],
)
def test_entries_are_selected_in_the_order_in_which_they_are_given(said, indices, drops):
    assert selected("image 'a.tif'", CHANNELS, said) == (indices, drops)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("4", "has 4 channels, counted from 0, and none is 4; give another --channel"),
        ("2:5", "none is 4"),
        ("2:2", "'2:2' is empty"),
        ("GFP", "write it like 3, 3:10 or 0,2, or one of 'DAPI', '488'"),
        ("-1", "is not an index or a range"),
        ("٣", "is not an index or a range"),
        ("0,", "is not an index or a range"),
    ],
)
def test_what_is_none_is_refused(said, text):
    with pytest.raises(ValueError, match="--channel") as caught:
        selected("image 'a.tif'", CHANNELS, said)
    assert text in str(caught.value)
