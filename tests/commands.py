"""Run our commands in new processes, forked from a server that has already imported the slow libraries.

`python -m vae_exp.train` imports for 3 to 9 seconds before it starts. Here the same module runs as `__main__` in a new
process at once; it has its own id, group, environment and streams, and can be stopped and killed. A test of the start
itself runs `sys.executable`.
"""

import atexit
import functools
import importlib.util
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path

IMPORTED = [
    "vae_exp.experiment",
    "vae_exp.compose",
    "vae_exp.data.digits",
    "vae_exp.comparison.report",
    "sklearn.datasets",
    "sklearn.linear_model",
    "torch._dynamo",
    "mlflow.store.tracking.sqlalchemy_store",
]
"""What the server imports before it forks: no module that a command runs as `__main__`."""


@functools.cache
def forkserver():
    """Return the context whose processes are forked from the server, which starts with the first process."""
    context = multiprocessing.get_context("forkserver")
    assert all(map(importlib.util.find_spec, IMPORTED))  # the server itself ignores what it can't import
    context.set_forkserver_preload(IMPORTED)
    return context


def fork(function, *arguments):
    """Call a function in a new process; return the process."""
    sys.audit("vae_exp.tests.fork", function.__name__)
    process = forkserver().Process(target=function, args=arguments)
    process.start()
    return process


class Command:
    """`python -m vae_exp.<verb>` in a folder, as the leader of its own process group; with the methods of `Popen`."""

    def __init__(self, cwd, verb, *arguments, environment=None):
        self.args = [f"vae_exp.{verb}", *map(str, arguments)]
        streams = tempfile.mkdtemp(prefix="streams_")
        weakref.finalize(self, shutil.rmtree, streams)
        self._files = [Path(streams) / name for name in ("stdout", "stderr")]
        environment = dict(os.environ if environment is None else environment)
        self._process = fork(_become, str(cwd), self.args, environment, [str(file) for file in self._files])
        self.pid = self._process.pid
        while self.poll() is None and not self._files[1].exists():  # then it is the leader of its group
            time.sleep(0.001)

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=None):
        """Wait until the process ends; return its standard output and standard error."""
        self.wait(timeout)
        return self.stdout(), self._read(1)

    def stdout(self):
        """Return the standard output so far."""
        return self._read(0)

    def _read(self, stream):
        file = self._files[stream]
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run(cwd, verb, *arguments, environment=None, timeout=300):
    """Run a command to its end, as `subprocess.run` does."""
    command = Command(cwd, verb, *arguments, environment=environment)
    stdout, stderr = command.communicate(timeout)
    return subprocess.CompletedProcess(command.args, command.returncode, stdout, stderr)


def _become(cwd, arguments, environment, streams):
    """Turn this new process into the command."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process of a shell ignores it
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate(streams, start=1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv = list(arguments)
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing does not run them
