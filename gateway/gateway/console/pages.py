"""`/console` and its files.

All of it is small and read once, at start: a request is answered from memory, and no path leads to a disk. The page
names its files below a digest of them all, so that browsers keep them for good and a new release is seen at once.
"""

import gzip
import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from gateway.request.public_prefix import PublicPrefix
from shared.http.request_id import header

FILES = Path(__file__).parent / "files"
PAGE = "index.html"
SCRIPT = "main.js"
IMPORT = re.compile(rb'^import .* from "(\..*)";$', re.MULTILINE)
"""Of a module that is there before the one that names it; `import(…)` loads one later."""

TEXT = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Files that go out, and what they are called; others (licences) stay."""

KEPT_FOREVER = "public, max-age=31536000, immutable"
ASKED_EACH_TIME = "no-cache"

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",  # no text can become markup: there is no policy that would let it
            "trusted-types 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent, plain and compressed."""

    media_type: str
    plain: bytes
    compressed: bytes
    etag: str


def file_of(name: str, content: bytes) -> File:
    """A file of this name (its end says what it is) and content."""
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'  # weak: the same for both encodings
    compressed = gzip.compress(content, compresslevel=9, mtime=0)
    return File(f"{TEXT[Path(name).suffix]}; charset=utf-8", content, compressed, etag)


def read_files() -> dict[str, bytes]:
    """Every file that browsers may have, by its path below `files`."""
    paths = sorted(path for path in FILES.rglob("*") if path.suffix in TEXT)
    return {path.relative_to(FILES).as_posix(): path.read_bytes() for path in paths}


def digest_of(files: dict[str, bytes]) -> str:
    """Changes with any name or byte of them."""
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(b"%s %d " % (name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest()[:16]


def console_router(prefix: PublicPrefix) -> APIRouter:
    """The page and its files."""
    router = APIRouter(include_in_schema=False)
    contents = read_files()
    digest = digest_of(contents)
    first = modules_before(SCRIPT, contents)
    html = contents.pop(PAGE).decode()
    files = {name: file_of(name, content) for name, content in contents.items()}

    @lru_cache(maxsize=64)
    def page_below(before: str) -> File:
        below = f"{before}/console/{digest}"
        text = html.replace("{{modules}}", preloads(below, first)).replace("{{files}}", below)
        return file_of(PAGE, text.replace("{{prefix}}", before).encode())

    @router.get("/console")
    @router.get("/console/")
    async def get_console(request: Request) -> Response:
        return sent(page_below(prefix.of(request.scope)), request, ASKED_EACH_TIME)

    @router.get("/console/{release}/{name:path}")
    async def get_file(release: str, name: str, request: Request) -> Response:
        """While gateways of two releases run side by side, one is asked for the other's files: its own will do."""
        if name not in files:
            raise HTTPException(404)
        return sent(files[name], request, KEPT_FOREVER if release == digest else ASKED_EACH_TIME)

    return router


def modules_before(name: str, contents: Mapping[str, bytes]) -> list[str]:
    """The modules that must be there before this one runs, in the order in which they are met."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        for path in IMPORT.findall(contents[module]):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(module), path.decode()))
            if imported not in found:
                found[imported] = None
                waiting.append(imported)
    return list(found)


def preloads(below: str, modules: Iterable[str]) -> str:
    """Links to what the first picture needs, so that browsers fetch it at once instead of one import after another."""
    return "\n  ".join(f'<link rel="modulepreload" href="{below}/{name}">' for name in modules)


def sent(file: File, request: Request, cache_control: str) -> Response:
    """The response that fits what the browser has and can read."""
    headers = {**SECURITY_HEADERS, "ETag": file.etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    known = header(request.scope, b"if-none-match") or b""
    if file.etag.removeprefix("W/") in known.decode("latin-1"):
        return Response(status_code=304, headers=headers)
    if accepts_gzip(header(request.scope, b"accept-encoding") or b""):
        return Response(file.compressed, media_type=file.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(file.plain, media_type=file.media_type, headers=headers)


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is named, and not with a weight of nothing."""
    for coding in accept_encoding.decode("latin-1").lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in {"gzip", "x-gzip"}:
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False
