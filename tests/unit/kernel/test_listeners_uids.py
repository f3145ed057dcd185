from __future__ import annotations

from pathlib import Path

import pytest

from lowatch.kernel.listeners import foreign_uid


@pytest.mark.parametrize(
    ("uid_map", "foreign"),
    [
        ("         0          0 4294967295\n", None),
        ("         0          0          1\n     61234      61234          1\n", 65534),  # PrivateUsers=
        ("         0       1000          1\n", 65534),  # unshare --map-root-user
        ("", 65534),  # before it is written
        ("what is this\n", None),
    ],
)
def test_which_uid_says_nothing(tmp_path: Path, uid_map: str, foreign: int | None) -> None:
    (tmp_path / "uid_map").write_text(uid_map)
    assert foreign_uid(tmp_path / "uid_map") == foreign


def test_without_user_namespaces(tmp_path: Path) -> None:
    assert foreign_uid(tmp_path / "absent") is None
