"""0x20: questions in random letter case, which a reply must repeat (draft-vixie-dnsext-dns0x20).

An off-path forger then has to guess one more bit per letter. Some servers do not echo the case:

    known of the server    a reply in our case    one in another case
    nothing yet            it echoes              it does not: accepted; queries are lower case from now on
    it echoes              accepted               forged: ignored
    it does not            accepted (queries are lower case; after an hour, nothing is known again)

If a server that echoes is replaced by one that does not, its replies are ignored until a query times
out. Then nothing is known again.
"""

from __future__ import annotations

from enum import Enum
from random import Random

_LETTERS = bytes(0x20 if chr(octet).isascii() and chr(octet).isalpha() else 0 for octet in range(256))

FOLDS_FOR = 3600.0
"""Seconds after which FOLDS is forgotten, so that one forged reply does not turn 0x20 off permanently."""


class Echo(Enum):
    """What is known about a server."""

    UNTRIED = "nothing yet"
    ECHOES = "it echoes"
    FOLDS = "it does not"


def mix_case(question: bytes, random: Random) -> bytes:
    """The question section with each letter in random case.

    Only names change: length octets are at most 63, below all letters, and the octets of type and class
    are not letters.
    """
    letters = int.from_bytes(question.translate(_LETTERS), "big")
    flipped = letters & random.getrandbits(8 * len(question))
    return (int.from_bytes(question, "big") ^ flipped).to_bytes(len(question), "big")


def after_reply(known: Echo, asked: bytes, replied: bytes) -> tuple[Echo, bool]:
    """Returns what is known after a reply with the question section `replied`, and whether to accept it.

    asked: the question section as it was sent. A reply to a different question is not accepted.
    """
    if replied == asked:
        mixed = asked != asked.lower()
        return (Echo.ECHOES if mixed and known is Echo.UNTRIED else known), True
    if replied.lower() != asked.lower() or known is Echo.ECHOES:
        return known, False
    return Echo.FOLDS, True
