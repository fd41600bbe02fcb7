"""Optional powers of a backend for what is told of a run, for accelerated runs and for regularized ones; what a backend
lacks of them NumPy does instead.

They are part of the contract in `rlcore.backend`, which names them too. Arrays are real ones, as `upload` returns them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, SupportsFloat, TypeVar, runtime_checkable

from rlcore.blocks import Box, Shape

A = TypeVar("A")
A_contra = TypeVar("A_contra", contravariant=True)


class Fit(NamedTuple):
    """How data and a model compare, summed over voxels."""

    divergence: float
    """Csiszar's I-divergence, the sum of ``d ln(d/m) - d + m``; ``0 ln 0`` is 0."""
    light: float
    """The sum of the model."""
    counts: float
    """The sum of the data."""


@runtime_checkable
class SupportsFit(Protocol[A]):
    """Optional: how well a block fits, by a look at planes of arrays that are there anyway."""

    def planes(self, array: A, first: int, step: int, count: int) -> A:
        """``array[first::step][:count]`` of a real array, as a new one; what is pending in the array stays so."""
        ...

    def fit(self, image: A, blurred: A, *, background: float, floor: float, inside: Box) -> Fit:
        """The image against the model ``max(blurred + background, floor)``, in a box; sums in double precision."""
        ...


class Likeness(NamedTuple):
    """How alike two steps are, summed over voxels. Its numbers may still be under way: `float` waits for them."""

    product: SupportsFloat
    """Of the newer and the older."""
    square: SupportsFloat
    """Of the older with itself."""

    def factor(self, most: float) -> float:
        """``product / square``, but at least 0 and at most `most`, and 0 where the square is."""
        product, square = map(float, self)
        return min(max(product / square, 0.0), most) if square > 0 else 0.0


@runtime_checkable
class SupportsLikeness(Protocol[A_contra]):
    """Optional: what the factors of some accelerations are made of, in one pass."""

    def likeness(
        self, estimate: A_contra, point: A_contra, previous: A_contra, before: A_contra, *, inside: Box
    ) -> Likeness:
        """With the steps ``u = estimate - point`` and ``v = previous - before``: the sums of ``u * v / before`` and of
        ``v * v / before`` over the voxels of a box, in double precision; where `before` is 0, `v` is."""
        ...


@runtime_checkable
class SupportsFactor(Protocol):
    """Optional, beside `SupportsLikeness`: factors that stay on the device, so that the host need not wait for one.

    Of large images a few planes are stepped by themselves then, so that the factor is there when all others are."""

    def factor(self, likeness: Likeness, *, most: float) -> SupportsFloat:
        """As `Likeness.factor`, for `predict` to take in place of a number. `float` waits for it."""
        ...


@runtime_checkable
class SupportsVariation(Protocol[A]):
    """Optional: what keeps neighbouring voxels alike, in one pass."""

    def smooth(
        self,
        array: A,
        estimate: A,
        *,
        share: float,
        slack: float,
        least: float,
        inside: Box | None,
        out: A | None = None,
    ) -> A:
        """``array / (1 - share * div(g / (sqrt(|g|^2 + (slack * estimate)^2) + least)))``; `out` may be `array`.

        g holds the forward differences of the estimate along every axis, div sums backward differences of what they
        become. Where the next voxel lies outside the box a forward difference is 0, where the one before does a
        backward difference is the value itself, and outside the box the array stays as it is. None means everywhere,
        and that the last voxel of an axis is next to the first.
        """
        ...


@runtime_checkable
class SupportsHalving(Protocol[A]):
    """Optional: counts split by coins, without a trip to the host."""

    def halve(self, image: A, key: int, start: Shape, shape: Shape, *, other: bool) -> A:
        """Twice one half of the counts of a block that begins at `start` of an image of this shape, or twice the other.

        The two add up to twice the image. Which is which is told by ``rlcore.consensus.halve``, to rounding.
        """
        ...


@runtime_checkable
class SupportsAgreement(Protocol[A]):
    """Optional: what two halves of the counts agree on, in one pass."""

    def agree(self, first: A, second: A, *, out: A | None = None) -> A:
        """The mean of two corrections, less the more they differ, 0 where their signs do: with ``m`` the mean,
        ``m * clip(5 first second / m^2, 0, 1)``; `out` may be either of them."""
        ...
