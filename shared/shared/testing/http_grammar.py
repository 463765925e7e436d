"""Requests as a grammar makes them: honest ones, odd ones, and those of somebody who wants to be misunderstood."""

from random import Random

HOST = "localhost"
INNER = b"GET /inner HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Ends every conversation: whether it is answered tells whether the connection lived on."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO", "get", "M-SEARCH", "QUERY"]
ODD_METHODS = ["CONNECT", "", "G(T", "GET\t", " GET", "GÉT", "PRI", "GET\x00"]
TARGETS = [
    "/", "/predict", "/a?b=c", "/a?", "/%41%2f", "/a/../b", "//double", "/early", "/early/2?x=y", "/a;b=c",
    "/~a!$&'()*+,", "http://localhost/abs?x=1", "HTTP://LOCALHOST/", "http://localhost",
    "http://localhost?q", "/a?b#", "/a=b?c=d?e=f", "/x%zz", "/ä",
]  # fmt: skip
ODD_TARGETS = [
    "*", "localhost:80", "http://evil/", "https://localhost@evil/", "http:///x", "relative", "", "/a b",
    "/a\tb", "/a%0ab", "/%00", "/%7f", "/%c2%85",
    "/#fragment", "ftp://localhost/", "http://localhost:80/", "/a\x01", "/\x80", "\\",
]  # fmt: skip
ODD_VERSIONS = [
    "HTTP/1.0",
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/1.2",
    "HTTP/11",
    "http/1.1",
    "HTTP/1.1 ",
    "HTTP/1,1",
    "",
]
UPGRADES = ["foo", "h2c", "TLS/1.0", "websocket", "h2c, foo", "WebSocket", ""]
ODD_LENGTHS = [
    "{n}, {n}", "+{n}", "-{n}", "0x{n}", "{n} ", "0{n}", "{n}.0", "1_0", "", "{n};", "99999999999999999999999",
    "{n}, 7", "\x0b{n}", "²", '"{n}"', "{n}\t", "{n} {n}",
]  # fmt: skip
ODD_CODINGS = [
    "Chunked", "CHUNKED", "chunked ", "\tchunked", "chunked, chunked", "identity", "gzip, chunked", "chunked, gzip",
    "chunked;q=1", "xchunked", "\x0bchunked", "chunked\x00", "", ",chunked", "chunked,", '"chunked"', "chunked\xa0",
]  # fmt: skip
TRAILERS = [
    "X-Trailer: 1",
    "Authorization: Bearer stolen",
    "X-Forwarded-For: 6.6.6.6",
    "Content-MD5: x",
    "Connection: close",
]
ODD_TRAILERS = [
    "Content-Length: 5",
    "Host: evil",
    "Transfer-Encoding: chunked",
    "no colon",
    " folded",
    "X : 1",
    "X: a\x00b",
    "X: a\nY: b",
    ":",
    "X: a\rb",
]
EXTENSIONS = [";a", ";a=b", ';a="q\\"x"', ";;", "; a = b", ";a\t"]
ODD_SIZES = [
    "0x{n}",
    "+{n}",
    " {n}",
    "{n} ",
    "{n};\n",
    "",
    "g",
    "-1",
    "{n}\r",
    "fffffffffffffffff",
    "{n} ;a",
    "{n}\x00",
]
FIELDS = [
    "Accept: */*", "User-Agent: a (b; c)", "X-Empty:", "X-Spaces: \t a  b \t", "Cookie: a=b; c=d", "X-Obs: \xe9\xff",
    "X-Long: " + "y" * 300, "TE: trailers", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA", "X-Forwarded-For: 1.2.3.4",
    "Keep-Alive: timeout=5", "Trailer: X-Trailer", "X_Under: 1", "Content-Length-X: 9", "X-Content-Length: 4",
]  # fmt: skip
ODD_FIELDS = [
    "X : 1", "X\t: 1", " X: folded", "\tX: folded", "no colon", ": no name", "X: a\x00b", "X: a\x01b", "X: a\rb",
    "X: a\nY: b", "X[]: 1", "Content-Length : 3", "Transfer-Encoding : chunked", "X: a\x7f",
    "Transfer-Encoding\x0b: chunked", "X\xe9: 1",
]  # fmt: skip
CONTENTS = [
    b"",
    b"x",
    b"hello",
    b'{"text": "A fine day."}',
    INNER,
    INNER * 2,
    b"0\r\n\r\n" + INNER,
    b"\r\n\r\n",
    b"z" * 3000,
]


