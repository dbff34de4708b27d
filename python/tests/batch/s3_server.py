"""An S3 server on loopback that misbehaves when told to: moto, behind faults. Run as a program; prints its port.

``POST /_faults`` sets a list of faults; ``GET /_log`` tells the requests since the last ``POST /_log``.
A fault: ``do`` (``status``, ``cut``, ``slow``), ``method``, ``match`` (part of the path and query), ``times`` (how many
requests; all by default), ``status``, ``seconds``.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

faults: list[dict[str, Any]] = []
log: list[list[Any]] = []
lock = threading.Lock()


def fault_of(method: str, target: str) -> dict[str, Any] | None:
    with lock:
        log.append([method, target])
        for fault in faults:
            if fault.get("method", method) == method and fault.get("match", "") in target and fault.get("times", 1) > 0:
                if "times" in fault:
                    fault["times"] -= 1
                return fault
    return None


def faulty(moto: Any) -> Any:
    def app(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if path in ("/_faults", "/_log"):
            return control(environ, start, method, path)
        fault = fault_of(method, f"{path}?{environ.get('QUERY_STRING', '')}")
        if fault is None:
            return moto(environ, start)
        if fault["do"] == "status":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start(f"{fault['status']} Trouble", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>trouble</Message></Error>"]
        if fault["do"] == "slow":
            time.sleep(fault["seconds"])
            return moto(environ, start)
        return cut(moto, environ, start)

    return app


def cut(moto: Any, environ: dict[str, Any], start: Any) -> Iterator[bytes]:
    body = b"".join(moto(environ, start))
    yield body[: len(body) // 2]
    # The server closes the connection, with fewer bytes sent than it promised.
    raise ConnectionAbortedError("cut on purpose")


def control(environ: dict[str, Any], start: Any, method: str, path: str) -> Iterable[bytes]:
    told = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    with lock:
        answer = list(log)
        if method == "POST" and path == "/_faults":
            faults[:] = json.loads(told)
        elif method == "POST":
            log.clear()
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, faulty(DomainDispatcherApplication(create_backend_app)), threaded=True)
    server.daemon_threads = True
    # Whoever started it closes its standard input.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    print(server.port, flush=True)
    server.serve_forever()
