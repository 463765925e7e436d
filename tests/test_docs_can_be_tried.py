"""What /docs fills in, sent as it is to a fresh stack with one prediction on record, gets a useful response."""

import json
import secrets
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN
from tests.stack import REPOSITORY, LocalStack

STEPS = ["get", "post", "put", "patch", "delete"]
UNLOAD = "/v2/repository/models/{name}/unload"
"""Last: what it takes out of service answers no other example."""

NOBODY = "01a20847-a5a7-7417-9958-3271ea4081d2"
"""The id in examples that speak of something on record: what is there has another id every time."""


ROLLOUT = "/models/sentiment/rollout"
CANDIDATE = "2.1.1"
"""A second version, so that there is something to promote and to go back from."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("docs")
    models = shutil.copytree(REPOSITORY / "models", folder / "models")
    shutil.copytree(models / "sentiment" / "2.1.0", models / "sentiment" / CANDIDATE)
    stack = LocalStack(folder / "local", INGRESS_LIMITS="1000/60s", MODELS_DIR=str(models)).start()
    with httpx.Client(base_url=stack.url, headers=ADMIN, timeout=30) as client:
        wait_until(lambda: client.get("/models").json()["waiting"] == [], "all models", stack.still_runs, 120)
        yield client
    stack.end()


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    return client.get("/openapi.json").json()


def resolved(document: dict, schema: dict) -> dict:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def operations(document: dict) -> list[tuple[str, str, dict]]:
    """(path, method, operation), in the order in which they can follow each other."""
    found = [
        (path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    return sorted(found, key=lambda one: (one[0] == UNLOAD, STEPS.index(one[1])))


def example_of_body(document: dict, operation: dict) -> Any:
    content = operation["requestBody"]["content"]["application/json"]
    examples = content.get("examples") or resolved(document, content["schema"]).get("examples")
    return examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]


def values_of(document: dict, parameter: dict) -> list[Any]:
    """What /docs fills in, or offers, or leaves to be the default."""
    schemas = [resolved(document, one) for one in (parameter["schema"], *parameter["schema"].get("anyOf", ()))]
    examples = [example for schema in schemas for example in schema.get("examples", ())]
    choices = [choice for schema in schemas for choice in schema.get("enum", ())]
    defaults = [schema["default"] for schema in (parameter["schema"], *schemas) if "default" in schema]
    return ([parameter["example"]] if "example" in parameter else []) + examples + choices + defaults


def begin_canary(client: httpx.Client) -> None:
    """What the examples of a rollout's end, and of a report on it, take for granted."""
    policy = {"mode": "canary", "stable_version": "2.1.0", "candidate_version": CANDIDATE, "share": 10}
    revision = client.get(ROLLOUT).json()["revision"]
    client.put(ROLLOUT, json=policy | {"revision": revision, "reason": "example"}).raise_for_status()


def make_key(client: httpx.Client) -> dict[str, Any]:
    """What the examples of a key's changes, and of its end, take for granted."""
    wanted = {"name": secrets.token_hex(4), "rights": ["read"]}
    made: dict[str, Any] = client.post("/keys", json=wanted).raise_for_status().json()
    return made


OFFERED_EMPTY = {"Idempotency-Key"}
"""One that is filled in would be everybody's, and each try after the first would get the first one's response."""


def test_every_body_and_parameter_has_an_example(document: dict) -> None:
    for path, method, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in OFFERED_EMPTY:
                continue
            assert values_of(document, parameter), f"{method} {path} {parameter['name']}"
        if "requestBody" in operation:
            assert example_of_body(document, operation) is not None, f"{method} {path}"


def test_every_example_is_answered(client: httpx.Client, document: dict) -> None:
    of_record = client.post("/predict", json={"text": "What a wonderful little server!"}).raise_for_status().json()
    answered = []
    for path, method, operation in operations(document):
        values = {
            one["name"]: (one["in"], values_of(document, one)[0])
            for one in operation.get("parameters", ())
            if one["name"] not in OFFERED_EMPTY
        }
        values = {name: value for name, value in values.items() if value[1] is not None}  # null: best left out
        body = example_of_body(document, operation) if "requestBody" in operation else None
        known = of_record["prediction_id"]
        if "silence_id" in values:
            known = client.get(path).json()["silences"][0]["silence_id"]
        if path.startswith("/models/{name}/rollout/") and (method != "get" or path.endswith("/report")):
            begin_canary(client)
        key = make_key(client) if path.startswith("/keys/{key_id}") else None
        known = key["key_id"] if key is not None else known
        if body is not None and "revision" in body:
            body["revision"] = (key or client.get(ROLLOUT).json())["revision"]
        request = client.build_request(
            method,
            path.format_map({name: value for name, (where, value) in values.items() if where == "path"}).replace(
                NOBODY, known
            ),
            params={
                name: str(value).replace(NOBODY, known) for name, (where, value) in values.items() if where == "query"
            },
            headers={name: str(value) for name, (where, value) in values.items() if where == "header"},
            content=None if body is None else json.dumps(body).replace(NOBODY, known),
        )
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        assert all(value in ("sentiment", "2.1.0", NOBODY) for where, value in values.values() if where == "path")
        answer = client.send(request)
        assert answer.status_code in {200, 201, 204}, f"{method} {request.url} {body}: {answer.text}"
        assert '"error"' not in answer.text, answer.text
        answered.append((method, path))
    assert len(answered) >= 35
