"""The addresses that `ip -json address show` prints."""

from __future__ import annotations

import json


def shown_addresses(text: str, ours: tuple[str, ...] = ("192.0.2.", "2001:db8:")) -> set[tuple[str, str]]:
    """Address/length and interface of each address that begins like a test's own."""
    return {
        (f"{each['local']}/{each['prefixlen']}", link["ifname"])
        for link in json.loads(text)
        for each in link["addr_info"]
        if each["local"].startswith(ours)
    }
