"""Which closed clients pass, by a BPF machine of our own; the kernel's: test_failed_connects.py."""

from __future__ import annotations

from contextlib import closing

import pytest

from lowatch.core.addresses import Address, Port, parse_address
from lowatch.kernel.filters import MAX_SAMPLING, attach, failed_connect_filter, sampling_of
from lowatch.kernel.request_socket import NETLINK_SOCK_DIAG, open_socket
from lowatch.wire.closed_client import OWN_PACING
from tests.unit.kernel.bpf import kept, passes
from tests.unit.wire.test_closed_client import INFO, V4, V6, event, tcp_info

DNS = [Port(53, "udp"), Port(80, "tcp")]
FAILED = event((INFO, tcp_info()))
MAPPED = bytes(10) + b"\xff\xff" + V4
OTHER = parse_address("192.0.2.11")


@pytest.mark.parametrize(
    ("datagram", "passed"),
    [
        (FAILED, True),
        (event((INFO, tcp_info()), port=0), True),
        (event((INFO, tcp_info()), address=MAPPED), True),
        (event((INFO, tcp_info()), address=V6), True),
        (event((INFO, tcp_info()), address=OTHER), False),
        (event((INFO, tcp_info()), address=bytes(4)), False),
        (event((INFO, tcp_info()), address=bytes(16)), False),
        (event((INFO, tcp_info(rcv_space=65483))), False),
        (event((INFO, tcp_info(min_rtt=0))), False),
        (event((INFO, tcp_info(max_pacing=OWN_PACING))), False),
        (event((INFO, tcp_info(max_pacing=OWN_PACING[:4] + bytes(4)))), True),
        (event((INFO, tcp_info(max_pacing=bytes(4) + OWN_PACING[4:]))), True),
        (event(port=53, protocol=17), True),
        (event(port=80, protocol=17), False),
        (FAILED[:20] + bytes(2) + FAILED[22:], False),
        (FAILED[:150], False),
    ],
    ids=[
        "refused", "port forgotten", "mapped", "v6", "another address", "a listener", "a v6 listener",
        "established", "a round trip",
        "lowatch's own", "another pace", "one more pace", "UDP", "UDP on another port",
        "without a source port", "cut short",
    ],
)  # fmt: skip
def test_failed_connects(datagram: bytes, passed: bool) -> None:
    assert passes(failed_connect_filter([V4, V6], DNS), datagram) is passed


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 5_000])
@pytest.mark.parametrize("ports", [0, 1, 100, 101, 5_000])
def test_any_number_of_addresses_and_ports(count: int, ports: int) -> None:
    """With more than fit the jumps, all pass: a filter may let too much through, never too little."""
    addresses = [Address((0x0A000000 + n).to_bytes(4)) for n in range(1, count + 1)]
    numbers = range(1000, 1000 + ports)
    program = failed_connect_filter(addresses, [Port(n, "udp") for n in numbers])
    for address in addresses[:1] + addresses[-1:]:
        assert passes(program, event((INFO, tcp_info()), address=address))
        for number in {*numbers[:1], *numbers[-1:]}:
            assert passes(program, event(address=address, port=number, protocol=17))
    assert passes(program, FAILED) is (count > 100)
    assert not passes(program, event((INFO, tcp_info()), address=bytes(4)))
    with closing(open_socket(NETLINK_SOCK_DIAG)) as sock:
        attach(sock, program)


@pytest.mark.parametrize("level", range(MAX_SAMPLING + 1))
@pytest.mark.parametrize("datagram", [FAILED, event(port=53, protocol=17)], ids=["TCP", "UDP"])
def test_the_length_of_what_is_kept_tells_the_level(datagram: bytes, level: int) -> None:
    program = failed_connect_filter([V4], DNS, level)
    assert sampling_of(datagram[: kept(program, datagram, lambda: 0)]) == level
    assert sampling_of(datagram[: kept(program, datagram, lambda: 4**level)]) == level
    for bit in range(2 * level):
        assert kept(program, datagram, lambda bit=bit: 1 << bit) == 0  # type: ignore[misc]
