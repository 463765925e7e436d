"""Responses of Gemini and of what stands on the way to it, as they were seen on the wire, and what each one is.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/troubleshooting, and the
responses that users of Google's own clients put into their bug reports.
"""

import gzip
import json
from dataclasses import dataclass
from typing import Any

from analytics_service.gemini.provider import (
    BillingNeededError,
    BlockedError,
    DailyQuotaSpentError,
    EmptyError,
    ForbiddenError,
    KeyInvalidError,
    KeyLeakedError,
    ModelUnknownError,
    ProviderError,
    ProviderUnavailable,
    RateLimitedError,
    RefusedError,
    RegionBlockedError,
    RequestInvalidError,
    StoppedError,
    TooSlowError,
    TruncatedError,
    UnreadableError,
    Usage,
)
from analytics_service.testing import gemini_emulator as emulated
from analytics_service.testing.gemini_emulator import FINDINGS, Behaviour, recorded

UNTOLD = Usage()
GOOGLE = "type.googleapis.com/google.rpc"
REPORT = json.dumps(FINDINGS)


@dataclass(frozen=True)
class Failure:
    """A response that is no answer."""

    behaviour: Behaviour
    error: type[ProviderError]
    told: str = ""
    """A part of what is passed on."""
    usage: Usage | None = None
    wait: float | None = None


@dataclass(frozen=True)
class Answered:
    """A response that is one."""

    behaviour: Behaviour
    text: str = REPORT
    usage: Usage = UNTOLD
    cut: bool = False


def error(status: int, name: str, message: str, *details: dict[str, Any], **headers: str) -> Behaviour:
    """An error as Gemini words it."""
    return recorded(
        {"error": {"code": status, "message": message, "status": name, "details": list(details)}},
        status,
        {key.replace("_", "-"): value for key, value in headers.items()},
    )


