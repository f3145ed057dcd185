"""The web server with clients that mean well."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import zlib
from contextlib import suppress
from dataclasses import asdict
from email.utils import parsedate_to_datetime

import pytest

from lowatch.config.settings import Listen
from lowatch.service.http.listen import ListenError, describe, listening
from lowatch.service.http.message import Request, Response, Routes, text
from lowatch.service.http.server import HttpServer
from tests.support.aio import run_async
from tests.support.waiting import quickest
from tests.unit.service.http_clients import ROUTES, Client, hello, serving

BIG = bytes(range(256)) * 4 * 8192  # 8 MiB: more than the kernel buffers


def big(_request: Request) -> Response:
    return Response(200, BIG, "application/octet-stream")


def echo(request: Request) -> Response:
    return text(200, repr(asdict(request)))


def received(client: socket.socket) -> bytes:
    """Blocking; nothing where the server closed, with or without a reset."""
    try:
        return client.recv(1)
    except ConnectionResetError:
        return b""


def test_a_request_is_answered() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            answer = await served.get("/hello")
        assert (answer.status, answer.body) == (200, b"hello\n")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert parsedate_to_datetime(answer.headers["date"]).year >= 2026
        assert "connection" not in answer.headers

    run_async(scenario())


def test_a_handler_gets_the_request() -> None:
    async def scenario() -> None:
        async with serving({"/echo": {"GET": echo}}) as served:
            answer = await served.get("/echo?a=b?c", "X-Twice: one", "X-Twice: two")
        expected = Request("GET", "/echo", "a=b?c", {"host": "lowatch", "x-twice": "one, two"}, "lowatch")
        assert answer.body.decode() == f"{asdict(expected)!r}\n"

    run_async(scenario())


def test_a_target_may_be_a_whole_url() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            assert (await served.get("http://lowatch:10048/hello?x=http://y")).status == 200
            assert (await served.get("http://lowatch")).status == 404

    run_async(scenario())


def test_with_a_whole_url_the_host_header_is_ignored() -> None:
    """RFC 9112, 3.2.2."""

    async def scenario() -> None:
        async with serving({"/": {"GET": echo}, "/x": {"GET": echo}}) as served:
            for target in ("http://other.example:8080/x?http://y", "http://other.example:8080"):
                assert (await served.get(target)).body.endswith(b"'host': 'other.example:8080'}\n")

    run_async(scenario())


def test_head_is_get_without_the_body_and_the_connection_goes_on() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            client = await served.client()
            by_head = await client.get("/hello", method="HEAD")
            by_get = await client.get("/hello")
            assert by_head.headers | {"date": ""} == by_get.headers | {"date": ""}
            assert by_get.body == b"hello\n"

    run_async(scenario())


@pytest.mark.parametrize("target", ["/", "/hell", "/hello/", "/%68ello", "*", "hello", "//hello"])
def test_any_other_path_is_404(target: str) -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            assert (await served.get(target)).status == 404

    run_async(scenario())


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/hello", "GET, HEAD"),
        ("DELETE", "/hello", "GET, HEAD"),
        ("get", "/hello", "GET, HEAD"),
        ("GET", "/post", "POST"),
        ("HEAD", "/post", "POST"),
        ("OPTIONS", "/both", "GET, HEAD, POST"),
    ],
)
def test_any_other_method_is_405(method: str, path: str, allowed: str) -> None:
    routes: Routes = {**ROUTES, "/post": {"POST": hello}, "/both": {"GET": hello, "POST": hello}}

    async def scenario() -> None:
        async with serving(routes) as served:
            client = await served.client()
            answer = await client.get(path, method=method)
            assert (answer.status, answer.headers["allow"]) == (405, allowed)
            assert (await client.get("/hello")).status == 200

    run_async(scenario())


def test_connect_and_upgrade_are_not_for_us() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            assert (await served.get("example.com:443", method="CONNECT")).status == 404
            client = await served.client()
            upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
            for _ in range(2):
                assert (await client.get("/hello", *upgrade)).status == 200

    run_async(scenario())


def test_a_connection_serves_request_after_request() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            client = await served.client()
            for _ in range(100):
                assert (await client.get("/hello")).status == 200

    run_async(scenario())


def test_a_client_that_asks_for_it_is_disconnected() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            client = await served.client()
            answer = await client.get("/hello", "Connection: close")
            assert answer.headers["connection"] == "close"
            assert await client.closed() == b""

            old = await served.client()
            await old.send("GET /hello HTTP/1.0\r\n\r\n")
            assert (await old.answer()).body == b"hello\n"
            assert await old.closed() == b""

    run_async(scenario())


def test_a_client_that_has_ended_its_side_is_still_answered() -> None:
    async def scenario() -> None:
        async with serving(ROUTES) as served:
            client = await served.client()
            client.writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            client.writer.write_eof()
            assert (await client.answer()).body == b"hello\n"
            assert await client.closed() == b""

    run_async(scenario())


def test_pipelined_requests_are_answered_in_order() -> None:
    async def scenario() -> None:
        async with serving({"/echo": {"GET": echo}}) as served:
            client = await served.client()
            await client.send(*(f"GET /echo?{n} HTTP/1.1\r\nHost: x\r\n\r\n" for n in range(200)))
            for n in range(200):
                assert f"'query': '{n}'" in (await client.answer()).body.decode()

    run_async(scenario())


def test_a_client_that_pipelines_gets_its_turn_and_no_more() -> None:
    """What is in the buffer already could be answered without ever returning to the loop."""
    answered = 0

    def count(_request: Request) -> Response:
        nonlocal answered
        answered += 1
        return text(200)

    async def scenario() -> None:
        async with serving({**ROUTES, "/count": {"GET": count}}) as served:
            other, greedy = await served.client(), await served.client()
            await other.get("/hello")
            await greedy.get("/count")
            greedy.writer.write(b"GET /count HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
            await other.get("/hello")
            assert answered < 100
            for _ in range(1000):
                await greedy.answer()

    run_async(scenario())


def test_a_body_is_read_and_ignored() -> None:
    async def scenario() -> None:
        async with serving({**ROUTES, "/post": {"POST": hello}}) as served:
            client = await served.client()
            head = "POST /post HTTP/1.1\r\nHost: x\r\n"
            await client.send(head, "Content-Length: 5\r\n\r\n12345")
            assert (await client.answer()).status == 200
            await client.send(head, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            assert (await client.answer()).status == 200
            assert (await client.get("/hello")).status == 200

    run_async(scenario())


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    async def scenario() -> None:
        async with serving({"/post": {"POST": hello}}) as served:
            client = await served.client()
            await client.send(
                "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n",
                "Expect: 100-continue\r\n\r\n",
            )
            assert (await client.answer()).status == 100
            await client.send("12345")
            assert (await client.answer()).status == 200

    run_async(scenario())


def test_a_large_response_arrives_whole() -> None:
    async def scenario() -> None:
        async with serving({"/big": {"GET": big}}) as served:
            client = await served.client(receive_buffer=4096)
            for _ in range(2):
                assert (await client.get("/big")).body == BIG

    run_async(scenario())


def test_gzip_for_who_takes_it_where_it_pays() -> None:
    page = b"lo_orphan_vip 1\n" * 50_000

    def repetitive(_request: Request) -> Response:
        return Response(200, page)

    async def scenario() -> None:
        async with serving({**ROUTES, "/page": {"GET": repetitive}}) as served:
            plain = await served.get("/page")
            assert plain.body == page
            answer = await served.get("/page", "Accept-Encoding: deflate, gzip;q=0.5")
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.headers["vary"] == "Accept-Encoding"
            assert len(answer.body) < len(page) / 10
            assert zlib.decompress(answer.body, wbits=31) == page
            head = await served.get("/page", "Accept-Encoding: gzip", method="HEAD")
            assert head.headers["content-length"] == str(len(answer.body))
            small = await served.get("/hello", "Accept-Encoding: gzip")
            assert "content-encoding" not in small.headers

    run_async(scenario())


def test_while_a_large_response_is_compressed_others_are_answered() -> None:
    async def scenario() -> None:
        order = []
        rendered = asyncio.Event()

        def slow(request: Request) -> Response:
            rendered.set()
            return big(request)

        async with serving({**ROUTES, "/slow": {"GET": slow}}) as served:
            other = await served.client()
            await other.get("/hello")

            async def scrape() -> None:
                await served.get("/slow", "Accept-Encoding: gzip")
                order.append("big")

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(scrape())
                await rendered.wait()
                await other.get("/hello")
                order.append("small")
        assert order == ["small", "big"]

    run_async(scenario())


def test_a_handler_may_wait_and_others_go_on() -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def wait(_request: Request) -> Response:
            await go_on.wait()
            return text(200, "done")

        async with serving({**ROUTES, "/wait": {"POST": wait}}) as served:
            client = await served.client()
            await client.send("POST /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await served.get("/hello")).status == 200
            go_on.set()
            assert (await client.answer()).body == b"done\n"

    run_async(scenario())


def test_a_handler_that_fails_is_logged_and_the_connection_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_request: Request) -> Response:
        raise LookupError("what was it")

    async def scenario() -> None:
        async with serving({**ROUTES, "/fail": {"GET": fail}}) as served:
            client = await served.client()
            answer = await client.get("/fail")
            assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
            assert (await client.get("/hello")).status == 200

    run_async(scenario())
    [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.getMessage() == "web: GET /fail failed"
    assert "what was it" in caplog.text


def test_routes_can_be_replaced_while_serving() -> None:
    async def scenario() -> None:
        routes = dict(ROUTES)
        async with serving(routes) as served:
            client = await served.client()
            assert (await client.get("/moved")).status == 404
            routes["/moved"] = {"GET": hello}
            assert (await client.get("/moved")).status == 200

    run_async(scenario())


def test_curl_agrees() -> None:
    """A client by other hands: tests/unit/service/http_clients.py might share the server's mistakes."""

    async def scenario() -> bytes:
        async with serving({"/big": {"GET": big}}) as served:
            url = f"http://127.0.0.1:{served.port}/big"
            curl = await asyncio.create_subprocess_exec(
                "curl", "--silent", "--show-error", "--fail", "--compressed", "--noproxy", "*",
                url, url, stdout=subprocess.PIPE,
            )  # fmt: skip
            out, _ = await curl.communicate()
            assert curl.returncode == 0
            return out

    assert run_async(scenario()) == BIG + BIG


