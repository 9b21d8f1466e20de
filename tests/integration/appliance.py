# SPDX-License-Identifier: Apache-2.0
"""The running appliance as the tests see it: the environment file that the
quickstart wrote, its processes, its configuration and its database.

Nothing here is optional: what is missing fails the test that needs it.
"""
import os
import re
import time

import psycopg2

NAMES = ("chancery-acme", "chancery-validator", "chancery-resolver",
         "chancery-probe", "chancery-signer", "chancery-token",
         "chancery-publisher", "chancery-renew")


def env(name):
    """A variable of D/env; its absence is an error, never a skip."""
    value = os.environ.get(name)
    assert value, f"{name} is not set: source the quickstart's env first"
    return value


def database():
    """A connection as the owner role, for inspection."""
    connection = psycopg2.connect(
        host=env("PGHOST"), port=env("PGPORT"), dbname=env("PGDATABASE"),
        user=env("PGUSER"), options="-c search_path=chancery")
    connection.autocommit = True
    return connection


def rows(sql, *args):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall()


def value(sql, *args):
    return rows(sql, *args)[0][0]


def conf_text():
    with open(env("CHANCERY_CONF")) as file:
        return file.read()


def conf_value(keyword):
    """The value of "group.keyword", or of a keyword outside all groups."""
    match = _find(conf_text(), keyword)
    assert match, f"{keyword} is not in {env('CHANCERY_CONF')}"
    return match.group("value")


def conf_set(text, keyword, new):
    """The text with another value for one keyword."""
    match = _find(text, keyword)
    assert match, f"{keyword} is not in the configuration"
    return text[:match.start("value")] + new + text[match.end("value"):]


def _find(text, keyword):
    group, _, name = keyword.rpartition(".")
    inside = rf"\b{group}\s*[:=]\s*\{{[^}}]*?" if group else r"^"
    return re.search(rf'{inside}\b{name}\s*=\s*(?P<value>"[^"]*"|\[[^]]*\])',
                     text, re.M)


def processes():
    """Our processes by name: {"chancery-acme": [pid, ...], ...}."""
    found = {name: [] for name in NAMES}
    conf = os.path.realpath(env("CHANCERY_CONF"))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                argv = file.read().split("\0")
            with open(f"/proc/{pid}/stat") as file:
                state = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        name = os.path.basename(argv[0])
        if name in found and state != "Z" and conf in map(
                os.path.realpath, filter(None, argv[1:])):
            found[name].append(int(pid))
    return found


def eventually(predicate, seconds=20, every=0.05):
    """Wait until predicate() is true; its last value."""
    end = time.monotonic() + seconds
    while True:
        result = predicate()
        if result or time.monotonic() > end:
            return result
        time.sleep(every)
