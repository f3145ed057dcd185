"""filtered-vip from the packaged service: half a connect takes nothing that its hardening forbids."""

from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import Unit

REJECT = """
table inet filtering { chain input { type filter hook input priority 0
    iifname lo tcp dport 80 reject with tcp reset
}; }
"""


def test_a_rule_of_the_firewall(machine: Machine, watching: Unit) -> None:
    """There before the service starts. When it is lifted, the finding is resolved."""
    machine.netns.nft(REJECT)
    try:
        machine.start_web()
        (entry,) = watching.until(lambda: watching.entries("filtered-vip"))
        assert (entry["LOWATCH_STATE"], entry["LOWATCH_ADDRESS"], entry["PRIORITY"]) == (
            "firing",
            "192.0.2.10",
            "4",
        )
        assert ", where web.service (inode " in entry["LOWATCH_REASON"]
        assert watching.verdict(WWW) == "filtered"
        assert watching.orphan(WWW) == 0
    finally:
        machine.netns.nft("delete table inet filtering")
    watching.until(lambda: watching.announced("filtered-vip") == ["firing", "resolved"])
    assert watching.verdict(WWW) == "served"
    machine.run("systemctl stop web")
