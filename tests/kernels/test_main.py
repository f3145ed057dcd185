from __future__ import annotations

import os

import pytest

from tests.kernels import __main__ as main
from tests.kernels import guest
from tests.kernels.packages import FetchError, Kernel


def test_what_fails_does_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(version: str) -> Kernel:
        if version == "6.12":
            raise FetchError("apt-get: no network")
        return Kernel(version, f"{version}.0", guest.CHECKOUT)

    def hangs(kernel: Kernel) -> main.Result:
        raise guest.GuestError("killed after 900 s")

    def passes(kernel: Kernel) -> main.Result:
        return main.Result(0, [f"Linux {kernel.release}: as expected"])

    monkeypatch.setattr(main, "fetch", fetch)
    assert main.on_each(["6.1", "6.12"], [hangs, passes]) == [
        main.Result(1, ["Linux 6.1.0: FAILED: killed after 900 s"]),
        main.Result(0, ["Linux 6.1.0: as expected"]),
        main.Result(1, ["Linux 6.12: FAILED: apt-get: no network"]),
    ]


@pytest.mark.parametrize(
    ("uid", "machine", "why"),
    [(1000, "x86_64", "needs root"), (0, "aarch64", "needs x86_64, .* this is aarch64")],
)
def test_a_host_that_can_have_no_guests(
    uid: int, machine: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(guest.GuestError, match=why):
        guest.check_host()
