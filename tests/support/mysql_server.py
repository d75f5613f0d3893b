"""The MariaDB or MySQL that tests run on: the one that is named, a local one, or a private one that a test may kill.

The private one is Debian's `mariadbd`, in a temporary directory, on a free port of the loopback.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql
import sqlalchemy as sa

from tests.support.processes import wait_until

GIVEN = "HOLDFAST_TEST_MYSQL"
LOCAL = "mysql://root@127.0.0.1:3306/mysql"
START_S = 60.0
_PROGRAMS = {"PATH": os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"}


def program(name: str) -> str | None:
    return shutil.which(name, path=_PROGRAMS["PATH"])


def is_there() -> bool:
    """Is there a server, or a way to start one?"""
    return bool(os.environ.get(GIVEN)) or answers(LOCAL) or program("mariadbd") is not None


def answers(url: str) -> bool:
    try:
        administrate(url).close()
    except pymysql.Error:
        return False
    return True


def administrate(url: str) -> pymysql.Connection[Any]:
    parts = sa.make_url(url)
    return pymysql.connect(
        host=parts.host or "127.0.0.1",
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        autocommit=True,
        connect_timeout=5,
    )


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The url of an empty database, dropped afterwards."""
    name = f"holdfast_test_{uuid.uuid4().hex}"
    _run(server_url, f"CREATE DATABASE {name}")
    yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
    _run(server_url, f"DROP DATABASE {name}")


def _run(server_url: str, statement: str) -> None:
    connection = administrate(server_url)
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


class MysqlServer:
    """A running server of one's own. `url` connects as its superuser; there is no password."""

    def __init__(self, *options: str) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="holdfast-mariadb-"))
        self._options = options
        self._data = self._home / "data"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._install()
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    def start(self) -> None:
        mariadbd = program("mariadbd")
        assert mariadbd, "mariadbd is not installed: apt-get install mariadb-server"
        command = [
            *(mariadbd, "--no-defaults", f"--datadir={self._data}", f"--port={self.port}", "--bind-address=127.0.0.1"),
            *(f"--socket={self._home}/socket", f"--pid-file={self._home}/pid", f"--tmpdir={self._home}"),
            *("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", *_as_root(), *self._options),
        ]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: answers(self.url), deadline_s=START_S, what="mariadbd answers")

    def kill(self) -> None:
        """As if the power had failed; the next start recovers."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _install(self) -> None:
        install = program("mariadb-install-db")
        assert install, "mariadb-install-db is not installed: apt-get install mariadb-server"
        command = [install, "--no-defaults", f"--datadir={self._data}", "--auth-root-authentication-method=normal"]
        with (self._home / "install.log").open("wb") as log:
            subprocess.run([*command, "--skip-test-db", *_as_root()], stdout=log, stderr=log, check=True)


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []
