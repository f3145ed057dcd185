"""The web server's routes follow the configuration in force."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lowatch.config.load import load
from lowatch.config.settings import Config
from lowatch.report.metrics.exposition import Format
from lowatch.service.http.content import Content
from lowatch.service.http.message import Request, Response, find_handler
from lowatch.service.http.routes import ConfiguredRoutes
from tests.unit.report.audit_worlds import bad_night
from tests.unit.service.given_pages import GivenAudits, GivenMetrics, GivenReload, reloaded

START = load(None)


@dataclass
class InForce:
    current: Config


def metrics(form: Format) -> Content:
    return Content("metrics", form.name, bad_night, lambda: iter([b"a 1\n"]))


def routes_of(config: InForce) -> ConfiguredRoutes:
    audits = GivenAudits(bad_night())
    return ConfiguredRoutes(audits, GivenMetrics(metrics), GivenReload(reloaded), config, "web-17")


def status(routes: ConfiguredRoutes, path: str, method: str = "GET", host: str = "") -> int:
    request = Request(method, path, host=host)
    found = find_handler(routes, request)
    response = found if isinstance(found, Response) else found(request)
    return response.status if isinstance(response, Response) else 200  # it is being reloaded


def test_the_telemetry_path_moves_with_a_reload() -> None:
    config = InForce(START)
    routes = routes_of(config)
    assert (status(routes, "/metrics"), status(routes, "/moved")) == (200, 404)
    config.current = replace(START, web=replace(START.web, telemetry_path="/moved"))
    assert (status(routes, "/metrics"), status(routes, "/moved")) == (404, 200)


def test_reloading_is_refused_unless_it_is_enabled() -> None:
    assert status(routes_of(InForce(START)), "/-/reload", "POST") == 403


def test_this_hosts_names_may_be_asked_for_and_others_may_not() -> None:
    routes = routes_of(InForce(START))
    assert status(routes, "/", host="web-17:10048") == 200
    assert status(routes, "/", host="evil.example") == 421
    hosts = InForce(replace(START, web=replace(START.web, hosts=("*.example",))))
    assert status(routes_of(hosts), "/", host="good.example") == 200


def test_routes_are_built_once_for_each_configuration() -> None:
    routes = routes_of(InForce(START))
    assert routes.get("/metrics") is routes.get("/metrics")
    assert routes.get("/nowhere") is None
