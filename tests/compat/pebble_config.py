# SPDX-License-Identifier: Apache-2.0
"""What Pebble is told: command line, environment and configuration file."""
import json
import os
import subprocess
import sys

DAY = 86400
VALIDITY_MIN, VALIDITY_MAX = 300, 825 * DAY     # hsm/profile.c


class Misuse(Exception):
    pass


def note(text):
    print(f"pebble: {text}", file=sys.stderr, flush=True)


def yes(text):
    """What Go's flag package and Pebble take for true."""
    return text in ("1", "t", "T", "true", "TRUE", "True")


def lower(members):
    """Go does not mind the case of a member's name."""
    return {name.lower(): value for name, value in members.items()}


USAGE = """Usage of pebble:
  -config string
    \tFile path to the Pebble configuration file \
(default "test/config/pebble-config.json")
  -dnsserver string
    \tDefine a custom DNS server address (ex: 192.168.0.56:5053 or 8.8.8.8:53).
  -strict
    \tEnable strict mode to test upcoming API breaking changes
  -version
    \tPrint the software version"""


def arguments(argv):
    """Go's command line: one dash or two, "=value" or the next argument."""
    found = {"config": "test/config/pebble-config.json", "dnsserver": "",
             "strict": False, "version": False}
    argv = list(argv)
    while argv and argv[0].startswith("-") and argv[0] not in ("-", "--"):
        name, equals, value = argv.pop(0).lstrip("-").partition("=")
        if name in ("h", "help"):
            print(USAGE, file=sys.stderr)
            sys.exit(0)
        if name not in found:
            raise Misuse(f"flag provided but not defined: -{name}\n{USAGE}")
        if isinstance(found[name], bool):
            found[name] = yes(value) if equals else True
            # "-strict false" was common when Pebble overlooked the rest.
            if not equals and argv and argv[0] in ("true", "false"):
                found[name] = argv.pop(0) == "true"
        elif equals:
            found[name] = value
        elif argv:
            found[name] = argv.pop(0)
        else:
            raise Misuse(f"flag needs an argument: -{name}\n{USAGE}")
    if argv:
        raise Misuse(f"invalid command line arguments: {' '.join(argv)}")
    return found


def address(text, what):
    """(host, port) of Go's "host:port"; "" is every address."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise Misuse(f"{what} {text!r} is not an address and a port")
    return host.strip("[]"), int(port)


def names_of(certificate):
    """The DNS names in a certificate file."""
    done = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-ext",
         "subjectAltName"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Misuse(f"cannot read the certificate {certificate}: "
                     f"{done.stderr.strip().splitlines()[-1:]}")
    return [part.strip()[4:] for line in done.stdout.splitlines()
            for part in line.split(",") if part.strip().startswith("DNS:")]


# Variables that Pebble has and that change nothing here, and why.
WITHOUT_EFFECT = {
    "PEBBLE_VA_NOSLEEP": "Chancery never sleeps before a validation",
    "PEBBLE_VA_SLEEPTIME": "Chancery never sleeps before a validation",
    "PEBBLE_WFE_ORDERS_PER_PAGE": "a page of orders has 100",
    "PEBBLE_CHAIN_LENGTH": "a chain has one intermediate",
}


def number(name, default, most):
    try:
        return min(max(int(os.environ.get(name, "")), 0), most)
    except ValueError:
        return default


class Config:
    """All of it, as Python has it."""

    def __init__(self, flags):
        self.dnsserver = flags["dnsserver"]
        try:
            with open(flags["config"]) as file:
                given = lower(lower(json.load(file)).get("pebble", {}))
        except (OSError, ValueError, AttributeError) as error:
            raise Misuse("Reading JSON config file into config structure: "
                         f"{flags['config']}: {error}")
        self.given = given
        self.read()
        self.read_environment()

    def get(self, name, kind, default):
        value = self.given.get(name.lower())
        if value is None:
            return default
        if not isinstance(value, kind):
            raise Misuse(f"{name} is not of the right type")
        return value

    def read(self):
        self.listen = address(self.get("listenAddress", str, ""),
                              "listenAddress")
        management = self.get("managementListenAddress", str, "")
        self.management = management and address(management,
                                                 "managementListenAddress")
        self.certificate = self.get("certificate", str, "")
        self.key = self.get("privateKey", str, "")
        self.http_port = self.get("httpPort", int, 80)
        self.tls_port = self.get("tlsPort", int, 443)
        self.eab_required = self.get("externalAccountBindingRequired", bool,
                                     False)
        self.eab_keys = self.get("externalAccountMACKeys", dict, {})
        self.blocked = self.get("domainBlocklist", list, [])
        retry = lower(self.get("retryAfter", dict, {}))
        self.retry_after = {"authz": retry.get("authz", 0),
                            "order": retry.get("order", 0)}
        self.read_profiles()
        if self.get("ocspResponderURL", str, ""):
            note("ocspResponderURL is without effect")
        self.base_url = self.url()

    def read_profiles(self):
        usual = self.validity(self.get("certificateValidityPeriod", int, 0),
                              "certificateValidityPeriod") or 90 * DAY
        self.profiles = {}
        for name, members in self.get("profiles", dict, {}).items():
            members = lower(members)
            self.profiles[name] = (
                members.get("description") or name,
                self.validity(members.get("validityperiod", 0),
                              f"profile {name}") or usual)
        self.profiles_given = bool(self.profiles) or usual != 90 * DAY
        if not self.profiles:
            self.profiles = {"default": ("The default profile", usual)}
        self.default_profile = "default" if "default" in self.profiles \
            else next(iter(self.profiles))

    def validity(self, seconds, what):
        if not seconds:
            return 0
        fits = min(max(seconds, VALIDITY_MIN), VALIDITY_MAX)
        if fits != seconds:
            note(f"{what}: {seconds} s is made {fits} s, the nearest that "
                 "Chancery issues")
        return fits

    def url(self):
        names = names_of(self.certificate)
        host = "localhost" if "localhost" in names or not names else names[0]
        return f"https://{host}:{self.listen[1]}"

    def read_environment(self):
        self.nonce_reject = number("PEBBLE_WFE_NONCEREJECT", 5, 100)
        if self.nonce_reject == 100:
            self.nonce_reject = 99      # as Pebble does
        self.always_valid = yes(os.environ.get("PEBBLE_VA_ALWAYS_VALID", ""))
        self.alternates = number("PEBBLE_ALTERNATE_ROOTS", 0, 8)
        reuse = number("PEBBLE_AUTHZREUSE", 50, 100)
        self.reuse = reuse > 0
        if "PEBBLE_AUTHZREUSE" in os.environ and 0 < reuse < 100:
            note(f"PEBBLE_AUTHZREUSE={reuse}: Chancery reuses valid "
                 "authorizations always or never; now always")
        for name, why in WITHOUT_EFFECT.items():
            if name in os.environ:
                note(f"{name} is without effect: {why}")
