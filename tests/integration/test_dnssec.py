# SPDX-License-Identifier: Apache-2.0
"""DNSSEC (row S04): zones made and signed here with ldns (Debian: ldnsutils),
served by NSD (nsd): signed, insecure, bogus, expired, stripped.  TXT and CAA
answers are accepted and refused accordingly.

One parent holds the trust anchor; below it the zones, reached as stub zones.
All zones are made once, with the answers of all trials in them.
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from beside import free_port
from checks import fresh
from responders import txt_value
from trial import Trial, validating

APEX = "dnssec.test"
ZONES = ("good", "plain", "bogus", "expired", "stripped", "trusted")
SOA = "@ 60 IN SOA ns hostmaster 1 3600 600 86400 1\n@ 60 IN NS ns\n" \
      "ns 60 IN A 127.0.0.1\n"
DAY = 86400


def run(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True,
                          **more).stdout


class Zone:
    """A zone of `folder`: its records, signed unless it is told otherwise."""

    def __init__(self, folder, name, records, sign=True, days=30):
        self.name = name
        self.file = folder / f"{name}.zone"
        self.file.write_text(f"$ORIGIN {name}.\n{SOA}{records}")
        self.ds = ""
        if sign:
            key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name,
                      cwd=folder).strip()
            self.ds = (folder / f"{key}.ds").read_text()
            moments = [time.strftime("%Y%m%d%H%M%S", time.gmtime(t)) for t in
                       (time.time() - 60 * DAY, time.time() + days * DAY)]
            run("ldns-signzone", "-i", moments[0], "-e", moments[1], "-f",
                str(self.file), str(self.file), key, cwd=folder)

    def forge(self, kind, old, new):
        """Change the data of records that are signed already."""
        text, count = re.subn(rf"(\sIN\s{kind}\s.*){re.escape(old)}",
                              lambda m: m.group(1) + new,
                              self.file.read_text())
        assert count > 0, (kind, old)
        self.file.write_text(text)


class Nsd:
    """NSD for some zones on a port of its own."""

    def __init__(self, folder, zones):
        self.port = free_port()
        conf = folder / "nsd.conf"
        conf.write_text(f"""server:
    ip-address: 127.0.0.1@{self.port}
    username: ""
    zonesdir: ""
    database: ""
    pidfile: ""
    xfrdfile: ""
    zonelistfile: "{folder}/zones.list"
    xfrdir: "{folder}"
    minimal-responses: yes
remote-control:
    control-enable: no
