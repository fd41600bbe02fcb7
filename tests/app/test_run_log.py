"""A run over volumes resumes from what is verified: volumes, state and inputs; nothing of others is removed."""

import errno
import json
import os
import re
import socket
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.commands import IMAGE, PSF, deconvolved, flip, run, voxels

from rlcore.app import run_log, series_run
from rlcore.app.files.writing import output as output_module
from rlcore.app.main import main
from rlcore.app.series_run import SeriesRun
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.execution import checkpoint as checkpoint_module

STACK = np.stack([IMAGE, IMAGE // 2 + 3, IMAGE + 9])
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "chunk")


@pytest.fixture
def stack(files):
    tifffile.imwrite(files / "image.tif", STACK, imagej=True, metadata={"axes": "TZYX"})
    return files


@pytest.fixture
def restored(monkeypatch):
    """Numbers of the volumes that are restored; the one before which the disk is full comes first."""
    seen, restore = [None], SeriesRun._restore

    def noted(self, number, *rest):
        if number == seen[0]:
            raise FULL
        seen.append(number)
        restore(self, number, *rest)

    monkeypatch.setattr(SeriesRun, "_restore", noted)
    return seen


def again(folder, *options, **names):
    return run(folder, "--checkpoint", folder / "state", *options, **names)


def stopped(folder, restored, *options, **names):
    """The work folder of a run that stopped before its third volume."""
    restored[:] = [2]
    result = again(folder, *options, **names)
    assert result.exit_code == 1, result.output
    restored[:] = [None]
    [work] = folder.glob(".rlcore-work-*")
    return work


def ours(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".rlcore") or path.name == "state"]


