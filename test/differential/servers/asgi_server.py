"""For uvicorn with h11: prints every whole request that it read."""

import hashlib


def trust(headers):
    """What stands under the names that only a sidecar may use."""
    spelt = [(name.lower().replace("_", "-"), value) for name, value in headers]
    values = [
        value
        for name, value in spelt
        if name.startswith("x-remora-") or name == "x-forwarded-client-cert"
    ]
    return ",".join(values) or "-"


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        if not message.get("more_body"):
            break
    target = scope["raw_path"].decode("latin1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin1")
    headers = [(name.decode("latin1"), value.decode("latin1")) for name, value in scope["headers"]]
    digest = hashlib.sha256(body).hexdigest()[:16]
    line = f"{scope['method']} {target} {len(body)} {digest} {trust(headers)}"
    print(line, flush=True)
    answer = [(b"x-seen", line.encode("latin1")), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": answer})
    await send({"type": "http.response.body", "body": b"seen\n"})
