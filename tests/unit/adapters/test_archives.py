"""Archives: what comes out is what went in, read on from where another stopped, or the file is refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from holdfast.adapters.sources.everywhere import Everywhere
from holdfast.domain.errors import SourceError

DATA = b"".join(b"%d,name %d,%d.25\n" % (i, i * 7919, i) for i in range(2_000))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


PACKED = {
    "gzip": gzip.compress(DATA),
    "bz2": bz2.compress(DATA),
    "zstd": pa.compress(DATA, codec="zstd", asbytes=True),
    "zip": zipped({"folder/": b"", "folder/data.csv": DATA, "__MACOSX/._data.csv": b"x"}),
}


@pytest.fixture
def place(tmp_path: Path):
    source = Everywhere(tmp_path)
    yield tmp_path, source
    source.close()


def read_all(source: Everywhere, compression: str, step: int = 10_000) -> bytes:
    handle = source.unpack("a", compression)
    parts, at = [], 0
    try:
        while part := handle.read(at, at + step):
            parts.append(part)
            at += len(part)
    finally:
        handle.close()
    return b"".join(parts)


@pytest.mark.parametrize("compression", PACKED)
def test_spans_in_any_order_by_several_readers(place, compression: str) -> None:
    directory, source = place
    (directory / "a").write_bytes(PACKED[compression])
    assert read_all(source, compression) == DATA
    for start, end in [(100, 900), (900, 901), (5_000, 20_000), (0, 7), (len(DATA) - 5, len(DATA) + 50)]:
        handle = source.unpack("a", compression)
        assert handle.read(start, end) == DATA[start:end]
        handle.close()
    first, second = source.unpack("a", compression), source.unpack("a", compression)
    assert (first.read(0, 100), second.read(50, 60)) == (DATA[:100], DATA[50:60])
    assert (first.read(100, 200), second.read(60, 70)) == (DATA[100:200], DATA[60:70])
    assert first.read(len(DATA) + 10, len(DATA) + 20) == b""
    first.close()
    second.close()


@pytest.mark.parametrize("compression", PACKED)
def test_whatever_is_cut_off_is_missed(place, compression: str) -> None:
    """At every length: no archive that is cut short is ever taken for a shorter one."""
    directory, source = place
    packed = PACKED[compression]
    for length in [*range(40), *range(40, len(packed), 997), *range(len(packed) - 40, len(packed))]:
        (directory / "a").write_bytes(packed[:length])
        with pytest.raises(SourceError, match=r"^a(:| is no)"):
            read_all(source, compression)


@pytest.mark.parametrize("compression", ["gzip", "bz2", "zstd"])
def test_several_members_are_one_content_and_what_is_no_member_is_refused(place, compression: str) -> None:
    directory, source = place
    (directory / "a").write_bytes(PACKED[compression] * 2)
    assert read_all(source, compression) == DATA * 2
    (directory / "a").write_bytes(PACKED[compression] + b"and more")
    with pytest.raises(SourceError, match="is damaged"):
        read_all(source, compression)


@pytest.mark.parametrize("compression", ["gzip", "bz2", "zip"])
def test_a_flipped_bit_is_noticed(place, compression: str) -> None:
    """zstd has a checksum only if it was asked for."""
    directory, source = place
    packed = bytearray(PACKED[compression])
    packed[len(packed) // 2] ^= 16
    (directory / "a").write_bytes(packed)
    with pytest.raises(SourceError, match=f"the {compression} file"):
        read_all(source, compression)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (zipped({}), "holds 0 files"),
        (zipped({"a.csv": b"1", "b.csv": b"2"}), r"holds 2 files \(a.csv, b.csv\)"),
        (
            zipped({"a.csv": DATA}).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
            "encrypted",
        ),
        (b"PK not at all", "is damaged"),
        (b"", "is empty"),
        (b"id,name\n", "is no zip file: it begins with bytes 69642c6e"),
    ],
)
def test_a_zip_that_is_not_one_plain_file(place, content: bytes, told: str) -> None:
    directory, source = place
    (directory / "a").write_bytes(content)
    with pytest.raises(SourceError, match=told) as caught:
        read_all(source, "zip")
    assert caught.value.hint


def test_a_kept_stream_is_not_used_once_the_archive_is_another(place) -> None:
    directory, source = place
    (directory / "a").write_bytes(gzip.compress(b"old " * 50))
    handle = source.unpack("a", "gzip")
    assert handle.read(0, 8) == b"old old "
    handle.close()
    (directory / "new").write_bytes(gzip.compress(b"new! " * 50))
    (directory / "new").replace(directory / "a")
    handle = source.unpack("a", "gzip")
    assert handle.read(10, 15) == b"new! "
    handle.close()
