# SPDX-License-Identifier: Apache-2.0
"""The quickstart itself: an ordinary user, beside the appliance that already
runs, twice with the same folder: the same CA, with all that it had."""
import os
import pwd
import shutil
import subprocess
import tempfile

import pytest

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
ORDINARY = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


def as_ordinary(*argv):
    """Run as an ordinary user, in an environment of its own."""
    names = ("PATH", "CHANCERY_CONFIGURE", "CHANCERY_CIVETWEB",
             "CHANCERY_CIVETWEB_CACHE", "ASAN_OPTIONS", "UBSAN_OPTIONS")
    environment = {name: os.environ[name] for name in names
                   if name in os.environ}
    if os.getuid() == 0:
        argv = ("runuser", "-u", ORDINARY, "--") + argv
    return subprocess.run(argv, capture_output=True, text=True, timeout=900,
                          env=environment, cwd="/")


@pytest.fixture(scope="module")
def place():
    """A folder that an ordinary user can enter, with a copy of the tree."""
    path = tempfile.mkdtemp(prefix="chancery-quickstart-", dir="/tmp")
    os.chmod(path, 0o755)
    shutil.copytree(SOURCE, os.path.join(path, "source"), symlinks=True,
                    ignore=shutil.ignore_patterns(".git", "chancery-demo"))
    subprocess.run(["chmod", "-R", "a+rX", path], check=True)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def program(place):
    return os.path.join(place, "source/packaging/quickstart")


@pytest.fixture(scope="module")
def folder(place, program):
    path = os.path.join(place, "ca")
    os.mkdir(path)
    if os.getuid() == 0:
        shutil.chown(path, ORDINARY)
    yield path
    as_ordinary(program, "--stop", "--dir", path)


def environment_of(folder):
    text = subprocess.run(
        ["env", "-i", "sh", "-c", f". {folder}/env; env"],
        capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines())


def start(program, folder, *options):
    done = as_ordinary(program, "--dir", folder, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def root_of(folder):
    with open(environment_of(folder)["CHANCERY_ROOT"]) as file:
        return file.read()


def query(folder, sql):
    variables = environment_of(folder)
    argv = ["env"] + [f"{name}={variables[name]}" for name in variables
                      if name.startswith("PG")]
    done = as_ordinary(*argv, "psql", "-XAtqc", sql)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_same_folder_is_the_same_ca(program, folder):
    start(program, folder, "--once")
    names = environment_of(folder)
    for name in ("CHANCERY_DIRECTORY", "CHANCERY_ROOT", "CHANCERY_PUBLISHER",
                 "CHANCERY_CONF", "CHANCERY_BIN", "CHANCERY_DEMO_CERT",
                 "CHANCERY_HTTP01_PORT", "CHANCERY_TLS_ALPN_PORT", "PGHOST",
                 "PGPORT", "PGDATABASE", "PGUSER", "PKCS11_MODULE",
                 "SOFTHSM2_CONF"):
        assert names.get(name), name
    assert not os.path.exists(os.path.join(names["PGHOST"], ".s.PGSQL.5432"))
    root = root_of(folder)
    with open(names["CHANCERY_DEMO_CERT"]) as file:
        first = file.read()

    start(program, folder, "--detach")
    assert root_of(folder) == root
    assert environment_of(folder) == names
    with open(names["CHANCERY_DEMO_CERT"]) as file:
        assert file.read() != first
    # One client account of both runs, one ceremony, two certificates.
    assert query(folder, "SELECT count(*) FROM chancery.account "
                 "WHERE eab IS NULL") == "1"
    assert query(folder, "SELECT count(*) FROM chancery.log_entry "
                 "WHERE kind = 'issued' AND index > 0") >= "2"

    again = as_ordinary(program, "--dir", folder, "--once")
    assert again.returncode == 1
    assert "already running" in again.stderr

    stopped = start(program, folder, "--stop")
    assert stopped.startswith("stopped")


def test_other_users_cannot_enter(folder):
    """What must not be read by others is not."""
    for path in ("tokens/issuing", "tokens/root", "pg"):
        mode = os.stat(os.path.join(folder, path)).st_mode
        assert mode & 0o077 == 0, path


def test_misuse_is_told_apart(program):
    assert as_ordinary(program, "--bogus").returncode == 100
    assert as_ordinary(program, "--dir").returncode == 100
    done = as_ordinary(program, "--stop", "--dir", "/nonexistent")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
