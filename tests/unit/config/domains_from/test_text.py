from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.config.domains_from.problems import Problems
from lowatch.config.domains_from.text import line_mentions
from lowatch.config.mentions import Mention
from lowatch.core.addresses import Port

FILE = Path("names.txt")
HTTPS, ALTERNATE, QUIC = Port(443, "tcp"), Port(8443, "tcp"), Port(443, "udp")


def read(content: bytes) -> tuple[list[Mention], list[str]]:
    problems = Problems()
    mentions = list(line_mentions(FILE, content.splitlines(keepends=True), problems))
    return mentions, [str(error) for error in problems.errors()]


@pytest.mark.parametrize(
    ("line", "mention"),
    [
        (b"www.example.com", Mention("www.example.com")),
        (b"  WWW.example.com.\t\r\n", Mention("www.example.com")),
        (b"\xef\xbb\xbfwww.example.com\n", Mention("www.example.com")),
        ("bücher.example 443".encode(), Mention("xn--bcher-kva.example", (HTTPS,))),
        (b"www.example.com 443/tcp 8443\n", Mention("www.example.com", (HTTPS, ALTERNATE))),
        (b"www.example.com\t443/udp\t# QUIC\n", Mention("www.example.com", (QUIC,))),
        (b"www.example.com:8443/tcp\n", Mention("www.example.com", (ALTERNATE,))),
        (b"www.example.com:8443 443/udp\n", Mention("www.example.com", (ALTERNATE, QUIC))),
        (b"www.example.com# caf\xe9\n", Mention("www.example.com")),
        (b"_xmpp._tcp.example.com\n", Mention("_xmpp._tcp.example.com")),
        (b"www.example.com" + b" 443" * 300, Mention("www.example.com", (HTTPS,) * 300)),
    ],
)
def test_a_line(line: bytes, mention: Mention) -> None:
    assert read(line) == ([mention], [])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"\r\n",
        b" \t \n",
        b"# www.example.com\n",
        b" #\n",
        "\u00a0\n".encode(),
        b"\xef\xbb\xbf# x\n",
    ],
)
def test_no_domain(line: bytes) -> None:
    assert read(line) == ([], [])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"a..b", "'a..b' has an empty label (two dots in a row, or one in front)"),
        (b"192.0.2.10", "'192.0.2.10' is an address, not a domain (give the domain that resolves to it)"),
        (b"www.example.com 443/quic", "'443/quic': the protocol must be tcp or udp"),
        (
            b"www.example.com api.example.com",
            "'api.example.com': the port must be a number from 1 to 65535",
        ),
        (b"www.example.com,443", "not a domain name"),
        (b"https://www.example.com/", "(write only 'www.example.com')"),
        (b"caf\xe9.example", "is not UTF-8: byte 0xe9 (save it as UTF-8)"),
        (b"_xmpp._tcp.example.com 5222", "takes its ports from its SRV records"),
        (b"_xmpp._tcp.example.com:5222", "takes its ports from its SRV records"),
        (b"www.example.com " + b"443 " * 2000, "is longer than 4096 bytes"),
    ],
)
def test_a_bad_line_does_not_lose_the_others(line: bytes, complaint: str) -> None:
    mentions, told = read(b"\n".join([b"a.example", line, b"b.example"]))
    assert mentions == [Mention("a.example"), Mention("b.example")]
    [problem] = told
    assert problem.startswith("names.txt:2: ")
    assert complaint in problem
    assert problem.isprintable()


@pytest.mark.parametrize("content", ["www.example.com\n".encode("utf-16"), b"www\0.example\n"])
def test_what_is_no_text_is_given_up_at_once(content: bytes) -> None:
    mentions, told = read(content + b"more \xff\n" * 1000)
    assert (mentions, told) == ([], ["names.txt:1: is not UTF-8 text (UTF-16 or binary, perhaps)"])


def test_byte_order_marks_of_files_that_were_put_together() -> None:
    mentions, told = read(b"\xef\xbb\xbfa.example\n\xef\xbb\xbfb.example\n")
    assert (mentions, told) == ([Mention("a.example"), Mention("b.example")], [])
