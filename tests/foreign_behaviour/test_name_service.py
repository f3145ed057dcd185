"""What applications get from the C library: /etc/hosts, nsswitch.conf, resolv.conf, search domains.

Each input goes through the real getaddrinfo and through our parsers, and they have to agree.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.core.addresses import format_address, parse_address
from lowatch.core.answers import Answer, AnswerStatus, RRset
from lowatch.resolve.system.getaddrinfo import Seen
from lowatch.resolve.system.hosts_file import parse_hosts, parse_multi
from lowatch.resolve.system.nsswitch import parse_nsswitch
from lowatch.resolve.system.resolv_conf import parse_resolv_conf, suppresses_aaaa
from lowatch.resolve.views.merge import Rules
from tests.support.dns_server import Knot
from tests.support.name_service import getaddrinfo, write_etc
from tests.support.netns import Netns

HOSTS = (
    b"""\
192.0.2.1 several.example.com alias.example.com
192.0.2.2 several.example.com
2001:db8::1 SEVERAL.Example.COM
192.0.2.2 several.example.com several.example.com
192.0.2.3 dotted.example.com.
127.1 short.example.com
127.0.0.01 zeros.example.com
0x7f.0.0.1 hexadecimal.example.com
fe80::1%lo scoped.example.com
fe80::1 linklocal.example.com
::ffff:192.0.2.9 mapped.example.com
::192.0.2.9 compatible.example.com
  192.0.2.5 \t indented.example.com\r
192.0.2.6 comment.example.com#x behind.example.com
192.0.2.7\x0bvertical.example.com\x0cformfeed.example.com
192.0.2.8
192.0.2.8 nul.example.com\0 afternul.example.com
192.0.2.10,192.0.2.11 comma.example.com
0.0.0.0 blocked.example.com
::1 loopback.example.com
192.0.2.13 nobreak.example.com\xa0x
;192.0.2.15 semicolon.example.com
# 192.0.2.15 hash.example.com
192.0.2.16 *.wild.example.com
192.0.2.17 """
    + b"long.example.net " * 5000
    + b"""long.example.com
