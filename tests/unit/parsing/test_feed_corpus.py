"""feedparser's own samples, thousands of feeds of every dialect and kind of damage: none trips our reading of feeds.

They are in its source distribution, which pip fetches once and pytest's cache keeps. It is not part of this repository.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from holdfast.parsing.feed import COLUMNS, NoFeed, read_feed

SAMPLES_MIN = 2_000
SECONDS_MAX = 5.0  # of processor time for one sample; the slowest takes a twentieth of a second


def test_no_sample_trips_the_reader(request: pytest.FixtureRequest) -> None:
    cache = request.config.cache
    assert cache is not None
    read = refused = entries = 0
    for name, body in samples(Path(cache.mkdir("feedparser"))):
        began = time.process_time()
        try:
            feed = read_feed(body, {})
        except NoFeed:
            refused += 1
        else:
            assert all(tuple(json.loads(record)) == COLUMNS for record in feed.records), name
            entries += len(feed.records)
            read += 1
        assert time.process_time() - began < SECONDS_MAX, name
    assert read + refused >= SAMPLES_MIN
    assert read > refused * 10
    assert entries > read // 4


def samples(kept: Path) -> list[tuple[str, bytes]]:
    """Every file below `tests` in the source distribution of the feedparser that is installed."""
    wanted = f"feedparser=={version('feedparser')}"
    archives = sorted(kept.glob(f"feedparser-{version('feedparser')}.tar.gz"))
    if not archives:
        source = ["--no-deps", "--no-binary", "feedparser", "--no-build-isolation"]
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", *source, "-d", str(kept), wanted], check=True, timeout=240
        )
        archives = sorted(kept.glob("feedparser-*.tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(archives[-1].read_bytes())) as archive:
        files = [member for member in archive.getmembers() if member.isfile() and "/tests/" in member.name]
        return [(member.name, handle.read()) for member in files if (handle := archive.extractfile(member))]
