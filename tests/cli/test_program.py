"""The program around the commands: its streams, its exit codes, its global options, and what it costs to start."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from everfold import EventStore, errors
from everfold.cli.failure import failure_of

COMMANDS = ["migrate", "append", "read", "tail", "streams", "types"]
COMMANDS += ["projections", "deadletters", "worker", "bench", "completion", "version"]
HEAVY = ("asyncio", "msgspec", "psycopg", "rich", "sqlite3", "uuid_utils", "everfold.event_store", "everfold.errors")


def test_help_lists_every_command_with_its_summary(run):
    done = run("--help")
    assert (done.code, done.err) == (0, "")
    listed = done.out.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip().partition(" ")[0] in COMMANDS] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_every_command_has_a_help(run, command, asked):
    done = run(command, asked)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: everfold {command}")


@pytest.mark.parametrize(("typed", "meant"), [("raed", "read"), ("stream", "streams"), ("migrat", "migrate")])
def test_a_command_that_is_not_there_gets_the_nearest(run, typed, meant):
    done = run(typed)
    assert (done.code, done.out) == (2, "")
    assert f"Did you mean {meant!r}?" in done.err


def test_a_command_that_is_like_none_gets_the_list(run):
    assert ", ".join(COMMANDS) in run("zzz").err


def test_no_command_shows_the_help_on_stderr(run):
    done = run()
    assert (done.code, done.out, "Commands:" in done.err) == (2, "", True)


@pytest.mark.parametrize("wrong", [["--no-such"], ["read", "--no-such"], ["append", "s-1"], ["streams", "extra"]])
def test_a_wrong_option_or_argument_is_a_usage_error(run, url, wrong):
    done = run(*wrong, db=url)
    assert (done.code, done.out) == (2, "")
    assert "--help" in done.err


def test_a_usage_error_is_in_the_envelope_when_json_is_asked_for(run):
    for args in (["--json", "--no-such"], ["--json", "read", "--no-such"], ["zzz", "--json"]):
        done = run(*args)
        assert (done.code, done.error["code"], done.err) == (2, "usage", "")


def test_the_global_options_stand_before_the_command_and_after_it(run, url, write):
    write("stay-1", "booked", tenant="north")
    for args in (
        ["--db", url, "--tenant", "north", "--json", "streams"],
        ["streams", "--db", url, "--tenant", "north", "--json"],
        ["--db", "memory://", "--tenant", "south", "streams", "--db", url, "--tenant", "north", "--json"],
    ):
        assert [stream["stream"] for stream in run(*args).data["streams"]] == ["stay-1"]


def test_the_environment_names_the_store_and_the_option_wins(run, url, write):
    write("stay-1", "booked")
    assert len(run("streams", EVERFOLD_DB=url).rows) == 1
    assert run("streams", "--db", "memory://", EVERFOLD_DB=url).rows == []
    assert run("--db", "memory://", "streams", EVERFOLD_DB=url).rows == []


@pytest.mark.parametrize("command", [["migrate"], ["append", "s", "t"], ["read", "--all"], ["tail"], ["bench", "read"]])
def test_a_command_without_a_store_asks_for_one(run, command):
    done = run(*command)
    assert (done.code, "--db" in done.err, "EVERFOLD_DB" in done.err) == (2, True, True)


@pytest.mark.parametrize("url", ["store.db", "mysql://host/db", "sqlite://store.db", "sqlite:///a.db?speed=11"])
def test_what_is_no_url_of_a_store_is_refused(run, url):
    done = run("streams", "--json", db=url)
    assert (done.code, done.error["code"]) == (2, "configuration")


def test_a_tenant_whose_name_can_not_be_stored_is_refused(run, url):
    done = run("streams", "--tenant", "t" * 101, "--json", db=url)
    assert (done.code, done.error["code"]) == (2, "limit_exceeded")


def test_a_store_that_can_not_be_reached_has_a_code_of_its_own(run, folder):
    done = run("migrate", "--json", db=f"sqlite:///{folder}/no/such/folder/store.db")
    assert (done.code, done.error["code"]) == (5, "storage_unavailable")


@pytest.mark.parametrize(
    ("error", "code", "name"),
    [
        (errors.WrongExpectedVersionError("s", 1, 2), 3, "wrong_expected_version"),
        (errors.EventIdReusedError([]), 3, "event_id_reused"),
        (errors.AppendConditionFailedError("q", 1), 3, "append_condition_failed"),
        (errors.StreamTombstonedError("s"), 3, "stream_tombstoned"),
        (errors.StorageUnavailableError("gone"), 5, "storage_unavailable"),
        (errors.CommitUnknownError("gone"), 5, "commit_unknown"),
        (errors.SchemaError("old"), 2, "schema"),
        (errors.ConfigurationError("bad"), 2, "configuration"),
        (errors.ProjectionError("p", "why"), 3, "projection"),
        (errors.PromotionRefusedError("p", "why"), 6, "promotion_refused"),
        (errors.ConsumerStoppedError("p", "why"), 7, "consumer_stopped"),
        (errors.CheckpointConflictError("p@1"), 3, "checkpoint_conflict"),
        (errors.StatementError("why"), 2, "statement"),
        (errors.WaitTimeoutError("p", 2, 1, 5.0), 5, "wait_timeout"),
        (errors.UnknownEventTypeError("t"), 2, "unknown_event_type"),
        (OSError(28, "No space left on device", "out.txt"), 5, "system"),
        (ZeroDivisionError("division by zero"), 70, "bug"),
    ],
)
def test_the_class_of_an_error_decides_the_exit_code(error, code, name):
    failure = failure_of(error)
    assert (failure.exit_code, failure.code) == (code, name)
    assert failure.message


def test_an_error_that_nobody_foresaw_asks_for_the_traceback(run, url, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(EventStore, "streams", broken)
    done = run("streams", db=url)
    assert (done.code, "-v" in done.err, "Traceback" in done.err) == (70, True, False)
    assert "Traceback" in run("-v", "streams", db=url).err


def test_ctrl_c_before_a_command_has_begun_ends_quietly(run, url, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(EventStore, "streams", interrupted)
    done = run("streams", db=url)
    assert (done.code, done.out, done.err) == (130, "", "")


def test_the_unknown_outcome_of_an_append_names_the_id_to_send_again(run, url, monkeypatch):
    def lost(*_, **__):
        raise errors.CommitUnknownError("the connection was lost")

    monkeypatch.setattr(EventStore, "append", lost)
    done = run("append", "stay-1", "booked", "--id", "01890a5d-ac96-774b-bcce-b302099a8057", db=url)
    assert (done.code, "--id 01890a5d-ac96-774b-bcce-b302099a8057" in done.err) == (5, True)


SECRETS = [
    "postgresql://ann:{}@127.0.0.1:1/db",
    "postgresql://127.0.0.1:1/db?user=ann&password={}",
    "mysql://ann:{}@host/db",
    "postgresql://ann:{}@127.0.0.1:1/db?speed=11",
]


@pytest.mark.parametrize("url", SECRETS)
@pytest.mark.parametrize("secret", ["tr0ub4dor", "p@ss:w/rd#1", "p%40ss%3Aword", "xy"])
def test_a_password_is_never_printed(run, url, secret):
    for more in ([], ["-v"], ["--json"]):
        done = run("streams", *more, db=url.format(secret))
        assert done.code in (2, 5)
        for spelling in (f":{secret}@", f"password={secret}", *([secret] if len(secret) > 2 else [])):
            assert spelling not in done.out + done.err


@pytest.mark.parametrize("args", [["--help"], ["read", "--help"], ["--version"], ["completion", "zsh"], ["no-such"]])
def test_what_needs_no_store_imports_no_store(args):
    script = (
        "import sys\n"
        "from everfold.cli.root import everfold\n"
        "try:\n    everfold.main(sys.argv[1:])\n"
        f"finally:\n    print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_a_command_is_imported_alone(program):
    script = "import sys; from everfold.cli.root import everfold; everfold.main(['version'])"
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {line.rpartition("|")[2].strip() for line in traced.stderr.splitlines()}
    assert {name for name in loaded if name.startswith("everfold.cli.commands.")} == {"everfold.cli.commands.version"}


def test_version_names_the_release_and_what_it_works_with(run):
    rows = dict(run("version").rows)
    assert rows["everfold"] == run("version", "--json").data["everfold"]
    assert rows["python"] == ".".join(map(str, sys.version_info[:3]))
    assert run("--version").out == f"everfold {rows['everfold']}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_printed(run, shell):
    done = run("completion", shell)
    assert (done.code, "_EVERFOLD_COMPLETE" in done.out) == (0, True)
    assert run("completion", shell, "--json").data == {"shell": shell, "script": done.out}


def test_a_shell_that_has_no_completion_is_refused(run):
    assert run("completion", "tcsh").code == 2


def test_the_shell_is_given_what_completes_a_command(program):
    asked = {"_EVERFOLD_COMPLETE": "bash_complete", "COMP_WORDS": "everfold str", "COMP_CWORD": "1"}
    assert program(**asked).out.split() == ["plain,streams"]


def test_results_go_to_stdout_and_everything_else_to_stderr(program, url, write):
    write("stay-1", "booked")
    write("stay-2", "booked")
    done = program("streams", "-n", "1", db=url)
    assert (done.code, len(done.rows), "there are more" in done.err) == (0, 1, True)
    failed = program("read", "stay-7", db=url)
    assert (failed.code, failed.out, "there is no stream" in failed.err) == (4, "", True)


def test_output_that_can_not_be_written_is_an_error(url, write):
    write("stay-1", "booked")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "everfold.cli", "--db", url, "read", "--all"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("error: No space left"), "Traceback" in done.stderr) == (
        5,
        True,
        False,
    )


def test_a_terminal_that_can_not_show_a_character_gets_its_escape(program, url, write):
    write("stay-é", "booked")
    done = program("streams", db=url, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.code, done.rows[0][0]) == (0, r"stay-\xe9")


def at_a_terminal(url, *args, **variables):
    """What a person sees who runs it: stdout is a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"COLUMNS": "100", "TERM": "xterm", **variables}
    command = [sys.executable, "-m", "everfold.cli", "--db", url, *args]
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # how Linux says that the other side of a terminal was closed
        pass
    finally:
        os.close(ours)
    process.communicate(timeout=60)
    return seen.decode()


