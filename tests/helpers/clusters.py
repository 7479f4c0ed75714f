"""Workers that meet, in threads or in processes, without training."""

import os
import subprocess
import sys
import threading

from tests.helpers import processes
from training import errors as errors_lib
from training.cluster import addresses as addresses_lib
from training.cluster import handshake
from training.cluster import rendezvous


def make_clusters(count=3):
    workers = tuple(f"localhost:{port}" for port in processes.free_ports(count))
    return [addresses_lib.Cluster(workers, i) for i in range(count)]


def meet(cluster, timeout=30):
    """Meets as the workers do; who is lost does not end the tests' process."""
    return rendezvous.meet(cluster, timeout, on_lost=lambda message: None)


def in_threads(function, arguments):
    """Calls a function for each argument at once; returns values or errors."""
    results = [None] * len(arguments)

    def call(place, argument):
        try:
            results[place] = function(argument)
        except (ValueError, errors_lib.WorkerLostError) as error:
            results[place] = error

    threads = [
        threading.Thread(target=call, args=pair, daemon=True)
        for pair in enumerate(arguments)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


_WORKER = """
import os, signal, sys, threading, time
from training.cluster import addresses, rendezvous

index, workers, what = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3]
channel = rendezvous.meet(addresses.Cluster(tuple(workers), index), 60)
print("met", flush=True)
if what == "quiet":
    # As while TensorFlow loads.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
if what in ("wait", "quiet"):
    # As in a collective: nothing that Python could interrupt.
    threading.Event().wait()
if what == "slow" and index:
    time.sleep(1)
if what == "die" and not index:
    # The others have said goodbye by then.
    channel._send = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
channel.close()
"""


def start_workers(count, what, cluster=None, index=0):
    """Starts workers that meet, from the one with an index on."""
    cluster = cluster or make_clusters(count)[0]
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                _WORKER,
                str(index + number),
                ",".join(cluster.workers),
                what,
            ],
            cwd=processes.ROOT,
            env={**os.environ, handshake.KEY_VARIABLE: "a secret"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
