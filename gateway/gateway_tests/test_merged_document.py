"""One document from several: whose paths are in it, and what schemas are called that several services have."""

import re

import pytest

from gateway.docs.openapi import merged, published
from gateway.request.routing import BY_TEMPLATE, UpstreamName, find_route, route_of_template


@pytest.mark.parametrize("template", BY_TEMPLATE)
def test_what_a_template_stands_for_takes_the_route_of_the_template(template: str) -> None:
    path = re.sub(r"\{\w+\}", "a", template)
    assert find_route(path) is route_of_template(template) is not None


@pytest.mark.parametrize(
    "template", ["/v2/models/{name}/{what}", "/v2/models/name", "/predict/{text}", "/v2/models", ""]
)
def test_what_is_not_routed_has_no_route(template: str) -> None:
    assert route_of_template(template) is None


def test_only_a_services_own_paths_are_published() -> None:
    paths = {path: {"get": {}} for path in ("/predict", "/v2/models/{name}", "/metrics/count", "/health")}
    assert set(published(UpstreamName.PREDICTION, {"paths": paths})["paths"]) == {"/predict", "/v2/models/{name}"}


def test_schemas_of_one_name_and_two_meanings_are_told_apart_wherever_they_are_referred_to() -> None:
    same, own, other = {"type": "null"}, {"type": "string"}, {"type": "integer"}
    service = {
        "paths": {"/a": {"get": {"description": "see #/components/schemas/Item", "schema": {"$ref": REFERENCE}}}},
        "components": {
            "schemas": {
                "Item": other,
                "Same": same,
                "Items": {"anyOf": [{"$ref": REFERENCE}], "discriminator": {"mapping": {"item": REFERENCE}}},
            }
        },
    }
    whole = merged(
        {"paths": {}, "components": {"schemas": {"Item": own, "Same": same}}}, {UpstreamName.METRICS: service}
    )
    renamed = "#/components/schemas/MetricsServiceItem"
    assert whole["components"]["schemas"] == {
        "Item": own,
        "Same": same,
        "MetricsServiceItem": other,
        "Items": {"anyOf": [{"$ref": renamed}], "discriminator": {"mapping": {"item": renamed}}},
    }
    described = {"description": "see #/components/schemas/Item", "schema": {"$ref": renamed}}
    assert whole["paths"] == {"/a": {"get": described}}
    assert service["components"]["schemas"]["Item"] == other


REFERENCE = "#/components/schemas/Item"
