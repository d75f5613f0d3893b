"""The private server survives a sudden stop; the proxy cuts exactly where it was told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.support.postgres_server import PostgresServer
from tests.support.proxy import Proxy


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as started:
        with psycopg.connect(started.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE t (n int)")
        yield started


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[Proxy]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("TRUNCATE t")
    with Proxy(server.port) as started:
        yield started


def connect(port: int) -> psycopg.Connection:
    return psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")


def committed(server: PostgresServer) -> int:
    with connect(server.port) as connection:
        found = connection.execute("SELECT count(*) FROM t").fetchone()
    assert found is not None
    return int(found[0])


def insert_and_commit(port: int) -> None:
    with connect(port) as connection:
        connection.execute("INSERT INTO t VALUES (1)")


def test_a_sudden_stop_keeps_what_was_committed_and_nothing_else(server: PostgresServer, proxy: Proxy) -> None:
    insert_and_commit(server.port)
    open_one = connect(server.port)
    open_one.execute("INSERT INTO t VALUES (2)")
    server.restart_at_once()
    with pytest.raises(psycopg.OperationalError):
        open_one.commit()
    assert committed(server) == 1


def test_a_commit_cut_before_the_server_saw_it_is_no_commit(server: PostgresServer, proxy: Proxy) -> None:
    proxy.cut_before(b"COMMIT")
    with pytest.raises(psycopg.OperationalError):
        insert_and_commit(proxy.port)
    assert proxy.cut_made.wait(5)
    assert committed(server) == 0


def test_a_commit_whose_answer_is_lost_is_committed_all_the_same(server: PostgresServer, proxy: Proxy) -> None:
    proxy.cut_answer_to(b"COMMIT")
    with pytest.raises(psycopg.OperationalError):
        insert_and_commit(proxy.port)
    assert proxy.cut_made.wait(5)
    assert committed(server) == 1


def test_a_cut_happens_once(server: PostgresServer, proxy: Proxy) -> None:
    proxy.cut_before(b"COMMIT")
    with pytest.raises(psycopg.OperationalError):
        insert_and_commit(proxy.port)
    insert_and_commit(proxy.port)
    assert committed(server) == 1


def test_every_connection_can_be_cut_at_once(server: PostgresServer, proxy: Proxy) -> None:
    connections = [connect(proxy.port) for _ in range(3)]
    proxy.cut_all()
    for connection in connections:
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    insert_and_commit(proxy.port)
    assert committed(server) == 1


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that sends back what it gets, for counting bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(1024):
                connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.mark.parametrize("count", [1, 5, 9])
def test_a_cut_after_n_bytes_passes_exactly_n(echo_port: int, count: int) -> None:
    with Proxy(echo_port) as proxy:
        proxy.cut_after_bytes(count, sent_by="server")
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(b"0123456789")
            heard = b""
            while data := client.recv(1024):
                heard += data
    assert heard == b"0123456789"[:count]


def test_a_pattern_split_over_two_reads_is_seen(echo_port: int) -> None:
    with Proxy(echo_port) as proxy:
        proxy.cut_before(b"COMMIT")
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(b"xxCOM")
            assert client.recv(5) == b"xxCOM"
            client.sendall(b"MIT")
            assert client.recv(5) == b""
        assert proxy.cut_made.is_set()
