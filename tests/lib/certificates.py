# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, by openssl."""
import subprocess


def self_signed(directory, address="127.0.0.1"):
    """Files in `directory` of one that is its own authority, for this address, and of its key."""
    certificate, key = directory / "tls.crt", directory / "tls.key"
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-keyout", key, "-out", certificate, "-days", "1", "-subj", f"/CN={address}",
                           "-addext", f"subjectAltName=IP:{address}"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return certificate, key
