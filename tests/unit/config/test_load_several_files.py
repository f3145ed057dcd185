"""Several files make one configuration."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lowatch.config.errors import ConfigErrors
from lowatch.config.load import load
from lowatch.config.settings import Listen
from lowatch.core.addresses import Port, parse_address
from lowatch.core.policy import Domain
from tests.unit.config.config_files import drop_in, told


class TestDropIns:
    def test_only_toml_in_order(self, main: Path) -> None:
        main.write_text('hold = "1m"')
        drop_in(main, "20.toml", 'hold = "3m"')
        drop_in(main, "10.toml", 'hold = "2m"')
        drop_in(main, "90.conf", 'hold = "9m"')
        drop_in(main, "90.toml~", 'hold = "9m"')
        drop_in(main, ".90.toml", 'hold = "9m"')
        assert load(main).policy.hold == 180.0
        assert [file.name for file in load(main).files] == ["lowatch.toml", "10.toml", "20.toml"]

    def test_tables_merge_by_key(self, main: Path) -> None:
        main.write_text('[dns]\ntimeout = "1s"\nmax_qps = 7\n[web]\nlisten = [":1"]')
        drop_in(main, "a.toml", '[dns]\ntimeout = "3s"\n[web]\nlisten = [":2"]\nenable_reload = true')
        config = load(main)
        assert (config.dns.timeout, config.dns.max_qps) == (3.0, 7)
        assert (config.web.listen, config.web.enable_reload) == ((Listen("", 2),), True)

    def test_values_and_arrays_override(self, main: Path) -> None:
        main.write_text('interfaces = ["lo", "dummy*"]\nports = ["80/tcp"]\nprobe = "off"')
        drop_in(main, "a.toml", 'interfaces = ["eth0"]\nports = ["8443"]\nprobe = "confirm"')
        config = load(main)
        assert config.policy.interfaces == ("eth0",)
        assert config.ports == (Port(8443, "tcp"),)
        assert config.policy.probe is True

    def test_what_is_watched_and_accepted_adds_up(self, main: Path) -> None:
        acknowledge = '[[acknowledge]]\nkind = "idle-vip"\nuntil = 2027-01-31\nreason = "{}"\n'
        main.write_text(
            'domains = ["a.example"]\nexpect = ["192.0.2.1"]\n[[domain]]\nname = "b.example"\n'
            + acknowledge.format("first")
        )
        drop_in(
            main,
            "a.toml",
            'domains = ["c.example:53/udp", "b.example"]\nexpect = ["192.0.2.2", "192.0.2.1"]\n'
            '[[domain]]\nname = "A.example."\nports = ["443/tcp"]\n' + acknowledge.format("second"),
        )
        policy = load(main).policy
        assert policy.domains == {
            "a.example": Domain("a.example", (Port(443, "tcp"),), any_of=False),
            "b.example": Domain("b.example"),
            "c.example": Domain("c.example", (Port(53, "udp"),), any_of=False),
        }
        assert policy.expect == (parse_address("192.0.2.1"), parse_address("192.0.2.2"))
        assert [one.reason for one in policy.acknowledgements] == ["first", "second"]

    def test_every_file_tells_its_mistakes_in_order(self, main: Path) -> None:
        main.write_text('hold = 30\n\nunit = "x"')
        second = drop_in(main, "2.toml", "probe = ")
        first = drop_in(main, "1.toml", '# fine\nprobe = "on"')
        fourth = drop_in(main, "4.toml", '[dns]\nmin_ttl = "2h"')
        third = drop_in(main, "3.toml", '[[domain]]\nname = "a b"')
        places = [line.split(" ")[0] for line in told(main)]
        assert places == [
            f"{main}:1:",
            f"{main}:3:",
            f"{first}:2:",
            f"{second}:",  # at its end
            f"{third}:2:",
            f"{fourth}:2:",
        ]

    def test_what_is_not_supported_yet_is_refused_in_every_file(self, main: Path) -> None:
        main.write_text('[web]\nconfig_file = "web.yml"')
        other = drop_in(main, "a.toml", '[web]\nconfig_file = "tls.yml"')
        assert told(main) == [
            f"{main}:2: web.config_file: TLS and passwords are not supported yet; remove it",
            f"{other}:2: web.config_file: TLS and passwords are not supported yet; remove it",
        ]

    def test_what_is_not_supported_yet_may_be_empty(self, main: Path) -> None:
        """It asks for nothing then, and `config show` has written it so."""
        main.write_text('[web]\nconfig_file = ""\n[[domain]]\nname = "a.example"\nunit = ""')
        assert load(main).policy.domains == {"a.example": Domain("a.example")}

    def test_a_lower_maximum_in_a_later_file(self, main: Path) -> None:
        main.write_text('[dns]\nmin_ttl = "10m"')
        other = drop_in(main, "a.toml", '[dns]\nmax_ttl = "5m"')
        assert told(main) == [f"{other}:2: dns.max_ttl: min_ttl 10m is longer than max_ttl 5m"]

    def test_a_bad_limit_is_not_compared(self, main: Path) -> None:
        main.write_text('[dns]\nmin_ttl = "2h"\nmax_ttl = 5')
        assert len(told(main)) == 1

    def test_lowatch_d_is_a_file(self, main: Path) -> None:
        main.write_text("")
        (main.parent / "lowatch.d").write_text("")
        assert told(main) == [f"{main.parent / 'lowatch.d'}: cannot be listed: Not a directory"]
        with pytest.raises(ConfigErrors):
            load(main)

    def test_a_fifo_would_hold_up_a_reload(self, main: Path) -> None:
        main.write_text("")
        path = drop_in(main, "a.toml", "")
        path.unlink()
        os.mkfifo(path)
        assert stat.S_ISFIFO(path.stat().st_mode)
        assert told(main) == [f"{path}: is a FIFO, not a regular file"]

    def test_a_directory_among_them(self, main: Path) -> None:
        main.write_text("")
        path = drop_in(main, "a.toml", "")
        path.unlink()
        path.mkdir()
        assert told(main) == [f"{path}: is a directory, not a regular file"]
