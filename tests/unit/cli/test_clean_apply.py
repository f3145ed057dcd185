"""lowatch clean --apply: it asks, waits, changes, compares and offers the undo."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lowatch.cli import clean_apply
from lowatch.cli.environment import Environment
from lowatch.core.plan import Step
from tests.unit.app.table_kernel import TableKernel
from tests.unit.cli.cleaning_worlds import AFTER, BEFORE, HARM, HELD, KEPT, LO, ROW, orphan
from tests.unit.cli.conftest import CommandLine, FakeWiring, Result

Apply = Callable[..., Result]


@pytest.fixture
def wiring(lowatch: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWiring:
    lowatch.variables |= {"RUNTIME_DIRECTORY": str(tmp_path), "STATE_DIRECTORY": str(tmp_path / "state")}
    lowatch.wiring.audits = [BEFORE, BEFORE]
    lowatch.wiring.audit = AFTER
    lowatch.wiring.kernel = TableKernel(LO, ROW, KEPT)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"{seconds} s"))
    return lowatch.wiring


@pytest.fixture
def apply(lowatch: CommandLine, wiring: FakeWiring, config_file: Callable[[str], Path]) -> Apply:
    """answers: what is typed; None without a terminal."""

    def run(*arguments: str, answers: str | None = None, hold: str = "0s") -> Result:
        file = config_file(f'hold = "{hold}"')
        terminal = {} if answers is None else {"stdin": io.StringIO(answers), "stderr_is_terminal": True}
        return lowatch("clean", "--apply", *arguments, "-c", file, **terminal)

    return run


def scripts(lowatch: CommandLine) -> list[Path]:
    return sorted(Path(lowatch.variables["STATE_DIRECTORY"]).glob("*"))


def test_carried_out(lowatch: CommandLine, wiring: FakeWiring, apply: Apply) -> None:
    code, stdout, stderr = apply("--yes")
    assert (code, stderr) == (0, "")
    assert wiring.kernel.addresses == [LO, KEPT]
    [script] = scripts(lowatch)
    assert stdout.splitlines()[-3:] == [
        f"undo script: {script}",
        "deleted 192.0.2.10/32 dev lo",
        "1 of 1 plan done",
    ]


def test_the_state_directory_of_the_package(
    lowatch: CommandLine, apply: Apply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_apply, "STATE_DIRECTORY", tmp_path / "var")
    del lowatch.variables["STATE_DIRECTORY"]
    assert apply("--yes").code == 0
    assert [path.suffix for path in (tmp_path / "var").iterdir()] == [".sh"]


def test_two_in_one_second_have_two_scripts(
    lowatch: CommandLine, wiring: FakeWiring, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1795403527.5)
    assert apply("--yes").code == 0
    wiring.audits, wiring.kernel = [BEFORE, BEFORE], TableKernel(LO, ROW, KEPT)
    assert apply("--yes").code == 0
    assert [one.name for one in scripts(lowatch)] == [
        "undo-20261123T031207Z-2.sh",
        "undo-20261123T031207Z.sh",
    ]


def test_a_name_that_is_taken_is_left_alone(
    lowatch: CommandLine, wiring: FakeWiring, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process at the same moment, say, or by a link that leads nowhere."""
    monkeypatch.setattr("time.time", lambda: 1795403527.5)
    state = Path(lowatch.variables["STATE_DIRECTORY"])
    state.mkdir()
    (state / "undo-20261123T031207Z.sh").symlink_to("nowhere")
    assert apply("--yes").code == 0
    assert not (state / "nowhere").exists()
    assert (state / "undo-20261123T031207Z-2.sh").stat().st_size


