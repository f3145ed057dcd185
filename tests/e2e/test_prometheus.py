"""A real Prometheus scrapes a real daemon, the shipped rules fire, a real Alertmanager delivers.

One world for the module: two VIPs on lo, one served (until a test stops the service) and one orphaned,
an address that nobody refers to, another that is acknowledged, and a name that does not exist.
"""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.daemon import WEB, Daemon, configuration
from tests.support.dns_server import Knot
from tests.support.netns import Netns
from tests.support.prometheus import Alertmanager, Prometheus, Sample, Webhook, rendered_rules
from tests.support.repository import ROOT
from tests.support.service import service

RULES = ROOT / "packaging/prometheus/lowatch.rules.yml"
EXAMPLE = ROOT / "packaging/prometheus/alertmanager.example.yml"
DASHBOARD = json.loads((ROOT / "packaging/grafana/lowatch.json").read_text())

WWW, OLD, GONE = "www.example.com", "old.example.com", "gone.example.com"
IN_TIME = 5.0
CONFIGURATION = f"""\
hold = "0s"
domains = ["{WWW}:80", "{OLD}:443", "{GONE}"]

[[acknowledge]]
address = "192.0.2.78"
until = 2099-01-01
reason = "a spare"
"""


class World(NamedTuple):
    daemon: Daemon
    prometheus: Prometheus
    webhook: Webhook


def delivering_at_once(url: str) -> dict[str, Any]:
    """The example of Alertmanager's configuration, without its waits and with our receiver."""
    example = yaml.safe_load(EXAMPLE.read_text())
    for route in (example["route"], *example["route"]["routes"]):
        route |= {"group_wait": "0s", "group_interval": "1s"}
    for receiver in example["receivers"]:
        receiver["webhook_configs"] = [{"url": url}]
    return dict(example)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        netns = stack.enter_context(Netns())
        stack.enter_context(netns.entered())
        for address in ("192.0.2.10", "192.0.2.20", "192.0.2.77", "192.0.2.78"):
            netns.ip(f"addr add {address}/32 dev lo")
        records = "www 1 A 192.0.2.10\nold 1 A 192.0.2.20"
        knot = stack.enter_context(Knot({"example.com": records}))
        settings = configuration(knot, CONFIGURATION, dns='min_ttl = "1s"')
        daemon = stack.enter_context(Daemon(directory, settings))
        webhook = stack.enter_context(Webhook())
        delivery = delivering_at_once(webhook.url)
        alertmanager = stack.enter_context(Alertmanager(directory / "alertmanager", delivery))
        prometheus = stack.enter_context(
            Prometheus(
                directory / "prometheus",
                rules=rendered_rules(directory, {"orphanVipFor": "0s"}),
                targets=[WEB],
                alertmanager=alertmanager.address,
            )
        )
        prometheus.until_up()
        yield World(daemon, prometheus, webhook)


def test_prometheus_gets_openmetrics(world: World) -> None:
    """Which it asks for; only that format has units."""
    status, text = world.prometheus.get("/api/v1/targets/metadata", metric="lowatch_loop_lag_seconds")
    assert status == 200
    [metadata] = json.loads(text)["data"]
    assert (metadata["type"], metadata["unit"]) == ("histogram", "seconds")
    assert world.prometheus.query("lowatch_netlink_resyncs_total >= 0")
    assert world.prometheus.query("scrape_samples_scraped > 100")


def until_served(world: World) -> None:
    """Until Prometheus has it from the daemon that WWW is served."""
    world.prometheus.until(lambda: world.prometheus.query(f'lo_orphan_vip{{domain="{WWW}"}} == 0'))


def orphan_since(wall: float, status: str) -> Callable[[dict[str, Any]], bool]:
    """Whether it is LowatchOrphanVip of WWW, firing or resolved, and has been so only since then."""

    def wanted(alert: dict[str, Any]) -> bool:
        labels, at = alert["labels"], alert["startsAt" if status == "firing" else "endsAt"]
        found = (labels["alertname"], labels.get("domain"), alert["status"])
        return found == ("LowatchOrphanVip", WWW, status) and datetime.fromisoformat(at).timestamp() > wall

    return wanted


