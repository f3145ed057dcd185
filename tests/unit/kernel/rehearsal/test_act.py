"""A step has the effect of the command that is printed for it."""

from __future__ import annotations

import pytest

from lowatch.core.addresses import parse_address
from lowatch.core.fixes.shell_commands import command
from lowatch.core.held import Held
from lowatch.core.plan import Step
from lowatch.kernel.rehearsal.act import message
from lowatch.kernel.request_socket import NETLINK_ROUTE, RequestSocket, batches
from lowatch.wire.netlink import error_code, only_message
from tests.support.netns import CommandError, Netns
from tests.support.waiting import eventually

COMMANDS = (
    "addr add 192.0.2.1/24 dev lo",
    "addr add 192.0.2.2/24 dev lo",
    "addr add 192.0.2.1/32 dev lo",
    "addr add 192.0.2.9 peer 203.0.113.9/32 dev lo",
    "addr add 2001:db8::1/64 dev lo nodad",
    "addr add 2001:db8::2/128 dev lo nodad",
    "route add local 10.9.0.0/16 dev lo",
    "route add local 10.9.0.0/16 dev lo table 1000 proto 186",
    "route append local 10.9.0.0/16 dev lo proto 186",
    "route add local 10.9.0.9 dev lo table 100",
    "-6 route add local 2001:db8:9::/48 dev lo",
    "-6 route add local 2001:db8:9::/48 dev lo table 1000",
)
STEPS = (
    "add address 192.0.2.3/24",
    "add address 127.0.0.9/8",
    "add address 192.0.2.1/24",
    "add address 2001:db8::3/64",
    "add address 2001:db8::1/64",
    "remove address 192.0.2.1/24",
    "remove address 192.0.2.1/32",
    "remove address 192.0.2.1/16",
    "remove address 192.0.2.9/32",
    "remove address 2001:db8::1/64",
    "remove address 2001:db8::1/48",
    "remove route 10.9.0.0/16",
    "remove route 10.9.0.0/16 1000",
    "remove route 10.9.0.9/32 100",
    "remove route 10.9.0.9/32",
    "remove route 2001:db8:9::/48",
    "remove route 2001:db8:9::/48 1000",
    "unroute address 2001:db8::1/64",
    "unroute address 2001:db8:7::1/64",
)


def step(text: str) -> Step:
    do, by, where, *table = text.split()
    address, length = where.split("/")
    number = int(table[0]) if table else 255 if by == "route" else None
    return Step(do, Held(parse_address(address), int(length), "lo", by, table=number))  # type: ignore[arg-type]


def everything(netns: Netns) -> str:
    eventually(lambda: "tentative" not in netns.ip("addr show"))
    shown = ("-4 -o addr", "-6 -o addr", "-4 route show table all", "-6 route show table all")
    return "".join(map(netns.ip, shown)).replace(" nodad", "")


@pytest.mark.parametrize("text", STEPS)
def test_the_effect_is_that_of_the_command(netns: Netns, text: str) -> None:
    one = step(text)
    other = netns.sibling()
    for each in netns, other:
        for line in COMMANDS:
            each.ip(line)
    route = RequestSocket(NETLINK_ROUTE)
    [reply] = route.ask(batches([message(one, 1)]))
    route.close()
    failed = error_code(reply, only_message(reply)) != 0
    assert failed is _fails(other, command((one,)))
    assert everything(netns) == everything(other)


def _fails(netns: Netns, line: str) -> bool:
    try:
        netns.run("sh", "-ec", line)
    except CommandError:
        return True
    return False
