"""0x20: letters of the question in random case, which a reply has to repeat (draft-vixie-dnsext-dns0x20).

A forger off the path then has to guess a bit for each letter too. Some servers do not echo the case:

    known of the server    a reply in our case    one in another case
    nothing yet            it echoes              it does not: taken, and asked in lower case from now on
    it echoes              taken                  forged: ignored
    it does not            taken (all is lower case; after an hour, nothing is known again)

A server that was replaced by one that does not echo falls silent then; silence forgets what was known.
"""

from __future__ import annotations

from enum import Enum
from random import Random

_LETTERS = bytes(0x20 if chr(octet).isascii() and chr(octet).isalpha() else 0 for octet in range(256))

FOLDS_FOR = 3600.0
"""Seconds: a forger who made it seem so once has not won permanently."""


class Echo(Enum):
    """What is known about a server."""

    UNTRIED = "nothing yet"
    ECHOES = "it echoes"
    FOLDS = "it does not"


def mix_case(question: bytes, random: Random) -> bytes:
    """The question section with the case of each letter at random.

    Octets of length are below the letters (63 at most), and those of type and class are no letters.
    """
    letters = int.from_bytes(question.translate(_LETTERS), "big")
    flipped = letters & random.getrandbits(8 * len(question))
    return (int.from_bytes(question, "big") ^ flipped).to_bytes(len(question), "big")


def after_reply(known: Echo, asked: bytes, replied: bytes) -> tuple[Echo, bool]:
    """What is known after a reply whose question is `replied`, and whether it may be taken.

    asked: the question section as it was sent. A reply about something else entirely is none of ours.
    """
    if replied == asked:
        mixed = asked != asked.lower()
        return (Echo.ECHOES if mixed and known is Echo.UNTRIED else known), True
    if replied.lower() != asked.lower() or known is Echo.ECHOES:
        return known, False
    return Echo.FOLDS, True
