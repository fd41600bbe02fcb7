"""Request to restore a file: paths and options of one run, translated for the library."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from rlcore.algorithm.acceleration import check_acceleration
from rlcore.algorithm.boundary import check_boundary
from rlcore.algorithm.regularization import prior_of
from rlcore.algorithm.stopping import check_stop
from rlcore.api.request import Request
from rlcore.api.settings import Settings
from rlcore.app.camera.said import FIND, CameraTexts
from rlcore.app.channel_psfs import ChannelPSF, files_of, open_psfs
from rlcore.app.files.decoding import Decoder
from rlcore.app.files.layout import Pick
from rlcore.app.files.likely_axes import open_image
from rlcore.app.files.metadata.scale import believed
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.delivery import place_on_this_machine
from rlcore.app.files.remote.url import Location
from rlcore.app.psf.metadata import read_metadata
from rlcore.app.psf.preparing import psf_for_image
from rlcore.app.psf.resolved import resolved_by
from rlcore.app.run_options import MEND
from rlcore.app.whole_numbers import whole_number
from rlcore.backend import Backend
from rlcore.backend.discovery.selection import Choice, choose_backend
from rlcore.errors import BackendError, BackendUnavailable, InputError
from rlcore.optics.psf import PSF, PSFWarning
from rlcore.planner import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """Paths and options of one run, named as the options of `rlcore deconvolve`."""

    image: Location
    psf: Location | None = None
    psfs: tuple[str, ...] = ()
    """PSF of each channel as ``0=FILE``, or of all as ``FILE``; ``auto`` in place of a file computes the PSF."""
    psf_model: str | None = None
    """Model of computed PSFs; None for the default model."""
    output: Location = Path("restored.tif")
    iterations: int | Literal["auto", "auto-each"] = "auto"
    """A number; "auto" for one per channel, or "auto-each" for one per volume, found by held-out photons."""
    acceleration: str = "heavy-ball"
    regularization: str = "none"
    tv_weight: float | Literal["auto"] | None = None
    seed: int = 0
    stop: str = "none"
    threshold: float | None = None
    offsets: tuple[str, ...] = ()
    gains: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    weights: str | None = None
    hot_pixels: str = FIND
    """These five as `CameraTexts` has them."""
    photons: bool = False
    """Divide the result by the gain."""
    start: str = "constant"
    backend: str = "auto"
    device: str | None = None
    boundary: str = "extended"
    background: float = 0.0
    """Offset and background of the volume that a report shows, once a run has found them."""
    memory: str | None = None
    independent: bool = False
    tolerance: float | None = None
    dtype: str = "float32"
    force: bool = False
    force_unlock: bool = False
    checkpoint: Path | None = None
    report: Path | None = None
    which_image: str | int | None = None
    """Number or name of an image in a file that holds several; None for the first that is no thumbnail."""
    channel: str | int | None = None
    time: str | int | None = None
    axes: str | None = None
    """Letters of the image's axes, as ``TZYX``; None for those of its file."""
    psf_axes: str | None = None
    """Letters of the PSF's axes, likewise."""
    voxel: str | None = None
    """Size of the image's voxels in micrometres, as ``0.2,0.1,0.1``; None for that of its file."""
    psf_voxel: str | None = None
    """Size of the PSF's voxels, likewise."""
    keep_going: bool = False
    """Leave volumes empty that cannot be restored, in place of an error."""
    fill_missing: bool = False
    """Restore an image that lacks planes, which count as no data."""
    psf_centre: str = MEND
    psf_background: str = MEND
    psf_energy: float = 1.0
    psf_as_is: bool = False
    """Use the PSF unchanged; `psf_centre` and `psf_background` still apply where they are given."""

    @property
    def pick(self) -> Pick:
        """Selection of the image, its channels and time points."""
        named = any("=" in text for text in self.psfs)
        return Pick(self.channel, self.time, self.axes, self.which_image, has_channels=named)

    def read_image(self, decode: Decoder) -> Opened:
        """Opens the image, with the axes that are given or that it must have beside its PSFs."""
        how = {"decode": decode, "fill_missing": self.fill_missing}
        files = files_of(self.psf, self.psfs)
        return open_image(self.image, files, pick=self.pick, psf_axes=self.psf_axes, **how)

    @property
    def made(self) -> Path:
        """Place on this machine where the result is made; the output itself unless that is a URL."""
        return place_on_this_machine(self.output, self.checkpoint)

    def open_image(self, decode: Decoder) -> Opened:
        """Opens the image as `read_image` does, with the scale that is given or believed; warns of one that is not."""
        image = self.read_image(decode)
        resolved = None
        # metadata that cannot be read are no reason to refuse voxels that can
        with suppress(InputError):
            resolved = resolved_by(read_metadata(image, image.layout.channels[0]), {})
        return believed(image, f"image {str(self.image)!r}", self.voxel, "--voxel", resolved)

    def open_psfs(self, image: Opened) -> list[ChannelPSF]:
        """Opens or computes the PSF of every selected channel."""
        return open_psfs(self.psf, self.psfs, image, self.psf_model, self.psf_voxel, self.psf_axes)

    def settings(self) -> Settings:
        """Returns the options that the plan depends on, checked.

        Raises
        ------
        InputError
            If an option is invalid or contradicts another.
        """
        self.camera.check()
        if self.tolerance is not None and not self.independent:
            raise InputError("--tolerance is for independent blocks; give --independent with it")
        if self.tolerance is not None and not 0 < self.tolerance < 1:
            raise InputError(f"--tolerance {self.tolerance!r} is not a number between 0 and 1")
        return Settings(
            "auto" if isinstance(self.iterations, str) else self.iterations,
            check_boundary(self.boundary),
            self.memory,
            not self.independent,
            self.tolerance,
            check_acceleration(self.acceleration),
            prior_of(self.regularization, self.tv_weight, self.seed),
            check_stop(self.stop),
            self.threshold,
        )

    @property
    def camera(self) -> CameraTexts:
        """Options of cameras."""
        return CameraTexts(
            offsets=self.offsets, gains=self.gains, backgrounds=self.backgrounds, weights=self.weights,
            hot_pixels=self.hot_pixels,
        )  # fmt: skip

    @property
    def finds_iterations(self) -> bool:
        """True if the number of iterations of a channel is found before its volumes are restored."""
        return self.iterations == "auto" and self.stop == "none"

    @property
    def ends_itself(self) -> bool:
        """True if each volume may take another number of iterations."""
        return self.stop != "none" or self.iterations == "auto-each"

    def choose(self) -> Choice:
        """Returns the chosen backend.

        Raises
        ------
        InputError
            If the backend is not available.
        BackendError
            If it fails or hangs.
        """
        try:
            return choose_backend(self.backend, _index_or_name(self.device))
        except BackendUnavailable as error:
            # nothing has run yet, so the exit code is that of bad input, not of a failed run
            raise InputError(str(error)) from error
        except BackendError as error:
            if error.__cause__ is not None:
                raise  # what a backend has raised, or that it hangs, is no fault of its name
            raise InputError(str(error)) from error

    def prepare(self, image: Opened, psfs: list[ChannelPSF]) -> list[PSF]:
        """Returns the prepared PSF of every channel, resampled to the image's voxels; warns of every change."""
        made: dict[tuple[Location, Any], PSF] = {}
        for psf in psfs:
            key = psf.opened.path, psf.place  # channels that share a file share its PSF and its warnings
            if key not in made:
                made[key] = self._fit(image, psf)
        return [made[psf.opened.path, psf.place] for psf in psfs]

    def _fit(self, image: Opened, psf: ChannelPSF) -> PSF:
        centre = "middle" if self.psf_as_is and self.psf_centre == MEND else self.psf_centre
        background = "0" if self.psf_as_is and self.psf_background == MEND else self.psf_background
        with warnings.catch_warnings():
            if psf.computed:  # made as large as the image can use, and so cut off on purpose
                warnings.filterwarnings("ignore", "psf of .* is cut off", PSFWarning)
            return psf_for_image(image, psf, centre=centre, background=background, energy=self.psf_energy)

    def plan(self, image: Any, psf: PSF, backend: Backend[Any], iterations: int | None = None, **job: Any) -> Plan:
        """Returns the plan for one volume of the image, of so many iterations; `job` has other properties of it."""
        settings = self.settings()
        settings = settings if iterations is None else replace(settings, iterations=iterations)
        request = Request.of(image, psf, settings, backend=backend, checkpoint=self.checkpoint)
        # the result goes to a file, so memory need not hold it
        return request.plans.changed(result_in_memory=False, **job).best()


def _index_or_name(device: str | None) -> str | int | None:
    number = None if device is None else whole_number(device)
    return device if number is None else number
