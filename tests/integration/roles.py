# SPDX-License-Identifier: Apache-2.0
"""SQL as one of Chancery's roles, the way the process of that role connects:
as root through its own system user (peer authentication), as an ordinary
user through the map that lets one user be any role."""
import atexit
import functools
import json
import os
import subprocess
import sys

from appliance import env

USERS = {"chancery_acme": "chancery-acme",
         "chancery_validator": "chancery-validator",
         "chancery_signer": "chancery-signer",
         "chancery_publisher": "chancery-publisher"}
ROLES = (*USERS, "chancery_operator")

# Runs in a process of the other user, which cannot read our files: a line of
# JSON with statements in, a line with what became of them out.
CODE = r"""
import json, sys, psycopg2
where = json.loads(sys.stdin.readline())
try:
    c = psycopg2.connect(options="-c search_path=chancery", **where)
except psycopg2.OperationalError as e:
    print(json.dumps({"connect": str(e)}), flush=True)
    sys.exit()
print(json.dumps({}), flush=True)
for line in sys.stdin:
    done = []
    k = c.cursor()
    for sql in json.loads(line):
        try:
            k.execute(sql)
            rows = k.fetchall() if k.description else None
            done.append({"state": "", "rows": rows, "count": k.rowcount})
        except psycopg2.Error as e:
            done.append({"state": e.pgcode, "text": str(e).strip()})
            break
    c.rollback()
    k.execute("DEALLOCATE ALL")
    c.commit()
    print(json.dumps({"done": done}, default=str), flush=True)
"""


@functools.lru_cache(maxsize=None)
def worker(role, dbname, user):
    """A process that is connected, and None; or None and why it is not."""
    command = [sys.executable, "-c", CODE]
    if os.geteuid() == 0 and user is not None:
        command = ["setpriv", f"--reuid={user}", "--regid=chancery",
                   "--clear-groups", *command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/",
                               stdout=subprocess.PIPE, text=True)
    where = {"host": env("PGHOST"), "port": env("PGPORT"), "user": role,
             "dbname": dbname}
    answer = talk(process, where)
    if "connect" in answer:
        process.communicate()
        return None, answer["connect"]
    atexit.register(process.communicate)
    return process, None


def talk(process, words):
    process.stdin.write(json.dumps(words) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, "the process that asks PostgreSQL ended"
    return json.loads(line)


def connect_error(role, dbname=None, user=None):
    """Why the role cannot connect, or None when it can."""
    return worker(role, dbname or env("PGDATABASE"),
                  user or USERS.get(role))[1]


def attempt(role, *statements):
    """Run them in one transaction that is rolled back, until one fails: what
    became of the last, {"state": SQLSTATE or "", "rows", "count"}."""
    process, why = worker(role, env("PGDATABASE"), USERS.get(role))
    assert process, f"{role}: {why}"
    done = talk(process, statements)["done"]
    assert len(done) == len(statements), \
        (role, statements[len(done) - 1], done[-1])
    return done[-1]


def run(role, *statements):
    """All must succeed; the rows of the last, and how many it touched."""
    last = attempt(role, *statements)
    assert last["state"] == "", (role, statements[-1], last)
    return last["rows"], last["count"]


def refused(role, state, *statements):
    """All but the last succeed; the last fails with that SQLSTATE."""
    last = attempt(role, *statements)
    assert last["state"] == state, (role, statements[-1], last)
