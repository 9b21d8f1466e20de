# SPDX-License-Identifier: Apache-2.0
"""What an operator gets wrong has a clear answer: one line that
says what and what to do, exit code 1 (100 for misuse), and nothing lost."""
import os
import shutil
import socket
import subprocess

import pytest

from appliance import (conf_set, conf_text, conf_value, env, eventually,
                       value)


def program(name):
    return os.path.join(env("CHANCERY_BIN"), name)


def run(*argv, timeout=60, extra=None):
    environment = dict(os.environ, **(extra or {}))
    return subprocess.run(argv, capture_output=True, text=True,
                          timeout=timeout, env=environment)


@pytest.fixture
def scratch():
    """A folder that every system user of ours can enter."""
    import tempfile
    path = tempfile.mkdtemp(prefix="chancery-test-", dir="/tmp")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def variant(scratch, **changes):
    """The appliance's configuration beside the running one, with changes
    (group__keyword="value")."""
    text = conf_text()
    text = conf_set(text, "run_dir", f'"{scratch}/run"')
    text = conf_set(text, "acme.listen", f'["127.0.0.1:{free_port()}"]')
    text = conf_set(text, "publisher.listen", f'["127.0.0.1:{free_port()}"]')
    for keyword, new in changes.items():
        text = conf_set(text, keyword.replace("__", "."), new)
    path = os.path.join(scratch, "chancery.conf")
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)
    return path


def refuses_to_start(conf, *words, extra=None):
    """chanceryd -c CONF ends with 1, and one line says all the words."""
    ended = run(program("chanceryd"), "-c", conf, extra=extra)
    assert ended.returncode == 1, ended.stderr
    lines = [line for line in ended.stderr.splitlines()
             if all(word.lower() in line.lower() for word in words)]
    assert len(lines) >= 1, ended.stderr
    return ended.stderr


def counts():
    # The signer logs evidence on its own time: what tests before this one
    # left has to be in the log first.
    assert eventually(lambda: value(
        "SELECT count(*) FROM evidence e WHERE NOT EXISTS ("
        "SELECT FROM evidence_logged l WHERE l.evidence_id = e.id)") == 0)
    return (value("SELECT count(*) FROM account"),
            value("SELECT count(*) FROM certificate"),
            value("SELECT size FROM log_head"))


def test_wrong_pin_is_tried_once(scratch):
    pin = os.path.join(scratch, "pin")
    shutil.copy(conf_value("token.pin_file").strip('"'), pin)
    stat = os.stat(conf_value("token.pin_file").strip('"'))
    with open(pin, "w") as file:
        file.write("not-the-pin\n")
    os.chown(pin, stat.st_uid, stat.st_gid)
    os.chmod(pin, 0o600)
    spied = os.path.join(scratch, "spy", "calls")
    os.mkdir(os.path.dirname(spied))
    os.chmod(os.path.dirname(spied), 0o1777)
    spy = next(path for path in (
        "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so",
        "/usr/lib/aarch64-linux-gnu/pkcs11-spy.so") if os.path.exists(path))
    conf = variant(scratch, token__pin_file=f'"{pin}"',
                   token__module=f'"{spy}"')
    before = counts()
    refuses_to_start(conf, "PIN", extra={
        "PKCS11SPY": conf_value("token.module").strip('"'),
        "PKCS11SPY_OUTPUT": spied})
    with open(spied) as file:
        assert file.read().count("C_Login") == 1
    assert counts() == before


def test_missing_module(scratch):
    conf = variant(scratch, token__module='"/nonexistent/module.so"')
    refuses_to_start(conf, "/nonexistent/module.so")


def test_token_not_initialised(scratch):
    tokens = os.path.join(scratch, "tokens")
    os.mkdir(tokens)
    os.chmod(tokens, 0o777)
    softhsm = os.path.join(scratch, "softhsm2.conf")
    with open(softhsm, "w") as file:
        file.write(f"directories.tokendir = {tokens}\n"
                   "objectstore.backend = file\n")
    os.chmod(softhsm, 0o644)
    conf = variant(scratch, token__softhsm_conf=f'"{softhsm}"')
    refuses_to_start(conf, "token", conf_value("token.label").strip('"'))


def test_unreadable_pin_file(scratch):
    conf = variant(scratch, token__pin_file=f'"{scratch}/absent"')
    refuses_to_start(conf, f"{scratch}/absent")


def test_database_away(scratch):
    conf = variant(scratch, database__host=f'"{scratch}/nowhere"')
    refuses_to_start(conf, f"{scratch}/nowhere", "PostgreSQL")
    status = run(program("chanceryctl"), "-c", conf, "status")
    assert status.returncode == 1
    assert len(status.stderr.strip().splitlines()) == 1, status.stderr


def test_port_in_use(scratch):
    listen = conf_value("acme.listen")
    conf = variant(scratch, acme__listen=listen)
    port = listen.rpartition(":")[2].strip('"] ')
    refuses_to_start(conf, port, "in use")


def test_misspelt_keyword_names_file_and_line(scratch):
    conf = variant(scratch)
    with open(conf) as file:
        lines = file.read().splitlines()
    number = next(n for n, line in enumerate(lines) if "pin_file" in line)
    lines[number] = lines[number].replace("pin_file", "pin_fiel")
    with open(conf, "w") as file:
        file.write("\n".join(lines) + "\n")
    for argv in ((program("chanceryd"), "-c", conf),
                 (program("chanceryctl"), "-c", conf, "config", "check")):
        ended = run(*argv)
        assert ended.returncode == 1
        assert f"{conf}:{number + 1}" in ended.stderr
        assert "pin_fiel" in ended.stderr


def test_unreadable_configuration(scratch):
    ended = run(program("chanceryd"), "-c", f"{scratch}/absent.conf")
    assert ended.returncode == 1
    assert f"{scratch}/absent.conf" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("argv", [
    ("chanceryctl",), ("chanceryctl", "frobnicate"),
    ("chanceryctl", "--frobnicate"), ("chanceryd", "--frobnicate"),
    ("chanceryd", "surplus")])
def test_misuse_is_100(argv):
    assert run(program(argv[0]), *argv[1:]).returncode == 100


def test_second_start_is_refused():
    ended = run(program("chanceryd"), "-c", env("CHANCERY_CONF"))
    assert ended.returncode == 1
    assert "already" in ended.stderr


def test_init_again_changes_nothing():
    before = counts()
    ended = run(program("chanceryctl"), "-c", env("CHANCERY_CONF"), "init",
                os.path.join(os.path.dirname(env("CHANCERY_CONF")),
                             "ceremony.conf"))
    assert ended.returncode == 0
    assert "nothing of it was changed" in ended.stdout
    assert counts() == before