@pytest.mark.parametrize(
    ("args", "seen"),
    [
        (["streams"], "updated at"),
        (["types"], "schema version"),
        (["read", "--all"], "stay-1 @1"),
        (["tail", "--no-follow"], "#room:12"),
        (["append", "stay-1", "moved"], "stay-1 is at version 2, position 4"),
        (["migrate", "--status"], "nothing is pending"),
        (["bench", "read", "--duration", "0.01", "--yes"], "events_per_second"),
        (["version"], "everfold "),
        (["projections", "list"], "no projection is registered"),
        (["deadletters", "list"], "nothing is parked"),
    ],
)
def test_a_person_gets_tables_and_sentences(url, write, args, seen):
    write("stay-1", "booked", {"room": 12}, tags=("room:12",))
    write("[red]", "booked")
    write(None, "noted")
    shown = at_a_terminal(url, *args)
    assert seen in shown
    assert "\t" not in shown
    if args == ["streams"]:
        assert "[red]" in shown


@pytest.mark.parametrize("args", [["tail", "--no-follow"], ["streams"]])
def test_colours_are_for_terminals_that_want_them(url, write, args):
    write("stay-1", "booked", {"text": "\x1b[31m\u202e"})
    assert "\x1b[" in at_a_terminal(url, *args)
    assert "\x1b[3" not in at_a_terminal(url, *args, "--no-color")
    assert "\x1b[3" not in at_a_terminal(url, *args, NO_COLOR="1")
    assert "\x1b" not in at_a_terminal(url, *args, "--json")


