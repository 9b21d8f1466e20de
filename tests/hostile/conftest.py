# SPDX-License-Identifier: Apache-2.0
"""The client and the appliance are those of tests/integration."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
