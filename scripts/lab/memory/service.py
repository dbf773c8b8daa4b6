"""A service with something in memory: libraries, an array of weights, and many small objects. WSGI and ASGI."""

import os

import numpy
import pandas  # noqa: F401  imported for what it costs

WEIGHTS = numpy.random.default_rng(0).random(int(os.environ.get("WEIGHTS_MIB", "60")) << 17)
OBJECTS = [{"id": n, "name": f"object {n}"} for n in range(int(os.environ.get("OBJECTS", "100000")))]


def work():
    """Reads all objects and computes with the weights."""
    total = sum(one["id"] for one in OBJECTS)
    return total + float(numpy.sqrt(WEIGHTS[: 1 << 20]).sum())


def wsgi(environ, start_response):
    body = str(work()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = str(work()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
