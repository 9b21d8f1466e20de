# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: a Chancery of packaging/quickstart and
Debian's Pebble.  Both have a name, their processes, and what the generator
must be told to reach them."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import time
import urllib.request


def wait_for(what, seconds=20, every=0.05):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def free_ports(count):
    """Ports that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def children(parent):
    """{pid: name of the program} of a process's children."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, ppid = file.read().rpartition(")")[2].split()[:2]
            with open(f"/proc/{pid}/cmdline") as file:
                program = file.read().split("\0")[0]
        except OSError:
            continue
        if int(ppid) == parent and state != "Z":
            found[int(pid)] = os.path.basename(program)
    return found


def memory_mb(pid):
    """Resident memory, and with shared pages counted in part."""
    found = {}
    for name, key in (("status", "VmRSS"), ("smaps_rollup", "Pss")):
        with open(f"/proc/{pid}/{name}") as file:
            found[key] = int(re.search(rf"^{key}:\s+(\d+) kB", file.read(),
                                       re.M).group(1)) / 1024
    return found["VmRSS"], found["Pss"]


def get(url, cafile):
    context = ssl.create_default_context(cafile=cafile)
    with urllib.request.urlopen(url, timeout=5, context=context) as reply:
        return reply.read()


class Chancery:
    name = "chancery"

    def __init__(self, source, build, machine):
        self.source = source
        self.build = build
        self.machine = machine
        self.folder = None
        self.started = []       # chanceryds that are our children

    # ------------------------------------------------------- made or found

    def configure_options(self):
        """The CivetWeb that the build directory has is good enough."""
        with open(os.path.join(self.build, "Makefile")) as file:
            match = re.search(r"^civetweb\.o: (\S+)/src/civetweb\.c",
                              file.read(), re.M)
        path = match and os.path.realpath(
            os.path.join(self.build, match.group(1)))
        if path and os.path.isdir(path):
            return f"--with-civetweb={path}"
        return ""

    def make(self, folder):
        """Built on all processors, started on those of the servers."""
        os.makedirs(folder)
        self.folder = folder
        environment = dict(os.environ)
        environment["CHANCERY_CONFIGURE"] = " ".join(
            (environment.get("CHANCERY_CONFIGURE", ""),
             self.configure_options())).strip()
        log = os.path.join(folder, "build.log")
        subprocess.run(
            ["sh", "-c", '. "$1/packaging/lib/common.sh";'
             ' . "$1/packaging/lib/build.sh";'
             ' build_install "$1" "$2/build" "$2/programs" "$3"', "bench",
             self.source, folder, log], check=True, env=environment)
        with open(os.path.join(folder, "quickstart.log"), "w") as out:
            subprocess.run(
                [f"{self.source}/packaging/quickstart", "--detach", "--dir",
                 folder], check=True, env=environment, stdout=out,
                stdin=subprocess.DEVNULL, preexec_fn=self.machine.on_server)
        self.use(os.path.join(folder, "env"))

    def use(self, file):
        text = subprocess.run(
            ["env", "-i", "sh", "-c", '. "$1"; env', "sh",
             os.path.realpath(file)],
            capture_output=True, text=True, check=True).stdout
        self.env = dict(line.split("=", 1) for line in text.splitlines()
                        if "=" in line)

    def environment(self):
        return {**os.environ, **self.env}

    def stop(self):
        if self.folder and os.path.exists(f"{self.folder}/settings"):
            subprocess.run(
                [f"{self.source}/packaging/quickstart", "--stop", "--dir",
                 self.folder], stdout=subprocess.DEVNULL)
        for process in self.started:
            process.wait()

    # ------------------------------------------------------------ processes

    def conf_value(self, keyword):
        with open(self.env["CHANCERY_CONF"]) as file:
            return re.search(rf'^{keyword} = "([^"]*)"', file.read(),
                             re.M).group(1)

    def daemon(self):
        with open(self.conf_value("run_dir") + "/chanceryd.pid") as file:
            return int(file.read())

    def postmaster(self):
        """Whoever listens on the database's socket."""
        path = f"{self.env['PGHOST']}/.s.PGSQL.{self.env['PGPORT']}.lock"
        with open(path) as file:
            return int(file.readline())

    def own_processes(self):
        daemon = self.daemon()
        return [("chanceryd", daemon)] + sorted(
            (name, pid) for pid, name in children(daemon).items())

    def processes(self):
        return self.own_processes() + [("postgresql", self.postmaster())]

    def memory(self):
        """Idle, in MB: {name: (RSS, PSS)}, processes of a name added up."""
        sums = {}
        database = self.postmaster()
        for name, pid in self.own_processes() + [
                ("postgresql", pid)
                for pid in [database, *children(database)]]:
            rss, pss = memory_mb(pid)
            before = sums.get(name, (0, 0))
            sums[name] = before[0] + rss, before[1] + pss
        return sums

    # ---------------------------------------------------------------- start

    def answers(self):
        try:
            return b"newOrder" in get(self.env["CHANCERY_DIRECTORY"],
                                      self.env["CHANCERY_ROOT"])
        except OSError:
            return False

    def restart(self):
        """Milliseconds from chanceryd's exec to the first directory."""
        old = self.daemon()
        os.kill(old, signal.SIGTERM)
        for process in self.started:
            process.wait()
        wait_for(lambda: not os.path.exists(f"/proc/{old}") or open(
            f"/proc/{old}/stat").read().rpartition(")")[2].split()[0] == "Z")
        with open(self.env["CHANCERY_LOG"], "a") as log:
            began = time.monotonic()
            self.started.append(subprocess.Popen(
                [f"{self.env['CHANCERY_BIN']}/chanceryd", "-c",
                 self.env["CHANCERY_CONF"]], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                preexec_fn=self.machine.on_server))
        if not wait_for(self.answers, 60, 0.002):
            raise RuntimeError("the appliance does not answer")
        return (time.monotonic() - began) * 1000

    def start_again(self, count):
        """Median of some starts (of a CA that is ours), and idle memory."""
        starts = [self.restart() for _ in range(count)] if self.folder else []
        time.sleep(1)
        return (statistics.median(starts) if starts else None), self.memory()

    # ------------------------------------------------------------ generator

    def load_options(self):
        return ["--directory", self.env["CHANCERY_DIRECTORY"],
                "--cafile", self.env["CHANCERY_ROOT"],
                "--http-port", self.env["CHANCERY_HTTP01_PORT"]]

    def token_copy(self, path):
        """The issuing token again, so that the CA's own is left alone."""
        source = os.path.dirname(self.env["SOFTHSM2_CONF"])
        if not os.path.exists(path):
            shutil.copytree(source, path)
            with open(f"{path}/softhsm2.conf") as file:
                text = file.read().replace(source, path)
            with open(f"{path}/softhsm2.conf", "w") as file:
                file.write(text)
        return path


