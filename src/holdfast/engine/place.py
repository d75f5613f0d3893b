"""Where a process runs, so that another one on the same machine can see at once that it is dead.

A place is host, boot and PID namespace: only within one do process ids mean the same. Where the system does not say
(no /proc), the place is unique to the process and only the lease decides.
"""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process and its place. `start` tells a process from a later one with the same id."""

    host: str
    place: str
    pid: int
    start: str


def this_process() -> Process:
    host, pid = socket.gethostname(), os.getpid()
    start = process_start(pid)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot, namespace = uuid.uuid4().hex, ""
    return Process(host=host, place=f"{host} {boot} {namespace}"[:255], pid=pid, start=start or "")


def process_start(pid: int) -> str | None:
    """When the process began, in ticks since boot; None: there is no such process (a zombie is none)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name may hold anything, so count from its end
    return None if fields[0] in "ZX" else fields[19]
