"""Parsers for the values of lowatch's own keys: domains, ports, addresses, nameservers, dates...

Each parser takes any object and raises ValueError with one line: what is wrong (and what would be right).
"""

from __future__ import annotations

import ipaddress
import re
import time
from datetime import date, datetime

from lowatch.core.addresses import Address, Port, Prefix, parse_port, parse_prefix
from lowatch.core.findings import FindingKind
from lowatch.core.rules import DOMAIN_RULES, HOST_RULES

from .domain_names import is_address, parse_domain, parse_domain_glob
from .scalars import WrongTypeError, string
from .settings import Listen, Nameserver, Transport
from .targets import DomainTarget, parse_plain_address, parse_target

_KINDS = [kind.value for kind in FindingKind if kind in DOMAIN_RULES or kind in HOST_RULES]

_INTERFACE_LENGTH = 15  # IFNAMSIZ - 1
_SCOPE = re.compile(r"[^\s/:\[\]%]{1,15}")
_UNIT = re.compile(r"[\w:.@\\-]{1,240}\.(?:service|scope|socket)")
_TELEMETRY_PATH = re.compile(r"/[!-~]+")
_UNTIL_YEARS = range(1971, 9999)  # representable in every time zone


def kind(raw: object) -> str:
    """The name of a finding kind that has a rule. No other kind can be acknowledged."""
    name = string(raw, '"orphan-vip"')
    if name not in _KINDS:
        known = ", ".join(_KINDS)
        raise ValueError(f"{name!r} is not a kind of finding that lowatch reports (they are {known})")
    return name


def interface_glob(raw: object) -> str:
    """The name of a network interface, or a glob."""
    glob = string(raw, '"lo" or "dummy*"')
    is_glob = any(character in glob for character in "*?[")
    if ":" in glob:
        name = glob.partition(":")[0]
        raise ValueError(f"{glob!r} is an address label; name the interface (perhaps {name!r})")
    if not glob or glob in (".", "..") or re.search(r"[\s/]", glob):
        raise ValueError(f"{glob!r} is not a valid interface name")
    if not is_glob and len(glob.encode()) > _INTERFACE_LENGTH:
        raise ValueError(f"{glob!r} is too long for an interface (at most {_INTERFACE_LENGTH} bytes)")
    if re.search(r"\[(?!!?[^\]]+\])", glob):
        raise ValueError(f"{glob!r} has a [ that is never closed")
    return glob


def port(raw: object) -> Port:
    return parse_port(string(raw, '"443/tcp"'))


def domain(raw: object) -> DomainTarget:
    return parse_target(string(raw, '"www.example.com" or "www.example.com:8443"'))


def name(raw: object) -> str:
    """A domain without a port."""
    target = parse_target(string(raw, '"www.example.com"'))
    if target.port is not None:
        raise ValueError(f'has a port (write name = "{target.name}", ports = ["{target.port}"])')
    return target.name


def unit(raw: object) -> str:
    """The name of a systemd unit; "" for any unit."""
    text = string(raw, '"nginx.service"')
    if text and not _UNIT.fullmatch(text):
        if "." not in text and _UNIT.fullmatch(f"{text}.service"):
            raise ValueError(f"{text!r} has no suffix (perhaps {text + '.service'!r})")
        raise ValueError(f"{text!r} is not a unit with sockets, such as 'nginx.service'")
    return text


def domain_glob(raw: object) -> str:
    return parse_domain_glob(string(raw, '"*.example.com"'))


def address(raw: object) -> Address:
    return parse_plain_address(string(raw, '"192.0.2.10"'))


def prefix(raw: object) -> Prefix:
    """A prefix from `192.0.2.0/24` or a single address."""
    text = string(raw, '"192.0.2.0/24"')
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a prefix (write it like 192.0.2.0/24)") from None
    if "%" in text or not re.fullmatch(r"[^/]+(?:/\d{1,3})?", text, re.ASCII):
        raise ValueError(f"{text!r} is not a prefix (perhaps {network})")
    try:
        return parse_prefix(text)
    except ValueError:
        raise ValueError(f"{text!r} has bits set beyond its length (perhaps {network})") from None


def nameserver(raw: object) -> Nameserver:
    """`192.0.2.53`, `[2001:db8::53]:5353`, `fe80::53%eth0`, `tcp://ADDRESS`, `tls://ADDRESS#NAME`."""
    text = string(raw, '"192.0.2.53" or "[2001:db8::53]:53"')
    url, hash_mark, certificate_name = text.partition("#")
    scheme, separator, authority = url.partition("://")
    transport = _transport(text, scheme) if separator else Transport.UDP
    host, port_text = _host_and_port(authority if separator else url)
    address = _server_address(text, host, transport)
    if hash_mark and transport is not Transport.TLS:
        hint = f"write tls://{address}#{certificate_name}"
        raise ValueError(f"{text!r} has a name, which only TLS checks ({hint})")
    port = transport.port if port_text is None else _port_number(text, port_text)
    name = _certificate_name(text, certificate_name) if hash_mark else ""
    return Nameserver(address, port, transport, name)


