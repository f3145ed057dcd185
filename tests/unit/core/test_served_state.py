"""Who serves each endpoint, of the observations of an audit."""

from __future__ import annotations

from lowatch.core.listeners import Endpoint
from lowatch.core.served_state import ServedState
from tests.unit.core.worlds import BLIND, NGINX, VIP, VIP6, local, ports, seen, view


def test_each_endpoint_with_a_listener_once_whatever_the_names() -> None:
    observed = view(local(VIP, *seen(("80", NGINX), ("443", None))), local(VIP6, *seen(("80", BLIND))))
    other = view(local(VIP, *seen(("443", NGINX._replace(unit=None)))))
    state = ServedState(0.0, {"a.example.com": observed, "b.example.com": observed, "c": other}, {})
    http, https = ports("80 443")
    assert state.serving() == {Endpoint(VIP, http): "nginx.service", Endpoint(VIP, https): None}
