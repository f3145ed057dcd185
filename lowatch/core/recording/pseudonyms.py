"""Other addresses in place of real ones, by a secret key: the same one for the same one.

Two addresses share as many leading bits as before (Xu et al., "Prefix-preserving IP address anonymization",
ICNP 2002), so a prefix covers the same addresses. Special addresses stay special: what leads to
127.0.0.0/8 or fe80::/10 still does, and nothing else does. The last address of a network stays the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from lowatch.core.addresses import V4_LENGTH, Address, Prefix, network_of, parse_prefix, unmapped

_KEPT = tuple(map(parse_prefix, ("127.0.0.0/8", "0.0.0.0/32", "::/127")))
"""Their addresses mean the same on every host, and stay what they are."""
_SPECIAL = (
    *_KEPT,
    *map(
        parse_prefix,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "224.0.0.0/4"),
            *("fe80::/10", "fc00::/7", "ff00::/8", "64:ff9b::/96"),
        ),
    ),
)
"""An address stays in, or outside of, each of these (RFC 1918, 3927, 4193, 4291, 5771, 6052)."""


def _nodes(prefixes: tuple[Prefix, ...], octets: int) -> Iterator[str]:
    """The bits that lead to each prefix, from its first bit on."""
    for prefix in prefixes:
        if len(prefix.address) == octets:
            bits = _bits(prefix.address)[: prefix.length]
            yield from (bits[:length] for length in range(prefix.length))


def _to_the_last(network: Prefix) -> Iterator[str]:
    """The bits of the network itself, and on to its last address, one at a time."""
    bits = _bits(network.address)
    for length in range(network.length, len(bits)):
        yield bits[: network.length] + "1" * (length - network.length)


def _bits(address: Address) -> str:
    return f"{int.from_bytes(address, 'big'):0{len(address) * 8}b}"


_FIXED: Mapping[int, frozenset[str]] = {
    octets: frozenset(_nodes(_SPECIAL, octets)) for octets in (V4_LENGTH, 16)
}
"""By the length of an address: the leading bits after which the next bit must stay, as a special prefix
begins there.
"""


class Pseudonyms:
    """Maps addresses by a key."""

    def __init__(self, key: bytes, networks: Iterable[Prefix] = ()) -> None:
        """key: up to 64 bytes. networks: those whose last address has a meaning, as the broadcast one."""
        self._key = key
        self._fixed = {octets: set(nodes) for octets, nodes in _FIXED.items()}
        for network in networks:
            self._fixed[len(network.address)].update(_to_the_last(network))
        self._flips: dict[bytes, bytes] = {}
        self._known: dict[Address, Address] = {}

    @property
    def identity(self) -> str:
        """A text that tells this mapping from others, but not the key."""
        return hashlib.blake2b(b"identity", digest_size=8, key=self._key).hexdigest()

    def address(self, address: Address) -> Address:
        found = self._known.get(address)
        if found is None:
            found = self._known[address] = self._mapped(address)
        return found

    def prefix(self, prefix: Prefix) -> Prefix:
        """The prefix that covers the pseudonyms of the addresses that this one covers."""
        return Prefix(network_of(self.address(prefix.address), prefix.length), prefix.length)

    def _mapped(self, address: Address) -> Address:
        inner = unmapped(address)
        if inner is not address and inner != address:  # ::ffff:192.0.2.1 leads where 192.0.2.1 does
            return Address(address[: -len(inner)] + self.address(inner))
        if any(prefix.covers(address) for prefix in _KEPT):
            return address
        fixed, bits, found = self._fixed[len(address)], _bits(address), []
        for position, bit in enumerate(bits):
            flip = bits[:position] not in fixed and self._flip(address, position)
            found.append("01"[int(bit) ^ flip])
        return Address(int("".join(found), 2).to_bytes(len(address), "big"))

    def _flip(self, address: Address, position: int) -> bool:
        """Whether to flip the bit there: it depends on the key and the bits before it.

        The 255 decisions about one octet are bits of one digest, by the octet's own bits before it.
        """
        before, within = divmod(position, 8)
        head = bytes((len(address),)) + address[:before]
        digest = self._flips.get(head)
        if digest is None:
            digest = self._flips[head] = hashlib.blake2b(head, digest_size=32, key=self._key).digest()
        node = (1 << within) | (address[before] >> (8 - within))
        return bool(digest[node >> 3] >> (node & 7) & 1)
