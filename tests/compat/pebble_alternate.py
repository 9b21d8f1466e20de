# SPDX-License-Identifier: Apache-2.0
"""Other roots for PEBBLE_ALTERNATE_ROOTS: each certifies the issuing CA's
name and key; its own key is forgotten at once."""
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certify(subject, key, issuer, signer, extensions, template):
    builder = (x509.CertificateBuilder()
               .subject_name(subject).public_key(key).issuer_name(issuer)
               .serial_number(secrets.randbits(120) + 1)
               .not_valid_before(template.not_valid_before)
               .not_valid_after(template.not_valid_after))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    made = builder.sign(signer, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def make(issuing, number):
    """(root, the issuing CA under it), both PEM."""
    issuing = x509.load_pem_x509_certificate(issuing.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(
        NameOID.COMMON_NAME, f"Pebble Root CA {number + 1}")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True,
                          False, False)
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    root = certify(name, key.public_key(), name, key, [
        (constraints, True), (usage, True), (identifier, False)], issuing)
    cross = certify(issuing.subject, issuing.public_key(), name, key, [
        (issuing.extensions.get_extension_for_class(
            x509.BasicConstraints).value, True),
        (usage, True),
        (issuing.extensions.get_extension_for_class(
            x509.SubjectKeyIdentifier).value, False),
        (x509.AuthorityKeyIdentifier(identifier.digest, None, None), False),
    ], issuing)
    return root, cross
