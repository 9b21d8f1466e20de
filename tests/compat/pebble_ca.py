# SPDX-License-Identifier: Apache-2.0
"""A Chancery that lives as long as one run of a test suite: a copy of the
template that `make pebble` made, with PostgreSQL and chanceryd of its own."""
import asyncio
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from pebble_config import Misuse, note

PROGRAMS = ("chanceryd", "chanceryctl", "chancery-acme", "chancery-probe",
            "chancery-publisher", "chancery-renew", "chancery-resolver",
            "chancery-signer", "chancery-token", "chancery-validator")
# Those that are other than the product's; the validator, when it is to find
# everything valid.
OTHER = ("chancery-acme", "chancery-signer", "chancery-token")
# Each has a user of its own when we are root.
PARTS = ("acme", "validator", "resolver", "probe", "signer", "token",
         "publisher", "renew")
ROOM = 256 << 20        # free octets that a folder in memory must have
# What no applicant can own is refused unless a prefix of its size allows it
# (server/address.c): tests run in such places.
PLACES = ("0.0.0.0/0", "127.0.0.0/8", "169.254.0.0/16", "::/0", "::1/128",
          "fe80::/10")


# What chanceryd starts in place of chancery-acme, which reads the rules at its
# start and then once a second: it waits until the acts are done.
GATE = """#!/bin/sh
: <"{folder}/gate"
exec "{folder}/programs/acme" "$@"
"""


def build_folder():
    """Where `make pebble` was run: told, or by the link that we came by, or
    at the usual places."""
    here = os.path.dirname(os.path.realpath(__file__))
    folders = [os.environ.get("CHANCERY_BUILD")]
    link = os.path.abspath(sys.argv[0])
    while os.path.islink(link):
        folders.append(os.path.join(os.path.dirname(link), "../.."))
        link = os.path.join(os.path.dirname(link), os.readlink(link))
    for folder in (*folders, os.path.join(here, "../../../build"),
                   os.path.join(here, "../..")):
        if folder and os.path.exists(
                os.path.join(folder, "tests/compat/template/place")):
            return os.path.realpath(folder)
    raise Misuse("there is no template: run `make pebble` in the build "
                 "directory, and name that in CHANCERY_BUILD unless it is "
                 "../build beside the tree")


def read(*path):
    with open(os.path.join(*path)) as file:
        return file.read().strip()


def free_ports(count):
    """Below those that the system gives to connections, or one of them could
    be taken before we come to it."""
    held = []
    while len(held) < count:
        try:
            held.append(socket.create_server(
                ("127.0.0.1", random.randrange(20000, 32000))))
        except OSError:
            continue
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def scratch():
    """Memory, where there is enough of it: a start makes hundreds of files."""
    try:
        room = os.statvfs("/dev/shm")
    except OSError:
        return "/tmp"
    fits = room.f_bavail * room.f_frsize >= ROOM and \
        not room.f_flag & os.ST_NOEXEC
    return "/dev/shm" if fits and os.access("/dev/shm", os.W_OK) else "/tmp"


def own_addresses():
    """Of this host, as prefixes: the product does not visit itself."""
    found, last = [], None
    for line in read("/proc/net/fib_trie").splitlines():
        words = line.split()
        if words[0] == "|--":
            last = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found.append(last + "/32")
    if os.path.exists("/proc/net/if_inet6"):
        for line in read("/proc/net/if_inet6").splitlines():
            text = line.split()[0]
            found.append(":".join(text[i:i + 4] for i in range(0, 32, 4)) +
                         "/128")
    return found


def system_names():
    """What the system's resolver knows by itself: /etc/hosts."""
    names = {"localhost": "127.0.0.1"}
    for line in read("/etc/hosts").splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            if ":" not in words[0] and "%" not in words[0]:
                names.setdefault(name.lower(), words[0])
    return names


def system_server():
    for line in read("/etc/resolv.conf").splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and "%" not in words[1]:
            return f"[{words[1]}]:53" if ":" in words[1] else f"{words[1]}:53"
    return None


