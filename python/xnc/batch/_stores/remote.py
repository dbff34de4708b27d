"""A prefix in an object store, by obstore: S3 and what speaks its API; others that obstore knows should work too.

Obstore repeats requests that a store answers with 5xx, or not at all. Bodies that break off are repeated here, by the
part.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlparse

from ..errors import PlanError, SourceChanged, StoreRefused, StoreTrouble
from . import PART_BYTES, Entry, checked

try:
    import obstore
    from obstore import exceptions as answers
    from obstore.store import from_url
except ImportError as missing:
    raise PlanError("object stores take obstore, which is not installed: pip install obstore") from missing

#: Parts of one object that are under way at once.
_AT_ONCE = 4
#: S3 takes 10,000 parts of an object.
_MOST_PARTS = 9_000
_TRIES = 5
_T = TypeVar("_T")
#: What no other try changes; 408 and 429 ask for one.
_NO_STATUS = re.compile(r"status code: 4(?!08|29)\d\d")
_NO = (answers.PermissionDeniedError, answers.UnauthenticatedError, answers.InvalidPathError, answers.NotSupportedError)


class RemoteStore:
    """Objects below a prefix. ``options`` go to obstore: those of its client under ``client``, of its retries under
    ``retry`` (seconds where it has spans of time), all others to the store (``endpoint``, ``region``, ...)."""

    root: None = None

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        config = {key: value for key, value in options.items() if key not in ("client", "retry")}
        endpoint = str(config.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL") or "")
        plain = {"allow_http": True} if endpoint.startswith("http://") else {}
        client = {"timeout": "120s", "connect_timeout": "10s", **plain, **options.get("client", {})}
        if urlparse(url).scheme in ("s3", "s3a"):
            # The store compares what arrives with what was sent.
            config.setdefault("checksum_algorithm", "SHA256")
        try:
            opened: Any = from_url  # Its types tell each store's options apart, which come from the user.
            self._store: Any = opened(url, config=config, client_options=client, retry_config=_retry(options))
        except (answers.BaseError, ValueError) as error:
            raise PlanError(f"{url}: {_first(error)}") from error
        self._url = url.rstrip("/")

    def list(self, under: str = "") -> Iterator[Entry]:
        # A listing goes on where it broke off.
        after: str | None = None
        for left in reversed(range(_TRIES)):
            try:
                found = obstore.list(self._store, prefix=under or None, offset=after, chunk_size=1000)
                for batch in found:
                    for meta in batch:
                        after = str(meta["path"])
                        yield self._entry(meta)
                return
            except FileNotFoundError as error:
                raise self._told(under, error) from error
            except answers.BaseError as error:
                if not left or _is_no(error):
                    raise self._told(under, error) from error
                _pause(_TRIES - left)

    def head(self, path: str) -> Entry | None:
        try:
            return self._entry(self._ask(path, lambda: obstore.head(self._store, checked(path))))
        except FileNotFoundError:
            return None

    def read(self, path: str, start: int, length: int, version: str | None = None) -> bytes:
        ask: Any = obstore.get
        options: dict[str, Any] = {"range": (start, start + length)}
        if version is not None:
            options["if_match"] = version

        def part() -> bytes:
            return bytes(ask(self._store, checked(path), options=options).bytes())

        try:
            return self._ask(path, part)
        except FileNotFoundError as error:
            raise self._changed(path) from error

    def get(self, path: str) -> bytes | None:
        try:
            return self._ask(path, lambda: bytes(obstore.get(self._store, checked(path)).bytes()))
        except FileNotFoundError:
            return None

    def fetch(self, entry: Entry, to: Path) -> None:
        def bring(start: int) -> None:
            length = min(PART_BYTES, entry.size - start)
            data = self.read(entry.path, start, length, entry.version)
            if len(data) != length:
                raise StoreTrouble(f"{self._url}/{entry.path}: {len(data)} bytes came of {length}")
            os.pwrite(target.fileno(), data, start)

        with open(to, "xb") as target, ThreadPoolExecutor(_AT_ONCE) as pool:
            target.truncate(entry.size)
            parts = [pool.submit(bring, start) for start in range(0, entry.size, PART_BYTES)]
            try:
                for part in parts:
                    part.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def check(self, entry: Entry) -> None:
        """Every part was read under the condition that the object is the one that was listed."""

    def put(self, path: str, data: bytes) -> str:
        return self._send(path, lambda: obstore.put(self._store, checked(path), data, use_multipart=False))

    def put_file(self, path: str, source: Path) -> str:
        size = source.stat().st_size
        part = max(PART_BYTES, -(-size // _MOST_PARTS))

        def send() -> Any:
            # The object appears when the last part is there and the upload is completed.
            many = size > part
            return obstore.put(
                self._store, checked(path), source, use_multipart=many, chunk_size=part, max_concurrency=_AT_ONCE
            )

        return self._send(path, send)

    def delete(self, path: str) -> None:
        try:
            self._ask(path, lambda: obstore.delete(self._store, checked(path)))
        except FileNotFoundError:
            pass

    def _entry(self, meta: Any) -> Entry:
        return Entry(str(meta["path"]), int(meta["size"]), str(meta["e_tag"]))

    def _send(self, path: str, request: Callable[[], Any]) -> str:
        try:
            return str(self._ask(path, request)["e_tag"])
        except FileNotFoundError as error:
            raise self._told(path, error) from error

    def _ask(self, path: str, request: Callable[[], _T]) -> _T:
        for left in reversed(range(_TRIES)):
            try:
                return request()
            except answers.PreconditionError as error:
                raise self._changed(path) from error
            except answers.BaseError as error:
                if not left or _is_no(error):
                    raise self._told(path, error) from error
                _pause(_TRIES - left)
        raise AssertionError("the last try returned or raised")

    def _changed(self, path: str) -> SourceChanged:
        return SourceChanged(f"{self._url}/{path} is not any more what it was when the work was planned; plan again")

    def _told(self, path: str, error: Exception) -> StoreTrouble | StoreRefused:
        kind = StoreRefused if _is_no(error) else StoreTrouble
        return kind(f"{self._url}/{path}: {_first(error)}")


def _is_no(error: Exception) -> bool:
    return isinstance(error, (*_NO, FileNotFoundError)) or bool(_NO_STATUS.search(str(error)))


def _pause(tried: int) -> None:
    time.sleep(random.uniform(0.5, 1.0) * 0.2 * 2**tried)


def _first(error: Exception) -> str:
    """What an error of obstore says, without its debugging text."""
    return str(error).split("\n\nDebug source:")[0].strip().replace("\n", " ")[:500]


def _retry(options: dict[str, Any]) -> Any:
    retry = {"max_retries": 6, "retry_timeout": 120, **options.get("retry", {})}
    spans = ("retry_timeout",)
    return {key: timedelta(seconds=value) if key in spans else value for key, value in retry.items()}
