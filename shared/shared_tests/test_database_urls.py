"""DATABASE_URL: read as libpq reads it, honoured in every part or refused by that part's name."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from shared.database.parameters import HONOURED, REFUSED
from shared.database.urls import DatabaseUrl, Target, for_libpq, target_of
from shared.settings.settings import ServiceSettings, describe
from shared.testing.certificates import write_certificates
from shared_tests import libpq

SECRET = "s3same"
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
PORTS = st.integers(1, 65_535)
HOSTS = st.from_regex(r"[a-z][a-z0-9.-]{0,15}", fullmatch=True) | st.sampled_from(
    ["[::1]", "[2001:db8::7]", "127.0.0.1"]
)


class Settings(ServiceSettings):
    database_url: DatabaseUrl


def target(url: str) -> Target:
    return target_of(SecretStr(url))


def complaint(url: str) -> str:
    """The line with which a service with this URL does not start."""
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, database_url=url)
    return describe(refused.value)


def test_every_parameter_of_libpq_is_honoured_or_refused_by_name() -> None:
    assert libpq.keywords() - HONOURED.keys() - REFUSED.keys() == set()


@given(
    user=TEXTS,
    password=TEXTS,
    database=TEXTS,
    hosts=st.lists(st.tuples(HOSTS, st.none() | PORTS), min_size=1, max_size=3),
)
def test_a_url_says_what_it_says_to_libpq(
    user: str, password: str, database: str, hosts: list[tuple[str, int | None]]
) -> None:
    places = ",".join(host + (f":{port}" if port else "") for host, port in hosts)
    user_info = f"{quote(user, safe='')}:{quote(password, safe='')}"
    url = f"postgresql://{user_info}@{places}/{quote(database, safe='')}?sslmode=require"
    read, theirs = target(url), libpq.parse(url)
    assert theirs is not None
    assert (read.user, read.password, read.database) == (theirs["user"], theirs["password"], theirs["dbname"])
    assert ",".join(name for name, _ in read.hosts) == theirs["host"]
    assert [port for _, port in read.hosts] == [int(port or 5432) for port in theirs.get("port", "").split(",")] * (
        1 if "port" in theirs else len(hosts)
    )
    again = target(for_libpq(SecretStr(url)))
    assert again == read


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/d?connect_timeout=3&application_name=a%20b",
        "postgresql://u@h1:1,h2:2/d?target_session_attrs=read-write&load_balance_hosts=random",
        "postgresql:///d?host=/run/postgresql&user=u",
        "postgresql:///d?host=a,b&port=1,2",
        "postgresql:///d?host=a,b&port=7",
        "postgresql://u@h/?dbname=d&options=-c%20statement_timeout%3D5s",
        "postgresql://u@h/d?keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=3&tcp_user_timeout=9000",
        "postgres://u@h/d?ssl=true",
        "postgresql://u@h1/d?host=h2",
        "postgresql://u@h1:5/d?host=h2",
        "postgresql://u@h1:5/d?port=7",
        "postgresql://u@h1:5,h2:6/d?port=7",
        "postgresql://u@h1:5,h2/d?host=x,y",
        "postgresql://u@h1,h2:7/d",
        "postgresql://u@h1/d?host=/run/postgresql&port=1",
        "postgresql://u@h/d?password=a+b&application_name=c+d",
        "postgresql://u:p@h/d?user=x&user=y&password=z&dbname=e",
    ],
)
def test_usual_forms_are_read_as_libpq_reads_them(url: str) -> None:
    read, theirs = target(url), libpq.parse(url)
    assert theirs is not None
    assert ",".join(name for name, _ in read.hosts) == theirs.pop("host")
    ports = theirs.pop("port", "5432").split(",")
    numbers = [int(port or 5432) for port in ports]
    assert [port for _, port in read.hosts] == numbers * (len(read.hosts) // len(ports))
    assert (read.user, read.database) == (theirs.pop("user", None), theirs.pop("dbname"))
    assert read.password == theirs.pop("password", None)
    assert dict(read.parameters) == theirs


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("channel_binding=require", "channel_binding can only be disable or prefer"),
        ("gssencmode=require", "gssencmode can only be"),
        ("require_auth=scram-sha-256", "require_auth is not possible"),
        ("requirepeer=postgres", "requirepeer is not possible"),
        ("hostaddr=127.0.0.1", "hostaddr is not possible: name the address as the host"),
        ("service=main", "service is not possible"),
        ("sslmode=on", "sslmode must be one of"),
        ("ssl=maybe", "ssl must be"),
        ("sslrootcert=/nowhere.pem", "sslrootcert names a file that cannot be read"),
        ("sslcert=/nowhere.pem", "sslcert names a file that cannot be read"),
        ("sslrootcert=system&sslmode=require", "sslrootcert system needs sslmode=verify-full"),
        ("sslnegotiation=direct", "sslnegotiation direct needs sslmode"),
        ("sslmode=verify-full", "sslmode verify-full needs sslrootcert"),
        ("sslmode=verify-ca", "sslmode verify-ca needs sslrootcert"),
        ("ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2", "ssl_min_protocol_version must not be"),
        ("sslkey=/nowhere.pem", "sslkey names a file that cannot be read"),
        ("sslrootcert=/dev/zero", "sslrootcert names something that is no plain file"),
        ("passfile=/dev", "passfile names something that is no plain file"),
        ("passfile=%00", "has a control character in a value"),
        ("application_name=a%0Ab", "has a control character in a value"),
        ("options=%FF", "has something in a value behind the ? that is not UTF-8"),
        ("connect_timeout=" + "9" * 5000, "connect_timeout must be a whole number"),
        ("host=a,,b", "must name a host"),
        ("port=1,2", "names 1 hosts and 2 ports"),
        ("host=a%20b", "names a host with a sign in it"),
        ("connect_timeout=soon", "connect_timeout must be a whole number"),
        ("connect_timeout=0", "connect_timeout must be a whole number from 1"),
        ("target_session_attrs=standby", "target_session_attrs can only be read-write"),
        ("target_session_attrs=prefer-standby", "target_session_attrs can only be read-write"),
        ("keepalives_idle=-1", "keepalives_idle must be"),
        ("client_encoding=LATIN1", "client_encoding can only be UTF8"),
        ("replication=database", "replication can only be"),
        ("pgbouncer=perhaps", "pgbouncer must be true or false"),
        ("statement_cache_size=0", "statement_cache_size is not possible: say pgbouncer=true"),
        ("prepared_statement_cache_size=0", "prepared_statement_cache_size is not possible"),
        ("statement_timeout=5000", "statement_timeout is not a parameter of libpq"),
        ("schema=public", "schema is not a parameter of libpq"),
        ("sslmode", "something behind the ?"),
    ],
)
def test_what_cannot_be_honoured_stops_the_start_and_is_named(query: str, named: str) -> None:
    line = complaint(f"postgresql://u:{SECRET}@h/d?{query}")
    assert line.startswith("DATABASE_URL: ")
    assert named in line
    assert "\n" not in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://u:s3same@h/d", "must begin with postgresql://"),
        ("u:s3same@h/d", "is not a URL"),
        ("postgresql://u:s3same@/d", "must name a host and a database"),
        ("postgresql://u:s3same@h", "must name a host and a database"),
        ("postgresql://u:s3same@h:99999/d", "names a port"),
        ("postgresql://u:s3same/s3same@h:5432/d", "names a port"),
        ("postgresql://u:s3same@h1,/d", "must name a host"),
        ("postgresql://u:s3same@h1,,h2/d", "must name a host"),
        ("postgresql://u:s3same%00@h/d", "a control character in the password"),
        ("postgresql://u%0a:s3same@h/d", "a control character in the user"),
        ("postgresql://u:s3same@h%0a/d", "a control character in a host"),
        ("postgresql://u:s3same@h/d%0A", "a control character in the database"),
        ("postgresql://u:s3same@h /d", "has a blank"),
        ("postgresql://u:s3same@h%20/d", "names a host with a sign in it"),
        ("postgresql://u:s3same@h/d\n?sslmode=prefer", "has a blank or something that cannot be printed"),
        ("postgresql://u:s3same%zz@h/d", "a % in the password that no two hexadecimal digits follow"),
        ("postgresql://u:s3same%ff@h/d", "has something in the password that is not UTF-8"),
        ("postgresql://u:s3same@[::1/d", "names an IPv6 address"),
        ("postgresql://u:s3same@a,b,c/d?port=1,2", "names 3 hosts and 2 ports"),
    ],
)
def test_what_is_no_url_says_so_without_the_password(url: str, named: str) -> None:
    line = complaint(url)
    assert named in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("value", "mode"),
    [("require", "require"), ("true", "require"), ("false", "disable"), ("prefer", "prefer")],
)
def test_ssl_as_other_libraries_write_it_is_sslmode(value: str, mode: str) -> None:
    assert target(f"postgresql+asyncpg://u@h/d?ssl={value}").parameters == {"sslmode": mode}


def test_a_certificate_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    assert "sslrootcert names a file without certificates" in complaint(
        f"postgresql://u@h/d?sslrootcert={tmp_path}/ca.pem"
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert f"{name} names something that is no plain file" in complaint(f"postgresql://u@h/d?{name}={tmp_path}/pipe")


def test_a_certificate_must_be_one_and_have_its_key(tmp_path: Path) -> None:
    write_certificates(tmp_path)
    (tmp_path / "junk").write_bytes(b"\0junk\xff")
    (tmp_path / "giant").touch()
    os.truncate(tmp_path / "giant", 1 << 40)
    url = "postgresql://u@h/d?sslcert={}&sslkey={}"
    good = [tmp_path / "certificate.pem", tmp_path / "key.pem"]
    assert target(url.format(*good)).parameters["sslkey"] == str(good[1])
    for pair in ([tmp_path / "junk", good[1]], [good[0], tmp_path / "junk"], [tmp_path / "ca.pem", good[1]]):
        assert "sslcert and sslkey (and sslpassword) do not name a certificate and its key" in complaint(
            url.format(*pair)
        )
    assert "sslcert names a file of 1,099,511,627,776 bytes" in complaint(url.format(tmp_path / "giant", good[1]))
    assert "sslkey needs sslcert" in complaint(f"postgresql://u@h/d?sslkey={good[1]}")
    assert "passfile names a file that is no text" in complaint(f"postgresql://u@h/d?passfile={tmp_path}/junk")


@given(
    hosts=st.lists(st.tuples(HOSTS, st.none() | PORTS), max_size=3),
    names=st.none() | st.lists(st.from_regex(r"[a-z]{1,3}|/run", fullmatch=True), min_size=1, max_size=3),
    ports=st.none() | st.lists(PORTS, min_size=1, max_size=3),
)
def test_hosts_in_two_places_are_those_that_libpq_takes(
    hosts: list[tuple[str, int | None]], names: list[str] | None, ports: list[int] | None
) -> None:
    places = ",".join(host + (f":{port}" if port else "") for host, port in hosts)
    query = [f"host={quote(','.join(names))}"] if names else []
    query += [f"port={','.join(map(str, ports))}"] if ports else []
    url = f"postgresql://u@{places}/d?{'&'.join(query)}"
    theirs = libpq.parse(url)
    assert theirs is not None
    their_hosts = theirs.get("host", "").split(",")
    their_ports = theirs.get("port", "").split(",")
    if not theirs.get("host") or len(their_ports) not in (1, len(their_hosts)):
        with pytest.raises(ValueError, match=r"must name a host|hosts and"):
            target(url)
        return
    numbers = [int(port or 5432) for port in their_ports]
    numbers = numbers * len(their_hosts) if len(numbers) == 1 else numbers
    assert target(url).hosts == tuple(zip(their_hosts, numbers, strict=True))


def test_a_pooler_is_announced_by_the_url() -> None:
    assert target("postgresql://u@h/d?pgbouncer=true").is_pooled
    assert not target("postgresql://u@h/d?pgbouncer=false").is_pooled
    assert "pgbouncer" not in for_libpq(SecretStr("postgresql://u@h/d?pgbouncer=true"))
