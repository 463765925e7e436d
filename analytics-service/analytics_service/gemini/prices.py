"""What Gemini models cost; pure.

Source: https://ai.google.dev/gemini-api/docs/pricing, standard tier, text, prompts of up to 200,000 tokens, as of
October 2026. Output prices include thoughts. GEMINI_INPUT_PRICE and GEMINI_OUTPUT_PRICE go before the table.
"""

from enum import StrEnum

from pydantic import BaseModel, Field

from analytics_service.gemini.provider import Usage

MILLION = 1_000_000


class PriceSource(StrEnum):
    """Where a price comes from."""

    SETTINGS = "settings"
    TABLE = "table"
    GUESS = "guess"
    """The table does not know the model: the dearest it knows, so that costs are rather too high than too low."""


class Prices(BaseModel):
    """US dollars per million tokens."""

    input: float = Field(description="Of the prompt")
    output: float = Field(description="Of the answer and of the thoughts before it")
    source: PriceSource = PriceSource.SETTINGS

    def of(self, usage: Usage) -> float:
        """What a call cost, in US dollars."""
        output_tokens = usage.answer_tokens + usage.thought_tokens
        return (usage.prompt_tokens * self.input + output_tokens * self.output) / MILLION


TABLE: dict[str, tuple[float, float]] = {
    "gemini-2.0-flash": (0.10, 0.40),
    "gemini-2.0-flash-lite": (0.075, 0.30),
    "gemini-2.5-flash": (0.30, 2.50),
    "gemini-2.5-flash-lite": (0.10, 0.40),
    "gemini-2.5-pro": (1.25, 10.0),
    "gemini-3-flash": (0.50, 3.0),
    "gemini-3-pro": (2.0, 12.0),
    "gemini-3.1-flash-lite": (0.25, 1.50),
    "gemini-3.1-pro": (2.0, 12.0),
    "gemini-3.5-flash": (1.50, 9.0),
    "gemini-3.5-flash-lite": (0.30, 2.50),
    "gemini-3.6-flash": (1.50, 7.50),
    "gemini-3.8-flash": (1.50, 7.50),  # half of it until the end of 2026
}


def prices_of(model: str, input_price: float | None = None, output_price: float | None = None) -> Prices:
    """The prices of a model; a name with a suffix, such as `-preview-09-2025`, costs what the name without it does."""
    names = [name for name in TABLE if model == name or model.startswith(f"{name}-")]
    known = TABLE[max(names, key=len)] if names else None
    listed_input, listed_output = known or (max(a for a, _ in TABLE.values()), max(b for _, b in TABLE.values()))
    given = input_price is not None and output_price is not None
    listed = PriceSource.TABLE if known else PriceSource.GUESS
    return Prices(
        input=listed_input if input_price is None else input_price,
        output=listed_output if output_price is None else output_price,
        source=PriceSource.SETTINGS if given else listed,
    )
