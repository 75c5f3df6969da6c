# SPDX-License-Identifier: Apache-2.0
"""Certificates for servers of tests, and clients that do not look at them."""

import ssl
import subprocess


def make_certificate(key, certificate, subject='/CN=localhost'):
    """A key and its certificate, signed by itself, which every user may read."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', subject,
                    '-keyout', key, '-out', certificate], check=True, capture_output=True)
    key.chmod(0o644)


def trusting():
    """An SSLContext that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
