"""The PyTorch backend passes the conformance kit, on every device there is."""

import numpy as np
import pytest

from rlcore.backend.kit.in_flight import FILTERS_IN_FLIGHT, InFlightLimit
from rlcore.testing import BackendTests, no_camera

torch = pytest.importorskip("torch", reason="PyTorch is not installed; try: nox -s torch")
TorchBackend = pytest.importorskip(
    "rlcore_torch", reason="rlcore-torch is not installed; try: nox -s torch"
).TorchBackend

INDICES = [device.index for device in TorchBackend.devices()]


class TestTorch(BackendTests):
    @pytest.fixture(params=INDICES)
    def backend(self, request):
        return TorchBackend(request.param)

    def measure_peak(self, backend, work):
        if "cuda" not in backend.device:
            return super().measure_peak(backend, work)
        place = backend.upload(np.zeros((1, 1))).device
        torch.cuda.reset_peak_memory_stats(place)
        before = torch.cuda.memory_allocated(place)
        work()
        return torch.cuda.max_memory_allocated(place) - before


@pytest.mark.parametrize("index", INDICES)
def test_tensors_come_back_as_tensors_of_their_device(index):
    image = np.random.default_rng(0).poisson(30, (9, 20, 21)).astype(np.float32)
    psf = np.pad(np.ones((1, 3, 3)), 2)
    truth = no_camera.deconvolve(image, psf, backend="numpy")
    backend = TorchBackend(index)
    tensor = backend.upload(image)
    for chosen in (backend, "auto"):
        restored = no_camera.deconvolve(tensor, psf, backend=chosen, memory="1 GiB")
        assert restored.device == tensor.device
        np.testing.assert_allclose(restored.cpu().numpy(), truth, atol=1e-5 * truth.max())


def test_few_filters_are_queued_ahead_of_a_gpu(monkeypatch):
    """Stand-ins for CUDA's events count."""
    recorded, awaited = [], []

    class Event:
        def record(self, stream):
            recorded.append(self)

        def synchronize(self):
            awaited.append(self)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda place: None)
    backend = TorchBackend("cpu")
    backend._in_flight = InFlightLimit(backend._mark)
    spectrum = backend.fft(backend.upload(np.ones((4, 4))))
    for _ in range(10):
        backend.ifft(spectrum, (4, 4))
    assert len(recorded) == 10
    assert awaited == recorded[:-FILTERS_IN_FLIGHT]
