"""Generates one world from one seed.

Some things are not generated, because lowatch's verdicts do not cover them:

- a route or rule that leads away an address from which clients of *other* addresses connect (the address
  of a wide prefix, say). Their SYNs arrive, but the replies are lost. That is "filtered", and only a
  connect() to every listener would show it;
- a listener behind an nft redirect, or a redirect of udp: lowatch does not probe these;
- an IPv6 local route through a link other than lo, or one through lo with listeners bound to a device:
  clients of an address with only a route use any source address, and get replies through the bound device
  only;
- a listener bound to a device that is down: its SYN-ACKs are lost;
- a local route outside table local to an address that table local does not have: clients then have no
  source address (__ip_dev_find() searches only table local);
- IPv4 unicast routes through lo: a datagram is delivered locally there, a SYN is not;
- rules that depend on ports, marks or users: locality is determined per address;
- link-local targets: a DNS answer has no scope, so a client cannot connect to one;
- tentative IPv6 addresses (hence nodad everywhere), multicast, anycast.

One thing is random in the kernel itself, and is generated: which socket of a REUSEPORT group gets a
connection. The exact lookup returns one of the group. A client may get any other, and if one of them is
full, either result. compare.py treats the members of a group as one.
"""

from __future__ import annotations

from ipaddress import ip_address
from random import Random

from .places import Places
from .world import (
    IP,
    REDIRECT_FROM,
    REDIRECT_TO,
    Holding,
    Named,
    Protocol,
    Redirect,
    Socket,
    State,
    World,
)

_PORTS = (80, 443, 53)
_ENDPOINTS: tuple[tuple[int, Protocol], ...] = (
    *((number, "tcp") for number in _PORTS),
    *((number, "udp") for number in _PORTS),
)
_DEFAULT_PORTS: tuple[tuple[int, Protocol], ...] = ((80, "tcp"), (443, "tcp"))
_ABSENT = ("198.51.100.9", "2001:db8:ffff::9")
_THIS_HOST = ("127.0.0.1", "::1", "127.0.0.53", "0.0.0.0", "::")
_WATCHED = (("lo",), ("lo",), ("lo",), ("eth0",), ("lo", "eth*"))


def generate(seed: int) -> World:
    random = Random(seed)
    places = Places(random)
    sockets = _Sockets(random, places).drawn
    redirects: tuple[Redirect, ...] = ()
    if random.random() < 0.12:
        redirects = (_redirect(random, places),)
        sockets += [
            Socket("tcp", "0.0.0.0", REDIRECT_TO),
            Socket("tcp", "::", REDIRECT_TO, v6only=True),
        ][: random.choice((0, 2, 2))]
    return World(
        seed,
        places.links,
        tuple(places.holdings),
        places.steering,
        tuple(sockets),
        redirects,
        places.aftermath,
        random.choice(_WATCHED),
        tuple(_names(random, places, redirects)),
    )


class _Sockets:
    def __init__(self, random: Random, places: Places) -> None:
        self._random = random
        self._held = [str(one.exact) for one in places.holdings if one.exact is not None]
        self._reachable = places.can_lead_away
        self._devices: tuple[str, ...] = ("lo", "eth0") if places.eth0_stays_up else ("lo",)
        if places.has_ipv6_route:
            self._devices = ()
        self.drawn = [self._socket() for _ in range(random.randint(2, 9))]
        for one in [one for one in self.drawn if one.reuseport]:
            self.drawn += [one] * random.choice((0, 0, 1, 2))
        if self._chance(0.25):
            full = self._full()
            self.drawn.insert(0, full)
            if full.reuseport:
                self.drawn.append(full._replace(state="listening"))

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _socket(self) -> Socket:
        random = self._random
        protocol: Protocol = random.choice(("tcp", "tcp", "udp"))
        somewhere = random.choice((*_THIS_HOST[:3], *_ABSENT))
        address = random.choice(("0.0.0.0", "::", "::", somewhere, *self._held, *self._reachable))
        if "." in address and self._chance(0.15):
            address = f"::ffff:{address}"
        mptcp = protocol == "tcp" and self._chance(0.1)
        return Socket(
            protocol,
            address,
            random.choice(_PORTS),
            self._state(protocol),
            _v6only(address, random),
            reuseport=self._chance(0.5),
            device=random.choice(self._devices) if self._binds_to_device(mptcp) else None,
            freebind=self._chance(0.6),
            mptcp=mptcp,
        )

    def _binds_to_device(self, mptcp: bool) -> bool:
        return bool(self._devices) and not mptcp and self._chance(0.15)

    def _state(self, protocol: Protocol) -> State:
        if self._chance(0.85):
            return "listening"
        return "bound" if protocol == "tcp" else "connected"

    def _full(self) -> Socket:
        """A socket whose accept queue can be filled, because connections from this host reach it."""
        address = self._random.choice(("0.0.0.0", "::", "127.0.0.1", *self._reachable))
        return Socket(
            "tcp",
            address,
            self._random.choice(_PORTS),
            "full",
            _v6only(address, self._random),
            reuseport=self._chance(0.4),
            freebind=True,
        )


def _v6only(address: str, random: Random) -> bool | None:
    if ":" not in address:
        return None
    return False if "." in address else random.choice((True, False))


def _redirect(random: Random, places: Places) -> Redirect:
    held = [str(one.exact) for one in places.holdings if one.exact is not None]
    address = random.choice([*held, "127.0.0.1"])
    return Redirect(address, random.choice((None, "::1" if ":" in address else "127.0.0.1")))


def _names(random: Random, places: Places, redirects: tuple[Redirect, ...]) -> list[Named]:
    names = []
    for number in range(random.randint(2, 4)):
        addresses = dict.fromkeys(_target(random, places) for _ in range(random.randint(1, 4)))
        any_of = random.random() < 0.3
        ports = _DEFAULT_PORTS if any_of else tuple(random.sample(_ENDPOINTS, random.randint(1, 3)))
        names.append(Named(f"www{number}.example.com", tuple(addresses), ports, any_of))
    if redirects:
        elsewhere = _target(random, places)
        addresses = dict.fromkeys((redirects[0].address, elsewhere))
        names.append(Named("nat.example.com", tuple(addresses), ((REDIRECT_FROM, "tcp"),)))
    return names


def _target(random: Random, places: Places) -> str:
    """An address that a domain resolves to: held, covered, led away, loopback, or not on this host."""
    how = random.choices(("holding", "led away", "this host", "absent"), (80, 8, 6, 6))[0]
    if how == "holding":
        address = str(_inside(random, random.choice(places.holdings)))
    else:
        choices = {"led away": places.can_lead_away, "this host": _THIS_HOST, "absent": _ABSENT}
        address = random.choice(choices[how])
    if "." in address and random.random() < 0.03:
        address = f"::ffff:{address}"
    return str(ip_address(address))  # as lowatch prints it


def _inside(random: Random, holding: Holding) -> IP:
    if holding.exact is not None and random.random() < 0.7:
        return holding.exact
    size = holding.network.num_addresses
    return holding.network[random.choice((0, 1, 5, 9, size // 2, size - 2, size - 1)) % size]