class TestEnd:
    def test_every_connection_is_closed_at_once(self) -> None:
        async def scenario() -> float:
            started = asyncio.Event()

            async def wait(_request: Request) -> Response:
                started.set()
                await asyncio.get_running_loop().create_future()
                raise AssertionError

            routes: Routes = {**ROUTES, "/big": {"GET": big}, "/wait": {"GET": wait}}
            async with serving(routes) as served:
                clients = [await served.client(receive_buffer=4096) for _ in range(5)]
                silent, half, idle, stuck, waiting = clients
                await half.send("GET /hello HTTP/1.1\r\nHo")
                await idle.get("/hello")
                await stuck.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
                await waiting.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
                await started.wait()
                loop = asyncio.get_running_loop()
                cancelled = loop.time()
                served.task.cancel()
                await asyncio.wait([served.task])
                took = loop.time() - cancelled
                for client in (silent, half, idle, waiting):
                    assert await client.closed() == b""
                assert len(await stuck.closed()) < len(BIG)
                return took

        assert quickest(lambda: run_async(scenario()), 0.1) < 0.1

    def test_a_connection_not_yet_begun_is_closed_too(self) -> None:
        """Cancelled between accept() and its task's first step."""

        async def scenario() -> None:
            with listening([Listen("127.0.0.1", 0)]) as [listener]:
                async with asyncio.TaskGroup() as tasks:
                    serve = tasks.create_task(HttpServer(ROUTES).serve([listener]))
                    await asyncio.sleep(0)
                    with socket.create_connection(listener.getsockname()) as client:
                        # The client is in the backlog: the loop's next turn accepts it.
                        asyncio.get_running_loop().call_soon(serve.cancel)
                        await asyncio.wait([serve])
                        client.settimeout(5)
                        listener.close()
                        assert received(client) == b""

        run_async(scenario())

    def test_who_comes_between_two_servers_waits_for_the_second(self) -> None:
        """As in a reload that leaves the addresses alone: the sockets stay open."""

        async def scenario() -> None:
            with listening([Listen("127.0.0.1", 0)]) as [listener]:
                for _ in range(3):
                    client = await Client.to(listener.getsockname()[1])
                    await asyncio.sleep(0)
                    async with asyncio.TaskGroup() as tasks:
                        serve = tasks.create_task(HttpServer(ROUTES).serve([listener]))
                        assert (await client.get("/hello")).status == 200
                        await client.close()
                        serve.cancel()

        run_async(scenario())