def test_a_missing_extra_is_told_in_words(tmp_path):
    (tmp_path / "click.py").write_text("raise ImportError('No module named click')")
    done = subprocess.run(
        [sys.executable, "-m", "everfold.cli"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "pip install 'everfold[cli]'" in done.stderr) == (2, True)


def test_ctrl_c_during_a_bench_ends_it_quietly(start):
    process = start("bench", "append", "--duration", "3600", db="memory://")
    process.stderr.readline()
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


def test_a_person_sees_builds_as_a_table_and_what_is_wrong_below(run, url, write, hotel):
    write("stay-1", "checked_in", {"guest": "g1", "room": 1})
    run("worker", "--once", "--app", hotel(broken="g1"), db=url)
    shown = at_a_terminal(url, "projections", "list").splitlines()
    [table_row] = [line.split() for line in shown if line.startswith(" occupancy@1")]
    assert table_row == ["occupancy@1", "active", "consumer", "stopped", "0", "1", "0"]
    assert "occupancy@1 is stopped by ValueError: no such guest" in shown
    told = at_a_terminal(url, "projections", "show", "occupancy")
    assert ("anywhere" in told, "Traceback" in told, "history" in told) == (True, True, True)


def test_a_person_sees_what_a_dry_run_would_do_and_what_refuses_it(run, url, write, hotel):
    write("stay-1", "checked_in", {"guest": "g1", "room": 1})
    run("worker", "--once", "--app", hotel(), db=url)
    assert "would: build stays@1.2" in at_a_terminal(
        url, "projections", "rebuild", "stays", "--dry-run", "--app", hotel()
    )
    assert "REFUSED: no build waits" in at_a_terminal(url, "projections", "retire", "stays", "--dry-run")


def test_a_person_sees_letters_as_a_table_and_one_in_full(run, url, write, hotel):
    for number in (1, 2):
        write(f"stay-{number}", "checked_in", {"guest": f"g{number}", "room": 1})
    run("worker", "--once", "--app", hotel(broken="g1", parking=True), db=url)
    assert "no such guest" in at_a_terminal(url, "deadletters", "list")
    told = at_a_terminal(url, "deadletters", "show", "1")
    assert ("behind it   1: 2" in told, "anywhere" in told, "Traceback" in told) == (True, True, True)