[2001:db8::5] bracket.example.com
192.0.2.19/24 prefix.example.com
192.0.2.20 4only.example.com
2001:db8::20 6only.example.com
192.0.2.21 good.example.com
nonsense good.example.com
192.0.2.22 last.example.com"""
)

NAMES = """
several alias dotted short zeros hexadecimal scoped linklocal mapped compatible indented comment
behind vertical formfeed nul afternul comma blocked loopback nobreak semicolon hash x.wild long
bracket prefix 4only 6only good last absent
"""


def test_a_hosts_file_reads_as_the_c_library_reads_it(tmp_path: Path) -> None:
    names = [f"{name}.example.com" for name in NAMES.split()]
    files = {"hosts": HOSTS, "nsswitch.conf": b"hosts: files\n", "host.conf": b"multi on\n"}
    (theirs,) = getaddrinfo(write_etc(tmp_path / "etc", files), names)
    ours = parse_hosts(HOSTS.split(b"\n"), set(names), multi=True).addresses
    assert {name: ours.get(name, ()) for name in names} == {n: seen.addresses for n, seen in theirs.items()}


@pytest.mark.parametrize(
    ("host_conf", "multi"),
    [
        (None, False),
        (b"", False),
        (b"multi on", True),
        (b" \tMULTI\tON # all\n", True),
        (b"multi off\n", False),
        (b"multi on\nmulti off\n", False),
        (b"multi off\n\nmulti on\n", True),
        (b"# multi on\n", False),
        (b"order hosts,bind\nmulti on\ntrim .example.com\n", True),
        (b"multi yes\n", False),
        (b"multi:on\n", False),
        (b"multi\non\n", False),
        (b"multi on\r\n", True),
    ],
)
def test_whether_lines_add_up_is_for_host_conf_to_say(
    tmp_path: Path, host_conf: bytes | None, multi: bool
) -> None:
    files = {"hosts": HOSTS, "nsswitch.conf": b"hosts: files\n"}
    if host_conf is not None:
        files["host.conf"] = host_conf
    names = ["several.example.com", "good.example.com", "6only.example.com"]
    (found,) = getaddrinfo(write_etc(tmp_path / "etc", files), names)
    all_of_them = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
    assert texts(found["several.example.com"]) == all_of_them[: None if multi else 1]
    assert parse_multi((host_conf or b"").decode()) is multi
    ours = parse_hosts(HOSTS.split(b"\n"), set(names), multi=multi).addresses
    assert {name: seen.addresses for name, seen in found.items()} == ours


def texts(seen: Seen) -> list[str]:
    assert seen.addresses is not None, seen.reason
    return sorted(map(format_address, seen.addresses))


SWITCHES = [
    b"",
    b"passwd: files\n",
    b"hosts: files dns\n",
    b"hosts: dns files\n",
    b"hosts: dns [!UNAVAIL=return] files\n",
    b"hosts: dns [ !UNAVAIL = return ] files\n",
    b"hosts: dns [NOTFOUND=return] files\n",
    b"hosts: dns [UNAVAIL=return] files\n",
    b"hosts: dns [TRYAGAIN=return] files\n",
    b"hosts: dns [!NOTFOUND=return] files\n",
    b"hosts: dns [!NOTFOUND=continue] files\n",
    b"hosts: dns [notfound=return success=continue] files # and more\n",
    b"hosts: dns [NOTFOUND=return !SUCCESS=continue] files\n",
    b"hosts: files\n",
    b"hosts: dns\n",
    b"hosts: files [SUCCESS=continue] dns\n",
    b"hosts: files [SUCCESS=merge] dns\n",
    b"hosts: dns [SUCCESS=merge] files\n",
    b"hosts: files [NOTFOUND=return] dns\n",
    b"hosts: files[NOTFOUND=return]dns\n",
    b"hosts: nosuch [NOTFOUND=return] files dns\n",
    b"hosts: nosuch [UNAVAIL=return] files dns\n",
    b"hosts: nosuch\n",
    b"HOSTS: dns files\n",
    b"hosts: FILES dns\n",
    b"  hosts : dns\r\n",
    b"hosts dns\n",
    b"hosts:files dns",
    b"hosts: files\nhosts: dns\n",
    b"garbage\nhosts: dns\n",
    b"hosts: dns\0files\n",
    b"hosts: dns [NOTFOUND=return] [UNAVAIL=return] files\n",
    b"hosts: files mdns4_minimal [NOTFOUND=return] dns\n",
    b"hosts: resolve [!UNAVAIL=return] dns\n",
    b"hosts: resolve [!UNAVAIL=return] files\n",
    b"hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n",
    b"hosts: dns [SUCCESS=continue] files\n",
    b"hosts: myhostname files dns\n",
    # What makes it give up the whole list:
    b"hosts: dns [garbage] files\n",
    b"hosts: dns []files\n",
    b"hosts: dns [SUCCESS=other] files\n",
    b"hosts: dns [OTHER=return] files\n",
    b"hosts: dns [NOTFOUND=return,UNAVAIL=continue] files\n",
    b"hosts: dns [SUCCESS=return\n",
]


RESOLV_CONFS = [
    "",
    "options no-aaaa\n",
    "options\tno-aaaa\n",
    "options rotate no-aaaa timeout:1\n",
    "options rotate\noptions no-aaaa\n",
    "options no-aaaa:1\n",
    "options # no-aaaa\n",
    " options no-aaaa\n",
    "# options no-aaaa\n",
    "options NO-AAAA\n",
    "optionsno-aaaa\n",
    "options no-aaaa no-aaaa\noptions use-vc\n",
]

SERVICES = ("files dns", "dns files", "dns")
BY_DNS = {
    name: Answer(
        name,
        RRset(AnswerStatus.RESOLVED if v4 else AnswerStatus.NODATA, tuple(map(parse_address, v4))),
        RRset(AnswerStatus.RESOLVED if v6 else AnswerStatus.NODATA, tuple(map(parse_address, v6))),
    )
    for name, v4, v6 in (
        ("both.example.com", ["203.0.113.1"], ["2001:db8::1"]),
        ("six.example.com", [], ["2001:db8::1"]),
        ("four.example.com", ["203.0.113.1"], []),
    )
}

LISTED = ("found.example.com", "denied.example.com", "failed.example.net")
"""What DNS says of each; /etc/hosts has them all."""
ABSENT = ("also.example.com", "no.example.com", "fails.example.net")
"""The same, and /etc/hosts has none."""


def test_what_applications_get_is_predicted(netns: Netns, tmp_path: Path) -> None:
    """One process asks by all of these files: it notices that nsswitch.conf was replaced."""
    hosts = "".join(f"192.0.2.1 {name}\n" for name in LISTED).encode()
    etc = write_etc(tmp_path / "etc", {"hosts": hosts, "resolv.conf": b"nameserver 127.0.0.1\n"})
    with Knot({"example.com": "found A 203.0.113.1\nalso A 203.0.113.1"}, port=53):
        answers = getaddrinfo(etc, [*LISTED, *ABSENT], SWITCHES)
    assert len(answers) == len(SWITCHES)
    wrong = []
    for switch, answer in zip(SWITCHES, answers, strict=True):
        rules = Rules(parse_nsswitch(switch.decode(), resolved_runs=False))
        for name, seen in answer.items():
            predicted = predict(rules, name)
            if seen.addresses != predicted.addresses and (predicted.addresses or seen.addresses):
                wrong.append((switch, name, predicted.view, predicted.addresses, seen))
    assert wrong == []


def predict(rules: Rules, name: str) -> Answer:
    if rules.switch.broken:
        return Answer(name)
    place = (LISTED if name in LISTED else ABSENT).index(name)
    addresses = (parse_address("203.0.113.1"),) if place == 0 else ()
    status = (AnswerStatus.RESOLVED, AnswerStatus.NXDOMAIN, AnswerStatus.UNKNOWN)[place]
    dns = Answer(name, RRset(status, addresses), RRset(status if place else AnswerStatus.NODATA))
    return rules.predict(dns, (parse_address("192.0.2.1"),) if name in LISTED else None)


def test_whether_aaaa_is_asked_for(netns: Netns, tmp_path: Path) -> None:
    """By all of these files: `options no-aaaa` is for the `dns` service alone."""
    zone = "both A 203.0.113.1\nboth AAAA 2001:db8::1\nsix AAAA 2001:db8::1\nfour A 203.0.113.1"
    hosts = b"2001:db8::9 both.example.com\n2001:db8::9 six.example.com\n"
    with Knot({"example.com": zone}, port=53):
        for resolv_conf in RESOLV_CONFS:
            text = f"nameserver 127.0.0.1\n{resolv_conf}"
            etc = write_etc(tmp_path / "etc", {"hosts": hosts, "resolv.conf": text.encode()})
            said = getaddrinfo(
                etc, list(BY_DNS), [f"hosts: {services}\n".encode() for services in SERVICES]
            )
            for services, answers in zip(SERVICES, said, strict=True):
                switch = parse_nsswitch(f"hosts: {services}\n", resolved_runs=False)
                rules = Rules(switch, aaaa=not suppresses_aaaa(text))
                for name, dns in BY_DNS.items():
                    listed = (parse_address("2001:db8::9"),) if "four" not in name else None
                    predicted = rules.predict(dns, listed)
                    assert sorted(predicted.addresses) == list(answers[name].addresses or ()), (
                        text,
                        services,
                    )


def test_without_the_file_hosts_come_first(netns: Netns, tmp_path: Path) -> None:
    files = {"hosts": b"192.0.2.1 www.example.com\n", "resolv.conf": b"nameserver 127.0.0.1\n"}
    with Knot({"example.com": "www A 203.0.113.1\nother A 203.0.113.2"}, port=53):
        (answers,) = getaddrinfo(
            write_etc(tmp_path / "etc", files), ["www.example.com", "other.example.com"]
        )
    assert [texts(seen) for seen in answers.values()] == [["192.0.2.1"], ["203.0.113.2"]]


@pytest.mark.parametrize("switch", [b"hosts:\n", b"hosts: # none\n", b"hosts: [NOTFOUND=return] dns\n"])
def test_a_list_without_services_ends_the_process(tmp_path: Path, switch: bytes) -> None:
    """Why getaddrinfo is not asked then. A C library that only fails is as good (CONTRIBUTING, 3)."""
    etc = write_etc(tmp_path / "etc", {"hosts": b"", "nsswitch.conf": switch})
    answers = getaddrinfo(etc, ["www.example.com"])
    assert all(not answer["www.example.com"].addresses for answer in answers)
    assert parse_nsswitch(switch.decode()).broken


def test_search_domains_a_final_dot_and_localdomain(netns: Netns, tmp_path: Path) -> None:
    """A final dot hides the line of /etc/hosts; without it the search domain applies; both is to be had."""
    files = {
        "hosts": b"192.0.2.1 hosts.example.com\n",
        "nsswitch.conf": b"hosts: files dns\n",
        "resolv.conf": b"nameserver 127.0.0.1\nsearch example.net\n",
    }
    etc = write_etc(tmp_path / "etc", files)
    names = ["hosts.example.com", "hosts.example.com.", "absent.example.com", "absent.example.com."]
    zones = {"example.com": "dns A 203.0.113.1", "example.net": "absent.example.com A 203.0.113.9"}
    with Knot(zones, port=53):
        (as_found,) = getaddrinfo(etc, names, absolute=False)
        (absolute,) = getaddrinfo(etc, names, absolute=True)
    assert [texts(seen) for seen in as_found.values()] == [["192.0.2.1"], [], ["203.0.113.9"], []]
    assert [texts(seen) for seen in absolute.values()] == [["192.0.2.1"], [], [], []]


@pytest.mark.parametrize(
    "line",
    [
        "nameserver 127.0.0.1#comment",
        "nameserver 127.0.0.1;comment",
        "nameserver\t127.0.0.1 comment",
        " nameserver 127.0.0.1",
        "nameserver bogus\nnameserver 127.0.0.1",
        "nameserver 127.0.0.1\noptions timeout:0",
        "nameserver 127.0.0.7\nnameserver 127.0.0.8\nnameserver 127.0.0.1",
    ],
)
def test_a_nameserver_that_the_c_library_asks_is_one_of_ours(
    netns: Netns, tmp_path: Path, line: str
) -> None:
    etc = write_etc(tmp_path / "etc", {"nsswitch.conf": b"hosts: dns\n", "resolv.conf": line.encode()})
    with Knot({"example.com": "www A 203.0.113.1"}, port=53):
        (answer,) = getaddrinfo(etc, ["www.example.com"])
    assert texts(answer["www.example.com"]) == ["203.0.113.1"]
    assert "127.0.0.1" in {server.host for server in parse_resolv_conf(line).servers}
