"""Draws the addresses of a random world, and the routes and rules that lead them away."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from random import Random

from .world import Holding

_REFUSALS = ("blackhole", "unreachable", "prohibit")
_NO_LINK_LOCAL = "link set {} addrgenmode none"
"""A command of its own: together with `up` it would be too late."""


class Places:
    """Draws links, holdings, steering and aftermath, in this order. `can_lead_away`: see generate.py."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._eth0_up = True
        self.links = self._draw_links()
        self.holdings: list[Holding] = []
        self.can_lead_away: list[str] = []
        self._needed_as_source = False
        self._draw_holdings()
        self.steering = self._draw_steering() if self._chance(0.4) else ()
        self.aftermath = self._draw_aftermath()

    @property
    def has_ipv6_route(self) -> bool:
        return any(not one.is_address and one.network.version == 6 for one in self.holdings)

    @property
    def eth0_stays_up(self) -> bool:
        return self._eth0_up and "link set eth0 down" not in self.aftermath

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _draw_links(self) -> tuple[str, ...]:
        """Draws eth0: one end of a veth pair, sometimes down, or a bridge."""
        if self._chance(0.3):
            return "link add eth0 type bridge", _NO_LINK_LOCAL.format("eth0"), "link set eth0 up"
        self._eth0_up = self._chance(0.9)
        return (
            "link add eth0 type veth peer name eth1",
            _NO_LINK_LOCAL.format("eth0"),
            _NO_LINK_LOCAL.format("eth1"),
            "link set eth1 up",
            *(["link set eth0 up"] if self._eth0_up else []),
        )

    def _draw_holdings(self) -> None:
        """Draws a few ways in which addresses are local."""
        random = self._random
        for octet in random.sample(range(1, 8), random.randint(1, 4)):
            self._hold(random.choice((f"192.0.2.{octet}/32", f"2001:db8::{octet}/128")), alone=True)
        for length in random.sample((16, 23, 24, 28, 30, 31), random.choice((0, 0, 1, 1, 2))):
            self._hold(f"10.{length}.2.2/{length}")
            if self._chance(0.2):
                self._hold(f"10.{length}.2.3/{length}")
        if self._chance(0.35):
            self._hold(f"2001:db8:1::3/{random.choice((64, 64, 48, 126))}")
        if self._chance(0.2):
            self._hold("10.5.0.1 peer 10.5.1.2/24")
        if self._chance(0.1):
            self._hold("2001:db8:5::1 peer 2001:db8:5::2/128")
        if self._chance(0.35):
            self._route(random.choice(("10.9.0.0/16", "10.9.0.0/24", "10.9.0.9/32")), self._device())
        if self._chance(0.25):
            self._route(random.choice(("2001:db8:9::/48", "2001:db8:9::9/128")), "lo")

    def _device(self) -> str:
        return "lo" if self._chance(0.75) or not self._eth0_up else "eth0"

    def _hold(self, text: str, *, alone: bool = False) -> None:
        """`ip address add`. alone: no other address becomes local, so clients of others do not use it."""
        words = text.split()  # "ADDRESS/LENGTH", or "ADDRESS peer PEER/LENGTH"
        interface, wide = ip_interface(words[0]), ip_interface(words[-1]).network
        options = " noprefixroute" if self._chance(0.15) else ""
        # In IPv6, and on a link other than lo, the prefix is on-link: only the address is local.
        prefix_is_local = interface.version == 4 and not options
        if alone and self._chance(0.15):
            options += " preferred_lft 0" if interface.version == 6 else " scope host"
        options += " nodad" if interface.version == 6 else ""
        for device in ("lo", "eth0") if self._chance(0.1) else (self._device(),):
            network = wide if prefix_is_local and device == "lo" else None
            self.holdings.append(
                Holding(
                    f"addr add {text} dev {device}{options}",
                    device,
                    interface.ip,
                    network or ip_network(interface.ip),
                )
            )
        if alone:
            self.can_lead_away.append(str(interface.ip))

    def _route(self, text: str, device: str, table: str = "local") -> None:
        """`ip route add local`: AnyIP, or a route that outlived its address."""
        network = ip_network(text)
        single = network.prefixlen == network.max_prefixlen
        exact = network.network_address if single else None
        command = f"route add local {network} dev {device} table {table}"
        self.holdings.append(Holding(command, device, exact, network))
        if table == "local":
            self.can_lead_away.append(str(network[0] if single else network[9]))

    def _draw_steering(self) -> tuple[str, ...]:
        """Draws rules before table local, and earlier or more specific routes inside it."""
        targets = self._random.sample(self.can_lead_away, min(len(self.can_lead_away), 2))
        if self.has_ipv6_route:  # its clients use the source address that matches best
            targets = [one for one in targets if ":" not in one or one.startswith("2001:db8:9:")]
        commands: list[str] = []
        for target in targets:
            commands += self._lead_away(target, behind=commands)
        return tuple(commands)

    def _lead_away(self, target: str, behind: list[str]) -> list[str]:
        host = ip_network(target)
        inside = any(one.exact is None and one.covers(host.network_address) for one in self.holdings)
        if inside and self._chance(0.4):
            return [f"route add {self._random.choice(_REFUSALS)} {target} table local"]
        if inside and host.version == 6 and self._chance(0.3):
            return [f"route add unicast {target} dev lo table local"]
        if host.version == 4 and self._chance(0.3):
            return [f"route prepend {self._random.choice(_REFUSALS)} {target} table local"]
        return self._rule(target, behind)

    def _rule(self, target: str, behind: list[str]) -> list[str]:
        family = "-6" if ":" in target else "-4"
        local_last = f"{family} rule add pref 100 lookup local"
        commands = [] if local_last in behind else [local_last, f"{family} rule del pref 0"]
        rule = f"{family} rule add pref 50 to {target}" + (" iif lo" if self._chance(0.3) else "")
        how = self._random.choice(("refuse", "past", "table", "elsewhere"))
        if how == "refuse":
            return [*commands, f"{rule} {self._random.choice(_REFUSALS)}"]
        if how == "past":
            return [*commands, f"{rule} goto 32766"]
        if how == "table":
            commands.append(f"route add {self._random.choice((*_REFUSALS, 'throw'))} {target} table 100")
        elif self._eth0_up and family == "-4":  # still local, but through another device
            self._route(target, "eth0", table="100")
            self._needed_as_source = True
        return [*commands, f"{rule} lookup 100"]

    def _draw_aftermath(self) -> tuple[str, ...]:
        """Draws a last change. The holdings that it may remove become uncertain."""
        what = self._random.choices(("", "down", "flap", "eth0", "del", "last"), (66, 9, 5, 5, 10, 5))[0]
        if self._needed_as_source and what != "down":
            return ()
        if what in ("down", "flap"):
            self._doubt("lo")
            return ("link set lo down", "link set lo up")[: 1 if what == "down" else 2]
        if what == "eth0":
            self._doubt("eth0")
            return ("link set eth0 down",)
        if what == "last":  # with the last IPv4 address of lo the routes go too, without an event
            self._doubt("lo")
            return ("-4 addr flush dev lo",)
        addresses = [one for one in self.holdings if one.is_address]
        if what == "del":
            gone = self._random.choice(addresses)
            self._doubt(gone.device)
            words = gone.command.split()
            return (f"addr del {' '.join(words[2 : words.index('dev') + 2])}",)
        return ()

    def _doubt(self, device: str) -> None:
        self.holdings = [
            one._replace(certain=False) if one.device == device else one for one in self.holdings
        ]
