"""The files that the package ships for a trace: a hardened service names programs."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from lowatch.cli.setup.trace import DROP_IN, drop_in
from tests.service.conftest import WWW
from tests.support.booted import Machine
from tests.support.booted_unit import Unit, settings
from tests.support.dns_server import Knot

EXAMPLES = "/usr/share/doc/lowatch/examples"
SHIPPED = "instances/lowatch"
OURS = f"{SHIPPED}-test-{os.getpid()}"
"""The kernel has one set of instances for all machines: the name is of this process."""
TMPFILES = "/etc/tmpfiles.d/lowatch-trace.conf"
BOUND = "/run/lowatch-saved-names"
INSTALLED = ("/etc", "/run/systemd/system", "/run/lowatch", BOUND)
PLAN = "/usr/lib/python3/dist-packages/lowatch/cli/setup/trace.py"
VIP = "192.0.2.10"
FIRST = 1100
"""Of ports that clients are given: the first digits. The kernel gives them to nobody else."""


@pytest.fixture
def tracefs(machine: Machine) -> Iterator[None]:
    machine.run("mount -t tracefs tracefs /sys/kernel/tracing")
    yield
    machine.run(
        "systemctl stop lowatch.socket lowatch.service; "
        f"if [ -e /sys/kernel/tracing/{OURS} ]; then rmdir /sys/kernel/tracing/{OURS}; fi; "
        "umount /sys/kernel/tracing"
    )


@pytest.fixture
def trace(machine: Machine, unit: Unit, tracefs: None) -> Iterator[None]:
    """The instance is made as docs/findings.md has it, but for its name."""
    machine.run(
        f"mkdir -p /etc/tmpfiles.d && sed s,{SHIPPED},{OURS}, {EXAMPLES}/lowatch-trace.conf >{TMPFILES} && "
        f"systemd-tmpfiles --create {TMPFILES}"
    )
    text = drop_in(machine.root).content
    unit.drop_in(text.partition("[Service]\n")[2].replace(SHIPPED, OURS))
    yield
    machine.run(f"rm {TMPFILES}; chmod 0440 /sys/kernel/tracing/saved_cmdlines; rm -f {BOUND}")


@pytest.fixture
def renamed(machine: Machine) -> Iterator[None]:
    """`lowatch setup trace` makes an instance of our name."""
    ours = f's,{SHIPPED.partition("/")[2]}"$,{OURS.partition("/")[2]}",'
    machine.run(f"cp {PLAN} /root/trace.py && sed --in-place '{ours}' {PLAN}")
    yield
    machine.run(f"lowatch setup trace --undo; mv /root/trace.py {PLAN}")


HASTY = f"""
    for (1..10) {{
        unless (fork) {{
            socket(S, AF_INET, SOCK_STREAM, 6);
            connect(S, pack_sockaddr_in(80, inet_aton("{VIP}")));
            kill 9, $$;
        }}
        wait;
    }}
"""
"""Ten programs that end at once: the trace does not have their name yet."""


def until_hasty_programs_are_named(machine: Machine, unit: Unit) -> None:
    def most_are() -> bool:
        before = programs(unit)["perl"]
        machine.run(f"perl -MSocket -e '{HASTY}'")
        time.sleep(0.1)  # until they should have a name
        return programs(unit)["perl"] > before + 10 // 2

    unit.until(most_are)


def programs(unit: Unit) -> Counter[str]:
    """How often each program failed, in whichever unit."""
    found = Counter[str]()
    for one in refused(unit).get("programs", ()):
        found[one["name"]] += one["count"]
    return found


def refused(unit: Unit) -> dict[str, Any]:
    (finding,) = unit.findings("orphan-vip")
    return finding["refused"] or {"count": 0}


def until_curl_is_named(machine: Machine, unit: Unit) -> None:
    """Of several that fail: one at a port that the trace knows of another test's client has no name."""

    def is_named() -> bool:
        machine.attempt(f"curl --silent http://{VIP}/")
        return "curl (PID" in machine.run("lowatch status --format json")

    unit.until(is_named)