def _transport(text: str, scheme: str) -> Transport:
    try:
        return Transport(scheme.lower())
    except ValueError:
        raise ValueError(f"{text!r}: unknown transport {scheme!r} (udp, tcp or tls)") from None


def _server_address(text: str, host: str, transport: Transport) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        hint = " (write tls://ADDRESS#NAME)" if transport is Transport.TLS else ""
        raise ValueError(f"{text!r}: a nameserver is an IP address, with a port or without{hint}") from None
    scope = host.partition("%")[2]
    if scope and not _SCOPE.fullmatch(scope):
        raise ValueError(f"{text!r}: {scope!r} is not a valid interface name")
    return str(address)


def _certificate_name(text: str, name: str) -> str:
    """The name that a nameserver's certificate must contain instead of its address (RFC 8310)."""
    if is_address(name):
        raise ValueError(f"{text!r}: after # comes a name (an address in the certificate needs no #)")
    try:
        return parse_domain(name)
    except ValueError as error:
        raise ValueError(f"{text!r}: after # comes the name in the certificate: {error}") from None


def listen(raw: object) -> Listen:
    """`127.0.0.1:10048`, `[::1]:10048`, `localhost:10048`, `:10048`. Port 0: the kernel chooses."""
    text = string(raw, '"127.0.0.1:10048"')
    host, port_text = _host_and_port(text)
    if port_text is None:
        hint = f"perhaps ':{text}'" if text.isdigit() else "write HOST:PORT, [ADDRESS]:PORT or :PORT"
        raise ValueError(f"{text!r} has no port ({hint})")
    number = _port_number(text, port_text, lowest=0)
    try:
        return Listen(str(ipaddress.ip_address(host)), number)
    except ValueError:
        if text.startswith("["):
            raise ValueError(f"{text!r}: {host!r} is not an IPv6 address") from None
        return Listen(parse_domain(host) if host else "", number)


def _host_and_port(text: str) -> tuple[str, str | None]:
    """The host without brackets, and the port if there is one. IPv6 needs brackets only before a port."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", text)
    if bracketed:
        return bracketed[1], bracketed[2]
    if text.count(":") > 1:
        return text, None
    host, colon, port_text = text.partition(":")
    return host, port_text if colon else None


def _port_number(text: str, number: str, lowest: int = 1) -> int:
    if re.fullmatch(r"[0-9]{1,5}", number) and lowest <= int(number) <= 65535:
        return int(number)
    raise ValueError(f"{text!r}: the port must be a number from {lowest} to 65535")


def reason(raw: object) -> str:
    text = string(raw, '"kept until the move"').strip()
    if not text or not text.isprintable():
        raise ValueError("must say in one line why the finding is accepted")
    return text


def until(raw: object) -> float:
    """Wall-clock seconds, exclusive. A date includes the whole day, in local time."""
    if not isinstance(raw, date):  # datetime is a subclass
        raise WrongTypeError("a date like 2027-01-31, without quotes", raw)
    if raw.year not in _UNTIL_YEARS:
        raise ValueError(f"{raw} is out of range ({_UNTIL_YEARS[0]} to {_UNTIL_YEARS[-1]})")
    if not isinstance(raw, datetime):
        return time.mktime((raw.year, raw.month, raw.day + 1, 0, 0, 0, 0, 0, -1))
    if raw.tzinfo is None:
        raise ValueError("has no offset (write a date, or a date-time ending in Z or +01:00)")
    return raw.timestamp()


def names_path(raw: object) -> str:
    """A path or a glob. It may be relative to the directory of the configuration file."""
    text = string(raw, '"/etc/lowatch/names.d/*.txt"')
    if not text or "\0" in text:
        raise ValueError(f"{text!r} is not a path")
    if text.endswith("/"):
        raise ValueError(f"{text!r} is a directory (write {text + '*.txt'!r})")
    return text


def zone_path(raw: object) -> str:
    """The path of a file. It may be relative to the directory of the configuration file."""
    text = string(raw, '"/var/lib/unbound/corp.zone"')
    if not text or "\0" in text or text.endswith("/"):
        raise ValueError(f"{text!r} is not the path of a file")
    return text


def zone_server(raw: object) -> Nameserver:
    """As nameserver(), but without a transport: it is asked by UDP."""
    server = nameserver(raw)
    if server.transport is not Transport.UDP:
        raise ValueError(f"'{server}': the server of a zone is asked by UDP (write {server.host!r})")
    return server


def telemetry_path(raw: object) -> str:
    text = string(raw, '"/metrics"')
    if not _TELEMETRY_PATH.fullmatch(text) or re.search(r"[?#%]", text):
        raise ValueError(f"{text!r} is not a valid path (write it like /metrics)")
    if text.startswith(("/-/", "/api/")):
        raise ValueError(f"{text!r} is reserved: /-/ and /api/ belong to lowatch")
    return text
