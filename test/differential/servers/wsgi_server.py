"""For gunicorn: prints every whole request that it read."""

import hashlib
import os

TRUST = "HTTP_X_FORWARDED_CLIENT_CERT"


def trust(environ):
    """What stands under the names that only a sidecar may use."""
    names = [name for name in environ if name.startswith("HTTP_X_REMORA_") or name == TRUST]
    return ",".join(environ[name] for name in names) or "-"


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    announced = environ.get("CONTENT_LENGTH")
    whole = not announced or len(body) == int(announced)
    digest = hashlib.sha256(body).hexdigest()[:16]
    line = f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {len(body)} {digest} {trust(environ)}"
    if whole:
        os.write(1, f"{line}\n".encode("latin1"))
    start_response("200 OK", [("x-seen", line), ("content-length", "5")])
    return [b"seen\n"]
