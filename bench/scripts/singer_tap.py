"""Prints the usage file as Singer messages, for the Singer targets.

    python singer_tap.py FILE | target-postgres --config ...

The usual tap-csv is not on PyPI. This one does less than a tap does (no state, no catalog), so it flatters the targets.
What is no number is passed on as it is: to judge it is the target's part.
"""

import csv
import json
import sys
from pathlib import Path

TEXT = {"type": ["string"]}
MONEY = {"type": ["number"], "multipleOf": 0.01}
PROPERTIES = {
    "date": {"type": ["string"], "format": "date"},
    "bill_id": {"type": ["integer"]},
    "currency": TEXT,
    "name": TEXT,
    "product1_revenue": MONEY,
    "product2_revenue": MONEY,
}
STREAM = "usage_data"


READERS = {"bill_id": int, "product1_revenue": float, "product2_revenue": float}


def value(name, text):
    try:
        return READERS.get(name, str)(text)
    except ValueError:
        return text


def record(fields):
    return {name: value(name, text) for name, text in zip(PROPERTIES, fields, strict=False)}


schema = {"type": "object", "properties": PROPERTIES}
keys = ["date", "bill_id"]
print(json.dumps({"type": "SCHEMA", "stream": STREAM, "schema": schema, "key_properties": keys}))
with Path(sys.argv[1]).open(newline="", encoding="utf-8") as source:
    rows = csv.reader(source)
    next(rows)
    for fields in rows:
        print(json.dumps({"type": "RECORD", "stream": STREAM, "record": record(fields)}))
