"""What every target begins with: the rows of the tests' tables, and what the fuzzer has found.

``corpus/NAME.txt`` has one input on a line, as Python writes bytes.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tests.fuzz import exchanges, fields, records
from tests.fuzz.source import chosen
from tests.games.strategies import CORPUS

FOLDER = Path(__file__).parent / "corpus"
TEXTS = [text.encode("latin-1", "replace") for text in CORPUS]

HOST_KEYS = [
    chosen(s, h, p, q, s, h, other, q, reference)
    for s in (0, 1)
    for h in (0, 1, 3, "h/a", "good,second", "h\x00")
    for p, other in ((1, 2), (2, 3), (4, 5), (6, 7), ("/a\r\nb", "/\xff"))
    for q in (0, 1)
    for reference in (b"/x?y", b"http://[", b"//evil.example/", b"../..//b", b"http://a:99999/")
]
RECORDS = [
    chosen(mode, number, 128, text.encode(), b"\n", contents)
    for mode in (1, 2)
    for number, text in enumerate(records.GOLDEN_HEADS.values())
    for contents in (b"", b"hello", bytes(range(256)) + b"345")
]
REPLIES = [
    chosen(do, 16, 16, reply)
    for do in range(len(records.DO))
    for reply in (
        chosen(1, 0, 1, 3, 4, 0, 0),
        chosen(2, 0, 2, 3, 4, 0, 4, 1, 0),
        chosen(3, 0, 1, 1, 3, 4, 0, 0),
        chosen(4, 0, 4, 0, 0),
        chosen(4, 4, 0),
        b"\0VALUE x 0 99999999999\r\n",
        b"\0VALUE x 0 -5\r\nabc\r\nEND\r\n",
        b"\0VALUE  0\r\nEND\r\n",
        b"\0STAT pid 1\r\nEND\r\n",
    )
]
EXCHANGES = [
    chosen(policy, 0, target, 0, 0, who, 1, 0, 1, 0, said, 1, 1, again, 1, other, 1, 0, 1, 0, 0)
    for policy in (0, 2, 3)
    for target in (0, 3, 4)
    for who in range(len(exchanges.WHO))
    for said in range(6)
    for again in (0, 1)
    for other in (0, 1)
]
PURGES = [
    chosen(method, given, 1, field, words)
    for method in range(len(exchanges.ADMIN_METHODS))
    for given in (1, 2, 3, 4, 5, f"bearer  {exchanges.TOKEN} ", f"Bearer\t{exchanges.TOKEN}")
    for field in range(len(exchanges.ADMIN_FIELDS))
    for words in (6, 7)
]

TARGETS = {**fields.TARGETS, **records.TARGETS, **exchanges.TARGETS}
SEEDS: dict[str, list[bytes]] = {
    "range": [chosen(0, 16, text) for text in [*TEXTS, b"0-0,1-1", b"-5", b"5-", b"9-1"]],
    "host_key": HOST_KEYS,
    "entry_decode": [chosen(0, 2, 128, b""), chosen(0, 0, 3, b"x"), *RECORDS],
    "memcached_reply": REPLIES,
    "wsgi_exchange": EXCHANGES,
    "admin": PURGES,
}


def seeds(name: str) -> list[bytes]:
    """What target *name* begins with."""
    path = FOLDER / f"{name}.txt"
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return [*SEEDS.get(name, TEXTS), *(ast.literal_eval(line) for line in lines)]
