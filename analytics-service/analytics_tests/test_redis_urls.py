"""REDIS_URL: which Redis it means, and what a wrong one says."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url

from analytics_service.cache.url import Kind, RedisTarget, redis_target
from analytics_service.settings import Settings
from shared.settings.settings import describe
from shared.testing.certificates import write_certificates


def settings(**chosen: object) -> Settings:
    return Settings(_env_file=None, **chosen)


def complaint(**chosen: object) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**chosen)
    return describe(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:7000/3",
        "redis://:pass%2Fword@10.0.0.1:6379/0",
        "rediss://user:p%40ss@redis.example.com:6380/15",
        "redis://user@[::1]:6379",
    ],
)
def test_a_single_server_is_read_as_redis_py_reads_it(url: str) -> None:
    ours, theirs = redis_target(url), parse_url(url)
    assert ours.hosts == ((theirs["host"], theirs.get("port", 6379)),)
    assert (ours.username, ours.password) == (theirs.get("username"), theirs.get("password"))
    assert ours.database == theirs.get("db", 0)
    assert ours.tls == url.startswith("rediss")
    assert Redis.from_url(url) is not None


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (
            "redis+sentinel://u:p@a,b:1/main/4",
            RedisTarget(Kind.SENTINEL, (("a", 26_379), ("b", 1)), False, "u", "p", 4, "main"),
        ),
        ("rediss+sentinel://a/main", RedisTarget(Kind.SENTINEL, (("a", 26_379),), True, None, None, 0, "main")),
        ("rediss+cluster://:p@a:1,b", RedisTarget(Kind.CLUSTER, (("a", 1), ("b", 6379)), True, None, "p")),
        ("redis+cluster://a/0", RedisTarget(Kind.CLUSTER, (("a", 6379),))),
    ],
)
def test_sentinels_and_clusters(url: str, target: RedisTarget) -> None:
    assert redis_target(url) == target


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://s3same@a", "must begin with redis://"),
        ("redis+other://a", "must begin with redis://"),
        ("a:6379", "must begin with redis://"),
        ("redis://:s3same@", "must name a host"),
        ("redis://:s3same@a,b", "names several hosts"),
        ("redis://:s3same@a/x", "names a database that is not a number"),
        ("redis://:s3same@a/1/2", "names a database"),
        ("redis://:s3same@a:0", "names a port"),
        ("redis://:s3same@a?db=1", "takes nothing behind a ? (it says db)"),
        ("rediss://:s3same@a?ssl_cert_reqs=none", "takes nothing behind a ? (it says ssl_cert_reqs)"),
        ("redis+sentinel://:s3same@a", "must name the master"),
        ("redis+cluster://:s3same@a/1", "a cluster has none but 0"),
        ("redis://:s3same@[::1", "names an IPv6 address that is not of the form"),
        ("redis://:s3same@[::1]6379", "names an IPv6 address that is not of the form"),
        ("redis+sentinel://:s3same@a,,b/main", "must name a host"),
        ("redis+cluster://:s3same@a,", "must name a host"),
        ("redis+sentinel://:s3same@a//0", "must name the master"),
        ("redis+sentinel://:s3same@a/%20/0", "must name the master"),
        ("redis://:s3same%00@a", "a control character in the password"),
        ("redis://u%0d:s3same@a", "a control character in the user"),
        ("redis://:s3same@a%00", "a control character in a host"),
        ("redis://:s3same@a b", "has a blank"),
        ("redis://:s3same@a\nb", "has a blank"),
        ("redis://:s3same@a%20b", "names a host with a sign in it"),
        ("redis://:s3same%z@a", "a % in the password"),
        ("redis://:s3same%ff@a", "that is not UTF-8"),
        ("redis://:s3same@a:" + "9" * 5000, "names a port"),
        ("redis://:s3same@a/" + "9" * 5000, "names a database"),
    ],
)
def test_what_cannot_be_meant_stops_the_start_without_the_password(url: str, named: str) -> None:
    line = complaint(redis_url=url)
    assert line.startswith("REDIS_URL: ")
    assert named in line
    assert "s3same" not in line


def test_the_url_counts_alone_and_the_password_may_stand_beside_it() -> None:
    both = settings(redis_url="rediss://a/1", redis_host="b", redis_port=7, redis_db=2, redis_password="p")
    assert both.redis_target == RedisTarget(Kind.SINGLE, (("a", 6379),), True, None, "p", 1)
    apart = settings(redis_host="b", redis_port=7, redis_db=2, redis_username="u", redis_password="p")
    assert apart.redis_target == RedisTarget(Kind.SINGLE, (("b", 7),), False, "u", "p", 2)


def test_certificates_must_be_readable_used_and_whole(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    assert "REDIS_TLS_CA_FILE: " in complaint(redis_url="rediss://a", redis_tls_ca_file=tmp_path / "none")
    assert "rediss" in complaint(redis_url="redis://a", redis_tls_ca_file=tmp_path / "ca.pem")
    assert "rediss" in complaint(redis_host="a", redis_tls_ca_file=tmp_path / "ca.pem")
    (tmp_path / "junk").write_bytes(b"\0junk")
    os.mkfifo(tmp_path / "pipe")
    for name in ("redis_tls_ca_file", "redis_tls_certificate_file", "redis_tls_key_file"):
        line = complaint(redis_url="rediss://a", **{name: tmp_path / "pipe"})
        assert line == f"{name.upper()}: names something that is no plain file"
    assert "REDIS_TLS_CA_FILE: names a file without" in complaint(
        redis_url="rediss://a", redis_tls_ca_file=tmp_path / "junk"
    )
    assert "do not name a certificate and its key" in complaint(
        redis_url="rediss://a",
        redis_tls_certificate_file=tmp_path / "certificate.pem",
        redis_tls_key_file=tmp_path / "junk",
    )
    assert "REDIS_PASSWORD: has a control character" in complaint(redis_url="rediss://a", redis_password="a\0b")
    assert "belong together" in complaint(
        redis_url="rediss://a", redis_tls_certificate_file=tmp_path / "certificate.pem"
    )
