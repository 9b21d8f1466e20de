# SPDX-License-Identifier: Apache-2.0
"""chanceryd, chanceryctl and the publisher: each process is in its own
sandbox and comes back when it fails; the operator's verbs; what is served to
everybody."""
import hashlib
import json
import os
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from appliance import conf_set, env, eventually, processes
from test_bad_input import (program, refuses_to_start, run,
                            scratch, variant)

assert scratch          # a fixture

LOW_PORTS = 1 << 10     # CAP_NET_BIND_SERVICE


def relaxed():
    """A build with sanitizers keeps no list of system calls."""
    with open(program("chanceryd"), "rb") as file:
        return b"__asan_init" in file.read()


def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file
                    if ":\t" in line)


def log_text():
    with open(env("CHANCERY_LOG"), errors="replace") as file:
        return file.read()


# ------------------------------------------------------------- processes

def test_every_process_is_in_its_sandbox():
    for name, pids in processes().items():
        assert pids, name
        for pid in pids:
            facts = status(pid)
            assert facts["NoNewPrivs"] == "1", name
            assert facts["Seccomp"] == ("0" if relaxed() else "2"), name
            for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(facts[kind], 16) == 0, (name, kind)
            if os.geteuid() == 0:
                binds = name in ("chancery-acme", "chancery-publisher")
                assert int(facts["CapBnd"], 16) == (
                    LOW_PORTS if binds else 0), name


def test_every_process_is_its_own_user():
    users = [status(pids[0])["Uid"].split() for pids in processes().values()]
    assert all(len(set(uids)) == 1 for uids in users)
    if os.geteuid() == 0:
        assert len({uids[0] for uids in users}) == len(users)
        assert "0" not in {uids[0] for uids in users}
    else:
        assert {uids[0] for uids in users} == {str(os.geteuid())}


@pytest.mark.parametrize("name", ["chancery-probe", "chancery-publisher",
                                  "chancery-renew", "chancery-token"])
def test_a_killed_process_comes_back(name):
    before = processes()[name]
    os.kill(int(before[0]), signal.SIGKILL)
    assert eventually(lambda: len(processes()[name]) == len(before) and
               before[0] not in processes()[name])


def test_a_breach_of_the_sandbox_is_told():
    before = processes()["chancery-probe"]
    seen = log_text().count("was killed by its sandbox")
    os.kill(int(before[0]), signal.SIGSYS)
    assert eventually(lambda: log_text().count("was killed by its sandbox") > seen)
    assert eventually(lambda: processes()["chancery-probe"] not in ([], before))


# ------------------------------------------------------- refused to start

def test_run_dir_not_writable(scratch):
    conf = variant(scratch, run_dir='"/proc/chancery"')
    refuses_to_start(conf, "/proc/chancery", "run_dir")


def test_missing_executable(scratch):
    os.mkdir(f"{scratch}/empty")
    conf = variant(scratch, libexec_dir=f'"{scratch}/empty"')
    refuses_to_start(conf, "chancery-resolver", "libexec_dir")


def test_unknown_user(scratch):
    """Root must know every user; nobody else may name only some."""
    conf = variant(scratch)
    with open(conf) as file:
        text = file.read()
    if os.geteuid() == 0:
        text = conf_set(text, "probe.user", '"chancery-nobody"')
        words = "chancery-nobody", "does not exist"
    else:
        text = text.replace("probe: {", 'probe: { user = "nobody";')
        words = "user", "name a user for every process"
    with open(conf, "w") as file:
        file.write(text)
    refuses_to_start(conf, *words)


# ------------------------------------------------------------ chanceryctl

def ctl(*words):
    return run(program("chanceryctl"), "-c", env("CHANCERY_CONF"), *words)


def test_status():
    assert eventually(lambda: ctl("status").returncode == 0)
    facts = json.loads(ctl("status", "--json").stdout)
    assert facts["missing"] == []
    assert facts["base_url"] + "/directory" == env("CHANCERY_DIRECTORY")
    assert facts["log_entries"] > 0 and facts["certificates"] > 0
    assert all(n > 0 for n in facts["connections"].values())
    with open(env("CHANCERY_ROOT")) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    assert facts["issuers"][0]["root_sha256"] == \
        hashlib.sha256(der).hexdigest()
    os.kill(facts["chanceryd"], 0)


