"""PSFs distilled from simulated beads, against the PSF they were made with."""

import itertools

import numpy as np
import pytest
from fixtures.bead_fields import bead_field
from fixtures.scenes import gaussian

from rlcore.errors import InputError
from rlcore.optics import distil_psf, find_beads, inspect_psf
from rlcore.optics.sampling import shift

WINDOW = (25, 31, 31)
DIM = {"seed": 2, "photons": 200, "shape": (36, 480, 480), "apart": (22, 26, 26)}


@pytest.fixture(scope="module")
def field():
    return bead_field(seed=1)


@pytest.mark.parametrize("options", [{"seed": 1}, DIM], ids=["bright and crowded", "dim and apart"])
def test_widths_are_those_of_the_truth(options):
    """60 beads at NA 1.2, anywhere between voxels and near one another, with photon noise."""
    made = bead_field(**options)
    found = distil_psf(made.stack, WINDOW)
    assert found.used >= 12
    ours, truth = inspect_psf(found.psf), inspect_psf(made.psf)
    assert ours.fwhm == pytest.approx(truth.fwhm, rel=0.03)
    assert max(map(abs, ours.offset)) < 0.05
    assert found.background == pytest.approx(100, abs=2.5)


def test_averaging_without_alignment_would_not_do(field):
    """What the test above would not forgive: beads cut out at their brightest voxel."""
    beads = find_beads(field.stack, WINDOW)
    pieces = [
        field.stack[tuple(slice(p - w // 2, p - w // 2 + w) for p, w in zip(at, WINDOW, strict=True))]
        for at in beads.places
    ]
    crude = np.mean(pieces, axis=0) - beads.background
    assert inspect_psf(crude).fwhm != pytest.approx(inspect_psf(field.psf).fwhm, rel=0.03)


def test_places_are_those_of_beads_and_rejects_are_counted(field):
    beads = find_beads(field.stack, WINDOW)
    for place in beads.places:
        distances = np.abs(field.places - place)
        assert np.all(distances < 1.5, axis=1).sum() == 1
        assert np.all(distances <= np.array(WINDOW) / 2, axis=1).sum() == 1
    assert beads.found == pytest.approx(60, abs=3)
    half = np.array(WINDOW) // 2
    inside = np.all((field.places >= half) & (field.places <= np.array(field.stack.shape) - 1 - half), axis=1).sum()
    assert beads.rejected["at the border"] == pytest.approx(60 - inside, abs=4)
    assert beads.rejected["too near another"] > 0


def test_saturated_beads_are_left_out(field):
    full = np.minimum(field.stack, 700)
    whole, cut = find_beads(field.stack, WINDOW), find_beads(full, WINDOW)
    assert cut.rejected["saturated"] > 0
    assert len(cut.places) < len(whole.places)
    assert all(full[place] < 700 for place in cut.places)
    told = find_beads(field.stack, WINDOW, saturation=700)
    assert told.rejected["saturated"] >= cut.rejected["saturated"]


def test_beads_of_one_plane_do_as_well():
    rng = np.random.default_rng(0)
    unit = gaussian((31, 31), 1.5) / gaussian((31, 31), 1.5).max()
    plane = np.full((220, 220), 20.0)
    for row, column in itertools.product(range(4), repeat=2):
        y, x = 10 + 50 * row, 10 + 50 * column
        plane[y : y + 31, x : x + 31] += 400 * np.maximum(shift(unit, rng.uniform(-0.5, 0.5, 2).tolist()), 0)
    found = distil_psf(rng.poisson(plane), (15, 15))
    assert found.used == 16
    assert inspect_psf(found.psf).fwhm == pytest.approx((1.5 * 2.3548,) * 2, rel=0.03)


def test_clumps_are_left_out_as_unlike_the_others():
    made = bead_field(count=12, shape=(48, 220, 220), apart=(1, 50, 50), clump=1, seed=4)
    found = distil_psf(made.stack, WINDOW)
    clean = inspect_psf(made.psf)
    assert found.unlike >= 1 or found.beads.rejected["too near another"] >= 1
    assert inspect_psf(found.psf).fwhm == pytest.approx(clean.fwhm, rel=0.05)


def test_lines_say_how_many_and_how_alike(field):
    found = distil_psf(field.stack, WINDOW)
    first, second, third = found.lines()
    assert first.startswith(f"{found.beads.found} beads found, {found.used} used; left out: ")
    assert 0.9 < found.likeness[1] <= found.likeness[0] < 1
    assert f"median {found.likeness[0]:.3f}" in second
    assert third.startswith("background 10")


@pytest.mark.parametrize(
    ("stack", "window", "said"),
    [
        (np.zeros((20, 40, 40)), (9, 9, 9), "no bead above its noise"),
        (np.zeros((20, 40, 40)), (31, 9, 9), "does not fit into the stack"),
        (np.pad(np.full((1, 1, 1), 50.0), ((1, 18), (20, 19), (20, 19))), (9, 9, 9), "none of the 1 beads can be used"),
    ],
)
def test_stacks_without_a_usable_bead_are_refused(stack, window, said):
    with pytest.raises(InputError, match=said):
        distil_psf(stack, window)
