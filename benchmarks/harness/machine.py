"""What a table of numbers must say of its machine, and where fetched and compiled things are kept."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("asyncpg", "SQLAlchemy", "aiokafka", "uvloop", "aiosqlite", "hl7", "hl7apy")


def cache() -> Path:
    """Return the folder for compiled and fetched things; it is made."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(home) / "referral-loop" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def facts() -> dict[str, str]:
    """Return what was measured on: processor, kernel, Python, libraries."""
    return {
        "CPUs": f"{os.cpu_count()} ({_processor()})",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "commit": _commit(),
    }


def others() -> float:
    """Return the load of the last minute: above 0.5 before a run, its numbers are doubtful."""
    return os.getloadavg()[0]


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    return found.stdout.strip() or "unknown"
