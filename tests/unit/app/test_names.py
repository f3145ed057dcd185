"""Which names lead to an address: of every answer, local or not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lowatch.app.names import NamesByAddress
from lowatch.core.addresses import Address, parse_address, parse_prefix

ONE, TWO, V6 = parse_address("192.0.2.1"), parse_address("192.0.2.2"), parse_address("2001:db8::1")


def test_names_at_an_address() -> None:
    names = NamesByAddress()
    names.put("a", (ONE, TWO))
    names.put("b", (TWO, V6))
    assert [sorted(names.at(one)) for one in (ONE, TWO, V6)] == [["a"], ["a", "b"], ["b"]]
    assert sorted(names.at(parse_address("192.0.2.3"))) == []


def test_names_inside_a_prefix() -> None:
    names = NamesByAddress()
    names.put("a", (ONE,))
    names.put("b", (TWO, V6))
    inside = {
        "192.0.2.0/24": {"a", "b"},
        "192.0.2.1/32": {"a"},
        "192.0.2.2/31": {"b"},
        "0.0.0.0/0": {"a", "b"},
        "::/0": {"b"},
        "198.51.100.0/24": set(),
        "198.51.100.1": set(),
    }
    assert {text: names.inside([parse_prefix(text)]) for text in inside} == inside


def test_an_answer_replaces_the_one_before() -> None:
    names = NamesByAddress()
    names.put("a", (ONE,))
    names.put("a", (TWO,))
    assert (set(names.at(ONE)), set(names.at(TWO))) == (set(), {"a"})
    assert set(names.addresses) == {TWO}
    names.put("a", ())
    assert set(names.addresses) == set()
    names.put("a", ())


def test_found_where_a_connect_would_go() -> None:
    """An event at 192.0.2.1 concerns whoever resolves to ::ffff:192.0.2.1; :: and 0.0.0.0 are this host."""
    names = NamesByAddress()
    names.put("mapped", (parse_address("::ffff:192.0.2.1"),))
    names.put("both", (ONE, parse_address("::ffff:192.0.2.1")))
    names.put("unspecified", (parse_address("0.0.0.0"), parse_address("::")))
    assert set(names.at(ONE)) == {"mapped", "both"}
    assert names.inside([parse_prefix("127.0.0.0/8")]) == {"unspecified"}
    assert set(names.at(parse_address("::1"))) == {"unspecified"}
    names.put("both", (ONE,))
    assert set(names.at(ONE)) == {"mapped", "both"}


addresses = st.lists(st.sampled_from([ONE, TWO, V6]), unique=True, max_size=3)


@given(st.lists(st.tuples(st.sampled_from("abc"), addresses), max_size=20))
def test_as_a_plain_dict_would_have_it(puts: list[tuple[str, list[Address]]]) -> None:
    names, plain = NamesByAddress(), dict[str, list[Address]]()
    for name, found in puts:
        names.put(name, tuple(found))
        plain[name] = found
        for address in (ONE, TWO, V6):
            assert set(names.at(address)) == {one for one, those in plain.items() if address in those}
        assert set(names.addresses) == {address for those in plain.values() for address in those}
