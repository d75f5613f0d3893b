"""Feeds to records: every dialect, what is ill-formed, what is a trap."""

from __future__ import annotations

import json

import pytest

from holdfast.parsing.feed import COLUMNS, NoFeed, read_feed

RSS2 = """<rss version="2.0"><channel><title>News</title>
<item><guid isPermaLink="false">a1</guid><title>A &amp; B</title>
<link>https://x.example/1</link><pubDate>Mon, 05 Jan 2026 10:00:00 +0100</pubDate><category>one</category>
<category>two</category><enclosure url="https://x.example/a.mp3" length="5" type="audio/mpeg"/></item>
</channel></rss>"""
RSS091 = """<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">
<rss version="0.91"><channel><title>Old</title><item><title>T</title><link>https://x.example/2</link></item>
</channel></rss>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>R</title></channel><item rdf:about="https://x.example/3">
<title>T</title><link>https://x.example/3</link><dc:date>2026-01-05T10:00:00Z</dc:date></item></rdf:RDF>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>At</title><entry><id>urn:4</id><title>T</title>
<link href="https://x.example/4"/><updated>2026-01-05T10:00:00.5Z</updated><author><name>Ann</name></author>
<content type="html">&lt;b&gt;body&lt;/b&gt;&lt;script&gt;x()&lt;/script&gt;</content></entry></feed>"""


def entry(text: str, **options: bool) -> tuple[dict[str, object], list[str]]:
    read = read_feed(text.encode(), {}, **options)
    (record,) = read.records
    return json.loads(record), read.warnings


def test_every_column_of_an_rss_entry() -> None:
    record, warnings = entry(RSS2)
    assert record == {
        "id": "a1",
        "link": "https://x.example/1",
        "title": "A & B",
        "summary": None,
        "content": None,
        "author": None,
        "published": "2026-01-05T09:00:00Z",
        "updated": None,
        "categories": ["one", "two"],
        "enclosures": [{"href": "https://x.example/a.mp3", "type": "audio/mpeg", "length": "5"}],
        "feed_title": "News",
    }
    assert tuple(record) == COLUMNS
    assert not warnings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RSS091, {"id": "https://x.example/2", "title": "T", "published": None, "feed_title": "Old"}),
        (RDF, {"id": "https://x.example/3", "updated": "2026-01-05T10:00:00Z"}),
        (ATOM, {"id": "urn:4", "author": "Ann", "updated": "2026-01-05T10:00:00Z", "content": "<b>body</b>"}),
    ],
    ids=["RSS 0.91 without guid", "RDF", "Atom"],
)
def test_dialects(text: str, told: dict[str, object]) -> None:
    record, _ = entry(text)
    assert {name: record[name] for name in told} == told


def test_a_date_that_nobody_can_read() -> None:
    text = RSS2.replace("Mon, 05 Jan 2026 10:00:00 +0100", "the day before")
    record, warnings = entry(text)
    assert record["published"] is None
    assert warnings == ["dates that nobody can read became NULL: published 'the day before' of a1"]
    record, warnings = entry(text, null_bad_dates=False)
    assert (record["published"], warnings) == ("the day before", [])


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-02-30T10:00:00Z", None),
        ("2026-13-01", None),
        ("2026-01-01T10:61:00Z", None),
        ("2026-W01", None),
        ("2025-366", None),
        ("Mon, 30 Feb 2026 10:00:00 GMT", None),
        ("2026-01-01T00:30:00+14:00", "2025-12-31T10:30:00Z"),
        ("2026-01-01 23:30 -1100", "2026-01-02T10:30:00Z"),
        ("31 Dec 2026 23:30 EST", "2027-01-01T04:30:00Z"),
        ("2026-01", "2026-01-01T00:00:00Z"),
    ],
)
def test_no_day_is_made_of_one_that_does_not_exist(told: str, read: str | None) -> None:
    item = f"<item><guid>1</guid><pubDate>{told}</pubDate></item>"
    found = read_feed(f"<rss version='2.0'><channel><title>t</title>{item}</channel></rss>".encode(), {})
    assert json.loads(found.records[0])["published"] == read
    assert bool(found.warnings) is (read is None)


def test_an_ill_formed_feed_gives_what_can_be_read_and_says_so() -> None:
    record, warnings = entry(RSS2.replace("&amp;", "& <b>").replace("</channel></rss>", ""))
    assert record["id"] == "a1"
    assert "not well-formed" in warnings[0]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {after} "{f"&{name};" * 10}">' for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b" ", "it is empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "found HTML"),
        (b'{"items": []}', "not well-formed"),
        (f"{BOMB}]>{RSS2.replace('A &amp; B', '&i;')}".encode(), "entities of its own"),
        (f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{RSS2.replace("&amp;", "&a;")}'.encode(), "entities"),
        (f'<!DOCTYPE x [<!ENTITY % a SYSTEM "http://x/a.dtd"> %a;]>{RSS2}'.encode(), "entities"),
    ],
    ids=["empty", "HTML", "JSON", "entity bomb", "external entity", "external parameter entity"],
)
def test_what_is_no_feed_or_a_trap_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(NoFeed, match=told):
        read_feed(body, {})


def test_a_bomb_in_an_encoding_that_hides_it_is_harmless() -> None:
    for encoding in ("utf-16", "utf-32", "utf-7", "cp037"):
        try:
            read = read_feed(f"{BOMB}]>{RSS2.replace('A &amp; B', '&i;')}".encode(encoding), {})
        except NoFeed:
            continue
        assert all(len(record) < 10_000 for record in read.records)
