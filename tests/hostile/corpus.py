# SPDX-License-Identifier: Apache-2.0
"""Reads the corpus.

A *.json file is a list.  An object with "group" begins a group: "rule" says
what it is about, its other members are defaults of the cases after it.  A case
has an "id", what is wrong, and "is", the exact answer: status and, for a
problem, its type.  The members of a case are described in test_hostile.py,
where they are used.  Texts may hold ${word}, which the runner replaces, and
${text*n}, which is the text n times.

A file of http/ holds "is:" and other lines, a blank line, and the octets that
are sent to the port, in which the same replacements are made.
"""
import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
PAYLOADS = {"payload", "payload_text", "payload_octets"}
MACRO = re.compile(r"\$\{(\w+)\}|\$\{(.+?)\*(\d+)\}", re.S)


def cases(name):
    """The cases of NAME.json, each with the defaults of its group."""
    with open(os.path.join(HERE, name + ".json"), encoding="utf-8") as file:
        entries = json.load(file)
    found, defaults = [], {}
    for entry in entries:
        if "group" in entry:
            defaults = {k: v for k, v in entry.items() if k != "group"}
        else:
            given = {k: v for k, v in defaults.items() if not (
                k.startswith("payload") and PAYLOADS & set(entry))}
            found.append({**given, **entry})
    assert len({case["id"] for case in found}) == len(found), name
    return found


def raw_cases():
    """The files of http/ as dicts with "id", "is" and "octets"."""
    found = []
    folder = os.path.join(HERE, "http")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            head, _, octets = file.read().partition(b"\n\n")
        case = dict(line.split(": ", 1) for line in head.decode().split("\n"))
        found.append({"id": name, "octets": octets, **case})
    return found


def fill(value, words):
    """Replace the macros in every text of a JSON value."""
    if isinstance(value, dict):
        return {fill(k, words): fill(v, words) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, words) for v in value]
    if not isinstance(value, str):
        return value
    whole = MACRO.fullmatch(value)
    if whole and whole.group(1):
        return words[whole.group(1)]
    return MACRO.sub(lambda m: str(words[m.group(1)]) if m.group(1) else
                     m.group(2) * int(m.group(3)), value)
