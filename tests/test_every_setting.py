"""Every variable of every service and of `make run`: a wrong value is one line that names it, at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest

from local import run as make_run
from local.services import SERVICES, settings_class
from local.settings import LocalSettings
from shared.settings.secret_words import FEWEST_CHARACTERS, secrets_of
from shared.settings.settings import EXIT_BAD_SETTING, EnvironmentSettings, load_settings
from shared.testing.certificates import write_certificates

REPOSITORY = Path(__file__).parent.parent
CLASSES: dict[str, type[EnvironmentSettings]] = {
    **{name: settings_class(name) for name in SERVICES},
    "make run": LocalSettings,
}
REQUIRED = {"DATABASE_URL": "postgresql://user:word@127.0.0.1:1/database", "ADMIN_TOKEN": "sixteen-letters-1"}

NO_UTF8 = os.fsdecode(b"caf\xe9")

WRONG: dict[str, tuple[str, ...]] = {
    "HOST": ("not a host", "http://127.0.0.1", "127.0.0.1:80", "1.2.3", "::1::", "256.0.0.1"),
    "TELEMETRY_HOST": ("not a host", "256.0.0.1"),
    "REUSE_PORT": ("perhaps", "2"),
    "UNIX_SOCKET": ("README.md", "/no/such/folder/service.sock", "/no/such\nfolder/service.sock", "long" * 40),
    "LOCAL_DIR": ("two\nlines", NO_UTF8, f"{NO_UTF8}/within"),
    "LOG_LEVEL": ("LOUD", "info,debug"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("nowhere", "ftp://host", "http://"),
    "OTEL_EXPORTER_OTLP_HEADERS": ("a key", "=secret", "a b=c", "name=value,,", "name=v\u00e4lue"),
    "OTEL_TRACES_SAMPLER": ("sometimes", "jaeger_remote", "traceidratio,always_on"),
    "LOG_FORMAT": ("xml", "JSON!"),
    "ACCESS_LOG": ("everything", "all,errors", "OFF!"),
    "ALLOWED_HOSTS": ("not a host", "example.com:80", "http://example.com"),
    "DATABASE_URL": ("sqlite:///file", "postgresql://", "postgresql://user:word@host:port/database", "nowhere"),
    "PREDICTION_URL": ("nowhere", "ftp://host", "http://", "unix:service.sock", "unix:", f"unix:/{'long' * 40}"),
    "METRICS_URL": ("nowhere", "ftp://host", "http://"),
    "ANALYTICS_URL": ("nowhere", "ftp://host", "http://", "unix:service.sock", "unix:", f"unix:/{'long' * 40}"),
    "INGRESS_LIMITS": ("10000000/60s", "", "  ", "sixty", "60", "0/60s", "60/0s", "60/2d", "60/60s,9/60s", "9" * 5000),
    "INGRESS_EXEMPT": ("everybody", "10.0.0.1/8", "10.0.0.0/33"),
    "INGRESS_DRY_RUN": ("perhaps", "2"),
    "WRONG_TOKEN_LIMITS": ("10000000/60s", "", "60/60", "-1/s", "1/1s,1/2s,1/3s,1/4s,1/5s"),
    "TRUSTED_PROXIES": ("everybody", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;192.168.0.0/16"),
    "ADMIN_TOKEN": ("short", "x" * (FEWEST_CHARACTERS - 1), "sixteen letters and spaces", "pässwörter-gehen-nicht"),
    "ANONYMOUS": ("everybody", "DENY!", "allow,predict"),
    "KEYS_WITHOUT_DATABASE": ("perhaps", "LAST!"),
    "MODELS_DIR": ("/no/such/folder", "README.md", "two\nlines", NO_UTF8),
    "DEFAULT_MODEL": ("sentimnet", "a/b", "..", "Sentiment"),
    "MODEL_ENVIRONMENTS_DIR": ("README.md", "README.md/environments"),
    "STORE_INPUTS": ("perhaps", "2", "sentiment,perhaps", "sentiment,true", "../x", ","),
    "STORE_TEXT": ("perhaps", "2"),
    "NEVER_STORE": ("text", "sentiment", "perhaps/text", "../text", "sentiment/", "/text"),
    "MODEL_RETENTION_DAYS": ("churn", "churn:0", "churn:soon", "../x:7", "churn:1,churn:2"),
    "JOURNAL_DIR": ("/proc/journal", "README.md", "README.md/journal"),
    "ALERT_WEBHOOKS": ("nowhere", "ftp://host/path"),
    "ALERT_WEBHOOK_SECRET": ("whsec_$$$", "whsec_"),
    "REDIS_HOST": ("redis://localhost", "not a host", "localhost:6379"),
    "REDIS_URL": ("nowhere", "http://localhost", "redis://"),
    "REDIS_PASSWORD_FILE": ("/no/such/file", "deploy"),
    "REDIS_TLS_CA_FILE": ("/no/such/file", "README.md", "/dev/zero", "deploy"),
    "REDIS_TLS_CERTIFICATE_FILE": ("/no/such/file", "/dev/zero", "deploy"),
    "REDIS_TLS_KEY_FILE": ("/no/such/file", "/dev/zero", "deploy"),
    "ROOT_PATH": ("ml", "/a b", "/../x"),
    "CORS_ORIGINS": ("app.example", "https://app.example/path", "https://*", "https://a.*.example", "ftp://a", "null"),
    "CORS_CREDENTIALS": ("perhaps", "2"),
    "IDENTITY_HEADER": ("two words", "Authorization", "X-Forwarded-For", "naïve"),
    "IDENTITY_KEYS": ("alice", "=staff", "alice=", "a*=staff", "a=one,A=two"),
    "ALLOWED_ORIGINS": ("example.org", "https://example.org/path", "ftp://example.org"),
    "GEMINI_API_KEY": ("two words", 'a"key"'),
    "GEMINI_MODEL": ("models/gemini", "gemini flash", "-"),
    "GEMINI_SDK": ("openai", "google"),
    "GEMINI_API_ENDPOINT": ("nowhere", "ftp://host"),
}
"""Of variables that are no numbers."""

ANY_TEXT = {"REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD"}
"""Whatever stands in them is right, or shows later."""

WRONG_NUMBERS = ("often", "nan", "inf", "-1e30", "1e30", "0x10", "1,5", "9" * 5000)

EMPTY_IS_WRONG = {"INGRESS_LIMITS", "WRONG_TOKEN_LIMITS"}


@pytest.fixture(autouse=True)
def no_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the test says is set; no `.env` is read."""
    for settings in CLASSES.values():
        for name in settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
            monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    for name in ("models", "README.md"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    monkeypatch.chdir(tmp_path)


def is_number(annotation: Any) -> bool:
    if get_origin(annotation) in {Union, UnionType}:
        return any(is_number(part) for part in get_args(annotation))
    return annotation in {int, float}


def wrong_values() -> Iterator[tuple[str, str, str]]:
    for name, settings in CLASSES.items():
        for field, info in settings.model_fields.items():
            variable = field.upper()
            values = WRONG_NUMBERS if is_number(info.annotation) else WRONG.get(variable, ())
            yield from ((name, variable, value) for value in values if not seen_by_services_only(name, variable))


def seen_by_services_only(name: str, variable: str) -> bool:
    """`make run` hands these on; what they name, the service looks at."""
    return name == "make run" and variable in {"MODELS_DIR", "MODEL_ENVIRONMENTS_DIR", "REDIS_URL"}


def test_every_variable_has_wrong_values_here() -> None:
    fields = {name.upper(): info for settings in CLASSES.values() for name, info in settings.model_fields.items()}
    words = {name for name, info in fields.items() if not is_number(info.annotation)}
    assert words - ANY_TEXT == set(WRONG)


def refusal(name: str, capfd: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        load_settings(CLASSES[name], name)
    assert end.value.code == EXIT_BAD_SETTING
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith(f"{name}: ")
    return line


@pytest.mark.parametrize(("name", "variable", "value"), list(wrong_values()))
def test_a_wrong_value_is_one_line_that_names_the_variable(
    name: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    line = refusal(name, capfd)
    assert variable in line.split(": ", 2)[1]
    assert len(line) < 400 or len(value) > 400
    if variable in secrets_of(CLASSES[name]):
        assert value not in line or value in {"postgresql://", "redis://", "whsec_"}


def settable() -> Iterator[tuple[str, str]]:
    for name, settings in CLASSES.items():
        yield from ((name, field.upper()) for field in settings.model_fields)


@pytest.mark.parametrize(("name", "variable"), list(settable()))
@pytest.mark.parametrize("value", ["", " \t "])
def test_an_empty_variable_counts_as_not_set(
    name: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(variable, raising=False)
    settings = CLASSES[name]
    required = settings.model_fields[variable.lower()].is_required()
    default = None if required else getattr(load_settings(settings, name), variable.lower())
    monkeypatch.setenv(variable, value)
    if required or variable in EMPTY_IS_WRONG:
        assert f"{variable}: " in refusal(name, capfd)
    else:
        assert getattr(load_settings(settings, name), variable.lower()) == default


RIGHT = {
    "HOST": "::1", "TELEMETRY_HOST": "127.0.0.2", "REUSE_PORT": "true", "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "console",
    "ACCESS_LOG": "off", "UNIX_SOCKET": "service.sock",
    "ALLOWED_HOSTS": "example.com", "PREDICTION_URL": "http://a:1", "METRICS_URL": "http://a:1", "ANALYTICS_URL": "http://a:1",
    "INGRESS_LIMITS": "10/1s", "WRONG_TOKEN_LIMITS": "10/1s", "TRUSTED_PROXIES": "10.0.0.0/8", "MODELS_DIR": "models",
    "INGRESS_EXEMPT": "10.0.0.0/8", "CORS_ORIGINS": "https://*.example.org",
    "IDENTITY_HEADER": "X-Auth-Request-Email", "IDENTITY_KEYS": "*=staff",
    "DEFAULT_MODEL": "spam-words", "STORE_TEXT": "yes", "JOURNAL_DIR": "here", "ALERT_WEBHOOKS": "https://host/path",
    "ALERT_WEBHOOK_SECRET": "anything", "REDIS_HOST": "redis", "GEMINI_API_KEY": "key", "GEMINI_MODEL": "gemini-x",
    "GEMINI_SDK": "google-genai", "GEMINI_API_ENDPOINT": "http://a:1", "LOCAL_DIR": "there", "REDIS_PASSWORD": "word",
    "REDIS_URL": "redis://a", "REDIS_USERNAME": "user", "REDIS_SENTINEL_PASSWORD": "word", "ROOT_PATH": "/ml",
    "ALLOWED_ORIGINS": "https://example.org", "NEVER_STORE": "*/iban", "MODEL_RETENTION_DAYS": "churn:7",
    "REDIS_TLS_CA_FILE": "ca.pem", "REDIS_TLS_CERTIFICATE_FILE": "certificate.pem", "REDIS_TLS_KEY_FILE": "key.pem",
    "REDIS_PASSWORD_FILE": "password", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318",
    "OTEL_EXPORTER_OTLP_HEADERS": "name=value",
} | REQUIRED  # fmt: skip


@pytest.mark.parametrize(("name", "variable"), list(settable()))
def test_spaces_around_a_value_change_nothing(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = CLASSES[name]
    write_certificates(tmp_path)
    (tmp_path / "password").write_text("word\n")
    monkeypatch.chdir(tmp_path)
    value = RIGHT.get(variable) or str(getattr(load_settings(settings, name), variable.lower()) or 1)
    if "_TLS_" in variable:
        for needed in ("REDIS_TLS_CERTIFICATE_FILE", "REDIS_TLS_KEY_FILE"):
            monkeypatch.setenv(needed, RIGHT[needed])
        monkeypatch.setenv("REDIS_URL", "rediss://a")
    if variable.startswith("IDENTITY_"):
        for needed in ("IDENTITY_HEADER", "IDENTITY_KEYS", "TRUSTED_PROXIES"):
            monkeypatch.setenv(needed, RIGHT[needed])
    monkeypatch.setenv(variable, value)
    plain = getattr(load_settings(settings, name), variable.lower())
    monkeypatch.setenv(variable, f" \t{value} \n")
    assert getattr(load_settings(settings, name), variable.lower()) == plain


@pytest.mark.parametrize(("name", "variable"), list(settable()))
def test_a_file_that_is_empty_or_missing_stops_the_start(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").write_text(" \n")
    monkeypatch.setenv(f"{variable}_FILE", "empty")
    assert refusal(name, capfd) == f"{name}: {variable}_FILE: empty is empty\n"
    monkeypatch.setenv(f"{variable}_FILE", "nowhere")
    assert refusal(name, capfd) == f"{name}: {variable}_FILE: cannot read nowhere: No such file or directory\n"


SET_BY_MAKE_RUN = {
    "PREDICTION_URL", "METRICS_URL", "ANALYTICS_URL", "JOURNAL_DIR", "TELEMETRY_HOST", "REDIS_PORT", "REDIS_DB",
    "SHUTDOWN_GRACE_SECONDS", "PORT", "TELEMETRY_PORT", "UNIX_SOCKET",
}  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value"),
    sorted({(variable, value) for _, variable, value in wrong_values() if variable not in SET_BY_MAKE_RUN}),
)
def test_make_run_refuses_what_any_of_its_services_would(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def it_goes_on(*_: object) -> None:
        raise AssertionError("the wrong value was taken")

    monkeypatch.setattr(make_run, "Supervisor", it_goes_on)
    monkeypatch.setattr(make_run, "make_cluster", it_goes_on)
    monkeypatch.setattr(make_run.signal, "signal", lambda *_: None)
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as end:
        raise SystemExit(make_run.main())
    assert end.value.code
    line = capfd.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("make run: ")
    assert variable in line


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DEFAULT_MODEL", "sentimnet", "DEFAULT_MODEL: "),
        ("MODELS_DIR", "/no/such/folder", "MODELS_DIR: there is no folder /no/such/folder"),
        ("INGRESS_LIMITS", "10000000/60s", "is not 1 to 1,000,000 requests"),
        ("INGRESS_LIMITS", "", "INGRESS_LIMITS: is empty"),
        ("INGRESS_LIMITS", "write:1/s", "'write' in 'write:1/s' is none of predict, analyze, read, feedback"),
        ("WRONG_TOKEN_LIMITS", "read:1/s", "takes limits without a class alone"),
        ("HOST", "203.0.113.7", "HOST: 203.0.113.7 is no address of this machine"),
        ("HOST", "no-such-name.invalid", "HOST: there is no address of the name no-such-name.invalid"),
        ("PORT", "65535", "PORT: leaves no room"),
        ("STORE_PORT", "9010", "STORE_PORT"),
    ],
)
def test_it_is_said_at_once_by_the_program_itself(tmp_path: Path, variable: str, value: str, said: str) -> None:
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY / "deploy"), "LOCAL_DIR": str(tmp_path / "local"), "PORT": "9000", variable: value,
    }  # fmt: skip
    environment.pop("DATABASE_URL")
    done = subprocess.run(
        [sys.executable, "-m", "local"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode
    assert done.stdout == ""
    assert done.stderr.startswith("make run: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_so_few_open_files_that_nothing_works_are_one_line(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "deploy"), "LOCAL_DIR": str(tmp_path / "local")}
    environment.pop("DATABASE_URL")
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 512; exec {sys.executable} -m local"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == EXIT_BAD_SETTING
    assert done.stderr == "make run: only 512 files may be open at once (ulimit -Hn); 1024 are needed\n"
