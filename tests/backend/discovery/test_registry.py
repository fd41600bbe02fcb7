"""Whatever state an installed backend is in: it is told, and disturbs no other."""

import sys
import types
from importlib.metadata import EntryPoint

import pytest

import rlcore
from rlcore.backend import Backend, Device
from rlcore.backend.discovery import plugins
from rlcore.backend.numpy_backend import NumPyBackend


class Distribution:
    """As much of `importlib.metadata.Distribution` as a message shows."""

    def __init__(self, name, version):
        self.name, self.version = name, version


class Idle(NumPyBackend):
    @staticmethod
    def devices():
        return (Device(0, "first"), Device(1, "second", memory=5))


class Lacking:
    """Everything of a backend but its transforms."""

    name, device = "lacking", "none"

    def __init__(self, device=None):
        for member in vars(Backend):
            if not member.startswith("_") and member not in ("fft", "ifft"):
                setattr(self, member, print)


class Inheriting(Backend):
    """Inherits the protocol's own empty members."""

    name, device = "inheriting", "none"

    def __init__(self, device=None):
        pass


def without_driver(device=None):
    raise rlcore.BackendUnavailable("no driver is loaded; install one")


def crashing(device=None):
    raise ZeroDivisionError("its own fault")


@pytest.fixture
def install(monkeypatch):
    """Installs entry points that load objects of a made-up module."""
    entries = []
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: entries if group == "rlcore.backends" else [])
    monkeypatch.setattr(plugins, "_installed", plugins._installed.__wrapped__)

    def add(name, thing, owner="rlcore-made-up", version="0.1"):
        module = types.ModuleType("made_up_" + name.replace("-", "_"))
        module.thing = thing
        if thing is not None:
            monkeypatch.setitem(sys.modules, module.__name__, module)
        entry = EntryPoint(name, f"{module.__name__}:thing", "rlcore.backends")
        entry._for(Distribution(owner, version))
        entries.append(entry)

    add("numpy", NumPyBackend, "rlcore", "0.1.0")
    return add


def message_of(name, kind=rlcore.BackendError):
    with pytest.raises(kind) as error:
        rlcore.load_backend(name)
    assert type(error.value) is kind or kind is rlcore.BackendError
    return str(error.value)


def found(name):
    [finding] = [finding for finding in rlcore.survey() if finding.name == name]
    [numpy] = [finding for finding in rlcore.survey() if finding.name == "numpy"]
    assert numpy.state == "usable"
    assert rlcore.load_backend("numpy").name == "numpy"
    return finding


def test_one_that_works_tells_who_brought_it_and_what_it_runs_on(install):
    install("idle", Idle)
    finding = found("idle")
    assert (finding.state, finding.device, finding.reason) == ("usable", "CPU", "")
    assert finding.distribution == "rlcore-made-up 0.1"
    assert [device.name for device in finding.devices] == ["first", "second"]
    assert finding.memory > 0
    assert isinstance(rlcore.load_backend("idle"), Idle)


def test_one_of_ours_that_is_not_installed_is_told_with_what_brings_it(install):
    assert message_of("cupy") == "backend 'cupy' is not installed; try: pip install rlcore-cupy"
    assert message_of("pyfftw") == "backend 'pyfftw' is not installed; try: pip install rlcore-pyfftw"
    assert message_of("vkfft") == "backend 'vkfft' is not installed; try: pip install 'rlcore-reikna[vkfft]'"


def test_an_unknown_name_is_told_with_the_nearest_and_all_that_are_installed(install):
    install("abacus", Idle)
    assert message_of("abakus") == (
        "backend 'abakus' is unknown (did you mean 'abacus'?); installed are 'abacus', 'numpy'"
    )
    assert message_of("qqq") == "backend 'qqq' is unknown; installed are 'abacus', 'numpy'"


def test_a_name_claimed_twice_is_told_with_both_owners(install):
    install("twin", Idle, "one", "1.0")
    install("twin", Idle, "other", "2.0")
    assert message_of("twin") == "backend 'twin' is claimed by one 1.0 and other 2.0; uninstall all but one"
    finding = found("twin")
    assert finding.state == "ambiguous"
    assert finding.reason == "claimed by one 1.0 and other 2.0; uninstall all but one"


def test_one_that_cannot_be_imported_tells_its_own_error(install):
    install("gone", None)
    said = (
        "backend 'gone' of rlcore-made-up 0.1 cannot be imported: ModuleNotFoundError: No module named 'made_up_gone'"
    )
    assert message_of("gone") == said
    assert found("gone").state == "broken"
    assert "No module named 'made_up_gone'" in found("gone").reason


def test_one_that_fails_to_start_tells_its_own_error(install):
    install("crashing", crashing)
    said = "backend 'crashing' of rlcore-made-up 0.1 failed to start: ZeroDivisionError: its own fault"
    assert message_of("crashing") == said
    assert found("crashing").state == "broken"


@pytest.mark.parametrize(("made", "members"), [(Lacking, {"fft", "ifft"}), (Inheriting, {"fft", "upload", "flip"})])
def test_one_that_lacks_members_tells_which(install, made, members):
    install("half", made)
    text = message_of("half")
    assert text.startswith("backend 'half' of rlcore-made-up 0.1 lacks ")
    lacking = set(text.partition(" lacks ")[2].split(", "))
    assert lacking == members if made is Lacking else lacking >= members
    assert found("half").state == "incomplete"


def test_an_entry_point_that_is_no_callable_is_incomplete(install):
    install("number", 3)
    assert message_of("number").startswith("backend 'number' of rlcore-made-up 0.1 is not callable: ")
    assert found("number").state == "incomplete"


def test_one_without_a_device_is_unavailable_with_its_reason(install):
    install("idle", without_driver)
    assert message_of("idle", rlcore.BackendUnavailable) == "no driver is loaded; install one"
    finding = found("idle")
    assert (finding.state, finding.reason) == ("unavailable", "no driver is loaded; install one")


def test_one_whose_memory_cannot_be_asked_is_told_as_broken(install):
    class Mute(NumPyBackend):
        def free_bytes(self):
            raise RuntimeError("driver went away")

    install("mute", Mute)
    assert found("mute").state == "broken"
    said = "backend 'mute' of rlcore-made-up 0.1 cannot be asked: RuntimeError: driver went away"
    assert found("mute").reason == said


def test_one_that_is_not_named_is_not_started(install):
    loaded = []
    install("shy", lambda device=None: loaded.append(device))
    rlcore.load_backend("numpy")
    with pytest.raises(rlcore.BackendError, match="is unknown"):
        rlcore.load_backend("nothing")
    assert loaded == []


def test_the_name_of_a_distribution_is_read_once(install, monkeypatch):
    """Every call that names its backend asks for it, and reading it takes longer than a small iteration."""
    reads = []

    class Slow(Distribution):
        name = property(lambda self: reads.append("name") or "rlcore-slow", lambda self, _: None)

    install("idle", Idle)
    [entry] = [entry for entry in plugins.entry_points(group="rlcore.backends") if entry.name == "idle"]
    entry._for(Slow("rlcore-slow", "0.1"))
    for _ in range(3):
        rlcore.load_backend("idle")
    assert reads == ["name"]
