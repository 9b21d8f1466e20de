# SPDX-License-Identifier: Apache-2.0
"""As a thief of a helper process: with the user of the resolver, of the
probe's children, of the publisher or of the process that renews the
listener's certificate, what lies beyond that process stays shut.  What remains possible is written down in chanceryd(8).

Started by an ordinary user the appliance is one user, and has no boundary
between users to test; test_supervision.py looks at the sandboxes."""
import glob
import os
import subprocess

import pytest

from appliance import conf_value, env, processes
from roles import connect_error

ROOT = os.geteuid() == 0
HELPERS = ("chancery-resolver", "chancery-probe", "chancery-publisher",
           "chancery-renew")
as_users = pytest.mark.parametrize("user", HELPERS if ROOT else [])


def run_dir():
    return conf_value("run_dir").strip('"')


def python_as(user, code, *arguments):
    """Exit status and output of a Python program run by that user."""
    ended = subprocess.run(
        ["setpriv", f"--reuid={user}", "--regid=chancery", "--clear-groups",
         "/usr/bin/python3", "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, cwd="/")
    return ended.returncode, ended.stdout.strip() + ended.stderr.strip()


# ------------------------------------------------------- between the users

@as_users
def test_secrets_cannot_be_read(user):
    folder = os.path.dirname(env("CHANCERY_CONF"))
    state = conf_value("state_dir").strip('"')
    secrets = [conf_value("token.pin_file").strip('"'),
               os.path.join(folder, "tokens/root/pin"),
               os.path.join(folder, "officer.key"),
               os.path.join(folder, "pg/PG_VERSION"),
               *(path for path in glob.glob(os.path.join(folder, "tokens/**"),
                                        recursive=True)
                 if os.path.isfile(path))]
    if user != "chancery-renew":
        secrets.append(os.path.join(state, "listener/listener.key"))
    assert len(secrets) > 8
    code, out = python_as(user, """
import os, sys
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDONLY))
        print("read", path)
    except PermissionError:
        pass
try:
    os.open("/proc/self/cmdline", os.O_RDONLY)
    print("control")
except OSError as error:
    print(error)
""", *secrets)
    assert (code, out) == (0, "control")


@as_users
def test_nothing_of_ours_can_be_written(user):
    places = [os.path.dirname(env("CHANCERY_CONF")), env("CHANCERY_BIN"),
              conf_value("state_dir").strip('"'), run_dir(),
              *(os.path.join(run_dir(), name[len("chancery-"):])
                for name in processes() if name != user)]
    if user != "chancery-renew":
        places.append(os.path.join(conf_value("state_dir").strip('"'),
                                   "listener"))
    code, out = python_as(user, """
import os, sys
for path in sys.argv[1:]:
    if os.access(path, os.W_OK):
        print("may write", path)
print("control" if os.access("/tmp", os.W_OK) else "none")
""", *places)
    assert (code, out) == (0, "control")


SOCKETS = {"signer/token": "chancery-token",
           "signer/account": "chancery-renew",
           "resolver/socket": "chancery-validator",
           "probe/socket": "chancery-validator"}


@pytest.mark.parametrize("user,socket_name", [
    (user, name) for name, allowed in SOCKETS.items()
    for user in HELPERS + ("chancery-acme",)
    if ROOT and user != allowed])
def test_sockets_serve_their_peer_only(user, socket_name):
    """The connection is closed before anything is answered."""
    code, out = python_as(user, """
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(10)
try:
    s.connect(sys.argv[1])
    try:
        s.send(bytes(64))
    except BrokenPipeError:
        pass
    print("answered" if s.recv(65536) else "closed")
except (PermissionError, ConnectionResetError):
    print("closed")
""", os.path.join(run_dir(), socket_name))
    assert (code, out) == (0, "closed")


@as_users
def test_no_other_role_of_the_database(user):
    for role in ("chancery", "chancery_acme", "chancery_validator",
                 "chancery_signer", "chancery_operator", "postgres"):
        assert connect_error(role, user=user), role


@pytest.mark.parametrize("user", [
    name for name in HELPERS if ROOT and name != "chancery-publisher"])
def test_these_have_no_role(user):
    assert connect_error("chancery_publisher", user=user)


@as_users
def test_other_processes_cannot_be_touched(user):
    others = [pid for name, pids in processes().items() if name != user
              for pid in pids]
    assert len(others) >= 6
    code, out = python_as(user, """
import os, sys
for pid in map(int, sys.argv[1:]):
    try:
        os.kill(pid, 0)
        print("may signal", pid)
    except PermissionError:
        pass
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
        print("may read", pid)
    except PermissionError:
        pass
print("control")
""", *others)
    assert (code, out) == (0, "control")


# ----------------------------------------------------- what is mapped

def linked(program):
    path = os.path.join(env("CHANCERY_BIN"), program)
    return subprocess.run(["ldd", path], capture_output=True, text=True,
                          check=True).stdout


def test_who_maps_what():
    """Only the token worker maps libp11, only the resolver libunbound, and
    neither they nor the probe nor the client of the listener libpq."""
    for name in (*processes(), "chanceryd", "chanceryctl"):
        libraries = linked(name)
        assert ("libp11.so" in libraries) == (name == "chancery-token"), name
        assert ("libunbound.so" in libraries) == \
            (name == "chancery-resolver"), name
        if name in ("chancery-token", "chancery-resolver", "chancery-probe",
                    "chancery-renew", "chanceryd"):
            assert "libpq.so" not in libraries, name
