"""What `rlcore deconvolve --report` writes."""

import base64
import html
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, run
from fixtures.scenes import gaussian
from matplotlib.image import imread

from rlcore.app.before_after.facts import photon_noise
from rlcore.app.before_after.panels import draw
from rlcore.app.before_after.views import frequencies, liveliest_line, view
from rlcore.app.plotting import round_length
from rlcore.testing.metrics import i_divergence
from rlcore.testing.phantoms import phantom


@pytest.mark.parametrize("ending", ["html", "png"])
def test_it_is_one_file_that_shows_a_picture(files, ending):
    path = files / f"report.{ending}"
    result = run(files, "--report", path)
    assert result.exit_code == 0, result.output
    content = path.read_bytes()
    if ending == "html":
        text = content.decode()
        [data] = re.findall(r'src="([^"]*)"', text)
        assert data.startswith("data:image/png;base64,")
        assert not re.search(r"https?://|<link|<script", text)
        assert "The whole volume in one block of" in html.unescape(text)
        for word in ("psf.tif", "5 iterations", "numpy on CPU", "per iteration"):
            assert word in text
        content = base64.b64decode(data.partition(",")[2])
    picture = imread(io.BytesIO(content))
    assert picture.shape[0] > 600
    assert picture.std() > 0.1
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", "out.tif", path.name}


@pytest.mark.parametrize("options", [("--dtype", "uint16"), ("--independent",)])
def test_it_is_made_whatever_the_output(files, options):
    assert run(files, "--report", files / "report.png", *options).exit_code == 0
    assert (files / "report.png").exists()


def test_an_image_of_one_plane_has_one_too(files):
    tifffile.imwrite(files / "plane.tif", IMAGE[5])
    tifffile.imwrite(files / "flat.tif", gaussian((7, 7)).astype(np.float32))
    result = run(files, "--report", files / "report.html", image="plane.tif", psf="flat.tif")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("report.pdf", "has no ending that is known; choose one of .html, .png"),
        ("no/report.png", "does not exist; make it first"),
        ("old.png", "exists; give --force to replace it"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused_before_the_run(files, name, said):
    (files / "old.png").write_text("mine")
    result = run(files, "--report", files / name)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (files / "out.tif").exists()
    assert (files / "old.png").read_text() == "mine"


def labels(figure):
    return [axes.get_ylabel() for axes in figure.axes]


def test_the_panel_of_the_fit_is_there_if_the_fit_is_known():
    one = view(IMAGE, (5, 12))
    with_fit = draw(one, one, (5, 12), None, (3.0, None, 1.0))
    assert "I-divergence per voxel" in labels(with_fit)
    assert "I-divergence per voxel" not in labels(draw(one, one, (5, 12), None, (None, None)))


@pytest.mark.parametrize("level", [None, 0.23])
def test_the_level_of_photon_noise_is_drawn_where_it_is_known(level):
    one = view(IMAGE, (5, 12))
    figure = draw(one, one, (5, 12), None, (3.0, 2.0, 1.0), level=level)
    [panel] = [axes for axes in figure.axes if axes.get_ylabel() == "I-divergence per voxel"]
    said = [line.get_label() for line in panel.lines if list(line.get_ydata()) == [level, level]]
    assert said == ([] if level is None else ["0.23: what photon noise leaves"])


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.46, 0.0), (2.0, 40.0)])
@pytest.mark.parametrize("shape", [(12, 40, 40), (60, 60)])
def test_the_level_of_photon_noise_is_in_the_images_units(gain, offset, shape):
    made = phantom("filaments", shape, psf=gaussian((9,) * len(shape), 1.2), photons=80)
    image, model = gain * made.image.astype(float) + offset, gain * made.expected.astype(float) + offset
    summary = SimpleNamespace(info=(SimpleNamespace(gain=gain, offset=offset),), bad=(), volumes=1)
    assert photon_noise(image, summary) == pytest.approx(i_divergence(image, model), rel=0.08)
    unknown = SimpleNamespace(info=(SimpleNamespace(gain=None, offset=None),), bad=(), volumes=1)
    assert photon_noise(image, unknown) is None


