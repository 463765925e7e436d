"""Both SDKs keep the same promises, against the same wire format."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from analytics_service.gemini import gemini_provider
from analytics_service.provider import (
    Blocked,
    Provider,
    ProviderError,
    RateLimited,
    Rejected,
    TooSlow,
    Unavailable,
    Unreadable,
)
from analytics_service.settings import Settings
from analytics_service.testing import gemini_emulator as emulated
from analytics_service.testing.gemini_emulator import Behaviour, GeminiEmulator, failing, rate_limited, slow


@pytest.fixture(params=["google-generativeai", "google-genai"])
async def provider(request: pytest.FixtureRequest, gemini: GeminiEmulator) -> AsyncIterator[Provider]:
    settings = Settings(_env_file=None, gemini_api_key="key", gemini_api_endpoint=gemini.url, gemini_sdk=request.param)
    provider = gemini_provider(settings)
    assert provider is not None
    await provider.prepare()
    yield provider
    await provider.close()


async def test_the_question_carries_key_model_prompt_and_the_form_of_the_answer(
    provider: Provider, gemini: GeminiEmulator
) -> None:
    answer = await provider.generate("How are we doing?", 5)
    (call,) = gemini.calls
    assert call.key == "key"
    assert call.path.startswith("/v1beta/models/gemini-2.5-flash-lite:generateContent")
    assert call.prompt == "How are we doing?"
    asked = call.body["generationConfig"]
    assert asked["responseMimeType"] == "application/json"
    assert asked["temperature"] == pytest.approx(0.3)
    assert asked["maxOutputTokens"] == 1024
    assert set(asked["responseSchema"]["properties"]) == set(emulated.FINDINGS)
    assert (answer.prompt_tokens, answer.answer_tokens) == (400, 120)
    assert emulated.FINDINGS["summary"] in answer.text


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (failing(500), Unavailable),
        (failing(503, "UNAVAILABLE"), Unavailable),
        (failing(504, "DEADLINE_EXCEEDED"), Unavailable),
        (emulated.html_error, Unavailable),
        (emulated.cutting, Unavailable),
        (emulated.half_body, Unavailable),
        (rate_limited(), RateLimited),
        (failing(400, "INVALID_ARGUMENT"), Rejected),
        (failing(401, "UNAUTHENTICATED"), Rejected),
        (failing(403, "PERMISSION_DENIED"), Rejected),
        (failing(404, "NOT_FOUND"), Rejected),
        (emulated.broken_envelope, Unreadable),
        (emulated.blocked, Blocked),
        (emulated.stopped_for_safety, Blocked),
    ],
)
async def test_a_failure_is_one_call_and_one_of_our_errors(
    provider: Provider, gemini: GeminiEmulator, behaviour: Behaviour, error: type[ProviderError]
) -> None:
    gemini.behave(behaviour)
    with pytest.raises(error) as raised:
        await provider.generate("How are we doing?", 5)
    assert type(raised.value) is error
    assert len(gemini.calls) == 1


async def test_a_429_says_how_long_to_wait(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.behave(rate_limited("17.5s"))
    with pytest.raises(RateLimited) as limited:
        await provider.generate("How are we doing?", 5)
    assert limited.value.retry_after_seconds == 17.5


async def test_an_answer_that_takes_too_long_is_not_waited_for(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.behave(slow(3))
    started = asyncio.get_running_loop().time()
    with pytest.raises(TooSlow):
        await provider.generate("How are we doing?", 0.3)
    assert asyncio.get_running_loop().time() - started < 2.5
    assert len(gemini.calls) == 1


async def test_nobody_there_is_unavailable(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.stop()
    with pytest.raises(Unavailable):
        await provider.generate("How are we doing?", 5)


async def test_the_event_loop_is_free_while_gemini_thinks(provider: Provider, gemini: GeminiEmulator) -> None:
    gemini.behave(slow(0.5))
    thinking = asyncio.create_task(provider.generate("How are we doing?", 5))
    turns = 0
    while not thinking.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_without_a_key_there_is_no_provider() -> None:
    assert gemini_provider(Settings(_env_file=None)) is None