class Pebble:
    """Started anew for each run; validates for real, without sleeping."""
    name = "pebble"

    def __init__(self, folder, preexec):
        self.folder = folder
        self.preexec = preexec
        self.running = []

    def certificate(self):
        """Its own, for localhost: Debian's package brings none."""
        if os.path.exists(f"{self.folder}/cert.pem"):
            return
        os.makedirs(self.folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", f"{self.folder}/key.pem",
             "-out", f"{self.folder}/cert.pem"],
            check=True, stderr=subprocess.DEVNULL)

    def spawn(self, *argv):
        environment = dict(os.environ, PEBBLE_VA_NOSLEEP="1",
                           PEBBLE_WFE_NONCEREJECT="0")
        with open(f"{self.folder}/{argv[0]}.log", "w") as log:
            self.running.append(subprocess.Popen(
                argv, stdout=log, stderr=log, env=environment,
                preexec_fn=self.preexec))

    def start(self):
        self.certificate()
        acme, management, self.http, tls, dns, control = free_ports(6)
        self.url = f"https://localhost:{acme}/dir"
        with open(f"{self.folder}/config.json", "w") as file:
            json.dump({"pebble": {
                "listenAddress": f"127.0.0.1:{acme}",
                "managementListenAddress": f"127.0.0.1:{management}",
                "certificate": f"{self.folder}/cert.pem",
                "privateKey": f"{self.folder}/key.pem",
                "httpPort": self.http, "tlsPort": tls,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": False}}, file)
        self.spawn("pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}",
                   "-http01", "", "-https01", "", "-tlsalpn01", "",
                   "-management", f"127.0.0.1:{control}",
                   "-defaultIPv6", "")
        self.spawn("pebble", "-config", f"{self.folder}/config.json",
                   "-dnsserver", f"127.0.0.1:{dns}")
        root = f"https://localhost:{management}/roots/0"
        if not wait_for(lambda: self.fetch_root(root)):
            raise RuntimeError(f"Pebble does not start: {self.folder}")

    def fetch_root(self, url):
        try:
            pem = get(url, f"{self.folder}/cert.pem")
        except OSError:
            return False
        with open(f"{self.folder}/root.pem", "wb") as file:
            file.write(pem)
        return True

    def stop(self):
        for process in self.running:
            process.kill()
            process.wait()
        self.running = []

    def processes(self):
        return [("challtestsrv", self.running[0].pid),
                ("pebble", self.running[1].pid)]

    def load_options(self):
        return ["--directory", self.url,
                "--cafile", f"{self.folder}/cert.pem",
                "--roots", f"{self.folder}/root.pem",
                "--http-port", str(self.http)]
