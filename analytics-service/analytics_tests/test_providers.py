"""Both SDKs keep the same promises, against the same wire format."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from analytics_service.contracts.report import Findings
from analytics_service.gemini import gemini_provider
from analytics_service.gemini.provider import (
    CompletionRequest,
    FlawedError,
    Provider,
    ProviderError,
    ProviderUnavailable,
    TooSlowError,
    UnforeseenError,
    UntrueError,
    UnusableError,
    Usage,
)
from analytics_service.gemini.refusals import header_seconds
from analytics_service.gemini.report_text import findings_in
from analytics_service.settings import Settings
from analytics_service.testing import gemini_emulator as emulated
from analytics_service.testing.gemini_emulator import Behaviour, GeminiEmulator, slow
from analytics_tests.wire_shapes import ANSWERS, FAILURES, REPORT_TEXTS, error
from shared.settings.settings import load_settings

KEY = "sesame-open"
QUESTION = CompletionRequest("How are we doing?")
SDKS = ["google-generativeai", "google-genai"]


def failing_with(message: str) -> Behaviour:
    return error(418, "FAILED_PRECONDITION", message)


@pytest.fixture(params=SDKS)
async def provider(request: pytest.FixtureRequest, gemini: GeminiEmulator) -> AsyncIterator[Provider]:
    settings = Settings(_env_file=None, gemini_api_key=KEY, gemini_api_endpoint=gemini.url, gemini_sdk=request.param)
    provider = gemini_provider(settings)
    assert provider is not None
    await provider.prepare()
    yield provider
    await provider.close()


async def test_the_question_carries_key_model_prompt_and_the_form_of_the_answer(
    provider: Provider, gemini: GeminiEmulator
) -> None:
    answer = await provider.generate(QUESTION, 5)
    (call,) = gemini.calls
    assert call.key == KEY
    assert call.path.startswith("/v1beta/models/gemini-2.5-flash-lite:generateContent")
    assert call.prompt == "How are we doing?"
    asked = call.body["generationConfig"]
    assert asked["responseMimeType"] == "application/json"
    assert asked["temperature"] == pytest.approx(0.3)
    assert asked["maxOutputTokens"] == 1024
    assert set(asked["responseSchema"]["properties"]) == set(emulated.FINDINGS)
    assert "thinkingConfig" not in asked
    assert answer.usage == Usage(400, 120)
    assert emulated.FINDINGS["summary"] in answer.text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_so_the_key_stays_where_it_belongs(
    provider: Provider, gemini: GeminiEmulator, status: int
) -> None:
    with GeminiEmulator() as elsewhere:
        location = {"Location": f"{elsewhere.url}/v1beta/models/gemini:generateContent"}
        gemini.behave(lambda exchange: exchange.respond(status, b"", headers=location))
        with pytest.raises(ProviderError) as raised:
            await provider.generate(QUESTION, 5)
        assert (len(gemini.calls), elsewhere.calls) == (1, [])
        assert raised.value.said.status == status


@pytest.mark.parametrize("shape", FAILURES)
async def test_a_failure_is_one_call_and_one_of_our_errors_that_says_what_was_said(
    provider: Provider, gemini: GeminiEmulator, shape: str
) -> None:
    failure = FAILURES[shape]
    gemini.behave(failure.behaviour)
    with pytest.raises(ProviderError) as raised:
        await provider.generate(QUESTION, 5)
    error = raised.value
    assert type(error) is failure.error
    assert failure.told in str(error.said)
    assert len(error.said.text) <= 200
    assert "AIza" not in str(error.said)
    assert "example" not in error.said.public, "a proxy's words name hosts"
    assert (error.usage or Usage()) == (failure.usage or Usage())
    assert failure.wait is None or error.retry_after_seconds == failure.wait
    assert len(gemini.calls) == 1


@pytest.mark.parametrize("shape", ANSWERS)
async def test_an_answer_is_its_text_and_what_it_is_billed_for(
    provider: Provider, gemini: GeminiEmulator, shape: str
) -> None:
    expected = ANSWERS[shape]
    gemini.behave(expected.behaviour)
    answer = await provider.generate(QUESTION, 5)
    assert (answer.text, answer.usage, answer.cut) == (expected.text, expected.usage, expected.cut)
    assert len(gemini.calls) == 1


@pytest.mark.parametrize("shape", REPORT_TEXTS)
async def test_a_report_is_found_in_whatever_text_it_stands(
    provider: Provider, gemini: GeminiEmulator, shape: str
) -> None:
    text, others = REPORT_TEXTS[shape]
    gemini.behave(emulated.saying(text))
    assert findings_in(await provider.generate(QUESTION, 5)) == Findings(**emulated.FINDINGS | others)
    assert len(gemini.calls) == 1


def test_there_are_enough_shapes_and_each_error_has_one() -> None:
    assert len(FAILURES) + len(ANSWERS) >= 40
    elsewhere = {UnusableError, UntrueError, UnforeseenError, FlawedError}  # of the text, of the client, of none
    seen = {failure.error for failure in FAILURES.values()} | elsewhere
    assert set(kinds_of(ProviderError)) <= seen
    reasons = [
        kind.reason
        for kind in kinds_of(ProviderError)
        if kind not in elsewhere - {UnusableError, UntrueError, UnforeseenError}
    ]
    assert len(reasons) == len(set(reasons)), "one class of error per reason"


def kinds_of(error: type[ProviderError]) -> Iterator[type[ProviderError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from kinds_of(kind)


async def test_the_key_is_in_no_words_even_when_gemini_repeats_it(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.behave(failing_with("The key sesame-open is not welcome, sesame-open!\nlevel=critical \u202e\x1b[31mred"))
    with pytest.raises(ProviderError) as raised:
        await provider.generate(QUESTION, 5)
    assert raised.value.said.text == "The key [key] is not welcome, [key]! level=critical [31mred"


async def test_retry_after_as_a_date_counts_from_the_responses_own_date() -> None:
    headers = {"date": "Mon, 05 Jan 2026 12:00:00 GMT", "retry-after": "Mon, 05 Jan 2026 12:00:42 GMT"}
    assert header_seconds(headers) == 42


@pytest.mark.parametrize("value", ["", "soon", "-3", "1e3", "9" * 30, "Mon, 99 Jan 2026"])
async def test_a_retry_after_that_makes_no_sense_is_none(value: str) -> None:
    assert header_seconds({"retry-after": value}) is None


async def test_an_answer_that_takes_too_long_is_not_waited_for(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.behave(slow(3))
    started = asyncio.get_running_loop().time()
    with pytest.raises(TooSlowError):
        await provider.generate(QUESTION, 0.3)
    assert asyncio.get_running_loop().time() - started < 2.5
    assert len(gemini.calls) == 1


async def test_nobody_there_is_unavailable(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.stop()
    with pytest.raises(ProviderUnavailable):
        await provider.generate(QUESTION, 5)


async def test_the_event_loop_is_free_while_gemini_thinks(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.behave(slow(0.5))
    thinking = asyncio.create_task(provider.generate(QUESTION, 5))
    turns = 0
    while not thinking.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_without_a_key_there_is_no_provider() -> None:
    assert gemini_provider(Settings(_env_file=None)) is None


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize(("budget", "room", "bound"), [(0, 1, 1024), (-1, 1, 1024), (2000, 1, 3024), (2000, 4, 6096)])
async def test_a_thinking_budget_is_sent_and_comes_on_top_of_the_answers_tokens(
    gemini: GeminiEmulator, sdk: str, budget: int, room: int, bound: int
) -> None:
    settings = Settings(
        _env_file=None,
        gemini_api_key=KEY,
        gemini_api_endpoint=gemini.url,
        gemini_sdk=sdk,
        gemini_thinking_budget=budget,
    )
    provider = gemini_provider(settings)
    assert provider is not None
    await provider.generate(CompletionRequest("How are we doing?", room), 5)
    await provider.close()
    (call,) = gemini.calls
    asked = call.body["generationConfig"]
    # Protobuf's JSON takes both spellings of a field; google-genai uses the other one here.
    assert list(asked["thinkingConfig"].items()) in ([("thinkingBudget", budget)], [("thinking_budget", budget)])
    assert asked["maxOutputTokens"] == bound


@pytest.mark.parametrize(
    "key", ["  AIzaSyFake-Key_1 ", "AIzaSyFake-Key_1\n", "\r\n\tAIzaSyFake-Key_1", "\ufeffAIzaSyFake-Key_1"]
)
async def test_what_pasting_leaves_around_a_key_is_not_sent(gemini: GeminiEmulator, key: str) -> None:
    provider = gemini_provider(Settings(_env_file=None, gemini_api_key=key, gemini_api_endpoint=gemini.url))
    assert provider is not None
    await provider.generate(QUESTION, 5)
    assert [call.key for call in gemini.calls] == ["AIzaSyFake-Key_1"]


@pytest.mark.parametrize("key", ["two words", '"quoted"', "'quoted'", "schlüssel", "a\nb", "a\x00b"])
def test_a_key_that_cannot_be_one_stops_the_start_in_one_line(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if "\x00" in key:
        (tmp_path / "key").write_text(key)
        monkeypatch.setenv("GEMINI_API_KEY_FILE", str(tmp_path / "key"))
    else:
        monkeypatch.setenv("GEMINI_API_KEY", key)
    with pytest.raises(SystemExit):
        load_settings(Settings, "analytics-service")
    said = capsys.readouterr().err
    assert said.startswith("analytics-service: GEMINI_API_KEY: ")
    assert said.count("\n") == 1
    assert key not in said


@pytest.mark.parametrize("key", ["", "  ", "\n"])
async def test_a_blank_key_is_none(key: str) -> None:
    assert gemini_provider(Settings(_env_file=None, gemini_api_key=key)) is None
