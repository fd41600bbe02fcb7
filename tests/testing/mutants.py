"""Backends that are wrong in one respect each, and the tests that have to notice, and no others.

A wrong law shows in the whole algorithm too: such consequences are named with it.
"""

import contextlib
import threading
import time
from dataclasses import replace

import numpy as np

from rlcore.backend import Device, Footprint, Summary
from rlcore.blocks import Box
from rlcore.errors import BackendError
from tests.testing.doubles import LIMIT, Bare, Full, check_device

TRUTH = "restorations_agree_with_double_precision"
BLOCKS = "blocks_equal_the_whole"
ADJOINT = "correlation_is_the_adjoint_of_convolution"
FUSED_ADJOINT = "correlate_is_the_adjoint_of_convolve"

PRODUCTS = ("the_product_of_spectra_is_a_convolution", "convolve", "correlate")

MUTANTS = []


def fails(*tests):
    """Note a mutant and the tests that have to fail on it, and no others."""

    def note(mutant):
        MUTANTS.append((mutant, frozenset(f"test_{test}" for test in tests), True))
        return mutant

    return note


def spoils_all(*tests):
    """Note a mutant that nothing can be right with, and the tests that have to be among those that fail."""

    def note(mutant):
        MUTANTS.append((mutant, frozenset(f"test_{test}" for test in tests), False))
        return mutant

    return note


# --- what the planner asks