def test_a_hardened_service_names_programs(machine: Machine, unit: Unit, trace: None, knot: Knot) -> None:
    unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    unit.start()
    assert "names programs that fail" in machine.run("lowatch status")
    unit.until(lambda: unit.orphan(WWW) == 1)
    until_curl_is_named(machine, unit)
    assert "curl (PID" in machine.run(f"lowatch explain {WWW}:80")
    until_hasty_programs_are_named(machine, unit)
    server = f"/usr/bin/python3 -m http.server --bind {VIP} 80"
    machine.run(f"systemd-run --quiet --unit=web.service {server}")
    unit.until(lambda: unit.orphan(WWW) == 0)
    unit.until(lambda: unit.announced("orphan-vip") == ["firing", "resolved"])
    assert unit.entries("orphan-vip")[-1]["LOWATCH_VICTIM"] in ("curl", "perl")
    assert "names programs that fail\n" in machine.run("lowatch status"), "nothing was lost"
    # systemd 252 would open the trace for ExecReload= too.
    has_open_file = drop_in(machine.root) is DROP_IN
    machine.run("systemctl reload lowatch.service" if has_open_file else "lowatch reload")
    assert (unit.show("CanReload") == "yes") is has_open_file
    assert "names programs that fail\n" in machine.run("lowatch status")


def test_clients_in_other_namespaces_are_not_counted(
    machine: Machine, unit: Unit, trace: None, knot: Knot
) -> None:
    """The trace has them: of the same address in another namespace, and of ours by way of a link."""
    machine.run(
        "cp /usr/bin/curl /run/foreigner; ip netns add blue; ip -n blue link set lo up; "
        f"ip -n blue addr add {VIP}/32 dev lo; ip netns add green; "
        "ip link add to-green type veth peer name to-host netns green; "
        "ip addr add 198.51.100.1/24 dev to-green; ip link set to-green up; "
        "ip -n green addr add 198.51.100.2/24 dev to-host; ip -n green link set to-host up; "
        f"ip -n green route add {VIP} via 198.51.100.1"
    )
    try:
        unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
        unit.start()
        unit.until(lambda: unit.orphan(WWW) == 1)
        for name in ("blue", "green"):
            inside = f"ip netns exec {name}"
            machine.run(
                f"for number in 1 2 3 4 5 6 7 8 9; do {inside} bash -c '</dev/tcp/{VIP}/80'; "
                f"{inside} /run/foreigner --silent --local-port {FIRST}$number http://{VIP}/; "
                "done 2>/dev/null; true"
            )
        machine.attempt(f"bash -c '</dev/tcp/{VIP}/80'")
        numbers = range(1, 16)
        for clients in count(1 + len(numbers), 6):
            for number in numbers:
                machine.attempt(f"curl --silent --local-port {10 * FIRST + number} http://{VIP}/")
            unit.until(lambda clients=clients: refused(unit)["count"] >= clients)
            assert refused(unit)["count"] == clients
            names = programs(unit)
            assert names.keys() <= {"curl", "bash", ""}
            if names["curl"] >= 6:
                break
            # Others' floods of failed connects on this kernel leave programs unnamed.
            numbers = range(numbers.stop, numbers.stop + 6)
            assert clients < 100, f"six, of ports that no foreigner had, are never named: {names}"
    finally:
        machine.run("ip netns del blue; ip netns del green")


def test_what_setup_installs_is_shown_first_and_goes_when_it_is_undone(
    machine: Machine, unit: Unit, tracefs: None, renamed: None, knot: Knot
) -> None:
    unit.configure(settings(knot, f'hold = "0s"\ndomains = ["{WWW}:80"]'))
    unit.start()
    before = machine.listing(*INSTALLED)
    shown = machine.run("lowatch setup trace --dry-run")
    assert OURS in shown
    assert machine.listing(*INSTALLED) == before
    assert not machine.path(f"/sys/kernel/tracing/{OURS}").exists()
    assert machine.run("lowatch setup trace") == shown
    unit.until(lambda: unit.orphan(WWW) == 1)
    until_curl_is_named(machine, unit)
    machine.run("lowatch setup trace --undo")
    assert machine.listing(*INSTALLED) == before
    assert not machine.path(f"/sys/kernel/tracing/{OURS}").exists()
    assert machine.run("stat --format %a /sys/kernel/tracing/saved_cmdlines") == "440\n"
    assert unit.orphan(WWW) == 1


def test_without_the_files_the_service_does_not_start(machine: Machine, unit: Unit) -> None:
    """As the drop-in says."""
    unit.drop_in(f"StandardInput=file:/sys/kernel/tracing/{OURS}/trace_pipe\nRestart=no")
    machine.attempt("systemctl start lowatch.service")
    assert unit.show("ExecMainStatus") == "208"
