"""The memory probe on made-up machines: what the container allows, whoever limits it."""

import pytest

from rlcore.backend.host.cgroup import cpu_limits, memory_limits
from rlcore.backend.host.memory import host_free

MIB = 1 << 20


@pytest.fixture
def machine(tmp_path):
    """Writes files below a made-up root; returns the root."""

    def make(files, available=1000):
        files = {"proc/meminfo": f"MemTotal: 9 kB\nMemAvailable:   {available * 1024} kB\n", **files}
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(content) + "\n")
        return tmp_path

    return make


V2 = {"proc/self/cgroup": "0::/work/job"}


def v2(folder, limit, used, cache=0):
    at = f"sys/fs/cgroup/{folder}".rstrip("/")
    stat = f"anon 5\ninactive_file {cache}\nactive_file 7"
    return {f"{at}/memory.max": limit, f"{at}/memory.current": used, f"{at}/memory.stat": stat}


def v1(folder, limit, used, cache=0):
    at = f"sys/fs/cgroup/memory/{folder}".rstrip("/")
    stat = f"inactive_file 99999999\ntotal_inactive_file {cache}"
    return {
        f"{at}/memory.limit_in_bytes": limit,
        f"{at}/memory.usage_in_bytes": used,
        f"{at}/memory.stat": stat,
    }


def test_without_any_group_the_machine_says_what_is_free(machine):
    assert host_free(machine({})) == (1000 * MIB, "/proc/meminfo")


def test_a_limit_of_version_2_counts_with_its_name(machine):
    root = machine(V2 | v2("work/job", 600 * MIB, 200 * MIB))
    assert host_free(root) == (400 * MIB, f"cgroup limit {root}/sys/fs/cgroup/work/job/memory.max")


def test_a_limit_of_version_1_counts_with_its_name(machine):
    root = machine({"proc/self/cgroup": "4:cpu,cpuacct:/a\n9:memory:/job"} | v1("job", 600 * MIB, 200 * MIB))
    assert host_free(root) == (400 * MIB, f"cgroup limit {root}/sys/fs/cgroup/memory/job/memory.limit_in_bytes")


@pytest.mark.parametrize(("outer", "inner"), [(300, 500), (500, 300)])
def test_of_nested_limits_the_tightest_counts(machine, outer, inner):
    root = machine(V2 | v2("work", outer * MIB, 100 * MIB) | v2("work/job", inner * MIB, 100 * MIB))
    assert host_free(root)[0] == 200 * MIB
    name = "work" if outer < inner else "work/job"
    assert host_free(root)[1].endswith(f"/{name}/memory.max")


def test_the_root_of_the_tree_may_be_the_container_s_own_group(machine):
    root = machine({"proc/self/cgroup": "0::/"} | v2("", 600 * MIB, 100 * MIB))
    assert host_free(root)[0] == 500 * MIB


def test_groups_above_the_namespace_are_looked_for_below_the_mount(machine):
    root = machine({"proc/self/cgroup": "0::/../../elsewhere"} | v2("", 600 * MIB, 100 * MIB))
    assert host_free(root)[0] == 500 * MIB


@pytest.mark.parametrize("made", [v1, v2])
def test_cache_that_the_kernel_gives_back_counts_as_free(machine, made):
    line = "0::/job" if made is v2 else "9:memory:/job"
    root = machine({"proc/self/cgroup": line} | made("job", 600 * MIB, 500 * MIB, cache=450 * MIB))
    assert host_free(root)[0] == 550 * MIB


def test_use_beyond_the_limit_leaves_nothing_and_not_less(machine):
    root = machine(V2 | v2("work/job", 100 * MIB, 150 * MIB))
    assert host_free(root)[0] == 0


@pytest.mark.parametrize(
    "files",
    [
        V2 | v2("work/job", "max", 200 * MIB),
        {"proc/self/cgroup": "9:memory:/job"} | v1("job", 9223372036854771712, 200 * MIB),
        V2,
        {"proc/self/cgroup": "9:cpu:/job"},
        V2 | {"sys/fs/cgroup/work/job/memory.max": "garbled", "sys/fs/cgroup/work/job/memory.current": "5"},
    ],
    ids=["version 2, unlimited", "version 1, unlimited", "no files", "another controller", "garbled"],
)
def test_what_does_not_limit_does_not_count(machine, files):
    root = machine(files)
    assert list(memory_limits(root)) == []
    assert host_free(root) == (1000 * MIB, "/proc/meminfo")


def test_a_limit_above_what_the_machine_has_free_does_not_count(machine):
    root = machine(V2 | v2("work/job", 5000 * MIB, 0), available=700)
    assert host_free(root) == (700 * MIB, "/proc/meminfo")


def test_a_mixed_tree_has_version_2_beside_version_1(machine):
    lines = "9:memory:/job\n0::/job"
    root = machine({"proc/self/cgroup": lines, "sys/fs/cgroup/unified/x": ""} | v1("job", 600 * MIB, 100 * MIB))
    assert host_free(root)[0] == 500 * MIB


def test_quotas_of_processors_are_read_along_the_chain(machine):
    root = machine(
        {
            "proc/self/cgroup": "0::/work/job",
            "sys/fs/cgroup/work/job/cpu.max": "max 100000",
            "sys/fs/cgroup/work/cpu.max": "150000 100000",
        }
    )
    assert list(cpu_limits(root)) == [1.5]


def test_quotas_of_processors_of_version_1(machine):
    folder = "sys/fs/cgroup/cpu,cpuacct/job"
    root = machine(
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/job",
            f"{folder}/cpu.cfs_quota_us": "250000",
            f"{folder}/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        }
    )
    assert list(cpu_limits(root)) == [2.5]
