# SPDX-License-Identifier: Apache-2.0
"""Single processes of ours beside the running appliance: on its database,
with its configuration but for some changes, and with a run_dir of their own.

    with Beside({"acme": 'website = "https://ca.test/";'},
                acme__listen='["127.0.0.1:14999"]') as beside:
        beside.start("acme")
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from appliance import conf_set, conf_text, conf_value, env


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Beside:
    def __init__(self, more=None, without=(), **changes):
        """more: {group: further settings}; without: patterns to remove;
        changes: group__keyword="value"."""
        self.folder = tempfile.mkdtemp(prefix="chancery-beside-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.running = {}
        text = conf_set(conf_text(), "run_dir", f'"{self.folder}/run"')
        for keyword, new in changes.items():
            text = conf_set(text, keyword.replace("__", "."), new)
        for pattern in without:
            text = re.sub(pattern, "", text)
        for group, settings in (more or {}).items():
            text, count = re.subn(rf"\b{group}\s*[:=]\s*\{{",
                                  lambda m: f"{m.group()} {settings} ", text)
            assert count <= 1, group
            if count == 0:
                text += f"\n{group}: {{ {settings} }};\n"
        self.conf = os.path.join(self.folder, "chancery.conf")
        with open(self.conf, "w") as file:
            file.write(text)

    def start(self, name, program=None, log=None):
        """Run chancery-NAME, or a program in its place, as its user until it
        says that it is ready; `log` is a file for what it writes."""
        place = os.path.join(self.folder, "run", name)
        who = {}
        os.makedirs(place, exist_ok=True)
        if os.geteuid() == 0:
            user = conf_value(f"{name}.user").strip('"')
            shutil.chown(place, user, "chancery")
            os.chmod(place, 0o750)
            who = {"user": user, "group": "chancery", "extra_groups": []}
        program = program or os.path.join(env("CHANCERY_BIN"),
                                          f"chancery-{name}")
        notify = os.path.join(self.folder, f"{name}.ready")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(notify)
            os.chmod(notify, 0o777)
            ready.settimeout(20)
            self.running[name] = subprocess.Popen(
                [program, "-c", self.conf], cwd="/", **who,
                stdout=log, stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET=notify))
            while b"READY=1" not in ready.recv(4096):
                pass
        os.unlink(notify)
        return self.running[name]

    def stop(self, name, sig=signal.SIGTERM):
        """Its exit status."""
        process = self.running.pop(name)
        process.send_signal(sig)
        return process.wait(15)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for name in reversed(list(self.running)):
            self.stop(name)
        shutil.rmtree(self.folder)
