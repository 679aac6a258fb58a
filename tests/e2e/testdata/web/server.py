"""Answers / with the greeting that its volume held at the last reload, and /token with its secret."""

import http.server
import os
import pathlib
import signal
import sys

GREETING = pathlib.Path("/srv/web/greeting")
page = ""


def load(*_):
    global page
    page = GREETING.read_text() if GREETING.exists() else "hello from " + os.environ.get("DOMAIN", "")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = pathlib.Path("/run/secrets/token").read_text() if self.path == "/token" else page
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())


load()
signal.signal(signal.SIGHUP, load)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.HTTPServer(("", 8080), Handler).serve_forever()
