# SPDX-License-Identifier: Apache-2.0
"""Certificates for servers of tests, and clients that do not look at them."""

import ssl
import subprocess

from httpd_server import free_port

HOST = '''
Listen 127.0.0.1:{port}
<VirtualHost *:{port}>
SSLEngine On
SSLCertificateFile ${{ROOT}}/server.pem
SSLCertificateKeyFile ${{ROOT}}/server.key
</VirtualHost>
'''


def make_certificate(key, certificate, subject='/CN=localhost'):
    """A key and its certificate, signed by itself, which every user may read."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', subject,
                    '-keyout', key, '-out', certificate], check=True, capture_output=True)
    key.chmod(0o644)


def start_with_tls(servers, config, modules):
    """A server of the module's that listens at its tls_port as well."""
    server = servers.make('', modules=('ssl', 'socache_shmcb', *modules))
    make_certificate(server.root / 'server.key', server.root / 'server.pem')
    server.tls_port = free_port()
    server.configure(HOST.format(port=server.tls_port) + config)
    server.start()
    return server


def trusting():
    """An SSLContext that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
