"""Brings what the peers need from npm and Maven, once, into the cache; Absent where that cannot be."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.contender import Absent
from benchmarks.harness.machine import cache

PEERS = Path(__file__).parent
FETCH_SECONDS = 300.0
JAVA = ("java", "-Xmx512m", "-XX:+UseSerialGC")


def java(peer: str, program: str) -> list[str]:
    """Return the command line of a peer's Java program, run from its source."""
    for needed in ("java", "mvn"):
        _need(needed)
    folder = PEERS / peer
    jars = _fetched(
        peer,
        folder / "pom.xml",
        ["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies"],
        "-DoutputDirectory={}",
    )
    home = f"-Dhapi.home={tempfile.gettempdir()}"  # HAPI counts its ids in a file there
    return [*JAVA, home, "-cp", f"{jars}/*", str(folder / program)]


def node(peer: str, program: str) -> list[str]:
    """Return the command line of a peer's program for Node; it stands beside its packages."""
    for needed in ("node", "npm"):
        _need(needed)
    folder = PEERS / peer
    packages = _fetched(
        peer,
        folder / "package.json",
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"],
        "--prefix={}",
    )
    shutil.copy(folder / program, packages / program)
    return ["node", str(packages / program)]


def _need(program: str) -> None:
    if shutil.which(program) is None:
        raise Absent(f"`{program}` is not on the PATH")


def _fetched(peer: str, listed: Path, command: Sequence[str], into: str) -> Path:
    """Return the folder for this list of packages; no half of one is ever seen."""
    version = hashlib.sha256(listed.read_bytes()).hexdigest()[:12]
    folder = cache() / f"{peer}-{version}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=cache()) as part:
        target = Path(part) / "fetched"
        target.mkdir()
        shutil.copy(listed, target)
        try:
            subprocess.run(
                [*command, into.format(target)],
                check=True,
                capture_output=True,
                timeout=FETCH_SECONDS,
                cwd=target,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Absent(f"`{command[0]}` did not bring its packages") from error
        with contextlib.suppress(OSError):  # another process was first: its folder is as good
            target.rename(folder)
    return folder