def test_a_script_that_cannot_be_written_is_not_left_empty(
    lowatch: CommandLine, apply: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(clean_apply, "replace_file", full)
    code, stdout, stderr = apply("--yes")
    assert (code, scripts(lowatch)) == (1, [])
    assert stderr.endswith(".sh: cannot be written: No space left on device\n")
    assert "undo script" not in stdout


def test_nothing_to_do_is_not_asked_about(wiring: FakeWiring, apply: Apply) -> None:
    wiring.audits = [AFTER]
    assert tuple(apply(answers="")) == (0, "Nothing to fix.\n", "")
    wiring.audits = [replace(AFTER, complete=False)]
    assert apply(answers="").code == 3


def test_only_a_yes_is_a_yes(wiring: FakeWiring, apply: Apply) -> None:
    for answer in ("", "\n", "n\n", "yess\n"):
        wiring.audits = [BEFORE]
        code, _, stderr = apply(answers=answer)
        assert (code, stderr) == (1, "Carry out 1 plan? [y/N] lowatch: nothing is changed\n")
    wiring.audits = [BEFORE, BEFORE]
    assert apply(answers="Yes\n").code == 0


def test_root_and_a_terminal_or_yes(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    why = "lowatch: --apply asks first, but there is no terminal (give --yes)\n"
    assert tuple(apply()) == (2, "", why)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert tuple(apply("--yes")) == (2, "", "lowatch: --apply needs root\n")


def test_the_hold_without_a_daemon(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    code, _, stderr = apply("--yes", hold="30s")
    assert (code, slept) == (0, [30.0])
    assert stderr == "lowatch: waiting 30 s (hold), to see whether they last\n"


def test_what_is_gone_meanwhile_needs_nothing(
    lowatch: CommandLine, wiring: FakeWiring, apply: Apply
) -> None:
    wiring.audits = [BEFORE]
    code, _, stderr = apply("--yes")
    assert (code, stderr, scripts(lowatch)) == (0, "", [])
    assert wiring.kernel.addresses == [LO, ROW, KEPT]


def test_what_does_harm_together(lowatch: CommandLine, wiring: FakeWiring, apply: Apply) -> None:
    wiring.audits = [BEFORE, BEFORE]
    wiring.harm_together = "192.0.2.11 would not be local any more"
    code, _, stderr = apply("--yes")
    why = "in a copy of this network, 192.0.2.11 would not be local any more"
    assert (code, stderr, scripts(lowatch)) == (1, f"lowatch: stopped: {why}\n", [])
    assert wiring.kernel.addresses == [LO, ROW, KEPT]


def test_another_plan_than_the_one_that_was_shown(wiring: FakeWiring, apply: Apply) -> None:
    other = orphan()
    [fix] = other.finding.fixes
    changed = replace(other.finding, fixes=(fix._replace(plan=(Step("add", HELD[2]), *fix.plan)),))
    wiring.audits = [BEFORE, replace(BEFORE, findings=(replace(other, finding=changed),))]
    code, _, stderr = apply("--yes")
    assert (code, stderr) == (1, "lowatch: stopped: the plan has changed meanwhile: run it again\n")
    assert wiring.kernel.addresses == [LO, ROW, KEPT]


@pytest.mark.parametrize("answers", [None, "y\nn\n", "y\ny\n"])
def test_what_is_served_no_more(
    lowatch: CommandLine, wiring: FakeWiring, apply: Apply, answers: str | None
) -> None:
    wiring.audit = HARM
    code, stdout, stderr = apply(*(("--yes",) if answers is None else ()), answers=answers)
    assert code == 1
    assert "lowatch: no longer served: api.example.com at 192.0.2.11, 80/tcp\n" in stderr
    undone = answers == "y\ny\n"
    assert wiring.kernel.addresses == ([LO, ROW, KEPT] if undone else [LO, KEPT])
    [script] = scripts(lowatch)
    assert (f"lowatch: to undo it: lowatch clean --undo {script}\n" in stderr) is not undone
    assert ("as before" in stdout) is undone


def test_a_finding_that_is_still_there(wiring: FakeWiring, apply: Apply) -> None:
    """Another process has added the address again."""
    wiring.audit = BEFORE
    code, stdout, stderr = apply("--yes")
    assert (code, stderr) == (1, "lowatch: still there: orphan-vip, 192.0.2.10 on lo\n")
    assert "0 of 1 plan done" in stdout


def test_a_refusal_of_the_kernel(wiring: FakeWiring, apply: Apply) -> None:
    wiring.kernel.refuses.add(ROW)
    wiring.audit = BEFORE
    code, stdout, stderr = apply("--yes")
    assert code == 1
    assert stderr.startswith("lowatch: stopped: failed: 192.0.2.10/32 dev lo: Operation not permitted\n")
    assert "0 of 1 plan done" in stdout


def test_what_is_not_known_afterwards(lowatch: CommandLine, wiring: FakeWiring, apply: Apply) -> None:
    """An audit that misses something proves neither that the finding is gone nor that all is served."""
    wiring.audit = replace(AFTER, complete=False)
    code, stdout, _ = apply("--yes")
    assert (code, stdout.splitlines()[-1]) == (
        3,
        "1 of 1 plan done, as far as is known: the audit is incomplete",
    )
    wiring.audits, wiring.kernel = [BEFORE, BEFORE], TableKernel(LO, ROW, KEPT)
    wiring.audit = replace(HARM, complete=False)
    code, _, stderr = apply("--yes")
    assert code == 1
    assert stderr.startswith(
        "lowatch: no longer known to be served: api.example.com at 192.0.2.11, 80/tcp\n"
    )


@pytest.mark.parametrize("ended", [KeyboardInterrupt, BrokenPipeError])
def test_the_way_back_is_told_whatever_ends_it(
    lowatch: CommandLine, apply: Apply, monkeypatch: pytest.MonkeyPatch, ended: type[BaseException]
) -> None:
    write = Environment.write

    def writing(self: Environment, text: str) -> None:
        if text.startswith("deleted "):
            raise ended
        write(self, text)

    monkeypatch.setattr(Environment, "write", writing)
    code, _, stderr = apply("--yes")
    [script] = scripts(lowatch)
    assert (code, stderr) == (
        130 if ended is KeyboardInterrupt else 141,
        f"lowatch: to undo it: lowatch clean --undo {script}\n",
    )


def test_an_interface_with_a_control_character(wiring: FakeWiring, apply: Apply) -> None:
    odd = "\x1b[31mX"
    [fix] = orphan().finding.fixes
    plan = (Step("remove", HELD[1]._replace(interface=odd)),)
    finding = replace(orphan().finding, fixes=(fix._replace(plan=plan),))
    wiring.audits = [replace(BEFORE, findings=(replace(orphan(), finding=finding),))] * 2
    wiring.kernel = TableKernel(LO, ROW._replace(interface=odd), KEPT)
    code, stdout, _ = apply("--yes")
    assert (code, stdout.splitlines()[-2]) == (0, r"deleted 192.0.2.10/32 dev \x1b[31mX")
