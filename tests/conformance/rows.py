# SPDX-License-Identifier: Apache-2.0
"""The rows of the table of what an ACME server must do.

    @row("J05", "An unprotected `header` member is refused.")
    def test_J05(client): ...

`choice` is given where the RFCs leave it open or contradict themselves: the
test then holds us to what we chose, and the table says so, with the reason.
"""
import pytest

# Every one has exactly one test.  J JWS, T transport, G GET and POST-as-GET,
# U url, N nonces and DNS, R limits, E errors, D directory, A accounts, B
# external binding, K key change, O orders, X certificates, Z authorizations,
# C challenges, H http-01, W wildcards, S security; then the extensions.
RANGES = (
    ("T", 1, 6), ("J", 1, 16), ("G", 1, 5), ("U", 1, 2), ("N", 1, 7),
    ("R", 1, 2), ("E", 1, 4), ("D", 1, 10), ("A", 1, 11), ("B", 1, 7),
    ("K", 1, 6), ("O", 1, 16), ("X", 1, 4), ("Z", 1, 6), ("C", 1, 5),
    ("H", 1, 4), ("N", 10, 11), ("W", 1, 1), ("S", 1, 7),
    ("TLSALPN-", 1, 7), ("IP-", 1, 7), ("CAA-", 1, 12), ("ARI-", 1, 9),
    ("PROFILE-", 1, 7), ("DNSACCT-", 1, 5))
IDS = [f"{prefix}{n}" if prefix.endswith("-") else f"{prefix}{n:02d}"
       for prefix, first, last in RANGES for n in range(first, last + 1)]


def row(name, statement, choice=None):
    return pytest.mark.row(name=name, statement=statement, choice=choice)
