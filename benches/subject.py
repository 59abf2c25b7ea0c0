"""One round of riverrun, in a process of its own: a mode and paths come in, seconds and what it cost go out as JSON.

    subject.py hash ALGORITHM FILE [THREADS]       one file
    subject.py many ALGORITHM LIST [THREADS]       the files named in LIST, one a line
    subject.py learn INDEX PATH                    look at all and save
    subject.py check LEVEL INDEX PATH [THREADS]    load the index, compare; nothing is saved
    subject.py md5 FILE                            hashlib's MD5 of one file, as DVC names it

The clock starts when riverrun is imported: what Python itself needs to start is the same for every library.
"""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import riverrun


def main(mode: str, *words: str) -> dict[str, Any]:
    began = time.perf_counter()
    told: dict[str, Any] = {}
    match (mode, *words):
        case ("hash", algorithm, path, *threads):
            riverrun.hash_file(path, algorithm=algorithm, threads=number(threads))
        case ("many", algorithm, listing, *threads):
            paths = Path(listing).read_text().split("\n")[:-1]
            began = time.perf_counter()
            found = riverrun.hash_files(paths, algorithm=algorithm, threads=number(threads))
            assert all(isinstance(digest, riverrun.Digest) for digest in found)
        case ("learn", index, path):
            found = riverrun.Index(index).scan([path])
            told = {"changed": len(found.changed)}
        case ("check", level, index, path, *threads):
            loaded = riverrun.Index(index)
            told = {"load_us": round((time.perf_counter() - began) * 1e6)}
            assert loaded.note is None, loaded.note
            found = loaded.scan([path], check=level, threads=number(threads), save=False)
            told |= {
                "bytes_read": found.bytes_read,
                "unchanged": found.unchanged,
                "changed": len(found.changed),
            }
            assert not found.errors and not found.missing, found
        case ("md5", path):
            with open(path, "rb") as source:
                hashlib.file_digest(source, "md5")
        case _:
            sys.exit(__doc__)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_bytes": peak_bytes(), **told}


def peak_bytes() -> int:
    """Of this program: what getrusage tells begins with the memory of the process that started it."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


def number(words: list[str]) -> int | None:
    return int(words[0]) if words else None


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
