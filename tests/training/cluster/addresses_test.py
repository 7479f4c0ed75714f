"""Who trains together, told by flags, TF_CONFIG or Slurm."""

import json
import socket

import pytest
from tensorflow.python.distribute.cluster_resolver import (
    slurm_cluster_resolver as tensorflow_slurm,
)

from tests.helpers import processes
from training.cluster import addresses


@pytest.fixture
def workers():
    return tuple(f"localhost:{port}" for port in processes.free_ports(3))


def tf_config(task, **cluster_jobs):
    kind, index = task
    return {
        "TF_CONFIG": json.dumps(
            {"cluster": cluster_jobs, "task": {"type": kind, "index": index}}
        )
    }


def test_flags_tell_before_the_environment(workers):
    environ = tf_config(("worker", 0), worker=["localhost:1"])
    found = addresses.find_cluster(
        workers=workers, worker_index=1, environ=environ
    )
    assert found == addresses.Cluster(workers, 1)
    assert not found.is_chief and found.num_workers == 3
    assert found.host_and_port(2) == ("localhost", int(workers[2][10:]))


@pytest.mark.parametrize(
    "task, index", [(("chief", 0), 0), (("worker", 0), 1), (("worker", 1), 2)]
)
def test_tf_config_counts_the_chief_first(task, index, workers):
    environ = tf_config(task, chief=workers[:1], worker=workers[1:])
    found = addresses.find_cluster(environ=environ)
    assert found == addresses.Cluster(workers, index)


def test_tf_config_of_workers_only(workers):
    environ = tf_config(("worker", 2), worker=workers)
    assert addresses.find_cluster(environ=environ).index == 2


def test_slurm_gives_each_task_of_a_node_a_port(monkeypatch):
    monkeypatch.setattr(
        addresses, "_SLURM_PORT", processes.free_ports(1)[0] - 1
    )
    monkeypatch.setattr(addresses, "_check_host", lambda host, source: None)
    environ = {
        "SLURM_PROCID": "1",
        "SLURM_STEP_NODELIST": "localhost,n[07-08]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)",
    }
    found = addresses.find_cluster(environ=environ)
    base = addresses._SLURM_PORT
    assert found.index == 1
    assert found.workers == (
        f"localhost:{base}",
        f"localhost:{base + 1}",
        f"n07:{base}",
        f"n08:{base}",
    )


@pytest.mark.parametrize(
    "text", ["a", "a,b", "n[1-3]", "n[01-03,7],m2", "r1n[1,3],r2n4"]
)
def test_host_lists_are_expanded_as_by_tensorflow(text):
    assert addresses.expand_hosts(text) == tensorflow_slurm.expand_hostlist(
        text
    )


@pytest.mark.parametrize("text", ["2", "2(x3)", "2(x2),1", "1,2,3(x2)"])
def test_task_counts_are_expanded_as_by_tensorflow(text):
    expected = tensorflow_slurm.expand_tasks_per_node(text)
    assert addresses._expand_counts(text) == expected


@pytest.mark.parametrize(
    "options, environ, message",
    [
        ({}, {}, "--workers=host:port.*TF_CONFIG.*srun.*training.launch"),
        ({"workers": ("localhost:1",)}, {}, "`worker_index` must be given"),
        ({"worker_index": 0}, {}, "`workers` must be given"),
        (
            {"workers": ("localhost",), "worker_index": 0},
            {},
            "addresses host:port. Received: localhost$",
        ),
        (
            {"workers": ("localhost:99999",), "worker_index": 0},
            {},
            "Received: localhost:99999",
        ),
        (
            {"workers": ("a:1", "b:1", "a:1"), "worker_index": 0},
            {},
            "different addresses. Received: a:1 more than once",
        ),
        (
            {"workers": ("localhost:1", "localhost:2"), "worker_index": 2},
            {},
            "from 0 to 1.*2 workers. Received: worker_index=2",
        ),
        (
            {"workers": ("no-such-host.invalid:1",), "worker_index": 0},
            {},
            "hosts that can be found. Received: no-such-host.invalid",
        ),
        ({}, {"TF_CONFIG": "{"}, "TF_CONFIG must be JSON such as"),
        ({}, {"TF_CONFIG": '{"cluster": {}}'}, "TF_CONFIG must be JSON"),
        (
            {},
            tf_config(("ps", 0), worker=["a:1"], ps=["b:1"]),
            "workers only.*Received: ps",
        ),
        (
            {},
            tf_config(("worker", 0), worker=["a:1"], ps=["b:1"]),
            "workers only.*Received: ps",
        ),
        ({}, {"SLURM_PROCID": "0"}, "srun. Received: 'SLURM_STEP_NODELIST'"),
        (
            {},
            {
                "SLURM_PROCID": "0",
                "SLURM_STEP_NODELIST": "n[1",
                "SLURM_STEP_TASKS_PER_NODE": "1",
            },
            r"Slurm's variables.*n\[1",
        ),
    ],
)
def test_wrong_settings_are_refused(options, environ, message):
    with pytest.raises(ValueError, match=message):
        addresses.find_cluster(**options, environ=environ)


def test_port_in_use_is_refused(workers):
    with socket.create_server(("", int(workers[0].partition(":")[2]))):
        with pytest.raises(ValueError, match="Worker 0.*listen.*in use"):
            addresses.find_cluster(workers=workers, worker_index=0, environ={})


def test_host_whose_name_comes_late_is_waited_for(monkeypatch, capsys):
    names, found = {"late": 2, "localhost": 0}, socket.getaddrinfo

    def find(host, *arguments, **options):
        names[host] -= 1
        if names[host] >= 0:
            raise socket.gaierror(socket.EAI_NONAME, "Name not known")
        return found("localhost", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find)
    monkeypatch.setattr(addresses, "_POLL_SECONDS", 0.01)
    port = processes.free_ports(1)[0]
    workers = (f"localhost:{port}", "late:1")
    cluster = addresses.find_cluster(
        workers=workers, worker_index=0, timeout=60
    )
    assert cluster.workers == workers
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "up to 60 s for a host" in told
    assert told.endswith("late\n")


def test_host_that_never_comes_is_named_in_time(monkeypatch):
    monkeypatch.setattr(addresses, "_POLL_SECONDS", 0.01)
    options = {"workers": ("no-such-host.invalid:1",), "worker_index": 0}
    with pytest.raises(
        ValueError, match="can be found. Received: no-such.*--start_timeout"
    ):
        addresses.find_cluster(**options, timeout=0.05)
    # Of what can be no name, none comes.
    options["workers"] = ("a" * 64 + ".invalid:1",)
    with pytest.raises(ValueError, match="can be found.*too long"):
        addresses.find_cluster(**options, timeout=600)


def test_tf_config_of_other_than_texts_is_refused():
    environ = tf_config(("worker", 0), worker=[8888])
    with pytest.raises(ValueError, match="host:port. Received: 8888"):
        addresses.find_cluster(environ=environ)
