"""Proxies in the environment that lead nowhere: the parts of the stack still talk to each other."""

from pathlib import Path

import httpx

from tests.stack import LocalStack

NOWHERE = "http://127.0.0.1:1"


def test_the_stack_is_healthy_and_answers_whatever_proxies_the_environment_names(tmp_path: Path) -> None:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    stack = LocalStack(tmp_path / "local", **dict.fromkeys(names, NOWHERE))
    try:
        stack.start()
        with httpx.Client(base_url=stack.url, trust_env=False, timeout=30) as client:
            assert client.post("/predict", json={"text": "A fine day."}).status_code == 200
            report = client.post("/analyze/performance", json={})
            assert (report.status_code, report.json()["source"]) == (200, "rules")
            assert client.get("/health").json()["status"] == "ok"
    finally:
        stack.end()
