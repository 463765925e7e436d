"""Every operation of the public API with keys whose rights are for one of two models.

Requests are those of the document's examples, which name the model `sentiment`; here another one has its place as well.
"""

import json
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from gateway.request.access import FREE, PREDICTING
from shared.contracts.rights import Right, may
from shared.testing.admin import ADMIN
from tests.rights import ByModel, Operation, bearer, document_of, make, operations
from tests.stack import REPOSITORY, LocalStack
from tests.test_docs_can_be_tried import NOBODY, OFFERED_EMPTY, UNLOAD, example_of_body, values_of

OWN, OTHER, NOTHING = "sentiment", "others", "nothing"
(VERSION,) = (folder.name for folder in (REPOSITORY / "models" / OWN).iterdir())
"""The one that is shipped, which the document's examples name."""
PLENTY = "1000000/60s"
RIGHT_MISSING = "urn:problem-type:right-missing"


class Stack(NamedTuple):
    """A stack that serves two models, with a prediction and a silence of each."""

    client: httpx.Client
    document: dict[str, Any]
    ids: dict[str, dict[str, str]]
    keys: dict[Right, str]

    def operations(self) -> list[Operation]:
        found = [one for one in operations(self.document) if one.access is not FREE]
        return sorted(found, key=lambda operation: operation.path == UNLOAD)

    def ask(self, operation: Operation, model: str | None, key: str) -> httpx.Response:
        """The example of an operation with `model` in the place of its own; None: without a model, where it may be."""
        described = self.document["paths"][operation.path][operation.method.lower()]
        values = {
            (one["in"], one["name"]): values_of(self.document, one)[0]
            for one in described.get("parameters", ())
            if one["name"] not in OFFERED_EMPTY
        }
        values = {at: value for at, value in values.items() if value is not None}
        if ("query", "model_name") in values or model is None:
            values["query", "model_name"] = model
        if ("path", "name") in values:
            values["path", "name"] = model
        body = example_of_body(self.document, described) if "requestBody" in described else None
        if "model_name" in body_fields(self.document, described):
            body = {name: value for name, value in body.items() if name != "model_name"}
            body |= {} if model is None else {"model_name": model}
        ids = self.ids.get(model or OWN, {})
        known = ids.get("silence" if operation.path == "/metrics/silences" else "prediction", NOBODY)
        query = {
            name: str(value).replace(NOBODY, known) for (at, name), value in values.items() if at == "query" and value
        }
        return self.client.request(
            operation.method,
            operation.path.format_map({name: value for (at, name), value in values.items() if at == "path"}).replace(
                NOBODY, known
            ),
            params=query,
            headers=bearer(key) | {"Content-Type": "application/json"},
            content=None if body is None else json.dumps(body).replace(NOBODY, known),
        )

    def has_enough(self, operation: Operation, right: Right) -> bool:
        return may(frozenset({right}), *operation.access.rights)


def body_fields(document: dict, described: dict) -> dict[str, bool]:
    """What a JSON body may have, and whether it must."""
    if "requestBody" not in described:
        return {}
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return {name: name in schema.get("required", ()) for name in schema.get("properties", {})}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("models-of-keys")
    for name in (OWN, OTHER):
        shutil.copytree(REPOSITORY / "models" / "sentiment-lexicon" / "1.0.0", folder / "models" / name / VERSION)
    models = str(folder / "models")
    local = LocalStack(
        folder / "local", INGRESS_LIMITS=PLENTY, WRONG_TOKEN_LIMITS=PLENTY, MODELS_DIR=models, DEFAULT_MODEL=OWN
    ).start()
    with httpx.Client(base_url=local.url, timeout=30) as client:
        ids = {name: {"prediction": predict(client, name), "silence": silence(client, name)} for name in (OWN, OTHER)}
        keys = {right: make(client, f"{right} of {OWN}", [right], models={right: [OWN]})["key"] for right in Right}
        yield Stack(client, document_of(client), ids, keys)
    local.end()


def predict(client: httpx.Client, model: str) -> str:
    response = client.post("/predict", json={"text": "What a wonderful little server!", "model_name": model})
    return str(response.raise_for_status().json()["prediction_id"])


def silence(client: httpx.Client, model: str) -> str:
    body = {"model_name": model, "minutes": 60, "reason": "quiet please"}
    response = client.post("/metrics/silences", json=body, headers=ADMIN)
    return str(response.raise_for_status().json()["silence_id"])


def test_no_right_for_a_model_is_one_for_another(stack: Stack) -> None:
    for operation in stack.operations():
        for right in Right:
            told = stack.ask(operation, OTHER, stack.keys[right])
            where = (operation.method, operation.path, right, told.status_code, told.text)
            if not stack.has_enough(operation, right) or operation.by_model in {ByModel.NEVER, ByModel.NAMED}:
                assert told.status_code == 403, where
                continue
            if operation.by_model is ByModel.HIDDEN:
                assert told.status_code == 404 or "unknown_prediction" in told.text, where
            else:
                assert told.is_success, where
            assert OTHER not in told.text, where


