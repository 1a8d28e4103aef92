"""The worker processes of a pool exit together with the process that created it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from adaptive_optim import process_pool

PROGRAM = """
import os, time
from adaptive_optim import process_pool

if __name__ == "__main__":
    pool = process_pool(2)
    print(*{pool.submit(os.getpid).result() for _ in range(20)}, *pool._processes, flush=True)
    pool.submit(time.sleep, 600)
    time.sleep(600)
"""


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not have these signals")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_workers_exit_when_the_program_is_killed(name, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as program:
        workers = {int(process_id) for process_id in program.stdout.readline().split()}
        assert workers
        assert all(map(is_alive, workers))
        program.send_signal(getattr(signal, name))
        program.wait(60)
    deadline = time.monotonic() + 60
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [process_id for process_id in workers if is_alive(process_id)]


def test_a_pool_needs_at_least_one_worker():
    with pytest.raises(ValueError, match="max_workers"):
        process_pool(0)