@fails("it_names_itself_and_its_device")
class DeviceWithoutName(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self.device = ""


@spoils_all("arrays_are_of_single_precision_at_least", "download_gives_back_what_was_uploaded", TRUTH)
class SaysHalfPrecision(Bare):
    dtype = np.dtype(np.float16)


@fails("free_bytes_are_a_positive_whole_number")
class FreeIsNoWholeNumber(Full):
    def free_bytes(self):
        return super().free_bytes() + 0.5


@fails("footprint_holds_an_array_and_its_spectrum")
class FootprintInVoxels(Full):
    def footprint(self, shape):
        plain = super().footprint(shape)
        return Footprint(plain.real // 4, plain.spectrum // 4, plain.scratch)


@fails("the_measured_peak_stays_below_the_footprint")
class FootprintWithoutWorkAreas(Full):
    def footprint(self, shape):
        return replace(super().footprint(shape), scratch=0)


@fails("fast_shape_is_no_smaller", "a_plan_can_be_made", ADJOINT, FUSED_ADJOINT, TRUTH, BLOCKS)
class FastShapeRoundsDown(Full):
    def fast_shape(self, shape):
        return tuple(max(1, n - n % 2) for n in shape)


@fails("fast_shape_is_no_smaller")
class FastShapeNeverSettles(Full):
    def fast_shape(self, shape):
        return tuple(n + 1 for n in shape)


@fails("cost_is_positive_and_finite")
class CostIsInfinite(Full):
    def cost(self, shape):
        return super().cost(shape) if min(shape) > 1 else float("inf")


# --- to the device and back


@spoils_all("download_gives_back_what_was_uploaded", "multiply", "ifft_undoes_fft", TRUTH)
class KeepsHalfPrecision(Full):
    def upload(self, volume):
        return super().upload(np.asarray(volume, np.float16))


@fails("upload_takes_every_real_dtype", "read_takes_every_dtype_and_copies")
class RefusesBigEndian(Full):
    def upload(self, volume):
        if not np.asarray(volume).dtype.isnative:
            raise BackendError("volume is big-endian")
        return super().upload(volume)


@fails("upload_takes_memory_of_every_layout")
class UploadsMemoryAsItLies(Full):
    def upload(self, volume):
        return super().upload(np.asarray(volume).ravel(order="K").reshape(volume.shape))


@fails(
    "upload_copies", "out_may_be_an_input", "read_takes_every_dtype_and_copies", "ratio_is_0_outside_the_image", BLOCKS
)
class UploadShares(Full):
    def upload(self, volume):
        return np.asarray(volume, self.dtype)


@fails("download_copies")
class DownloadShares(Full):
    def download(self, array, *, out=None):
        return array if out is None else super().download(array, out=out)


@fails("download_fills_out")
class DownloadIgnoresOut(Full):
    def download(self, array, *, out=None):
        return super().download(array)


# --- arithmetic


@fails("multiply", "expand")
class MultiplyAddsATrifle(Full):
    def multiply(self, a, b, *, out=None):
        trifle = 0 if np.iscomplexobj(a) else np.float32(1e-5)
        return np.add(a * b, trifle, out=out)


@fails("add")
class AddsWholeNumbersOnly(Full):
    def add(self, a, b, *, out=None):
        return super().add(a, b if isinstance(b, np.ndarray) else np.ceil(b), out=out)


@fails("divide")
class DividesByTheSum(Full):
    def divide(self, a, b, *, floor, out=None):
        return np.divide(a, np.maximum(b, 0) + np.float32(floor), out=out)


@fails("divide", "divide_by_nothing_is_finite")
class InfiniteAtZero(Full):
    def divide(self, a, b, *, floor, out=None):
        with np.errstate(all="ignore"):
            return np.divide(a, b, out=out)


@fails("divide_by_nothing_is_finite")
class FloorsNoLowerThanThis(Full):
    def divide(self, a, b, *, floor, out=None):
        return super().divide(a, b, floor=max(floor, 1e-6), out=out)


@fails("clamp")
class ClampsAboveToo(Full):
    def clamp(self, array, floor, *, out=None):
        return np.clip(array, np.float32(floor), np.float32(2.5), out=out)


@fails("flip_mirrors_about_voxel_0", ADJOINT)
class FlipOffByOne(Full):
    def flip(self, array):
        return np.flip(array).copy()


@fails("flip_mirrors_about_voxel_0", "flip_twice_changes_nothing", ADJOINT)
class FlipOnlyRolls(Full):
    def flip(self, array):
        return np.roll(array, 1, axis=-1)


# --- transforms


@fails(
    "ifft_undoes_fft", "fast_shapes_can_be_transformed", *PRODUCTS, "a_lane_has_finished_when_it_is_left", TRUTH, BLOCKS
)
class IfftUnnormalised(Full):
    def ifft(self, spectrum, shape, *, out=None):
        return np.multiply(super().ifft(spectrum, shape), np.float32(np.prod(shape)), out=out)


@fails("ifft_undoes_fft", *PRODUCTS, ADJOINT, FUSED_ADJOINT, TRUTH)
class IfftIgnoresAnOddLastAxis(Full):
    def ifft(self, spectrum, shape, *, out=None):
        even = super().ifft(spectrum, (*shape[:-1], max(1, 2 * (spectrum.shape[-1] - 1))))
        whole = np.zeros(shape, self.dtype) if out is None else out
        whole[...] = np.pad(even, [(0, 0)] * (len(shape) - 1) + [(0, shape[-1] - even.shape[-1])])
        return whole


@fails(*PRODUCTS, TRUTH, BLOCKS)
class ScalesInTheWrongTransform(Full):
    def fft(self, array, *, out=None):
        spectrum = super().fft(array, out=out)
        spectrum /= array.size
        return spectrum

    def ifft(self, spectrum, shape, *, out=None):
        array = super().ifft(spectrum, shape, out=out)
        array *= array.size
        return array


@fails(*PRODUCTS, ADJOINT, TRUTH, BLOCKS)
class TransformsTheLastAxisOnly(Full):
    def fft(self, array, *, out=None):
        spectrum = np.fft.rfft(array).astype(np.complex64)
        return spectrum if out is None else np.multiply(spectrum, 1, out=out)

    def ifft(self, spectrum, shape, *, out=None):
        return np.multiply(np.fft.irfft(spectrum, n=shape[-1]).astype(np.float32), 1, out=out)


@fails(
    "ifft_undoes_fft",
    "fast_shapes_can_be_transformed",
    *PRODUCTS,
    ADJOINT,
    FUSED_ADJOINT,
    TRUTH,
    BLOCKS,
    "a_lane_has_finished_when_it_is_left",
)
class TransformsInHalfPrecision(Full):
    def ifft(self, spectrum, shape, *, out=None):
        halved = spectrum.view(np.float32).astype(np.float16).astype(np.float32).view(np.complex64)
        return super().ifft(halved, shape, out=out)


# --- where results go


@fails("inputs_are_untouched")
class IfftDestroysTheSpectrum(Full):
    def ifft(self, spectrum, shape, *, out=None):
        array = super().ifft(spectrum, shape, out=out)
        spectrum[...] = 0
        return array


@fails("inputs_are_untouched")
class ClampWritesIntoItsInput(Full):
    def clamp(self, array, floor, *, out=None):
        return super().clamp(array, floor, out=array if out is None else out)


@fails("out_is_filled_and_returned", "out_may_be_an_input")
class ClampIgnoresOut(Full):
    def clamp(self, array, floor, *, out=None):
        return super().clamp(array, floor)


@fails("out_may_be_an_input")
class DivideWritesTooEarly(Full):
    def divide(self, a, b, *, floor, out=None):
        if out is None:
            return super().divide(a, b, floor=floor)
        np.maximum(b, np.float32(floor), out=out)
        return np.divide(a, out, out=out)


@fails("flip_leaves_its_input")
class FlipInPlace(Full):
    def flip(self, array):
        array[...] = super().flip(array)
        return array.copy()


# --- the whole algorithm


@fails(TRUTH)
class WearsOut(Full):
    """Exact at first; after many calls with one transfer no better than half precision."""

    last, calls = None, 0

    def convolve(self, array, transfer, *, out=None):
        self.calls = self.calls + 1 if transfer is self.last else 1
        self.last = transfer
        blurred = super().convolve(array, transfer, out=out)
        if self.calls > 60:
            blurred[...] = blurred.astype(np.float16)
        return blurred


@fails("threads_do_not_disturb_each_other")
class SharesAWorkArea(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._areas = {}

    def convolve(self, array, transfer, *, out=None):
        product = self.fft(array, out=self._areas.setdefault(transfer.shape, np.empty_like(transfer)))
        time.sleep(1e-4)  # so that another thread comes in between, however few processors there are
        return self.ifft(self.multiply(product, transfer, out=product), array.shape, out=out)


@fails("a_hundred_calls_leave_memory_as_it_was")
class KeepsWhatItMade(Full):
    kept = ()

    def upload(self, volume):
        array = super().upload(volume)
        if array.size < 100_000:  # larger ones would go over the footprint, too
            self.kept = (*self.kept, array)
        return array


# --- messages


@fails("an_unknown_device_is_refused_by_name")
class TakesAnyDevice(Full):
    def __init__(self, device=None):
        super().__init__()


@fails("an_unknown_device_is_refused_by_name")
class RefusesByAnotherError(Full):
    def __init__(self, device=None):
        if device not in (None, 0, "0", "CPU"):
            raise ValueError(device)
        super().__init__()


@fails("an_unknown_device_is_refused_by_name")
class RefusesWithoutItsName(Full):
    def __init__(self, device=None):
        check_device("another", device)
        super().__init__()


# --- optional powers


@fails("powers_are_claimed_whole")
class HalfAPower(Bare):
    def convolve(self, array, transfer, *, out=None):
        return self.ifft(self.multiply(self.fft(array), transfer), array.shape, out=out)


@fails("convolve", FUSED_ADJOINT, TRUTH, BLOCKS)
class ConvolvesByTheMirrorImage(Full):
    def convolve(self, array, transfer, *, out=None):
        return super().correlate(array, transfer, out=out)


@fails("correlate", FUSED_ADJOINT, TRUTH, BLOCKS)
class CorrelatesByConvolving(Full):
    def correlate(self, array, transfer, *, out=None):
        return super().convolve(array, transfer, out=out)


@fails("ratio")
class BackgroundOverTheFloor(Full):
    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        floored = np.maximum(blurred, np.float32(floor))
        return super().ratio(image, floored, background=background, floor=floor, inside=inside, out=out)


@fails("ratio_is_0_outside_the_image", TRUTH, BLOCKS)
class RatioOutsideTheImage(Full):
    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        return super().ratio(image, blurred, background=background, floor=floor, out=out)


@fails("update")
class UpdateLetsLobesThrough(Full):
    def update(self, estimate, correction, weight, *, out=None):
        return np.multiply(estimate, correction * (1 if weight is None else weight) + 1, out=out)


@fails("update_leaves_voxels_of_weight_0")
class UpdateMovesEveryVoxel(Full):
    def update(self, estimate, correction, weight, *, out=None):
        weight = None if weight is None else np.maximum(weight, np.float32(1e-6))
        return super().update(estimate, correction, weight, out=out)


@fails("full", TRUTH, BLOCKS)
class FullSharesMemory(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._made = {}

    def full(self, shape, value):
        return self._made.setdefault((shape, value), super().full(shape, value))


@fails("cut", "cut_fills_out_and_leaves_the_volume", "read", "read_fills_out", TRUTH, BLOCKS)
class CutOffByOneBeyondTheEdge(Full):
    def cut(self, volume, start, shape, *, wrap=False, out=None):
        if not wrap and start[0] < 0:
            start = (start[0] + 1, *start[1:])
        return super().cut(volume, start, shape, wrap=wrap, out=out)


@fails("cut_wraps", "cut_fills_out_and_leaves_the_volume", "read", "read_fills_out", BLOCKS)
class CutRepeatsTheEdge(Full):
    def cut(self, volume, start, shape, *, wrap=False, out=None):
        if not wrap:
            return super().cut(volume, start, shape, out=out)
        places = zip(start, shape, volume.shape, strict=True)
        index = np.ix_(*[np.clip(np.arange(at, at + size), 0, n - 1) for at, size, n in places])
        block = np.empty(shape, self.dtype) if out is None else out
        block[...] = volume[index]
        return block


@fails("cut_fills_out_and_leaves_the_volume", BLOCKS)
class CutIsAView(Full):
    def cut(self, volume, start, shape, *, wrap=False, out=None):
        inside = all(at >= 0 and at + size <= n for at, size, n in zip(start, shape, volume.shape, strict=True))
        if inside and out is None:
            return volume[tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))]
        return super().cut(volume, start, shape, wrap=wrap, out=out)


@fails("paste", "write", TRUTH, BLOCKS)
class PasteIgnoresTheSource(Full):
    def paste(self, block, source, volume, target, shape):
        super().paste(block, (0,) * len(shape), volume, target, shape)


@fails("read", "read_fills_out", TRUTH, BLOCKS)
class ReadOffByOneBeyondTheEdge(Full):
    def read(self, volume, start, shape, *, wrap=False, out=None):
        if start[-1] < 0:
            start = (*start[:-1], start[-1] + 1)
        return super().read(volume, start, shape, wrap=wrap, out=out)


@fails("read_takes_every_dtype_and_copies")
class ReadIsAView(Full):
    def read(self, volume, start, shape, *, wrap=False, out=None):
        if out is None and volume.dtype == self.dtype and start == (0,) * len(shape) and shape == volume.shape:
            return volume
        return super().read(volume, start, shape, wrap=wrap, out=out)


@fails("read_fills_out", BLOCKS)
class ReadLeavesWhatLiesBeyondTheEdge(Full):
    def read(self, volume, start, shape, *, wrap=False, out=None):
        if out is None or wrap:
            return super().read(volume, start, shape, wrap=wrap, out=out)
        inside = [slice(max(0, -at), min(n, size - at)) for at, n, size in zip(start, shape, volume.shape, strict=True)]
        out[tuple(inside)] = super().read(volume, start, shape)[tuple(inside)]
        return out


@fails("write")
class WritesSinglePrecisionOnly(Full):
    def write(self, block, source, volume, target, shape):
        if volume.dtype != self.dtype:
            raise BackendError("volume is not of single precision")
        super().write(block, source, volume, target, shape)


@fails("staging_is_memory_to_transfer_through")
class StagesOneType(Full):
    def staging(self, shape, dtype):
        return np.empty(shape, np.float32)


@fails("two_stagings_are_two_pieces_of_memory")
class StagesOnce(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._staged = {}

    def staging(self, shape, dtype):
        return self._staged.setdefault((shape, dtype), np.empty(shape, dtype))


@fails("a_lane_has_finished_when_it_is_left")
class LaneIsLeftTooEarly(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self._thread = threading.local()

    @contextlib.contextmanager
    def lane(self):
        self._thread.late = True
        yield
        self._thread.late = False

    def add(self, a, b, *, out=None):
        if out is not None or not getattr(self._thread, "late", False):
            return super().add(a, b, out=out)
        result = np.zeros_like(a)
        threading.Timer(0.3, lambda: super(LaneIsLeftTooEarly, self).add(a, b, out=result)).start()
        return result


@fails("expand", TRUTH, BLOCKS)
class ExpandsTheFirstEntries(Full):
    def expand(self, table, index):
        return super().expand(table, tuple(np.minimum(each, 1) for each in index))


@fails("predict")
class PredictsWithoutAFloor(Full):
    def predict(self, estimate, previous, factor, *, least, out=None):
        return super().predict(estimate, previous, factor, least=0.0, out=out)


@fails("likeness")
class ComparesTheNewerStepWithItself(Full):
    def likeness(self, estimate, point, previous, before, *, inside):
        told = super().likeness(estimate, point, previous, before, inside=inside)
        return told._replace(square=super().likeness(estimate, point, estimate, point, inside=inside).square)


@fails("factor")
class GoesAnyDistanceAhead(Full):
    def factor(self, likeness, *, most):
        return likeness.product / likeness.square if likeness.square else 0.0


@fails("factor")
class TakesItsOwnFactorsForNone(Full):
    def factor(self, likeness, *, most):
        return _OnDevice(super().factor(likeness, most=most))

    def predict(self, estimate, previous, factor, *, least, out=None):
        number = 0.0 if isinstance(factor, _OnDevice) else factor
        return super().predict(estimate, previous, number, least=least, out=out)


class _OnDevice:
    def __init__(self, number):
        self.number = number

    def __float__(self):
        return self.number


@fails("smooth", "smooth_in_a_box")
class SmoothsTwiceAsMuch(Full):
    def smooth(self, array, estimate, *, share, inside, **options):
        return super().smooth(array, estimate, share=2 * share, inside=inside, **options)


@fails("smooth_in_a_box")
class SmoothsAcrossTheFaces(Full):
    def smooth(self, array, estimate, *, share, inside, **options):
        return super().smooth(array, estimate, share=share, inside=None, **options)


@fails("halve")
class HalvesByThePlaceInTheBlock(Full):
    def halve(self, image, key, start, shape, *, other):
        return super().halve(image, key, (0,) * image.ndim, shape, other=other)


@fails("agree")
class AgreesOnTheMean(Full):
    def agree(self, first, second, *, out=None):
        return np.multiply(first + second, np.float32(0.5), out=out)


@fails("fit")
class FitsWhatIsOutsideTheBox(Full):
    def fit(self, image, blurred, *, background, floor, inside):
        return super().fit(
            image, blurred, background=background, floor=floor, inside=Box((0,) * image.ndim, image.shape)
        )


@fails("planes")
class TakesTheFirstPlanes(Full):
    def planes(self, array, first, step, count):
        return super().planes(array, first, 1, count)


@fails("summary")
class SummaryOfMagnitudes(Full):
    def summary(self, array):
        return super().summary(np.abs(array))


@fails("summary_adds_in_double_precision")
class SummaryInSinglePrecision(Full):
    def summary(self, array):
        exact = super().summary(array)
        return exact if array.size < 10000 else replace(exact, total=float(array.sum()))


@fails("summary_tells_of_voxels_that_are_no_numbers")
class SummaryPassesOverNaN(Full):
    def summary(self, array):
        return Summary(float(np.nanmin(array)), float(np.nanmax(array)), float(np.nansum(array, dtype=np.float64)))


@fails("an_array_as_large_as_the_limit_can_be_made")
class BufferLimitLies(Full):
    def buffer_limit(self):
        return 2 * LIMIT


@fails("devices_are_numbered_and_can_be_chosen")
class ListsADeviceThatCannotBeChosen(Full):
    @classmethod
    def devices(cls):
        return (*super().devices(), Device(1, "a second CPU"))