""" + "".join(f'zone:\n    name: "{zone.name}"\n    zonefile: "{zone.file}"\n'
              for zone in zones))
        self.process = subprocess.Popen(
            [shutil.which("nsd", path=os.environ["PATH"] + ":/usr/sbin"),
             "-d", "-c", str(conf)])
        self.wait()

    def wait(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("NSD does not listen")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(10)


TXT_TRIALS = ("good", "plain", "bogus", "expired", "stripped", "trusted")
CAA_TRIALS = {
    "good-allows": ("good", "ca.test"), "good-forbids": ("good", "other"),
    "good-none": ("good", None), "plain-allows": ("plain", "ca.test"),
    "plain-forbids": ("plain", "other"), "plain-none": ("plain", None),
    "bogus-forged": ("bogus", "other"), "expired-allows": (
        "expired", "ca.test"), "stripped-allows": ("stripped", "ca.test"),
    "trusted-allows": ("trusted", "ca.test")}


def named(label, zone):
    return f"{fresh(label).removesuffix('.test')}.{zone}.{APEX}"


def add(records, trial, line):
    label, _, zone = trial.name.partition(".")
    records[zone.removesuffix("." + APEX)] += line.format(label) + "\n"


def make_zones(folder, records):
    """The zones, and the trust anchor of the parent."""
    zones = {name: Zone(folder, f"{name}.{APEX}", records[name],
                        sign=name not in ("plain", "stripped"),
                        days=-1 if name == "expired" else 30)
             for name in ZONES}
    # The parent knows a key of this one; answers come without signatures.
    key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k",
              f"stripped.{APEX}", cwd=folder).strip()
    zones["stripped"].ds = (folder / f"{key}.ds").read_text()
    zones["bogus"].forge("TXT", '"forge', '"FORGE')
    zones["bogus"].forge("CAA", "other", "ca.test")
    # Wrong like "bogus", but the operator says that it has no DNSSEC.
    zones["trusted"].forge("NS", "ns", "ns")
    zones["trusted"].ds = zones["stripped"].ds.replace("stripped", "trusted")
    parent = Zone(folder, APEX, "".join(
        f"{name} 60 IN NS ns\n{zones[name].ds}" for name in ZONES))
    (folder / "anchor").write_text(parent.ds)
    return [parent, *zones.values()]


@pytest.fixture(scope="module")
def trials(client, responder, tmp_path_factory):
    """All trials by (method, case), with NSD and our validator running."""
    folder = pathlib.Path(tmp_path_factory.mktemp("dnssec"))
    for place in (folder, folder.parent, folder.parent.parent):
        os.chmod(place, 0o755)
    trials, records = {}, {name: "" for name in ZONES}
    for zone in TXT_TRIALS:
        trial = Trial(client, named("txt", zone), "dns-01")
        trials["dns-01", zone] = trial
        value = txt_value(trial.answer)
        add(records, trial, f'_acme-challenge.{{}} 60 IN TXT "{value}"')
        add(records, trial, '{} 60 IN A 127.0.0.1')
    add(records, trials["dns-01", "bogus"], 'x.{} 60 IN TXT "forge"')
    for case, (zone, issuer) in CAA_TRIALS.items():
        trial = Trial(client, named("caa", zone)).prove(responder)
        trials["http-01", case] = trial
        add(records, trial, '{} 60 IN A 127.0.0.1')
        if issuer:
            add(records, trial, f'{{}} 60 IN CAA 0 issue "{issuer}"')
    forged = trials["dns-01", "bogus"]
    zones = make_zones(folder, records)
    zones[1 + ZONES.index("bogus")].forge(
        "TXT", f'"{txt_value(forged.answer)}', f'"{txt_value("forged")}')
    with Nsd(folder, zones) as nsd:
        stubs = ", ".join(f'{{ name = "{zone.name}"; '
                          f'address = "127.0.0.1:{nsd.port}"; }}'
                          for zone in zones)
        with validating(
                f'trust_anchor = "/dev/null"; '
                f'trust_anchors = [ "{folder}/anchor" ]; '
                f'insecure = [ "trusted.{APEX}" ]; '
                f'stub_zones = ( {stubs} );',
                'caa_identities = [ "ca.test" ];'):
            yield trials


def verdict(trial):
    """valid, or the error with its detail; and the states of DNSSEC that the
    transcript tells of."""
    done = trial.start().end()
    states = set(re.findall(r'"dnssec": ?"(\w+)"',
                            trial.evidence("transcript")[0]))
    if done["status"] == "valid":
        return "valid", "", states
    return (done["error"]["type"].rpartition(":")[2],
            done["error"]["detail"], states)


def test_S04_signed_txt(trials):
    trial = trials["dns-01", "good"]
    result, detail, _ = verdict(trial)
    assert result == "valid", detail
    transcript = trial.transcript()
    assert transcript["dns"]["txt"]["dnssec"] == "secure"
    assert transcript["caa"][trial.name]["caa"]["dnssec"] == "secure"


def test_S04_insecure_txt(trials):
    """The parent proves that the zone has no keys."""
    result, _, states = verdict(trials["dns-01", "plain"])
    assert result == "valid" and "insecure" in states


@pytest.mark.parametrize("zone", ["bogus", "expired", "stripped"])
def test_S04_txt_that_is_not_believed(trials, zone):
    result, detail, states = verdict(trials["dns-01", zone])
    assert result == "dns" and "DNSSEC" in detail, detail
    assert "TXT" in detail and states == {"bogus"}


def test_S04_insecure_by_configuration(trials):
    result, _, states = verdict(trials["dns-01", "trusted"])
    assert result == "valid" and "insecure" in states


@pytest.mark.parametrize("case", ["good-allows", "good-none"])
def test_S04_caa_signed(trials, case):
    result, detail, states = verdict(trials["http-01", case])
    assert result == "valid", detail
    assert "secure" in states


@pytest.mark.parametrize("case", ["plain-allows", "plain-none",
                                  "trusted-allows"])
def test_S04_caa_insecure(trials, case):
    result, detail, states = verdict(trials["http-01", case])
    assert result == "valid", detail
    assert "insecure" in states


@pytest.mark.parametrize("case", ["good-forbids", "plain-forbids"])
def test_S04_caa_forbids(trials, case):
    assert verdict(trials["http-01", case])[0] == "caa"


def test_S04_caa_forged(trials):
    """The address is rightly signed, the CAA record that would allow it is
    not."""
    result, detail, states = verdict(trials["http-01", "bogus-forged"])
    assert result == "dns" and "CAA" in detail and "DNSSEC" in detail, detail
    assert states == {"secure", "bogus"}


@pytest.mark.parametrize("case", ["expired-allows", "stripped-allows"])
def test_S04_caa_where_nothing_is_believed(trials, case):
    result, detail, _ = verdict(trials["http-01", case])
    assert result == "dns" and "DNSSEC" in detail, detail
