"""dnspython without its optional packages reads the same, and importlib.metadata is whole afterwards."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

from lowatch.resolve.upstream.dnspython import without_optional_packages

PROGRAM = """
import sys
from lowatch.resolve.upstream.dnspython import without_optional_packages
with without_optional_packages():
    from lowatch.wire.dns_full import parse_full
assert not {"importlib.metadata", "email", "zipfile"} & sys.modules.keys(), "nothing else imports them"
import importlib.metadata
assert importlib.metadata.version("dnspython")
question = b"\\3www\\7example\\3com\\0\\0\\1\\0\\1"
record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\x0a"
reply = parse_full(b"\\0\\7\\x85\\0\\0\\1\\0\\1\\0\\0\\0\\0" + question + record)
print(reply.rcode, *reply.addresses[0], reply.ttl)
"""


def test_a_response_is_read_without_them() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, check=True, text=True)
    assert said.stdout == "NOERROR 192 0 2 10 60\n"


def test_what_was_imported_before_stays_as_it_is() -> None:
    with without_optional_packages():
        assert importlib.metadata.version("dnspython")
    assert sys.modules["importlib.metadata"] is importlib.metadata