def test_an_orphan_is_delivered_in_time_and_so_is_its_end(world: World) -> None:
    with service() as served:
        until_served(world)
        world.prometheus.until(lambda: not world.prometheus.query(f'ALERTS{{domain="{WWW}"}}'))
        killed = time.time()
        served.kill()
        firing = world.webhook.next(orphan_since(killed, "firing"), IN_TIME)
    assert firing["labels"] == {
        "alertname": "LowatchOrphanVip",
        "severity": "critical",
        "job": "lowatch",
        "instance": WEB,
        "interface": "lo",
        "address": "192.0.2.10",
        "domain": WWW,
        "port": "80",
        "protocol": "tcp",
    }
    said = firing["annotations"]
    assert said["summary"] == (
        f"Nothing serves {WWW} (192.0.2.10, 80/tcp) on {WEB}, but the address is local there"
    )
    assert f"holds 192.0.2.10 on lo and resolves {WWW} to it" in said["description"]
    assert said["runbook_url"].endswith("/alerts.md#lowatchorphanvip")
    back = time.time()
    with service():
        resolved = world.webhook.next(orphan_since(back, "resolved"), IN_TIME)
    assert resolved["labels"] == firing["labels"]


def test_every_shipped_rule_is_evaluated_without_an_error(world: World) -> None:
    """Rendered with one other value: the same rules."""
    shipped = yaml.safe_load(RULES.read_text())
    names = [
        rule.get("alert", rule.get("record")) for group in shipped["groups"] for rule in group["rules"]
    ]
    world.prometheus.until(lambda: all(rule["health"] == "ok" for rule in world.prometheus.rules()))
    rules = world.prometheus.rules()
    assert sorted(rule["name"] for rule in rules) == sorted(names)
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def test_a_healthy_daemon_has_no_other_alert(world: World) -> None:
    """An orphan and an idle address in a world of one host: and nothing is said of the daemon."""
    allowed = {"LowatchOrphanVip", "LowatchVipServedNowhere", "LowatchVipUnreferenced"}

    def active() -> set[str]:
        return {sample.labels["alertname"] for sample in world.prometheus.query("ALERTS")}

    world.prometheus.until(
        lambda: {"LowatchOrphanVip"} <= active() <= allowed
    )  # Down: until the first scrape


def test_a_daemon_that_does_not_answer_clears_nothing(world: World) -> None:
    """The alert of OLD goes on meanwhile and afterwards, and since when it has."""
    fires = f'ALERTS{{alertname="LowatchOrphanVip",alertstate="firing",domain="{OLD}"}}'
    since = f'ALERTS_FOR_STATE{{alertname="LowatchOrphanVip",domain="{OLD}"}}'

    def until_evaluated() -> None:
        now = time.time()
        world.prometheus.until(lambda: world.prometheus.query(f"timestamp({fires}) > {now}"))

    world.prometheus.until(lambda: world.prometheus.query(fires))
    before = world.prometheus.query(since)
    world.daemon.signal(signal.SIGSTOP)
    try:
        world.prometheus.until(lambda: world.prometheus.query("up == 0"))
        assert world.prometheus.query("lo_orphan_vip") == []
        until_evaluated()
    finally:
        world.daemon.signal(signal.SIGCONT)
    world.prometheus.until(lambda: world.prometheus.query(f'lo_orphan_vip{{domain="{OLD}"}} == 1'))
    until_evaluated()
    assert world.prometheus.query(since) == before


def test_an_orphan_that_is_acknowledged_has_no_alert(world: World) -> None:
    """It, and no other; the metric stays what it is."""
    fires = f'ALERTS{{alertname="LowatchOrphanVip",alertstate="firing",domain="{OLD}"}}'
    before = world.daemon.file.read_text()
    accepted = f'[[acknowledge]]\ndomain = "{OLD}"\nuntil = 2099-01-01\nreason = "known"\n'
    world.prometheus.until(lambda: world.prometheus.query(fires))
    world.daemon.configure(before + accepted)
    world.daemon.signal(signal.SIGHUP)
    try:
        world.prometheus.until(lambda: not world.prometheus.query(fires))
        assert world.prometheus.query(f'lo_orphan_vip{{domain="{OLD}"}} == 1')
        world.prometheus.until(
            lambda: world.prometheus.query(
                f'ALERTS{{alertname="LowatchOrphanVip",alertstate="firing",domain="{WWW}"}}'
            )
        )
    finally:
        world.daemon.configure(before)
        world.daemon.signal(signal.SIGHUP)
    world.prometheus.until(lambda: world.prometheus.query(fires))


