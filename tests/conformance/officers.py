# SPDX-License-Identifier: Apache-2.0
"""Acts of the trial's officer, by chanceryctl."""
import json
import os
import secrets
import subprocess
import tempfile

from appliance import env


def ctl(*words):
    """Run chanceryctl, which must succeed; its JSON."""
    done = subprocess.run(
        [os.path.join(env("CHANCERY_BIN"), "chanceryctl"), "-c",
         env("CHANCERY_CONF"), *words, "--json"], capture_output=True,
        text=True, timeout=60)
    assert done.returncode == 0, (words, done.stderr)
    return json.loads(done.stdout)


def eab_key(**limits):
    """A new MAC key: its id and its text.  limits: as of `eab add`."""
    words = []
    for name, value in limits.items():
        words += [f"--{name}", value if isinstance(value, str)
                  else str(value)]
    made = ctl("eab", "add", "conf-" + secrets.token_hex(6), *words)
    return made["name"], made["mac_key"]


def profile_of(name):
    """The body of a profile in force."""
    return ctl("profile", "show", name)


def set_profile(body):
    """A new profile with that body; its name."""
    name = "conf-" + secrets.token_hex(6)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({**body, "name": name}, file)
        file.flush()
        ctl("profile", "set", file.name)
    return name
