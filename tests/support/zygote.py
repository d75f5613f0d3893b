"""A warm Python that forks the `holdfast` processes of tests, so that not each of them imports everything anew.

What it forks is a process like any other: its own group, its own working directory, environment and files, ended by its
own exit or a real signal. Only the imports are done already. The forked process is handed over to the test's process,
which alone can reap it: its number is not given to anyone else before.

Two halves: `Zygote` is the test's side, `wait_for_job` the warm one's. Linux only: a process whose parent has gone is
handed to the nearest ancestor that asked for such (PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_CHILD_SUBREAPER = 36
ANSWER_BYTES_MAX = 64
JOB_BYTES_MAX = 1 << 20
NO_PROCESS = b"0"
LIBRARIES = ("numpy", "psycopg", "pyarrow.compute", "pyarrow.csv", "sqlalchemy.dialects.postgresql.psycopg",
             "sqlalchemy.dialects.sqlite.pysqlite")  # fmt: skip
"""What Holdfast imports late. What is installed only for some sources or engines need not be here."""
QUIET = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""Threads that libraries would start when they are imported: none of them would be there after a fork."""


@dataclass
class Forked:
    """A child of this process, as far as `Started` asks for one."""

    pid: int
    returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


class Zygote:
    """The warm process of this test process. It ends with it."""

    def __init__(self, script: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "cannot become the parent of orphans")
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), str(script)],
                env={name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")} | QUIET,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def fork(self, arguments: list[str], cwd: Path, env: dict[str, str], out: IO[bytes], err: IO[bytes]) -> Forked:
        """A process that runs `holdfast` with these arguments. It leads a group of its own when this comes back."""
        job = json.dumps({"arguments": arguments, "cwd": str(cwd), "env": env}).encode()
        socket.send_fds(self._socket, [job], [out.fileno(), err.fileno()])
        answer = self._socket.recv(ANSWER_BYTES_MAX)
        if not answer:
            raise RuntimeError(f"the zygote ended with {self._process.wait()}; it said why on stderr")
        if answer == NO_PROCESS:
            raise RuntimeError(f"no process in {cwd}: {Path(err.name).read_text()}")
        return Forked(int(answer))

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


@functools.cache
def zygote_of(script: Path) -> Zygote:
    return Zygote(script)


def preload() -> None:
    """Import all there is. It may start no thread and open nothing: a fork has only its own thread."""
    for name in LIBRARIES:
        importlib.import_module(name)
    package = importlib.import_module("holdfast")
    for module in pkgutil.walk_packages(package.__path__, "holdfast."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as missing:
            if (missing.name or "").startswith("holdfast"):
                raise
    _keep_command_line()
    threads = [Path(task, "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    if len(threads) > 1:
        raise RuntimeError(f"an import starts threads, and none would be there after a fork: {threads}; see QUIET")
    gc.collect()
    gc.freeze()  # else the first collection in each child would copy all pages


def _keep_command_line() -> None:
    """Typer makes the tree of commands anew for each call, which takes as long as many a command."""
    from typer import main as typer_main

    from holdfast.interfaces.cli.main import app

    command = typer_main.get_command(app)
    typer_main.get_command = lambda _app: command


def wait_for_job(requests: socket.socket, script: str) -> list[str]:
    """Fork for every request. Returns in the forked process only, with the command's arguments."""
    while True:
        job, files, _, _ = socket.recv_fds(requests, JOB_BYTES_MAX, 2)
        if not job:
            os._exit(0)  # the tests ended; freeing what it holds is nobody's need
        told = json.loads(job)
        ready, tell_ready = os.pipe()
        middle = os.fork()
        if middle == 0:
            if os.fork() == 0:
                requests.close()
                os.close(ready)
                _become(told["cwd"], told["env"], files, script)
                os.write(tell_ready, str(os.getpid()).encode())
                os.close(tell_ready)
                return [str(argument) for argument in told["arguments"]]
            os._exit(0)  # so that the tests' process becomes the parent
        for descriptor in (tell_ready, *files):
            os.close(descriptor)
        os.waitpid(middle, 0)
        requests.send(os.read(ready, ANSWER_BYTES_MAX) or NO_PROCESS)
        os.close(ready)


def _become(cwd: str, env: dict[str, str], files: list[int], script: str) -> None:
    """What is different in a process that was started from a shell."""
    os.setsid()
    for number, descriptor in enumerate(files, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    main = types.ModuleType("__main__")
    main.__file__ = script  # what worker processes import
    sys.modules["__main__"] = main


def _arm_faults() -> None:
    """The faults of a process are read from its environment when the module is imported: read them again."""
    from holdfast.engine import faults

    if spec := os.environ.get("HOLDFAST_FAULT"):
        before, armed = faults.reach, faults.armed(spec)
        for module in list(sys.modules.values()):
            if getattr(module, "reach", None) is before:
                module.reach = armed  # type: ignore[attr-defined]


def run() -> None:
    number, script = int(sys.argv[1]), sys.argv[2]
    sys.path[0] = str(Path(script).parent)
    preload()
    arguments = wait_for_job(socket.socket(fileno=number), script)
    _arm_faults()
    sys.argv = [script, *arguments]
    from holdfast.interfaces.cli.main import main

    try:
        main()
    except SystemExit as end:
        _leave(end.code)


def _leave(code: object) -> None:
    """What an interpreter does at its end, but for freeing every object: that would copy the warm process's pages."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    run()
