"""aiohttp with its parser in Python (AIOHTTP_NO_EXTENSIONS): prints every whole request that it read."""

import hashlib
import sys

from aiohttp import web


def trust(headers):
    """What stands under the names that only a sidecar may use."""
    spelt = [(name.lower().replace("_", "-"), value) for name, value in headers]
    values = [
        value
        for name, value in spelt
        if name.startswith("x-remora-") or name == "x-forwarded-client-cert"
    ]
    return ",".join(values) or "-"


async def handle(request):
    body = await request.read()
    digest = hashlib.sha256(body).hexdigest()[:16]
    line = f"{request.method} {request.raw_path} {len(body)} {digest} {trust(request.headers.items())}"
    print(line, flush=True)
    return web.Response(text="seen\n", headers={"x-seen": line})


@web.middleware
async def every_target(request, handler):
    """Instead of routes, of which none matches `*`."""
    return await handle(request)


application = web.Application(client_max_size=1 << 20, middlewares=[every_target])
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
