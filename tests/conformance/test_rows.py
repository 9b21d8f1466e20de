# SPDX-License-Identifier: Apache-2.0
"""The table is whole."""
from rows import IDS


def test_every_row_has_its_test(request):
    if request.config.getoption("keyword") or len(request.session.items) < 50:
        return                          # only some were asked for
    assert set(request.config.table) == set(IDS)
