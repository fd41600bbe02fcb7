"""Every format restored to every format: other libraries read from the result what the image states."""

from dataclasses import replace

import pytest
from fixtures.round_trips.images import LOST, OPTIONS, ORDERS, STATED, WRITE, dialect_of
from fixtures.round_trips.running import restore
from fixtures.round_trips.stated import check
from fixtures.round_trips.tiff_readers import TIFF_READERS, by_numpy
from fixtures.round_trips.zarr_readers import ZARR_READERS

pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

READERS = {".tif": TIFF_READERS, ".ome.tif": TIFF_READERS, ".ome.zarr": ZARR_READERS, ".npy": {"numpy": by_numpy}}
CASES = [(image, ending, reader) for image in WRITE for ending, by in READERS.items() for reader in by]
CASES = [case for case in CASES if case[2] != "ome-types" or dialect_of(*case[:2]) == "ome"]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A function that restores each image once for each ending."""
    made = {}

    def result(image, ending):
        if (image, ending) not in made:
            folder = tmp_path_factory.mktemp("pair")
            WRITE[image](folder / image)
            made[image, ending] = restore(folder / image, folder / f"result{ending}", *OPTIONS.get(image, ()))
        return made[image, ending]

    return result


@pytest.mark.parametrize(("image", "ending", "reader"), CASES)
def test_a_result_states_what_its_image_states(results, image, ending, reader):
    path, read = results(image, ending), READERS[ending][reader]
    found = read(path, ORDERS.get(image, "TCZYX")) if ending == ".npy" else read(path)
    check(found, replace(STATED[image], **dict.fromkeys(LOST[dialect_of(image, ending)])))