def test_config_check(scratch):
    good = ctl("config", "check")
    assert good.returncode == 0, good.stderr
    conf = variant(scratch, token__module='"/nonexistent/module.so"')
    bad = run(program("chanceryctl"), "-c", conf, "config", "check")
    assert bad.returncode == 1
    assert "token.module: /nonexistent/module.so" in bad.stderr


def test_migrate_changes_nothing_twice():
    for words in (["--dry-run"], []):
        ended = ctl("db", "migrate", *words)
        assert ended.returncode == 0, ended.stderr
        assert "schema: version 2 since" in ended.stdout


@pytest.mark.parametrize("words", [
    [], ["frobnicate"], ["db"], ["db", "drop"], ["config"],
    ["status", "--xml"], ["db", "migrate", "now"], ["config", "check", "x"]])
def test_misuse_of_verbs(words):
    ended = ctl(*words)
    assert ended.returncode == 100
    assert len(ended.stderr.splitlines()) == 1


def test_usage_and_version():
    for name in ("chanceryd", "chanceryctl", "chancery-acme"):
        assert run(program(name), "-h").returncode == 0
        version = run(program(name), "-V")
        assert version.returncode == 0
        assert version.stdout.startswith(name + " ")


# -------------------------------------------------------------- publisher

def fetch(path, method="GET", **headers):
    request = urllib.request.Request(
        env("CHANCERY_PUBLISHER") + path, method=method,
        headers={key.replace("_", "-"): value
                 for key, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as reply:
        return reply.code, reply.headers, reply.read()


@pytest.fixture
def publisher():
    assert eventually(lambda: _answers())


def _answers():
    try:
        return fetch("/")[0] == 200
    except OSError:
        return False


def test_root_in_both_forms(publisher):
    with open(env("CHANCERY_ROOT")) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    code, headers, body = fetch("/root.crt")
    assert (code, body) == (200, der)
    assert headers["Content-Type"] == "application/pkix-cert"
    assert ssl.PEM_cert_to_DER_cert(fetch("/root.pem")[2].decode()) == der
    code, headers, body = fetch("/root.crt", "HEAD")
    assert (code, body, headers["Content-Length"]) == (200, b"",
                                                       str(len(der)))


def test_issuer_is_where_certificates_say(publisher):
    text = subprocess.run(
        ["openssl", "x509", "-in", env("CHANCERY_DEMO_CERT"), "-noout",
         "-ext", "authorityInfoAccess"], capture_output=True, text=True,
        check=True).stdout
    url = text.rsplit("URI:", 1)[1].strip()
    assert url.startswith(env("CHANCERY_PUBLISHER") + "/issuers/")
    code, _, der = fetch(url[len(env("CHANCERY_PUBLISHER")):])
    assert code == 200
    with open(env("CHANCERY_DEMO_CERT")) as file:
        chain = file.read()
    issuing = chain[chain.index("-----BEGIN", 1):]
    issuing = issuing[:issuing.index("-----END") + 25]
    assert ssl.PEM_cert_to_DER_cert(issuing) == der


@pytest.mark.parametrize("path", ["/", "/root.pem"])
def test_conditional_requests(publisher, path):
    _, headers, _ = fetch(path)
    for name, code in (("If_None_Match", 304), ("If_Modified_Since", 304)):
        value = headers["ETag" if name == "If_None_Match" else
                        "Last-Modified"]
        assert fetch(path, **{name: value})[0] == code
    assert fetch(path, If_None_Match='"other"')[0] == 200
    assert fetch(path, If_None_Match='"other"',
                 If_Modified_Since=headers["Last-Modified"])[0] == 200
    assert fetch(path, If_Modified_Since="nonsense")[0] == 200


def test_landing_page(publisher):
    code, headers, body = fetch("/")
    text = body.decode()
    assert code == 200 and "<script" not in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    with open(env("CHANCERY_ROOT")) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    digest = hashlib.sha256(der).hexdigest().upper()
    assert ":".join(digest[i:i + 2] for i in range(0, 64, 2)) in text
    assert env("CHANCERY_DIRECTORY") in text
    for client in ("certbot", "lego", "acme.sh", "uacme", "Caddy"):
        assert client in text


@pytest.mark.parametrize("path", ["/x", "/root", "/issuers/", "/../etc/passwd",
                                  "/root.pem/", "/%00"])
def test_nothing_else_is_served(publisher, path):
    assert fetch(path)[0] in (400, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading(publisher, method):
    code, headers, _ = fetch("/root.pem", method)
    assert code == 405 and headers["Allow"] == "GET, HEAD"
