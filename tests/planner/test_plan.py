"""A plan as a thing to keep, send and show."""

import dataclasses
import json
import re

import pytest

import rlcore
from rlcore.testing import no_camera

PLAIN = {"iterations": 20, "acceleration": "none"}
PLANS = {
    "whole": no_camera.make_plan((40, 60, 60), (9, 9, 9), backend="numpy", memory="1 GiB", **PLAIN),
    "blocks": no_camera.make_plan(
        (80, 200, 200), (9, 9, 9), backend="numpy", memory="60 MiB", boundary="zero", **PLAIN
    ),
    "plane": no_camera.make_plan((3000, 3000), (31, 32), backend="pyfftw", memory="70 MiB", iterations=1),
    "independent": no_camera.make_plan(
        (80, 200, 200), (9, 9, 9), backend="numpy", memory="80 MiB", exchange=False, **PLAIN
    ),
}
plans = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())


@plans
def test_a_plan_cannot_be_changed(plan):
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.iterations = 3
    assert hash(plan) == hash(dataclasses.replace(plan))


@plans
def test_a_plan_goes_through_json_and_comes_back_the_same(plan):
    assert rlcore.Plan.from_dict(json.loads(plan.to_json())) == plan
    assert rlcore.Plan.from_dict(plan.to_dict()) == plan
    told = json.loads(plan.to_json())
    assert told["text"] == str(plan)
    assert told["memory_bytes"] == plan.memory_bytes
    assert told["blocks"] == list(plan.tiling().counts)


@plans
def test_a_plan_says_itself_in_two_sentences_with_every_figure(plan):
    text = str(plan)
    assert "\n" not in text
    first, second = re.split(r"(?<=[a-z)])\. ", text)
    assert second.endswith(".")
    assert " x ".join(map(str, plan.block_shape)) in first
    assert plan.backend in first
    assert ("1 iteration " if plan.iterations == 1 else "20 iterations") in first
    assert second.startswith("Needs ")
    assert "asked for by the caller" in second
    if not plan.is_whole:
        assert f"{len(plan.tiling())} blocks" in first
        assert "predicted to take " in second


@pytest.mark.parametrize(
    ("overhead", "said"),
    [
        (0.071, "predicted to take 7% more time than the whole volume at once."),
        (-0.25, "predicted to take 25% less time than the whole volume at once."),
        (1.99, "predicted to take 199% more time than the whole volume at once."),
        (8.44, "predicted to take 9.44 times as long as the whole volume at once."),
        (16.6, "predicted to take 17.6 times as long as the whole volume at once."),
    ],
)
def test_how_much_longer_it_takes_is_said_in_numbers_for_people(overhead, said):
    blocks = next(plan for plan in PLANS.values() if not plan.is_whole)
    assert str(dataclasses.replace(blocks, overhead=overhead)).endswith(said)


def test_what_a_plan_says_word_by_word():
    plan = dataclasses.replace(PLANS["whole"], device="CPU")
    assert str(plan) == (
        "The whole volume in one block of 48 x 70 x 70, 20 iterations on numpy (CPU). "
        f"Needs {plan.memory_bytes / 2**20:.1f} MiB of 1.0 GiB (asked for by the caller)."
    )
    every = {1: "half-step", 2: "iteration", 6: "3 iterations"}
    for half_steps, name in every.items():
        blocks = dataclasses.replace(PLANS["blocks"], half_steps=half_steps, placement="host")
        assert f", halos exchanged every {name}, working volumes in host memory." in str(blocks)
    blocks = dataclasses.replace(PLANS["blocks"], half_steps=40)
    assert ", each with a full halo, so nothing is exchanged." in str(blocks)