def test_the_exposition_is_as_promtool_wants_it(world: World) -> None:
    body = world.daemon.get("/metrics").body
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=body,
        capture_output=True,
        text=True,
        check=False,
        timeout=IN_TIME,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# The dashboard.


def chosen(query: str, variables: dict[str, str]) -> str:
    """A query as Grafana sends it, once its variables are replaced."""
    for name, value in variables.items():
        query = query.replace(f"${name}", value)
    assert "$" not in query, query
    return query


ALL = {"job": ".+", "instance": ".+", "domain": ".*", "__rate_interval": "10s", "__range": "1m"}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def until_answered(world: World, query: str) -> list[dict[str, str]]:
    """The series that a query has over the last 10 s, as soon as there are any.

    Meanwhile local clients are refused again and again, so that there is a rate of them.
    """

    def look() -> list[dict[str, str]]:
        with socket.socket() as client:
            client.setblocking(False)
            client.connect_ex(("192.0.2.20", 443))
        return world.prometheus.query_range(query, seconds=10)

    return world.prometheus.until(look, IN_TIME)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_query_of_the_dashboard_has_data(world: World, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        series = until_answered(world, chosen(target["expr"], ALL))
        shown = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert all(shown <= labels.keys() for labels in series), (target["legendFormat"], series)


def values(world: World, title: str, **variables: str) -> list[list[Sample]]:
    [panel] = [each for each in PANELS if each["title"] == title]
    queries = [chosen(target["expr"], ALL | variables) for target in panel["targets"]]
    return [world.prometheus.query(query) for query in queries]


def test_the_dashboard_says_what_is_so(world: World) -> None:
    with service():
        until_served(world)
        old = {"domain": OLD, "address": "192.0.2.20", "port": "443", "protocol": "tcp"}
        www = {"domain": WWW, "address": "192.0.2.10", "port": "80", "protocol": "tcp"}
        assert values(world, "Orphaned endpoints") == [[({}, 1)]]
        assert values(world, "Served nowhere") == [[({}, 1)]]
        assert values(world, "Served nowhere", domain=WWW) == [[({}, 0)]]
        assert values(world, "Hosts watched") == [[({}, 1)]]
        assert values(world, "Hosts down") == [[({}, 0)]]
        assert values(world, "Unresolved domains") == [[({}, 1)]]
        assert values(world, "Unresolved domains by name") == [
            [({"instance": WEB, "domain": GONE, "status": "nxdomain"}, 1)]
        ]
        [[(accepted, _)]] = values(world, "Acknowledged")
        assert (accepted["kind"], accepted["address"]) == ("idle-vip", "192.0.2.78")
        assert values(world, "Reloads refused") == [[({}, 0)]]
        world.prometheus.until(lambda: len(values(world, "Orphaned now")[1]) == 1)
        [[(orphan, _)], [(dated, since)]] = values(world, "Orphaned now")
        assert orphan == dated == old | {"instance": WEB}
        assert 0 < time.time() - since / 1000 < 300
        [holding, serving] = values(world, "Who serves what")
        by_domain = sorted(serving, key=lambda sample: sample.labels["domain"])
        assert by_domain == [(old, 0), (www, 1)]
        assert sorted(count for _, count in holding) == [1, 1]
        [findings] = values(world, "Findings of other kinds")
        states = {labels["address"]: labels["state"] for labels, _ in findings}
        assert states == {"192.0.2.77": "firing", "192.0.2.78": "acknowledged"}


def test_the_variables_of_the_dashboard_offer_what_there_is(world: World) -> None:
    offered = {}
    for variable in DASHBOARD["templating"]["list"]:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable.get("definition", ""))
        if found:
            offered[variable["name"]] = world.prometheus.label_values(found[2], chosen(found[1], ALL))
    assert offered == {"job": ["lowatch"], "instance": [WEB], "domain": [OLD, WWW]}


@pytest.mark.parametrize("annotation", DASHBOARD["annotations"]["list"], ids=lambda each: each["name"])
def test_every_annotation_of_the_dashboard_has_data(world: World, annotation: dict[str, Any]) -> None:
    until_answered(world, chosen(annotation["expr"], ALL))
