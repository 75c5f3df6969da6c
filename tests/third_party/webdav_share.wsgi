# SPDX-License-Identifier: Apache-2.0
# WsgiDAV: a directory as a WebDAV share, with locks.
from pathlib import Path

from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

SHARE = Path(__file__).resolve().parent / 'data' / 'share'
SHARE.mkdir(exist_ok=True)
application = WsgiDAVApp({'provider_mapping': {'/': FilesystemProvider(str(SHARE))},
                          'mount_path': '/webdav_share', 'simple_dc': {'user_mapping': {'*': True}}, 'verbose': 0,
                          'logging': {'enable_loggers': []}})