def test_what_is_refused_says_which_right_and_model_and_not_whether_there_is_one(stack: Stack) -> None:
    for operation in stack.operations():
        for right in Right:
            if not stack.has_enough(operation, right) or operation.by_model is not ByModel.NAMED:
                continue
            told, of_none = (stack.ask(operation, model, stack.keys[right]) for model in (OTHER, NOTHING))
            assert f"for the model '{OTHER}': {(operation.access.rights or ('admin',))[0]}" in told.text, told.text
            if not operation.path.startswith("/v2"):
                assert told.json()["type"] == RIGHT_MISSING
                assert told.json()["model_name"] == OTHER
            assert of_none.status_code == told.status_code
            differing = {"instance", "request_id"}
            assert {k: v for k, v in of_none.json().items() if k not in differing} == {
                k: json.loads(json.dumps(v).replace(OTHER, NOTHING))
                for k, v in told.json().items()
                if k not in differing
            }, operation


def test_a_question_about_all_models_is_one_about_others(stack: Stack) -> None:
    asked = 0
    for operation in stack.operations():
        described = stack.document["paths"][operation.path][operation.method.lower()]
        fields = {one["name"]: one["required"] for one in described.get("parameters", ())}
        fields |= body_fields(stack.document, described)
        optional = fields.get("model_name") is False and operation.access is not PREDICTING
        if operation.by_model is not ByModel.NAMED or not optional:
            continue
        asked += 1
        for right in Right:
            if stack.has_enough(operation, right):
                told = stack.ask(operation, None, stack.keys[right])
                assert told.status_code == 403, (operation, told.text)
                assert told.json()["models"] == [OWN]
    assert asked >= 15


def test_what_a_right_is_for_can_be_done(stack: Stack) -> None:
    for operation in stack.operations():
        for right in Right:
            if stack.has_enough(operation, right) and operation.by_model is not ByModel.NEVER:
                told = stack.ask(operation, OWN, stack.keys[right])
                assert told.status_code not in {401, 403, 422, 500}, (operation, right, told.text)
        if operation.path == UNLOAD:
            stack.client.post(f"/v2/repository/models/{OWN}/load", headers=ADMIN).raise_for_status()


def test_predictions_of_the_default_model_need_a_right_for_it(stack: Stack) -> None:
    mine = stack.keys[Right.PREDICT]
    others = make(stack.client, "of others", [Right.PREDICT], models={"predict": [OTHER]})["key"]
    rows = "text\nWhat a wonderful little server!\n"
    once = {"Idempotency-Key": "0d6bd2b0-3fd4-4a4a-8d6e-6f8a5d8b5f10"}
    csv = {"Content-Type": "text/csv"}
    for key, status in ((mine, 200), (others, 403)):
        for more in ({}, once):
            for path, body in (("/predict", {"text": "fine"}), ("/predict/batch", {"texts": ["fine"]})):
                told = stack.client.post(path, json=body, headers=bearer(key) | more)
                assert told.status_code == status, (path, told.text)
                once["Idempotency-Key"] = once["Idempotency-Key"][:-1] + ("1" if path == "/predict" else "0")
        assert stack.client.post("/predict/batch", content=rows, headers=bearer(key) | csv).status_code == status
        named = {"text": "fine", "model_version": VERSION}
        assert stack.client.post("/predict", json=named, headers=bearer(key)).status_code == status
        by_task = {"text": "fine", "task_type": "classification"}
        assert stack.client.post("/predict", json=by_task, headers=bearer(key)).status_code == status
    for model, status in ((OWN, 200), (OTHER, 403), (NOTHING, 403)):
        query = {"model_name": model}
        streamed = stack.client.post("/predict/batch", content=rows, params=query, headers=bearer(mine) | csv)
        assert streamed.status_code == status
        version = stack.client.get(f"/v2/models/{model}/versions/{VERSION}", headers=bearer(mine))
        assert version.status_code == status


def test_what_was_kept_for_a_repeated_request_is_not_given_to_who_may_not_ask(stack: Stack) -> None:
    body = {"text": "fine", "model_name": OTHER}
    once = {"Idempotency-Key": "3b6d1c1e-77ab-4f0e-8b3c-0a9d5f6e1c22"}
    stack.client.post("/predict", json=body, headers=once).raise_for_status()
    repeated = stack.client.post("/predict", json=body, headers=once | bearer(stack.keys[Right.PREDICT]))
    assert repeated.status_code == 403


def test_the_word_of_an_operator_of_one_model_is_anybodys_on_another(stack: Stack) -> None:
    made = make(stack.client, "operator", [Right.FEEDBACK, Right.ADMIN], models={"admin": [OWN]})
    label = stack.client.get("/models").json()["models"][0]["labels"]
    for model, stands in ((OWN, True), (OTHER, False)):
        wanted = {"prediction_id": predict(stack.client, model), "label": label[0]}
        stack.client.post("/feedback", json=wanted, headers=bearer(made["key"])).raise_for_status()
        again = stack.client.post("/feedback", json=wanted | {"label": label[1]})
        assert ("trusted-word-stands" in again.text) == stands, again.text


def test_other_models_are_in_force_at_once(stack: Stack) -> None:
    made = make(stack.client, "moves", [Right.PREDICT], models={"predict": [OWN]})
    asked = {"text": "fine", "model_name": OTHER}
    assert stack.client.post("/predict", json=asked, headers=bearer(made["key"])).status_code == 403
    for revision_of, models, status in (
        (made, {"predict": [OTHER]}, 200),
        (None, None, 200),
        (None, {"predict": [OWN]}, 403),
    ):
        revision = (revision_of or stack.client.get(f"/keys/{made['key_id']}", headers=ADMIN).json())["revision"]
        change = {"revision": revision, "models": models}
        changed = stack.client.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN).raise_for_status().json()
        assert (changed["rights"], changed["models"]) == (["predict"], models)
        assert stack.client.post("/predict", json=asked, headers=bearer(made["key"])).status_code == status