class TestListening:
    def test_an_address_in_use_is_reported_in_one_line(self) -> None:
        with listening([Listen("127.0.0.1", 0)]) as [first]:
            port = first.getsockname()[1]
            with (
                pytest.raises(ListenError) as caught,
                listening([Listen("127.0.0.1", 0), Listen("127.0.0.1", port)]),
            ):
                pass
        message = f"web: cannot listen on 127.0.0.1:{port}: Address already in use"
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        ("place", "message"),
        [
            (
                Listen("192.0.2.1", 10048),
                "web: cannot listen on 192.0.2.1:10048: Cannot assign requested address",
            ),
            (
                Listen("2001:db8::1", 10048),
                "web: cannot listen on [2001:db8::1]:10048: Cannot assign requested address",
            ),
            (
                Listen("no.such.host.invalid", 10048),
                "web: cannot listen on no.such.host.invalid:10048: ",
            ),
        ],
    )
    def test_an_address_that_is_not_here(self, place: Listen, message: str) -> None:
        with pytest.raises(ListenError) as caught, listening([place]):
            pass
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    def test_no_host_means_every_address_of_both_families(self) -> None:
        async def scenario() -> None:
            with listening([Listen("", 0)]) as listeners:
                families = [listener.family for listener in listeners]
                assert sorted(families) == [socket.AF_INET, socket.AF_INET6]
                async with asyncio.TaskGroup() as tasks:
                    serve = tasks.create_task(HttpServer(ROUTES).serve(listeners))
                    for listener in listeners:
                        loopback = "::1" if listener.family == socket.AF_INET6 else "127.0.0.1"
                        port = listener.getsockname()[1]
                        client = Client(*await asyncio.open_connection(loopback, port))
                        assert (await client.get("/hello")).status == 200
                        await client.close()
                    serve.cancel()

        run_async(scenario())

    def test_what_the_kernel_keeps_for_a_connection_is_bounded(self) -> None:
        """tcp(7): a size that was set is inherited, and grows no more."""
        with listening([Listen("127.0.0.1", 0)]) as [listener], socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(listener.getsockname())
            listener.setblocking(True)
            accepted, _ = listener.accept()
            with accepted:
                accepted.setblocking(False)
                sent = 0
                with suppress(BlockingIOError):
                    while sent < 8 << 20:
                        sent += accepted.send(bytes(2**16))
                assert sent < 1 << 20

    def test_a_name_is_looked_up(self) -> None:
        with listening([Listen("localhost", 0)]) as listeners:
            hosts = {listener.getsockname()[0] for listener in listeners}
            assert hosts <= {"127.0.0.1", "::1"}
            assert hosts

    def test_several_places(self) -> None:
        with listening([Listen("127.0.0.1", 0), Listen("::1", 0)]) as listeners:
            assert [each.getsockname()[0] for each in listeners] == ["127.0.0.1", "::1"]
            assert not any(each.getblocking() for each in listeners)

    @pytest.mark.parametrize(
        ("place", "text"),
        [
            (Listen("127.0.0.1", 10048), "127.0.0.1:10048"),
            (Listen("::1", 10048), "[::1]:10048"),
            (Listen("", 10048), ":10048"),
        ],
    )
    def test_described_as_in_the_configuration(self, place: Listen, text: str) -> None:
        assert describe(place) == text
