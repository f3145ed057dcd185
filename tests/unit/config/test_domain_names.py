from __future__ import annotations

import pytest

from lowatch.config.domain_names import may_be_followed, parse_domain, parse_domain_glob


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.COM", "www.example.com"),
        ("www.example.com.", "www.example.com"),
        ("localhost", "localhost"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("_443._tcp.example.com", "_443._tcp.example.com"),
        ("a_b.example.com", "a_b.example.com"),
        ("1.example.com", "1.example.com"),
        ("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("xn--i-7iq.ws", "xn--i-7iq.ws"),  # older than IDNA 2008, and in use
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),  # IDNA 2003 made it strasse
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),  # an ideographic full stop
        ("\uff57\uff57\uff57\uff0eexample\uff0ecom", "www.example.com"),  # as an input method writes it
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 62] * 4) + ".", ".".join(["a" * 62] * 4)),  # 251 octets
    ],
)
def test_reads(text: str, name: str) -> None:
    assert parse_domain(text) == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        (".", "empty label"),
        ("..", "empty label"),
        ("a..b", "empty label"),
        (".example.com", "empty label"),
        ("example.com..", "empty label"),
        ("a b.example", "white space"),
        ("example.com\n", "white space"),
        ("-a.example", "label '-a'"),
        ("a-.example", "label 'a-'"),
        ("a@example.com", "label 'a@example'"),
        ("a/b", "label 'a/b'"),
        ("a\x00b.example", r"label 'a\\x00b'"),
        ("*.example.com", "wildcard"),
        ("www*.example.com", "wildcard"),
        ("192.0.2.10", "is an address"),
        ("2001:db8::10", "is an address"),
        ("[2001:db8::10]", "is an address"),
        ("fe80::1%eth0", "is an address"),
        ("192.0.2.256", "ends in a number"),
        ("1.2.3", "ends in a number"),
        ("0x7f.1", "ends in a number"),
        ("example.0x7f", "ends in a number"),
        ("https://www.example.com/a", r"is a URL, not a domain \(write only 'www.example.com'\)"),
        ("https://user@www.example.com", r"write only 'www.example.com'"),
        ("https://", "is a URL"),
        ("a" * 64 + ".example", r"64 characters \(at most 63\)"),
        ("ü" * 60 + ".example", "internationalised|octets"),
        (".".join(["a" * 63] * 4), "255 characters"),
        ("ü" * 300, "300 characters"),
        ("\U0001f4a9.example", "internationalised"),
        ("_ü.example", "internationalised"),
        ("\u2488com.example", "internationalised|label"),  # maps to "1.com", a dot within the label
        ("\u00ad.example", "internationalised|label"),  # maps to nothing at all
    ],
)
def test_refuses(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_domain(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "glob"),
    [
        ("*.Example.com.", "*.example.com"),
        ("*", "*"),
        ("www[0-9].example.com", "www[0-9].example.com"),
        ("www[!0-9]?.example.com", "www[!0-9]?.example.com"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("www.example.com", "www.example.com"),
    ],
)
def test_reads_globs(text: str, glob: str) -> None:
    assert parse_domain_glob(text) == glob


@pytest.mark.parametrize(
    "text", ["", "*.a b", "www[0-9.example.com", "bü*.example", "[].example", "192.0.2.1", "*..a"]
)
def test_refuses_globs_that_match_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"no |has |is |contains "):
        parse_domain_glob(text)


def test_the_longest_name() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(longest) == 253
    assert parse_domain(longest) == longest
    assert parse_domain(f"{longest}.") == longest
    with pytest.raises(ValueError, match="254 characters"):
        parse_domain(f"{longest}d")


@pytest.mark.parametrize(
    ("name", "followed"),
    [
        ("www.example.com", True),
        ("_sip._tcp.example.com", True),
        ("www", False),
        ("printer.local", False),
        ("10.2.0.192.in-addr.arpa", False),
        ("WWW.example.com", False),
        ("a b.example", False),
        ("192.0.2.10", False),
        ("", False),
    ],
)
def test_which_names_are_followed_that_nobody_configured(name: str, followed: bool) -> None:
    assert may_be_followed(name) is followed