class Grammar:
    """Conversations: what a client sends over one connection. `odd` is how likely each part is not as it should be."""

    def __init__(self, random: Random, odd: float = 0.01) -> None:
        self._random, self._odd = random, odd

    def conversation(self) -> bytes:
        """Some requests, one behind the other."""
        count = self._random.choice([1, 2, 3, 5, 8, 13])
        return b"".join(self.request() for _ in range(count)) + LAST

    def cuts(self, data: bytes) -> list[bytes]:
        """The same bytes in segments."""
        places = sorted(self._random.sample(range(len(data) + 1), min(self._random.choice([0, 1, 2, 5]), len(data))))
        return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]

    def request(self) -> bytes:
        """Head and body."""
        version = self._either(["HTTP/1.1"], ODD_VERSIONS)
        method, target = self._either(METHODS, ODD_METHODS), self._either(TARGETS, ODD_TARGETS)
        framing, body = self._body()
        fields = [*self._host(), *framing, *self._connection()]
        fields += self._random.choices(FIELDS, k=self._random.choice([0, 1, 2, 5]))
        if self._is_odd():
            fields.append(self._random.choice(ODD_FIELDS))
        self._random.shuffle(fields)
        lines = [self._either([" "], ["  ", "\t", ""]).join((method, target, version)), *map(self._cased, fields)]
        head = "".join(line + self._line_end() for line in lines) + self._line_end()
        return (
            (self._random.choice(["\r\n", "\n", " "]) if self._is_odd() else "").encode()
            + head.encode("latin-1", "replace")
            + body
        )

    def _host(self) -> list[str]:
        if not self._is_odd():
            return [f"Host: {self._random.choice([HOST, HOST, 'LOCALHOST'])}"]
        odd = [
            [],
            ["Host: a", "Host: b"],
            ["Host: localhost", "Host: localhost"],
            ["Host:"],
            ["Host: a b"],
            ["Host: a, b"],
        ]
        return self._random.choice(
            [*odd, ["Host: localhost:99999"], ["Host: user@localhost"], ["Host: [::1"], ["Host: localhost/x"]]
        )

    def _connection(self) -> list[str]:
        kind = self._random.random()
        if kind < 0.03:
            return [self._random.choice(["Connection: close", "Connection: x, Close", "Connection: keep-alive, close"])]
        if kind < 0.15:
            upgrade = self._random.choice(UPGRADES if self._is_odd() else ["foo", "h2c", "TLS/1.0"])
            return [
                f"Upgrade: {upgrade}",
                self._random.choice(["Connection: Upgrade", "Connection: upgrade, HTTP2-Settings"]),
            ]
        if kind < 0.2:
            return ["Connection: keep-alive", "Connection: x-one"]
        return ["Expect: 100-continue"] if kind < 0.22 else []

    def _body(self) -> tuple[list[str], bytes]:
        content = self._random.choice(CONTENTS)
        kind = self._random.random()
        if self._is_odd():
            return self._odd_framing(content)
        if kind < 0.35:
            return [], b""
        if kind < 0.7:
            return [f"Content-Length: {len(content)}"], content
        return [f"Transfer-Encoding: {self._either(['chunked'], ODD_CODINGS[:4])}"], self._chunked(content)

    def _odd_framing(self, content: bytes) -> tuple[list[str], bytes]:
        length = f"Content-Length: {self._random.choice(['{n}', *ODD_LENGTHS]).format(n=len(content))}"
        coding = f"Transfer-Encoding: {self._random.choice(['chunked', *ODD_CODINGS])}"
        kind = self._random.randrange(6)
        if kind == 0:
            return [length], content
        if kind == 1:
            return [coding], self._chunked(content)
        if kind == 2:
            return [length, coding], self._random.choice([content, self._chunked(content)])
        if kind == 3:
            return [length, f"Content-Length: {len(content)}"], content
        if kind == 4:
            return [coding, "Transfer-Encoding: chunked"], self._chunked(content)
        wrong = max(len(content) + self._random.choice([-1, 1, 7]), 0)
        return [f"Content-Length: {wrong}"], content

    def _chunked(self, content: bytes) -> bytes:
        parts: list[bytes] = []
        while content:
            size = self._random.randint(1, len(content))
            parts.append(self._chunk(content[:size]))
            content = content[size:]
        parts.append(
            self._either(["0", "000"], ["00x", "0 ", ""]).encode() + self._extension() + self._line_end().encode()
        )
        parts += [self._trailer() for _ in range(self._random.choice([0, 0, 0, 1, 3]))]
        return b"".join(parts) + self._line_end().encode()

    def _trailer(self) -> bytes:
        return (self._either(TRAILERS, ODD_TRAILERS) + self._line_end()).encode("latin-1")

    def _chunk(self, content: bytes) -> bytes:
        size = self._random.choice(["{n:x}", "{n:X}", "{n:04x}"]).format(n=len(content))
        if self._is_odd():
            size = self._random.choice(ODD_SIZES).format(n=size)
        end = self._either(["\r\n"], ["\n", "", "\r", "x\r\n", "\r\n\r\n"])
        return size.encode("latin-1") + self._extension() + self._line_end().encode() + content + end.encode()

    def _extension(self) -> bytes:
        return self._random.choice(EXTENSIONS).encode() if self._random.random() < 0.1 else b""

    def _line_end(self) -> str:
        return self._random.choice(["\n", "\r", "\r\r\n", "\n\r"]) if self._random.random() < self._odd / 8 else "\r\n"

    def _cased(self, field: str) -> str:
        name, colon, value = field.partition(":")
        return self._random.choice([name, name.lower(), name.upper(), name.swapcase()]) + colon + value

    def _is_odd(self) -> bool:
        return self._random.random() < self._odd

    def _either(self, usual: list[str], odd: list[str]) -> str:
        return self._random.choice(odd if self._is_odd() else usual)
