"""Complaints, from the gateway to the report: what one caller says is heard, what several say is believed."""

import httpx

from tests.stack import LocalStack

MODEL = "spam-words"
COMPLAINTS = 40


def complain(stack: LocalStack, addresses: list[str]) -> None:
    """So many predictions are called wrong from each address."""
    for address in addresses:
        with httpx.Client(base_url=stack.url, headers={"X-Forwarded-For": address}, timeout=30) as client:
            texts = [f"Win a prize, number {number}, now!" for number in range(COMPLAINTS)]
            answer = client.post("/predict/batch", json={"texts": texts, "model_name": MODEL}).json()
            wrong = [
                {
                    "prediction_id": one["prediction_id"],
                    "label": "ham" if one["prediction_label"] == "spam" else "spam",
                }
                for one in answer["predictions"]
            ]
            given = client.post("/feedback/batch", json={"feedback": wrong}).raise_for_status().json()
            assert given["recorded"] == COMPLAINTS


def issues(client: httpx.Client, minutes: int) -> dict[str, str]:
    """Type → sentence, in the report of a window that nobody has asked for before."""
    query = {"model_name": MODEL, "time_window_minutes": minutes}
    report = client.post("/analyze/performance", json=query).raise_for_status().json()
    return {issue["issue_type"]: issue["description"] for issue in report["identified_issues"]}


def test_one_caller_is_heard_and_several_are_believed(
    stack: LocalStack, client: httpx.Client, new_address: str
) -> None:
    complain(stack, [new_address])
    alone = issues(client, 241)
    complain(stack, ["203.0.113.61", "203.0.113.62", "203.0.113.63"])
    together = issues(client, 242)

    assert "all of it comes from one caller" in alone["unconfirmed_feedback"]
    assert "unconfirmed_feedback" not in together
    assert {"complaints", "overconfident"} & set(together)
