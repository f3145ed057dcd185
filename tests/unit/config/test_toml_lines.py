from __future__ import annotations

from lowatch.config.toml_lines import key_lines


def test_keys_headers_and_elements() -> None:
    text = """\
# a comment with key = "value" and [brackets]

hold = "30s"  # 3
domains = [   # 4
  # not = "a key"
  "a.example", "b.example",   # 6

  "c.example",  # 8
]
dns.timeout = "2s"  # 10

[[domain]]  # 12
name = "x"
[[domain]]  # 14
ports = ["443/tcp",
  "444/tcp"]  # 16
[web]  # 17
listen = []
"""
    assert key_lines(text) == {
        ("hold",): 3,
        ("domains",): 4,
        ("domains", 0): 6,
        ("domains", 1): 6,
        ("domains", 2): 8,
        ("dns",): 10,
        ("dns", "timeout"): 10,
        ("domain",): 12,
        ("domain", 0): 12,
        ("domain", 0, "name"): 13,
        ("domain", 1): 14,
        ("domain", 1, "ports"): 15,
        ("domain", 1, "ports", 0): 15,
        ("domain", 1, "ports", 1): 16,
        ("web",): 17,
        ("web", "listen"): 18,
    }


def test_strings_do_not_confuse_it() -> None:
    text = '''\
a = """
b = 1
\\"""
c = ["" # still the string
"""
d = \'\'\'
e = "
\'\'\'
f = "\\"g = 1"
h = 'i = "'
"""k""" = 1
'''.replace('"""k"""', '"k # \\u00e9"')
    assert key_lines(text) == {("a",): 1, ("d",): 6, ("f",): 9, ("h",): 10, ("k # é",): 11}


def test_strings_that_end_in_quotes() -> None:
    text = 'a = """x"""""\nb = \'\'\'x\'\'\'\'\nc = """"""\nd = ""\ne = 1'
    assert key_lines(text) == {(name,): line for line, name in enumerate("abcde", 1)}


def test_nested_values() -> None:
    text = """\
a = [ [1,
  2], { b = 1, "c d".e = [
  3 ] }, ]
f = 1979-05-27 07:32:00Z
g = { }
"""
    assert key_lines(text) == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, 0): 1,
        ("a", 0, 1): 2,
        ("a", 1): 2,
        ("a", 1, "b"): 2,
        ("a", 1, "c d"): 2,
        ("a", 1, "c d", "e"): 2,
        ("a", 1, "c d", "e", 0): 3,
        ("f",): 4,
        ("g",): 5,
    }


def test_tables_below_arrays_of_tables() -> None:
    text = """\
[[a.b]]
c = 1
[a.b.d]
e = 1
[[a.b]]
[[a.b.f]]
g = 1
[a]
h = 1
"""
    assert key_lines(text) == {
        ("a",): 8,  # where it is headed, rather than implied
        ("a", "b"): 1,
        ("a", "b", 0): 1,
        ("a", "b", 0, "c"): 2,
        ("a", "b", 0, "d"): 3,
        ("a", "b", 0, "d", "e"): 4,
        ("a", "b", 1): 5,
        ("a", "b", 1, "f"): 6,
        ("a", "b", 1, "f", 0): 6,
        ("a", "b", 1, "f", 0, "g"): 7,
        ("a", "h"): 9,
    }


def test_what_it_does_not_know_has_no_lines() -> None:
    assert key_lines('a = 1\nb = """never closed') == {}
    assert key_lines("a = [" + "[" * 100_000) == {}
    assert key_lines("a = [1") == {}
    assert key_lines("= 1") == {}
