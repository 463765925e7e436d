"""What /docs fills in, sent as it is to a stack with one prediction on record, gets a useful response."""

import httpx

from shared.testing.admin import ADMIN

OF_SOMETHING_ELSE = {"/feedback", "/metrics/silences", "/metrics/baselines"}
"""Their examples are about a prediction that is not on record here, or change what is there."""


def schema_of(document: dict, content: dict) -> dict:
    schema = content["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def test_every_body_has_an_example_that_is_answered(client: httpx.Client) -> None:
    client.post("/predict", json={"text": "What a wonderful little server!"}).raise_for_status()
    document = client.get("/openapi.json").json()
    tried = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if "requestBody" not in operation:
                continue
            content = operation["requestBody"]["content"]["application/json"]
            examples = content.get("examples") or schema_of(document, content).get("examples")
            assert examples, f"{method} {path}"
            example = examples[0] if isinstance(examples, list) else next(iter(examples.values()))["value"]
            if path in OF_SOMETHING_ELSE:
                continue
            answer = client.request(method, path.replace("{name}", "sentiment"), json=example, headers=ADMIN)
            assert answer.status_code == 200, f"{method} {path} {example}: {answer.text}"
            tried += 1
    assert tried >= 9
