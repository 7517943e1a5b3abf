"""A folder on a disk of its own that a test can fill to the last byte, and empty again."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.provider import could_not_run

BLOCK = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A file system in memory; `room` is its folder."""

    room: Path

    @property
    def ballast(self) -> Path:
        return self.room / "ballast"

    def fill(self) -> None:
        """Take every byte that is left: the next write gets ENOSPC."""
        with self.ballast.open("ab", buffering=0) as file:
            for size in (BLOCK * 64, BLOCK, 1):
                self._write_all(file.fileno(), size)

    def free(self) -> None:
        """Give the room back."""
        self.ballast.unlink(missing_ok=True)

    def left(self) -> int:
        """Return how many bytes are free."""
        return shutil.disk_usage(self.room).free

    def _write_all(self, file: int, size: int) -> None:
        try:
            while os.write(file, b"\0" * size):
                pass
        except OSError:  # the disk is full: that was the aim
            return


@contextmanager
def small_disk(folder: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount a small file system; where that is not allowed the test cannot run."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0777", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        could_not_run("a full disk needs root, to mount a small one")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
        folder.rmdir()
