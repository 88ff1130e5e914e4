"""Real small disks that can be full or read-only."""

import contextlib
import subprocess

import pytest


class Disk:
    """A file system in memory, mounted on a folder."""

    def __init__(self, folder):
        self.folder = folder

    def mount(self, options, again=False):
        """Mount the file system; return whether that was allowed."""
        options = f"remount,{options}" if again else options
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def resize(self, size):
        assert self.mount(f"size={size}", again=True)

    def forbid_writing(self):
        assert self.mount("ro", again=True)

    def fill(self, leave=0):
        """Fill the disk with one file, except for `leave` bytes; return the file."""
        file = self.folder / "filler"
        with file.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        with file.open("r+b") as filler:
            filler.truncate(file.stat().st_size - leave)
        return file


@contextlib.contextmanager
def small_disk(folder, size):
    """Mount a disk of this size (`200k`) on a new folder; skip the test if mounting is not allowed."""
    folder.mkdir()
    disk = Disk(folder)
    try:
        allowed = disk.mount(f"size={size}")
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("mounting a small tmpfs needs Linux and root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(folder)], check=True)
