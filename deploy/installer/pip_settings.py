"""What pip is set up with (index, proxy, certificate, …), told to uv, which reads none of it."""

import ast
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "no-cache-dir": "UV_NO_CACHE",
}
"""A setting of pip → the variable by which uv takes the same."""

LISTS = {"extra-index-url": " ", "trusted-host": " ", "find-links": ","}
"""Settings of several values, which pip separates by blanks → what uv separates them by."""

CERTIFICATES_OF_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""pip believes these too."""

SECTIONS = ("global", "install", ":env:")
"""A later one prevails."""


def uv_environment(pip: list[str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for uv. What it says to uv itself stays; `pip` is the command line of a pip."""
    told = dict(environment)
    for variable, value in handed_on(settings_of(pip)).items():
        told.setdefault(variable, value)
    for variable in CERTIFICATES_OF_REQUESTS:
        if told.get(variable):
            told.setdefault("SSL_CERT_FILE", told[variable])
    # pip takes the best of all indexes; which files are good says their hash, not where they come from.
    told.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if not can_cache(told):
        told["UV_NO_CACHE"] = "1"
    return told | {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}


def settings_of(pip: list[str]) -> dict[str, str]:
    """Name → value, from pip's files and variables; pip reads them, so that they mean what they mean to pip."""
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {name: value for section in SECTIONS for name, value in found[section].items()}


def handed_on(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings as variables for uv."""
    told = {}
    for name, variable in NAMES.items():
        if value := settings.get(name, "").strip():
            told[variable] = LISTS[name].join(value.split()) if name in LISTS else value
    if Path(told.get("SSL_CERT_FILE", "")).is_dir() and "SSL_CERT_FILE" in told:
        told["SSL_CERT_DIR"] = told.pop("SSL_CERT_FILE")
    return told


def can_cache(environment: Mapping[str, str]) -> bool:
    """Whether uv can keep what it has fetched; with a home that cannot be written to, it must not try."""
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    try:
        Path(environment.get("UV_CACHE_DIR") or Path(caches) / "uv").mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return True