def error_info(reason: str) -> dict[str, Any]:
    return {"@type": f"{GOOGLE}.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def quota(quota_id: str) -> dict[str, Any]:
    metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
    return {"@type": f"{GOOGLE}.QuotaFailure", "violations": [{"quotaMetric": metric, "quotaId": quota_id}]}


def retry_info(delay: object) -> dict[str, Any]:
    return {"@type": f"{GOOGLE}.RetryInfo", "retryDelay": delay}


def candidate(*parts: Any, finish: object = "STOP", usage: dict[str, int] | None = None, **more: Any) -> Behaviour:
    """A response with one candidate."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    found = content | {"index": 0} | ({"finishReason": finish} if finish else {}) | more
    return recorded({"candidates": [found], "usageMetadata": usage or {}, "modelVersion": "gemini-2.5-flash-lite"})


def blocked_prompt(reason: object, **more: Any) -> Behaviour:
    feedback = {"blockReason": reason} | more
    return recorded({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 900, "totalTokenCount": 900}})


TEXT = {"text": REPORT}
OVER_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
THOUGHT_ONLY = {"promptTokenCount": 900, "totalTokenCount": 1924, "thoughtsTokenCount": 1024}
HTML = b"<html><head><title>Sign in</title></head><body>proxy.corp.example wants you to sign in</body></html>"

CHUNKS: list[dict[str, Any]] = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": REPORT[:30]}]}, "index": 0}]},
    {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": REPORT[30:80]}]}}]},
    {"candidates": [{"content": {"parts": [{"text": REPORT[80:]}]}, "finishReason": "STOP"}],
     "usageMetadata": {"promptTokenCount": 400, "candidatesTokenCount": 120, "totalTokenCount": 520}},
]  # fmt: skip

FAILURES: dict[str, Failure] = {
    # A key, a plan, a setting is wrong.
    "bad key": Failure(
        error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
              error_info("API_KEY_INVALID")),
        KeyInvalidError, "400 INVALID_ARGUMENT: API key not valid",
    ),
    "expired key": Failure(
        error(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", error_info("API_KEY_INVALID")),
        KeyInvalidError, "expired",
    ),
    "no details, bad key": Failure(error(400, "INVALID_ARGUMENT", "API key not valid."), KeyInvalidError),
    "unauthenticated": Failure(
        error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."), KeyInvalidError, "401",
    ),
    "no key arrived": Failure(
        error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers (callers without established "
              "identity). Please use API Key or other form of API consumer identity to call this API."),
        KeyInvalidError,
    ),
    "leaked key": Failure(
        error(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
        KeyLeakedError, "403 PERMISSION_DENIED: Your API key was reported as leaked",
    ),
    "suspended consumer": Failure(
        error(403, "PERMISSION_DENIED",
              "Permission denied: Consumer 'api_key:AIzaSyD-0123456789abcdefghijklmnopqrstu' has been suspended.",
              error_info("CONSUMER_SUSPENDED")),
        ForbiddenError, "Consumer 'api_key:[key]' has been suspended",
    ),
    "API not enabled": Failure(
        error(403, "PERMISSION_DENIED", "Generative Language API has not been used in project 1234567890 before or it "
              "is disabled.", error_info("SERVICE_DISABLED")),
        ForbiddenError, "is disabled",
    ),
    "key restricted by address": Failure(
        error(403, "PERMISSION_DENIED", "The provided API key has an IP address restriction.",
              error_info("API_KEY_IP_ADDRESS_BLOCKED")),
        ForbiddenError,
    ),
    "billing off": Failure(
        error(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.",
              error_info("BILLING_DISABLED")),
        BillingNeededError,
    ),
    "blocked region": Failure(
        error(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        RegionBlockedError, "location",
    ),
    "free tier not in this country": Failure(
        error(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in your country. Please enable "
              "billing on your project in Google AI Studio."),
        RegionBlockedError,
    ),
    "billing as a precondition": Failure(
        error(400, "FAILED_PRECONDITION", "Please enable billing on your project."), BillingNeededError,
    ),
    "another precondition": Failure(
        error(400, "FAILED_PRECONDITION", "The cached content has expired."), RequestInvalidError,
    ),
    "payment required": Failure(error(402, "FAILED_PRECONDITION", "Payment required."), BillingNeededError),
    "retired model": Failure(
        error(404, "NOT_FOUND", "models/gemini-1.5-flash is not found for API version v1beta, or is not supported for "
              "generateContent. Call ListModels to see the list of available models and their supported methods."),
        ModelUnknownError, "404 NOT_FOUND: models/gemini-1.5-flash is not found",
    ),
    "schema refused": Failure(
        error(400, "INVALID_ARGUMENT", "* GenerateContentRequest.generation_config.response_schema.properties: "
              "should be non-empty for OBJECT type"),
        RequestInvalidError, "response_schema",
    ),
    "thinking budget refused": Failure(
        error(400, "INVALID_ARGUMENT", "The thinking budget 5 is invalid. Please choose a value between 512 and "
              "24576."),
        RequestInvalidError, "thinking budget 5",
    ),
    "too large": Failure(
        error(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."), RequestInvalidError,
    ),
    "no such address": Failure(
        recorded(HTML.replace(b"Sign in", b"Error 404 (Not Found)!!1"), 404, {"Content-Type": "text/html"}),
        RefusedError,
    ),
    "a conflict": Failure(error(409, "ABORTED", "The operation was aborted."), RefusedError),
    # A limit.
    "minute's quota, RetryInfo": Failure(
        error(429, "RESOURCE_EXHAUSTED", OVER_QUOTA, quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
              retry_info("17.5s")),
        RateLimitedError, "429 RESOURCE_EXHAUSTED: You exceeded", wait=17.5,
    ),
    "Retry-After alone": Failure(
        error(429, "RESOURCE_EXHAUSTED", "Too many.", Retry_After="31"), RateLimitedError, wait=31,
    ),
    "Retry-After as a date": Failure(
        recorded({"error": {"code": 429, "message": "Too many.", "status": "RESOURCE_EXHAUSTED"}}, 429,
                 {"Date": "Mon, 05 Jan 2026 12:00:00 GMT", "Retry-After": "Mon, 05 Jan 2026 12:00:42 GMT"}),
        RateLimitedError,
    ),
    "retry in words alone": Failure(
        error(429, "RESOURCE_EXHAUSTED", f"{OVER_QUOTA}\nPlease retry in 45.578569677s."),
        RateLimitedError, wait=45.578569677,
    ),
    "429 without a word": Failure(
        error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), RateLimitedError,
    ),
    "RetryInfo that is none": Failure(
        error(429, "RESOURCE_EXHAUSTED", "Too many.", retry_info({"seconds": -3}), Retry_After="soon"),
        RateLimitedError,
    ),
    "day's quota": Failure(
        error(429, "RESOURCE_EXHAUSTED", OVER_QUOTA, quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
              retry_info("27s")),
        DailyQuotaSpentError, wait=27,
    ),
    "no quota on this plan": Failure(
        error(429, "RESOURCE_EXHAUSTED", f"{OVER_QUOTA}\n* Quota exceeded for metric: generativelanguage.googleapis.com"
              "/generate_content_free_tier_requests, limit: 0, model: gemini-3-pro"),
        BillingNeededError,
    ),
    "credits used up": Failure(
        error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to AI Studio to manage your "
              "project and billing."),
        BillingNeededError, "credits are depleted",
    ),
    "429 in a list": Failure(
        recorded([{"error": {"code": 429, "message": "Resource exhausted.", "status": "RESOURCE_EXHAUSTED"}}], 429),
        RateLimitedError, "Resource exhausted",
    ),
    # It passes.
    "408": Failure(error(408, "", "Request timed out."), TooSlowError, "408"),
    "499": Failure(error(499, "CANCELLED", "The operation was cancelled."), ProviderUnavailable, "499 CANCELLED"),
    "500": Failure(error(500, "INTERNAL", "An internal error has occurred."), ProviderUnavailable, "500 INTERNAL"),
    "502 of a proxy": Failure(recorded(HTML, 502, {"Content-Type": "text/html"}), ProviderUnavailable, "502"),
    "503": Failure(
        error(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
        ProviderUnavailable, "overloaded",
    ),
    "503 with Retry-After": Failure(error(503, "UNAVAILABLE", "Later.", Retry_After="7"), ProviderUnavailable, wait=7),
    "504": Failure(error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."), TooSlowError),
    "529, which nobody defined": Failure(recorded(b"", 529), ProviderUnavailable, "529"),
    "connection reset": Failure(emulated.cutting, ProviderUnavailable),
    "connection reset in the middle of the body": Failure(emulated.half_body, ProviderUnavailable),
    # A success that is none.
    "error within a 200": Failure(
        recorded({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}),
        ProviderUnavailable, "503 UNAVAILABLE: The model is overloaded",
    ),
    "error by gRPC's number within a 200": Failure(
        recorded({"error": {"code": 8, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED"}}),
        RateLimitedError,
    ),
    "error without a name within a 200": Failure(
        recorded({"error": {"message": "Oops."}}), ProviderUnavailable, "Oops",
    ),
    "an error as text within a 200": Failure(
        recorded({"error": "API key not valid. Please pass a valid API key."}), KeyInvalidError, "API key not valid",
    ),
    "an error as text that is about a quota": Failure(
        recorded({"error": "Quota exceeded for model."}), RateLimitedError,
    ),
    "an error as text that is about load": Failure(
        recorded({"error": "The model is overloaded."}), ProviderUnavailable, "503",
    ),
    "an error as text that is about a model": Failure(
        recorded({"error": "model gemini-9 not found"}), ModelUnknownError, "404",
    ),
    "an error as text that is about time": Failure(recorded({"error": "upstream timed out"}), TooSlowError),
    "an error as text of nothing known": Failure(
        recorded({"error": "Oops at proxy.corp.example"}), ProviderUnavailable,
    ),
    "an error as text, refused": Failure(
        recorded({"error": "no, says proxy.corp.example"}, 403), ForbiddenError, "403",
    ),
    "an error as a list": Failure(recorded({"error": ["rate limit reached"]}), RateLimitedError),
    "an error as a number": Failure(recorded({"error": 429}), RateLimitedError),
    "an error that a gateway words": Failure(
        recorded({"error": {"message": "Slow down.", "type": "requests", "code": "rate_limit_exceeded"}}),
        RateLimitedError,
    ),
    "an error with its number as text": Failure(
        recorded({"error": {"message": "No.", "code": "401"}}), KeyInvalidError, "No.",
    ),
    "a bad key without a number": Failure(
        recorded({"error": {"message": "API key expired. Please renew the API key."}}), KeyInvalidError,
    ),
    "an error after half a stream": Failure(
        recorded([{"candidates": [{"content": {"parts": [{"text": "{"}]}}]},
                  {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}]),
        ProviderUnavailable, "503 UNAVAILABLE",
    ),
    "a stream whose end withholds it": Failure(
        recorded([{"candidates": [{"content": {"parts": [TEXT]}}]}, {"candidates": [{"finishReason": "SAFETY"}]}]),
        BlockedError,
    ),
    "a list of what are no responses": Failure(recorded([1, "two"]), UnreadableError),
    "a document of somebody else": Failure(
        recorded({"message": "Sign in at proxy.corp.example"}), UnreadableError, "200",
    ),
    "a body that is not what its encoding says": Failure(
        recorded(b"\x1f\x8b\x08\x00this is no gzip", headers={"Content-Encoding": "gzip"}), UnreadableError, "200",
    ),
    "plain text that is called gzip": Failure(
        recorded({"candidates": []}, headers={"Content-Encoding": "gzip"}), UnreadableError,
    ),
    "half a gzip": Failure(
        recorded(gzip.compress(REPORT.encode())[:-30], headers={"Content-Encoding": "gzip"}), UnreadableError,
    ),
    "a deflate that is none": Failure(
        recorded(b"\xff\xff\xff", headers={"Content-Encoding": "deflate"}), UnreadableError,
    ),
    "503 with a gzip that is none": Failure(
        recorded(b"no gzip", 503, headers={"Content-Encoding": "gzip"}), ProviderUnavailable, "503",
    ),
    "HTML within a 200": Failure(recorded(HTML, headers={"Content-Type": "text/html"}), UnreadableError, "200"),
    "half a document": Failure(emulated.broken_envelope, UnreadableError),
    "an empty body": Failure(recorded(b""), UnreadableError),
    "a list": Failure(recorded([]), UnreadableError),
    "an empty object": Failure(recorded({}), EmptyError, "no candidate"),
    "no candidates": Failure(recorded({"candidates": []}), EmptyError),
    "candidates of another type": Failure(recorded({"candidates": "none", "usageMetadata": [1]}), EmptyError),
    "a candidate without anything": Failure(recorded({"candidates": [{}]}), EmptyError),
    "content without parts": Failure(
        recorded({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}],
                  "usageMetadata": {"promptTokenCount": 900, "totalTokenCount": 900}}),
        EmptyError, usage=Usage(900),
    ),
    "blank text": Failure(candidate({"text": " \n"}), EmptyError),
    "a prompt blocked for safety": Failure(
        blocked_prompt("SAFETY", safetyRatings=[{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"}]),
        BlockedError, "blockReason SAFETY", usage=Usage(900),
    ),
    "a prompt with prohibited content": Failure(blocked_prompt("PROHIBITED_CONTENT"), BlockedError, usage=Usage(900)),
    "a prompt blocked for other reasons": Failure(blocked_prompt("OTHER"), BlockedError, usage=Usage(900)),
    "a prompt blocked for a reason without a name": Failure(
        blocked_prompt("JAILBREAK"), BlockedError, usage=Usage(900),
    ),
    "a withheld answer": Failure(
        candidate(finish="SAFETY", usage=THOUGHT_ONLY), BlockedError, "finishReason SAFETY", usage=Usage(900, 0, 1024),
    ),
    "half an answer, then withheld": Failure(candidate({"text": "{"}, finish="PROHIBITED_CONTENT"), BlockedError),
    "recitation": Failure(candidate(finish="RECITATION"), BlockedError, "RECITATION"),
    "blocklist": Failure(candidate(finish="BLOCKLIST"), BlockedError),
    "personal data": Failure(candidate(finish="SPII"), BlockedError),
    "another language": Failure(candidate(finish="LANGUAGE"), StoppedError, "LANGUAGE"),
    "other": Failure(
        candidate(finish="OTHER", finishMessage="The model stopped."),
        StoppedError, "finishReason OTHER: The model stopped.",
    ),
    "a malformed function call": Failure(candidate(finish="MALFORMED_FUNCTION_CALL"), StoppedError),
    "a finish reason without a name": Failure(candidate(finish="CONTINUATION_OF_2027"), StoppedError),
    "thoughts took all tokens": Failure(
        candidate(finish="MAX_TOKENS", usage=THOUGHT_ONLY), TruncatedError, "MAX_TOKENS", usage=Usage(900, 0, 1024),
    ),
    "thoughts took all tokens and are told": Failure(
        candidate({"text": "Let me see …", "thought": True}, finish="MAX_TOKENS", usage=THOUGHT_ONLY),
        TruncatedError, usage=Usage(900, 0, 1024),
    ),
}  # fmt: skip

ANSWERS: dict[str, Answered] = {
    "a report": Answered(
        candidate(TEXT, usage={"promptTokenCount": 400, "candidatesTokenCount": 120, "totalTokenCount": 520}),
        usage=Usage(400, 120),
    ),
    "thoughts beside the text": Answered(
        candidate({"text": '{"draft": true}', "thought": True}, TEXT,
                  usage={"promptTokenCount": 400, "candidatesTokenCount": 120, "totalTokenCount": 1520,
                         "thoughtsTokenCount": 1000}),
        usage=Usage(400, 120, 1000),
    ),
    "thoughts that only the total shows": Answered(
        candidate(TEXT, usage={"promptTokenCount": 400, "candidatesTokenCount": 120, "totalTokenCount": 820}),
        usage=Usage(400, 120, 300),
    ),
    "a thought signature on the text": Answered(candidate({**TEXT, "thoughtSignature": "Eqs2Cqg2AbSp"})),
    "text in several parts": Answered(candidate({"text": REPORT[:50]}, {"text": REPORT[50:]})),
    "a part that is no text": Answered(candidate({"functionCall": {"name": "f", "args": {}}}, TEXT)),
    "a finish reason without a name": Answered(candidate(TEXT, finish="CONTINUATION_OF_2027")),
    "no finish reason": Answered(candidate(TEXT, finish=None)),
    "cut off": Answered(
        candidate({"text": REPORT[:80]}, finish="MAX_TOKENS",
                  usage={"promptTokenCount": 400, "candidatesTokenCount": 24, "totalTokenCount": 1424,
                         "thoughtsTokenCount": 1000}),
        REPORT[:80], Usage(400, 24, 1000), cut=True,
    ),
    "fields that nobody knows yet": Answered(
        candidate(TEXT, usage={"promptTokenCount": 400, "candidatesTokenCount": 120, "dreamsTokenCount": 7,
                               "totalTokenCount": 520}, dreams=[1, 2]),
        usage=Usage(400, 120),
    ),
    "a byte order mark before the document": Answered(
        recorded(b"\xef\xbb\xbf" + json.dumps({"candidates": [{"content": {"parts": [TEXT]}}]}).encode()),
    ),
    "a response in a list": Answered(recorded([{"candidates": [{"content": {"parts": [TEXT]}}]}])),
    "a stream as a list": Answered(recorded(CHUNKS), usage=Usage(400, 120)),
    "a stream as events": Answered(
        recorded("".join(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in CHUNKS).encode(),
                 headers={"Content-Type": "text/event-stream"}),
        usage=Usage(400, 120),
    ),
    "a stream that was cut off": Answered(
        recorded([*CHUNKS[:2], {"candidates": [{"finishReason": "MAX_TOKENS"}]}]), REPORT[:80], cut=True,
    ),
    "a line break within the document": Answered(
        recorded(json.dumps({"candidates": [{"content": {"parts": [{"text": "a~b"}]}}]}).replace("~", "\n").encode()),
        "a\nb",
    ),
    "an error that is none": Answered(recorded({"error": None, "candidates": [{"content": {"parts": [TEXT]}}]})),
}  # fmt: skip


def sample(**changes: Any) -> str:
    """A report that is none: what a schema or a prompt would have there."""
    issue = {"issue_type": "string", "severity": "low", "description": "string"}
    return json.dumps({"summary": "string", "identified_issues": [issue], "recommendations": ["string"],
                       "root_cause_hypothesis": None, "confidence_score": 0.5} | changes)  # fmt: skip


BROKEN_LINES = REPORT.replace("Confidence is", "Confidence\nis").replace("inputs have", "inputs\thave")
REPORT_TEXTS = {
    "raw line breaks and tabs": (BROKEN_LINES.encode().decode("unicode_escape"), {
        "summary": "Confidence\nis low and falling.", "root_cause_hypothesis": "The inputs have changed."}),
    "JSON as text": (json.dumps(REPORT), {}),
    "JSON as text as text": (json.dumps(json.dumps(REPORT)), {}),
    "an object within text within an object": (json.dumps({"report": REPORT}), {}),
    "an object within an object": (json.dumps({"report": FINDINGS}), {}),
    "an object within a list within an object": (json.dumps({"data": {"reports": [FINDINGS]}}), {}),
    "text in a fence within an object": (json.dumps({"answer": f"```json\n{REPORT}\n```"}), {}),
    "120 stray braces": ("{" * 120 + REPORT, {}),
    "450 stray braces that may begin an object": ('{"' * 450 + REPORT, {}),
    "an example before": (f"For example:\n{sample(summary='Latency is fine.')}\nThe report:\n{REPORT}", {}),
    "the schema's pattern before": (sample() + REPORT, {}),
    "the schema's pattern behind": (f"{REPORT}\nby the schema {sample()}", {}),
    "a pattern in angles behind": (REPORT + sample(summary="<one or two sentences>"), {}),
    "the schema itself before": (json.dumps({"type": "OBJECT", "properties": {"summary": {"type": "STRING"}}}) + REPORT,
                                 {}),
    "a draft beside the report": (json.dumps({"draft": json.loads(sample(summary="Draft.")), "report": FINDINGS}), {}),
}  # fmt: skip
"""Texts that hold the report, some with other words in it."""