def numeric(address):
    """Host and port as chancery.conf takes them."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        info = socket.getaddrinfo(host, int(port), type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        raise Misuse(f"-dnsserver {address}: not an address and a port")
    host = info[0][4][0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolver_settings(config):
    """Somebody's own names: the root zone's keys would deny them."""
    if config.dnsserver:
        forward, local = numeric(config.dnsserver), {}
    else:
        forward, local = system_server(), system_names()
    text = 'trust_anchor = "/dev/null";'
    if forward:
        text += f' forward = "{forward}";'
    if local:
        zones = ", ".join(f'{{ name = "{name}"; address = "{address}"; }}'
                          for name, address in local.items())
        text += f" local = ( {zones} );"
    return text


def strings(values):
    return "[ " + ", ".join(f'"{value}"' for value in values) + " ]"


class Ca:
    def __init__(self, config):
        self.config = config
        self.root = os.geteuid() == 0
        self.build = build_folder()
        self.template = os.path.join(self.build, "tests/compat/template")
        if read(self.template, "owner") != str(os.geteuid()):
            raise Misuse(f"{self.template} belongs to another user: run "
                         "`make pebble` in a build directory of yours")
        self.folder = None
        self.postgres = self.daemon = self.reader = None
        self.trouble = asyncio.Event()
        self.roots, self.intermediates = [], []

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    # --------------------------------------------------------------- make

    def make_folder(self):
        self.folder = tempfile.mkdtemp(prefix="chancery-pebble-",
                                       dir=scratch())
        os.chmod(self.folder, 0o755)
        self.data = self.path("ca")
        subprocess.run(["cp", "-a", "--reflink=auto", self.template,
                        self.data], check=True)
        os.chmod(self.data, 0o755)
        was = read(self.template, "place")
        for name in ("state/officer.conf",
                     "tokens/issuing/softhsm2.conf"):
            file = os.path.join(self.data, name)
            text = read(file).replace(was, self.data)
            with open(file, "r+") as out:
                out.truncate()
                out.write(text + "\n")
        self.copy_programs()
        os.mkdir(self.path("pg"))
        if self.root:
            shutil.chown(self.path("pg"), "postgres", "postgres")
        self.make_keys()
        self.make_conf()

    def copy_programs(self):
        """Copied: our users need not be able to walk to the build."""
        os.mkdir(self.path("programs"))
        for name in PROGRAMS:
            place = self.build
            if name in OTHER or (self.config.always_valid and
                                 name == "chancery-validator"):
                place = os.path.join(self.build, "tests/compat/libexec")
            self.copy_program(os.path.join(place, name),
                              "acme" if name == "chancery-acme" else name)
        os.mkfifo(self.path("gate"))
        os.chmod(self.path("gate"), 0o644)
        with open(self.path("programs", "chancery-acme"), "w") as file:
            file.write(GATE.format(folder=self.folder))
        os.chmod(file.name, 0o755)

    def copy_program(self, program, name):
        shutil.copyfile(program, self.path("programs", name))
        os.chmod(self.path("programs", name), 0o755)

    def make_keys(self):
        with open(self.path("eab-keys"), "w") as file:
            for kid, key in self.config.eab_keys.items():
                file.write(f"{kid} {key.rstrip('=')}\n")

    def user(self, part):
        return f' user = "chancery-{part}";' if self.root else ""

    def make_conf(self):
        config = self.config
        self.acme_port, publisher = free_ports(2)
        module = read(self.template, "module")
        tokens = os.path.join(self.data, "tokens/issuing")
        settings = {
            "acme": f'listen = [ "127.0.0.1:{self.acme_port}" ]; '
                    f'trusted_proxies = [ "127.0.0.1/32" ]; '
                    f'terms_of_service = "{config.base_url}/terms-plz"; '
                    f'default_profile = "{config.default_profile}"; '
                    f'authorization_reuse = "{self.word(config.reuse)}"; '
                    "external_account_required = "
                    f'"{self.word(config.eab_required)}";',
            "validator": f'http01_port = "{config.http_port}"; '
                         f'tls_alpn_port = "{config.tls_port}"; allow = '
                         f"{strings([*PLACES, *own_addresses()])};",
            "resolver": resolver_settings(config),
            "token": f'module = "{module}"; label = "chancery-issuing"; '
                     f'pin_file = "{tokens}/pin"; '
                     f'softhsm_conf = "{tokens}/softhsm2.conf";',
            "publisher": f'listen = [ "127.0.0.1:{publisher}" ]; '
                         f'url = "http://localhost:{publisher}";',
        }
        text = (f'base_url = "{config.base_url}";\n'
                f'state_dir = "{self.data}/state";\n'
                f'run_dir = "{self.folder}/run";\n'
                f'libexec_dir = "{self.folder}/programs";\n'
                f'database: {{ host = "{self.folder}/pg"; port = "5432"; '
                'name = "chancery"; owner = "chancery"; };\n'
                'policy: { ip_identifiers = [ "0.0.0.0/0", "::/0" ]; };\n')
        for part in PARTS:
            text += (f"{part}: {{{self.user(part)} "
                     f"{settings.get(part, '')} }};\n")
        self.conf = self.path("chancery.conf")
        with open(self.conf, "w") as file:
            file.write(text)

    @staticmethod
    def word(flag):
        return "yes" if flag else "no"

    # -------------------------------------------------------------- start

    async def start(self):
        self.make_folder()
        await self.start_postgres()
        # The acts are in the database before the signer comes to look.
        await asyncio.gather(self.start_daemon(), self.act())
        self.roots.insert(0, read(self.data, "state/root.pem") + "\n")
        self.intermediates.insert(
            0, read(self.data, "state/issuing.pem") + "\n")

    async def start_postgres(self):
        data = os.path.join(self.data, "pg")
        version = read(data, "PG_VERSION")
        who = {}
        if self.root:
            entry = pwd.getpwnam("postgres")
            who = {"user": entry.pw_uid, "group": entry.pw_gid,
                   "extra_groups": []}
        self.log = open(self.path("postgresql.log"), "w")
        self.postgres = subprocess.Popen(
            [f"/usr/lib/postgresql/{version}/bin/postgres", "-D", data,
             "-c", f"unix_socket_directories={self.folder}/pg",
             "-c", "min_wal_size=2MB", "-c", "max_wal_size=64MB"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            start_new_session=True, cwd="/", **who)
        until = time.monotonic() + 20
        while not self.postgres_ready(data):
            if self.postgres.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PostgreSQL does not start: " +
                                   read(self.path("postgresql.log"))[-2000:])
            await asyncio.sleep(0.005)

    @staticmethod
    def postgres_ready(data):
        try:
            return "ready" in read(data, "postmaster.pid").splitlines()[7]
        except (OSError, IndexError):
            return False

    async def start_daemon(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("PG", "NOTIFY_"))}
        environment["CHANCERY_TEST_EAB_KEYS"] = self.path("eab-keys")
        self.daemon = await asyncio.create_subprocess_exec(
            self.path("programs", "chanceryd"), "-c", self.conf,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=environment)
        ready = asyncio.get_running_loop().create_future()
        self.reader = asyncio.create_task(self.relay(ready))
        await ready

    async def relay(self, ready):
        """What the processes say, to our standard error."""
        async for line in self.daemon.stdout:
            try:
                os.write(2, line)
            except OSError:
                pass            # nobody listens any more
            if line.startswith(b"chanceryd: ready: ") and not ready.done():
                ready.set_result(None)
        if not ready.done():
            ready.set_exception(RuntimeError("chanceryd does not start"))
        self.trouble.set()

    async def ctl(self, *argv, given=None):
        process = await asyncio.create_subprocess_exec(
            self.path("programs", "chanceryctl"), "-c", self.conf, *argv,
            "--officer", os.path.join(self.data, "state/officer.conf"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        out, err = await process.communicate((given or "").encode())
        if process.returncode != 0:
            raise RuntimeError(f"chanceryctl {' '.join(argv)}: "
                               f"{err.decode().strip()}")
        return out.decode()

    async def act(self):
        await asyncio.gather(*(self.ctl(*act) for act in self.acts()))
        self.gate = os.open(self.path("gate"), os.O_RDWR)

    def acts(self):
        """What the configuration wants, as chanceryctl's arguments."""
        for kid in self.config.eab_keys:
            yield "eab", "add", kid, "--accounts", "0"
        for name in self.config.blocked:
            yield "block", "add", name
            yield "block", "add", "." + name
        if self.config.profiles_given:
            yield from self.profile_acts()
        if self.config.alternates:
            yield from self.alternate_acts()

    def profile_acts(self):
        body = json.loads(read(self.template, "profile.json"))
        body.pop("ca_issuers_url", None)
        for name, (description, seconds) in self.config.profiles.items():
            body.update(name=name, description=description,
                        validity_seconds=seconds,
                        backdate_seconds=min(3600, seconds // 2),
                        advance_seconds=min(7 * 86400, seconds))
            file = self.path(f"profile-{len(os.listdir(self.folder))}.json")
            with open(file, "w") as out:
                json.dump(body, out)
            yield "profile", "set", file
        if "default" not in self.config.profiles:
            yield "profile", "remove", "default"

    def alternate_acts(self):
        import pebble_alternate
        issuing = read(self.data, "state/issuing.pem")
        for number in range(1, self.config.alternates + 1):
            root, cross = pebble_alternate.make(issuing, number)
            self.roots.append(root)
            self.intermediates.append(cross)
            file = self.path(f"alternate-{number}.pem")
            with open(file, "w") as out:
                out.write(cross + root)
            yield ("chain", "add", f"alternate-{number}", file, "--issuer",
                   "issuing-1")

    # ---------------------------------------------------------------- use

    async def query(self, sql):
        process = await asyncio.create_subprocess_exec(
            "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
            "-h", self.path("pg"), "-p", "5432", "-U", "chancery",
            "-d", "chancery", "-c", sql, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return (await process.communicate())[0].decode().strip()

    # --------------------------------------------------------------- stop

    def running(self):
        """Processes of ours that still are, by their program's path."""
        prefix = self.path("programs").encode() + b"/"
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if file.read().startswith(prefix):
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def wait_gone(self, seconds):
        until = time.monotonic() + seconds
        while self.running() and time.monotonic() < until:
            time.sleep(0.01)
        return self.running()

    async def stop(self):
        """Everything goes: what was in hand is of no use to anybody."""
        if self.folder is None:
            return
        if self.daemon is not None and self.daemon.returncode is None:
            self.daemon.kill()
        for pid in self.running():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.wait_gone(5)
        if self.postgres is not None and self.postgres.poll() is None:
            self.postgres.send_signal(signal.SIGQUIT)
            self.postgres.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.exists(self.folder):
            note(f"cannot remove {self.folder}")