def test_there_are_scale_bars_if_the_scale_is_known():
    one = view(IMAGE, (5, 12))

    def texts(scale):
        return [text.get_text() for axes in draw(one, one, (5, 12), scale).axes for text in axes.texts]

    assert texts(None) == []
    assert texts((0.3, 0.1, 0.1)) == ["0.5 µm"] * 4


@pytest.mark.parametrize("scale", [None, (0.3, 0.1, 0.1)])
def test_no_label_is_cut_off(scale):
    one = view(IMAGE, (5, 12))
    figure = draw(one, one, (5, 12), scale, (3.0, 2.0, 1.0), ["a line at the foot", "another"])
    figure.canvas.draw()
    whole, tight = figure.bbox, figure.get_tightbbox().padded(-1 / 72)
    assert tight.x0 * figure.dpi >= -1
    assert tight.y0 * figure.dpi >= -1
    assert tight.x1 * figure.dpi <= whole.x1 + 1
    assert tight.y1 * figure.dpi <= whole.y1 + 1


def test_a_view_is_of_light_without_background_in_the_images_units():
    volume = np.random.default_rng(0).random((6, 30, 31)) * 7
    found = view(volume, (2, 9), background=1.5, step=3.0)
    light = volume * 3 - 1.5
    assert found.top == pytest.approx(np.percentile(light, 99.9))
    np.testing.assert_allclose(found.xy, light[2])
    np.testing.assert_allclose(found.xz, light[:, 9])
    np.testing.assert_allclose(found.line, light[2, 9])


def test_all_planes_have_the_same_contrast():
    volume = np.random.default_rng(0).random((6, 30, 31)) * 7
    before, after = view(volume, (2, 9)), view(volume, (2, 9), step=4)
    norms = [image.norm for axes in draw(before, after, (2, 9), None).axes for image in axes.images]
    assert len(norms) == 4
    assert all((norm.vmin, norm.vmax, norm.gamma) == (0, after.top, 0.5) for norm in norms)


def test_of_several_volumes_one_is_shown_and_it_says_which(files):
    series = np.stack([np.stack([IMAGE, IMAGE // 2])] * 2)
    tifffile.imwrite(files / "image.ome.tif", series, metadata={"axes": "TCZYX", "Channel": {"Name": ["dapi", "gfp"]}})
    result = run(files, "--report", files / "report.html", "--channel", "gfp", image="image.ome.tif")
    assert result.exit_code == 0, result.output
    assert "time point 0, channel 1 (gfp), the first of 2 volumes" in (files / "report.html").read_text()


@pytest.mark.parametrize("output", ["out.npy", "out.ome.tif"])
def test_of_several_volumes_in_any_file(files, output):
    tifffile.imwrite(files / "image.ome.tif", np.stack([IMAGE, IMAGE // 2]), metadata={"axes": "TZYX"})
    result = run(files, "--report", files / "report.png", image="image.ome.tif", output=output)
    assert result.exit_code == 0, result.output
    assert (files / "report.png").exists()


def test_the_line_is_where_most_changes_in_the_middle_third():
    volume = np.zeros((9, 30, 20))
    volume[4, 17, ::2] = 1
    volume[0, 2, ::2] = 9
    assert liveliest_line(volume) == (4, 17)
    assert liveliest_line(volume[4]) == (0, 17)


def test_a_wave_is_at_its_frequency_in_the_spectrum_whatever_the_gain():
    wave = 10 + np.cos(2 * np.pi * np.arange(128) / 8) + np.zeros((128, 1))
    found, louder = view(wave, (0, 0)), view(5 * wave, (0, 0))
    assert frequencies(wave.shape)[found.spectrum.argmax()] == pytest.approx(1 / 8, abs=0.01)
    np.testing.assert_allclose(louder.spectrum, found.spectrum, rtol=1e-9, atol=1e-20)
    without = view(wave + 10, (0, 0), background=10)
    np.testing.assert_allclose(without.spectrum, found.spectrum, rtol=1e-6, atol=1e-20)


def test_bars_are_of_round_lengths():
    assert [round_length(length) for length in (0.07, 0.99, 1.0, 3.3, 72)] == pytest.approx([0.05, 0.5, 1, 2, 50])
