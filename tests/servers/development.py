"""Werkzeug's threaded server: ``python -m tests.servers.development PORT``."""

from __future__ import annotations

import sys

from werkzeug.serving import make_server

from tests.servers.entry import application

make_server("127.0.0.1", int(sys.argv[1]), application, threaded=True).serve_forever()
