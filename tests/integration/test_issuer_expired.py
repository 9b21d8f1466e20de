# SPDX-License-Identifier: Apache-2.0
"""An issuer that has expired: the signer says so in one line, and that a new
ceremony is needed; it is not started again in vain."""
import datetime
import os
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance import database, env, value


def expired():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Old CA")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(5)
            .not_valid_before(datetime.datetime(2020, 1, 1))
            .not_valid_after(datetime.datetime(2021, 1, 1))
            .sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.DER)


def put(certificate):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("ALTER TABLE issuer DISABLE TRIGGER append_only")
        cursor.execute("UPDATE issuer SET certificate = %s", (certificate,))
        cursor.execute("ALTER TABLE issuer ENABLE TRIGGER append_only")
        cursor.execute("COMMIT")


def test_expired_issuer():
    command = [os.path.join(env("CHANCERY_BIN"), "chancery-signer"), "-c",
               env("CHANCERY_CONF")]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=chancery-signer", "--regid=chancery",
                   "--clear-groups", *command]
    before = value("SELECT count(*) FROM instance")
    good = bytes(value("SELECT certificate FROM issuer"))
    put(expired())
    try:
        end = subprocess.run(command, capture_output=True, text=True,
                             timeout=60)
    finally:
        put(good)
    assert end.returncode == 2, end
    lines = end.stderr.splitlines()
    assert len(lines) == 1, end
    assert "expired at 2021-01-01T00:00:00Z" in lines[0]
    assert "new ceremony" in lines[0]
    # It ended before it was a run: the next one need not be careful.
    assert value("SELECT count(*) FROM instance") == before
