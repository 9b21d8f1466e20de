# SPDX-License-Identifier: Apache-2.0
"""PKCS#10 requests (RFC 2986) put together octet by octet, so that each part
can be wrong."""
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    dsa, ec, ed448, ed25519, padding, rsa)

EC = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-224": ec.SECP224R1,
      "P-521": ec.SECP521R1, "secp256k1": ec.SECP256K1,
      "brainpoolP256r1": ec.BrainpoolP256R1}
MAKERS = {
    **{name: lambda curve=curve: ec.generate_private_key(curve())
       for name, curve in EC.items()},
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
    "RSA-2047": lambda: rsa.generate_private_key(65537, 2047),
    "RSA-e-3": lambda: rsa.generate_private_key(3, 2048),
    "DSA": lambda: dsa.generate_private_key(2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}
OIDS = {("EC", "SHA1"): "1.2.840.10045.4.1",
        ("EC", "SHA224"): "1.2.840.10045.4.3.1",
        ("EC", "SHA256"): "1.2.840.10045.4.3.2",
        ("RSA", "SHA1"): "1.2.840.113549.1.1.5",
        ("RSA", "MD5"): "1.2.840.113549.1.1.4",
        ("RSA", "SHA256"): "1.2.840.113549.1.1.11",
        ("DSA", "SHA256"): "2.16.840.1.101.3.4.3.2",
        ("Ed25519", "SHA256"): "1.3.101.112",
        ("Ed448", "SHA256"): "1.3.101.113"}
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + len(body).to_bytes(size, "big") + body


def integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def oid(text):
    first, second, *rest = map(int, text.split("."))
    octets = b""
    for arc in (40 * first + second, *rest):
        part = bytes([arc & 127])
        while arc := arc >> 7:
            part = bytes([arc & 127 | 128]) + part
        octets += part
    return der(6, octets)


def extension(name, critical, value):
    return der(0x30, oid(name), der(1, b"\xff") if critical else b"",
               der(4, bytes.fromhex(value)))


def spki_of(key, compressed=False):
    public = key.public_key()
    if compressed:
        point = public.public_bytes(
            serialization.Encoding.X962,
            serialization.PublicFormat.CompressedPoint)
        return der(0x30, der(0x30, oid("1.2.840.10045.2.1"),
                             oid("1.2.840.10045.3.1.7")),
                   der(3, b"\0", point))
    return public.public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)


def kind_of(key):
    for kind, name in ((ec.EllipticCurvePrivateKey, "EC"),
                       (rsa.RSAPrivateKey, "RSA"),
                       (dsa.DSAPrivateKey, "DSA"),
                       (ed25519.Ed25519PrivateKey, "Ed25519")):
        if isinstance(key, kind):
            return name
    return "Ed448"


def sign(key, data, digest):
    kind = kind_of(key)
    if kind == "EC":
        return key.sign(data, ec.ECDSA(digest))
    if kind == "RSA":
        return key.sign(data, padding.PKCS1v15(), digest)
    if kind == "DSA":
        return key.sign(data, digest)
    return key.sign(data)


def names_of(case):
    """The value of subjectAltName, as octets."""
    names = case["names"] * case.get("times", 1)
    parts = [der(0x82, name.encode()) for name in names]
    parts.append(bytes.fromhex(case.get("sans", "")))
    return der(0x30, *parts)


def attributes_of(case):
    if "attributes_hex" in case:
        return bytes.fromhex(case["attributes_hex"])
    asked = case.get("extensions")
    if asked is None:
        asked = list(case.get("more", []))
        if case["names"]:
            asked.insert(0, ["2.5.29.17", False, names_of(case).hex()])
    value = der(0x30, *[extension(*one) for one in asked])
    one = der(0x30, oid(EXTENSION_REQUEST),
              der(0x31, *[value] * case.get("values", 1)))
    return der(0xa0, *[one] * case.get("attributes", 1))


def subject_of(case):
    if "subject" in case:
        return bytes.fromhex(case["subject"])
    if "cn" not in case:
        return der(0x30)
    return der(0x30, der(0x31, der(0x30, oid("2.5.4.3"),
                                   der(12, case["cn"].encode()))))


def request(case, key):
    """The octets that a case describes, as for `key`."""
    spki = spki_of(key)
    if "spki_hex" in case:
        spki = bytes.fromhex(case["spki_hex"])
    elif case.get("spki") == "compressed":
        spki = spki_of(key, compressed=True)
    elif "spki" in case:
        spki = spki_of(MAKERS[case["spki"]]())
    info = der(0x30, integer(case.get("version", 0)), subject_of(case), spki,
               attributes_of(case))
    digest = case.get("digest", "SHA256")
    signer = MAKERS[case["signed_by"]]() if "signed_by" in case else key
    name = case.get("algorithm") or OIDS[kind_of(signer), digest]
    signature = sign(signer, info, getattr(hashes, digest)())
    if "signature" in case:
        signature = bytes.fromhex(case["signature"])
    null = der(5) if kind_of(signer) == "RSA" else b""
    whole = der(0x30, info, der(0x30, oid(name), null),
                der(3, b"\0", signature))
    return DAMAGES[case.get("damage")](whole, info, spki)


def _longer_length(whole, info, spki):
    assert whole[1] in (0x81, 0x82)
    size = whole[1] & 15
    return bytes([whole[0], 0x80 | size + 1, 0]) + whole[2:]


DAMAGES = {
    None: lambda whole, info, spki: whole,
    "only the key": lambda whole, info, spki: spki,
    "only the info": lambda whole, info, spki: info,
    "an octet more": lambda whole, info, spki: whole + b"\0",
    "an octet less": lambda whole, info, spki: whole[:-1],
    "half": lambda whole, info, spki: whole[:len(whole) // 2],
    "twice": lambda whole, info, spki: whole * 2,
    "last octet flipped": lambda whole, info, spki:
        whole[:-1] + bytes([whole[-1] ^ 1]),
    "length in more octets": _longer_length,
}