def needs_zarr(output):
    if output.endswith("zarr"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")


class TestFinishedVolumes:
    @pytest.mark.parametrize(
        ("output", "dtype"),
        [("out.tif", "float32"), ("out.npy", "float32"), ("out.zarr", "float32"), ("out.tif", "uint16")],
    )
    def test_those_that_are_as_they_were_are_kept(self, stack, restored, output, dtype):
        needs_zarr(output)
        stopped(stack, restored, "--dtype", dtype, output=output)
        result = again(stack, "--dtype", dtype, output=output)
        assert result.exit_code == 0, result.output
        assert restored == [None, 2]
        assert "damaged" not in result.stderr
        assert ours(stack) == []

    @pytest.mark.parametrize(
        ("output", "dtype"),
        [("out.tif", "float32"), ("out.npy", "float32"), ("out.ome.tif", "float32"), ("out.tif", "uint16")],
    )
    def test_a_damaged_one_is_restored_again(self, stack, restored, output, dtype):
        work = stopped(stack, restored, "--dtype", dtype, output=output)
        path = work / ("result" if dtype == "float32" else "float32.npy")
        flip(path, path.stat().st_size // 2)
        self.check(stack, restored, output, dtype)

    @pytest.mark.parametrize("damage", ["flip", "remove", "cut", "fifo"])
    def test_so_is_one_with_a_damaged_chunk(self, stack, restored, damage):
        needs_zarr("zarr")
        work = stopped(stack, restored, output="out.zarr")
        chunk = next(path for path in sorted((work / "result" / "0" / "c" / "1").rglob("*")) if path.is_file())
        if damage == "flip":
            flip(chunk, chunk.stat().st_size // 2)
        elif damage == "cut":
            os.truncate(chunk, 9)
        else:
            chunk.unlink()
            if damage == "fifo":
                os.mkfifo(chunk)
        self.check(stack, restored, "out.zarr", "float32")

    def check(self, stack, restored, output, dtype):
        result = again(stack, "--dtype", dtype, output=output)
        assert result.exit_code == 0, result.output
        [line] = [line for line in result.stderr.splitlines() if "warning" in line]
        assert line.endswith("volume 2 of 3 was damaged since it was finished, and is restored again")
        assert restored == [None, 1, 2]
        assert run(stack, "--dtype", dtype, output=f"whole-{output}").exit_code == 0
        assert np.array_equal(voxels(stack / output), voxels(stack / f"whole-{output}"))
        assert ours(stack) == []

    @pytest.mark.parametrize("output", ["out.tif", "out.zarr"])
    def test_what_lies_beside_the_voxels_is_verified_too(self, stack, restored, output):
        needs_zarr(output)
        work = stopped(stack, restored, output=output)
        flip(work / "result" / "0" / "zarr.json" if output.endswith("zarr") else work / "result", 40)
        result = again(stack, output=output)
        assert result.exit_code == 2
        [line] = result.stderr.splitlines()
        assert line.endswith("its header or its metadata have been changed; remove the checkpoint to start anew")

    def test_chunks_that_were_cut_short_do_not_come_into_the_output(self, stack, restored):
        needs_zarr("zarr")
        work = stopped(stack, restored, output="out.zarr")
        (work / "result" / "0" / "c" / "0.1234.partial").write_text("half")
        (work / "result" / "zarr.json").write_text("{")
        assert again(stack, output="out.zarr").exit_code == 0
        assert not list((stack / "out.zarr").rglob("*.partial"))
        assert voxels(stack / "out.zarr").shape == STACK.shape


def edited(path, **entries):
    """Changes the state as one who knows its format would."""
    found = json.loads(path.read_text())
    del found["sum"]
    found |= entries
    path.write_text(json.dumps(found | {"sum": zlib.crc32(json.dumps(found, sort_keys=True).encode())}))


HOSTILE = {
    "empty": lambda path: path.write_text(""),
    "cut short": lambda path: os.truncate(path, path.stat().st_size // 2),
    "edited": lambda path: path.write_text(path.read_text().replace('"step": null', '"step": 2.5')),
    "a stranger's": lambda path: path.write_text('{"finished": true}'),
    "a list": lambda path: path.write_text("[]"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "deep inside": lambda path: path.write_text('{"program": "rlcore deconvolve", "format": 2, "a":' + "[" * 100_000),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "of the future": lambda path: edited(path, format=3),
    "of no volume": lambda path: edited(path, done=[[3, 1]]),
    "of another token": lambda path: edited(path, run="../../etc"),
    "incomplete": lambda path: edited(path, plan={}),
    "without cameras": lambda path: edited(path, cameras=[]),
    "of no camera": lambda path: edited(path, cameras=[{}]),
    "a fifo": lambda path: (path.unlink(), os.mkfifo(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a socket": lambda path: (path.unlink(), _bind(path)),
    "a link": lambda path: (path.rename(path.with_name("moved")), path.symlink_to("moved")),
}


def _bind(path):
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(here)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_state_that_is_not_as_it_was_written_is_refused_and_nothing_is_lost(stack, restored, kind):
    work = stopped(stack, restored)
    before = (work / "result").read_bytes()
    HOSTILE[kind](stack / "state" / "run.json")
    result = again(stack)
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert f"checkpoint {str(stack / 'state')!r} cannot be read: " in line
    assert line.endswith("; remove it to start anew, or name another")
    # neither a run without the checkpoint nor `clean` removes what the state may yet be of
    assert CliRunner().invoke(main, ["clean", str(stack)]).exit_code == 0
    assert (work / "result").read_bytes() == before


class TestTheInputs:
    def changed(self, stack, restored, image, change):
        stopped(stack, restored, image=image)
        change()
        result = again(stack, image=image)
        assert result.exit_code == 2, result.output
        assert "is of another run, with other image; remove it or name another" in result.stderr

    @pytest.mark.parametrize(("version", "name"), [(2, "0"), (3, "deep/0")])
    def test_chunks_of_a_zarr_count(self, stack, restored, version, name):
        needs_zarr("zarr")
        import zarr

        group = zarr.open_group(stack / "image.zarr", mode="w", zarr_format=version)
        array = group.create_array(name, shape=STACK.shape, chunks=(1, *IMAGE.shape), dtype=STACK.dtype)
        array[...] = STACK
        axes = [{"name": "t", "type": "time"}, *({"name": each, "type": "space"} for each in "zyx")]
        datasets = [{"path": name, "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 1]}]}]
        about = {"version": "0.4" if version == 2 else "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
        if version == 2:
            about["multiscales"][0]["version"] = "0.4"
        group.attrs.update(about if version == 2 else {"ome": about})

        def change():
            array[0] = STACK[0] * 3

        self.changed(stack, restored, "image.zarr", change)

    def test_all_files_of_an_ome_tiff_count(self, stack, restored):
        planes = "".join(
            f'<TiffData FirstT="{t}" FirstZ="{z}" IFD="{z}" PlaneCount="1">'
            f'<UUID FileName="t{t}.ome.tif">urn:uuid:0000000{t}-0000-4000-8000-000000000000</UUID></TiffData>'
            for t in range(3)
            for z in range(IMAGE.shape[0])
        )
        z, y, x = IMAGE.shape
        for t in range(3):
            xml = (
                '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
                f'UUID="urn:uuid:0000000{t}-0000-4000-8000-000000000000"><Image ID="Image:0"><Pixels ID="Pixels:0" '
                f'DimensionOrder="XYZTC" Type="uint16" SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeT="3" SizeC="1">'
                f'<Channel ID="Channel:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
            )
            tifffile.imwrite(stack / f"t{t}.ome.tif", STACK[t], description=xml, metadata=None, contiguous=False)
        second = stack / "t1.ome.tif"
        self.changed(stack, restored, "t0.ome.tif", lambda: flip(second, second.stat().st_size - 3))

    def test_the_companion_of_an_ome_tiff_counts(self, stack, restored):
        t, z, y, x = STACK.shape
        head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        binary = f'{head}<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:1"/></OME>'
        tifffile.imwrite(stack / "image.ome.tif", STACK, description=binary, metadata=None)
        companion = stack / "set.companion.ome"
        companion.write_text(
            f'{head}<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZTC" Type="uint16" SizeX="{x}" '
            f'SizeY="{y}" SizeZ="{z}" SizeT="{t}" SizeC="1"><Channel ID="Channel:0:0"/><TiffData IFD="0" '
            f'PlaneCount="{t * z}"><UUID FileName="image.ome.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
        )
        self.changed(stack, restored, "image.ome.tif", lambda: companion.write_text(companion.read_text() + " "))

    def test_the_centre_of_a_psf_counts(self, stack, restored):
        stopped(stack, restored, "--psf-as-is")
        result = again(stack, "--psf-as-is", "--psf-centre", "1,2,2")
        assert result.exit_code == 2
        assert "is of another run, with other psf" in result.stderr


class TestFilesOfTheUser:
    NAMES = ("run.json.backup", "lock.txt", "lock.mine1234", "run-notes.new", "run.json.abcdefgh", "state.json")

    def test_those_in_the_checkpoint_folder_stay(self, stack, restored, monkeypatch):
        with monkeypatch.context() as patched:
            # as a run leaves them that is killed between its state and the checkpoint of the volume before
            patched.setattr(checkpoint_module.Checkpoint, "remove", checkpoint_module.Checkpoint.close)
            stopped(stack, restored)
        assert (stack / "state" / "volume-1" / "state.json").exists()
        for name in self.NAMES:
            (stack / "state" / name).write_text("mine")
        (stack / "state" / "lock.empty").write_text("")
        (stack / "state" / "volume-7").mkdir()
        for name in ("volume-1/notes.npy", "volume-7/notes.npy", "volume-7/result.npy"):
            (stack / "state" / name).write_text("mine")
        result = again(stack)
        assert result.exit_code == 0, result.output
        assert "stays, since it holds" in result.stderr
        left = sorted(str(path.relative_to(stack / "state")) for path in (stack / "state").rglob("*") if path.is_file())
        assert left == sorted(
            [*self.NAMES, "lock.empty", "volume-1/notes.npy", "volume-7/notes.npy", "volume-7/result.npy"]
        )

    def test_a_link_to_the_checkpoint_folder_stays_and_so_does_the_folder(self, stack, restored):
        (stack / "elsewhere").mkdir()
        (stack / "state").symlink_to("elsewhere")
        stopped(stack, restored)
        assert any((stack / "elsewhere").iterdir())
        result = again(stack)
        assert result.exit_code == 0, result.output
        assert "warning" not in result.stderr
        assert (stack / "state").readlink() == Path("elsewhere")
        assert list((stack / "elsewhere").iterdir()) == []
        assert list(stack.glob(".rlcore*")) == []

    @pytest.mark.parametrize("name", NAMES)
    def test_a_folder_with_one_is_refused(self, stack, name):
        (stack / "state").mkdir()
        (stack / "state" / name).write_text("mine")
        result = again(stack)
        assert result.exit_code == 2
        assert f"holds {name!r}, no run of files; name another" in result.stderr
        assert [path.name for path in (stack / "state").iterdir()] == [name]


class TestTheEnd:
    def ended(self, stack, monkeypatch, output="out.tif"):
        """The last state of a run that was killed before its very last operation."""
        move, kept = run_log.move_out, {}

        def remembered(folder, token):
            path = move(folder, token)
            kept[path] = path.read_bytes()
            return path

        monkeypatch.setattr(run_log, "move_out", remembered)
        assert again(stack, output=output).exit_code == 0
        monkeypatch.undo()
        [(path, content)] = kept.items()
        path.write_bytes(content)
        return path

    def test_a_run_that_is_complete_is_known_by_its_last_state(self, stack, monkeypatch):
        self.ended(stack, monkeypatch)
        before = (stack / "out.tif").stat()
        monkeypatch.setattr(SeriesRun, "_restore", None)
        result = again(stack)
        assert result.exit_code == 0, result.output
        assert (stack / "out.tif").stat() == before
        assert ours(stack) == []

    def test_the_last_state_of_an_output_that_is_gone_goes(self, stack, monkeypatch):
        self.ended(stack, monkeypatch)
        (stack / "out.tif").unlink()
        # another run now, which must not take over its plan
        result = again(stack, "-n", "3")
        assert result.exit_code == 0, result.output
        assert ours(stack) == []

    def test_an_output_that_lost_a_chunk_is_not_taken_for_complete(self, stack, monkeypatch):
        needs_zarr("zarr")
        self.ended(stack, monkeypatch, "out.zarr")
        next(path for path in (stack / "out.zarr" / "0" / "c" / "1").rglob("*") if path.is_file()).unlink()
        result = again(stack, output="out.zarr")
        assert result.exit_code == 2
        assert "exists; give --force to replace it" in result.stderr

    def test_clean_removes_it_and_nothing_that_only_looks_like_it(self, stack, monkeypatch):
        last = self.ended(stack, monkeypatch)
        mine = last.with_name(last.name + "0")
        mine.write_text("mine")
        CliRunner().invoke(main, ["clean", str(stack)])
        assert not last.exists()
        assert mine.read_text() == "mine"


class TestTheDisk:
    def test_a_full_one_at_the_next_volume_is_resumed(self, stack, restored, monkeypatch):
        make = checkpoint_module._make_folder

        def full(folder):
            if folder.name == "volume-1":
                raise FULL
            return make(folder)

        monkeypatch.setattr(checkpoint_module, "_make_folder", full)
        result = again(stack)
        assert result.exit_code == 1
        [line] = result.stderr.splitlines()
        assert line.endswith(
            f"No space left on device at 'chunk'; free some space and resume from {str(stack / 'state')!r} by the same "
            "command"
        )
        monkeypatch.setattr(checkpoint_module, "_make_folder", make)
        restored[:] = [None]
        assert again(stack).exit_code == 0
        assert restored == [None, 1, 2]

    def test_so_is_a_full_one_at_the_end(self, stack, restored, monkeypatch):
        create = output_module.create_tiff

        def full(*_):
            raise FULL

        monkeypatch.setattr(output_module, "create_tiff", full)
        result = again(stack, "--dtype", "uint16")
        assert result.exit_code == 1
        [line] = result.stderr.splitlines()
        assert "cannot be finished: No space left on device at 'chunk'; free some space and resume from" in line
        monkeypatch.setattr(output_module, "create_tiff", create)
        restored[:] = [None]
        assert again(stack, "--dtype", "uint16").exit_code == 0
        assert restored == [None]

    @pytest.mark.parametrize("output", ["out.tif", "out.ome.tif", "out.npy"])
    def test_the_room_that_is_held_has_place_for_a_header(self, stack, monkeypatch, output):
        held, hold = [], series_run.hold_space
        monkeypatch.setattr(series_run, "hold_space", lambda path, size: (held.append(size), hold(path, size)))
        assert run(stack, "--dtype", "uint16", output=output).exit_code == 0
        assert held[0] >= (stack / output).stat().st_size

    def test_a_state_speaks_of_nothing_that_a_loss_of_power_takes(self, stack, monkeypatch):
        """Before the first state is written, each name on the way to the voxels is on the disk."""
        (stack / "states").mkdir()
        synced, fsync, write = {}, os.fsync, run_log.RunState.write

        def noted(handle):
            path = Path(f"/proc/self/fd/{handle}").resolve()
            synced[path] = {each.name for each in path.iterdir()} if path.is_dir() else None
            fsync(handle)

        def first(state, folder):
            [work] = stack.glob(".rlcore-work-*")
            assert work / "result" in synced
            assert work.name in synced[stack]
            assert "result" in synced[work]
            assert "state" in synced[stack / "states"]
            write(state, folder)

        monkeypatch.setattr(os, "fsync", noted)
        monkeypatch.setattr(run_log.RunState, "write", first)
        result = run(stack, "--checkpoint", stack / "states" / "state")
        assert result.exit_code == 0, result.exception


class TestTheOptions:
    @pytest.mark.parametrize(
        ("key", "options"),
        [
            ("iterations", ["-n", "6"]),
            ("acceleration", ["--acceleration", "none"]),
            ("regularization", ["--regularization", "tv"]),
            ("stop", ["--stop", "relative-change"]),
            ("stop", ["--stop", "relative-change", "--threshold", "0.01"]),
            ("gain", ["-n", "auto", "--gain", "2"]),
            ("start", ["--start", "image"]),
            ("boundary", ["--boundary", "zero"]),
            ("background", ["--background", "1"]),
            ("dtype", ["--dtype", "uint16"]),
            ("voxel", ["--voxel", "0.3,0.2,0.2"]),
        ],
    )
    def test_every_option_that_changes_the_result_counts(self, stack, restored, key, options):
        before = {"gain": ["-n", "auto", "--gain", "1"], "stop": ["--stop", "relative-change", "--threshold", "0.02"]}
        stopped(stack, restored, *before.get(key, []))
        result = again(stack, *options)
        assert result.exit_code == 2, result.output
        assert re.search(rf"is of another run, with other [^;]*\b{key}\b", result.stderr)

    @pytest.mark.parametrize("changed", ["name", "device"])
    def test_the_backend_and_its_device_count(self, stack, restored, changed, monkeypatch):
        stopped(stack, restored)
        made = NumPyBackend.__init__

        def other(self, *arguments, **options):
            made(self, *arguments, **options)
            setattr(self, changed, "another")

        monkeypatch.setattr(NumPyBackend, "__init__", other)
        result = again(stack)
        assert result.exit_code == 2, result.output
        assert re.search(rf"with other {'backend' if changed == 'name' else 'device'}\b", result.stderr)

    def test_the_seed_reaches_every_volume(self, stack):
        options = {"regularization": "consensus", "iterations": 3}
        results = []
        for seed in (1, 2):
            done = run(stack, "-n", "3", "--regularization", "consensus", "--seed", str(seed), "--force")
            assert done.exit_code == 0, done.output
            results.append(voxels(stack / "out.tif")[1])
            wanted = deconvolved(STACK[1], PSF, backend="numpy", seed=seed, **options)
            np.testing.assert_allclose(results[-1], wanted, rtol=1e-5, atol=1e-5 * wanted.max())
        assert not np.allclose(*results, rtol=1e-3)
