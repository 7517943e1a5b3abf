"""When rows become visible to another reader of a file: python -m benchmarks.load.file_watch FILE TABLE COLUMN.

Prints `ready`, looks for commits every half millisecond until its input is closed, then prints
{value of the column: time of the commit that brought it}.
"""

import json
import select
import sqlite3
import sys
import time

EVERY_SECONDS = 0.0005


def main(file: str, table: str, column: str) -> None:
    """Watch the file's version; read the new rows only when it moved."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    new = f"SELECT rowid, {column} FROM {table} WHERE rowid > ? ORDER BY rowid"
    seen: dict[str, float] = {}
    last = version = 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], EVERY_SECONDS)[0]:
        at = time.time()
        (now,) = connection.execute("PRAGMA data_version").fetchone()
        if now == version:
            continue
        version = now
        found = connection.execute(new, (last,)).fetchall()
        seen |= {str(value): at for _, value in found if str(value) not in seen}
        last = found[-1][0] if found else last
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:4])
