"""The units for another network namespace are those for the first one, but for the namespace."""

from __future__ import annotations

from tests.support.repository import ROOT

UNITS = ROOT / "packaging/systemd"
MORE = {
    "Wants=lowatch@%i.path",
    "ConditionPathExists=/run/netns/%i",
    "ReloadPropagatedFrom=lowatch.service",
    "NetworkNamespacePath=/run/netns/%i",
    "SuccessExitStatus=3",
}
DIFFERENT = {
    "Description=Orphaned virtual IP monitor": " for network namespace %i",
    "EnvironmentFile=-/etc/default/lowatch": "@%i",
    "RestartPreventExitStatus=2": " 3",
    "RuntimeDirectory=lowatch": "@%i",
    "StateDirectory=lowatch": "@%i",
}
"""What is appended to a line."""
FILES = ("resolv.conf", "hosts", "host.conf", "nsswitch.conf", "gai.conf")


def settings(unit: str) -> list[str]:
    lines = (UNITS / unit).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_service_differs_in_its_namespace_only() -> None:
    """So it has all of the hardening, whatever is added to it."""
    first, other = settings("lowatch.service"), settings("lowatch@.service")
    expected = {line + DIFFERENT.get(line, "") for line in first} | MORE
    expected -= {"ExecStart=/usr/bin/lowatch run $ARGS"}
    expected |= {"ExecStart=/usr/bin/lowatch run --netns %i $ARGS"}
    expected |= {f"BindReadOnlyPaths=-/etc/netns/%i/{name}:/etc/{name}" for name in FILES}
    assert set(other) == expected
    assert len(other) == len(expected) + len(first) - len(set(first))


def test_the_socket_differs_in_its_port_and_in_what_it_belongs_to() -> None:
    first, other = set(settings("lowatch.socket")), set(settings("lowatch@.socket"))
    assert first - other == {
        "Description=Web listener of lowatch",
        "ListenStream=127.0.0.1:10048",
        "WantedBy=sockets.target",
    }
    assert other - first == {
        "Description=Web listener of lowatch for network namespace %i",
        "ListenStream=127.0.0.1:10049",
        "BindsTo=lowatch@%i.service",
        "StartLimitIntervalSec=0",
        "WantedBy=lowatch@%i.service",
    }
