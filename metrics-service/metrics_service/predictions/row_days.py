"""How long predictions are kept: all of them, and those of models that are kept less long; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter
from pydantic_settings import NoDecode

from shared.contracts.names import ModelName
from shared.settings.listed_names import parse_list

NAME: TypeAdapter[str] = TypeAdapter(ModelName)
MOST_DIGITS = 4


def parse_days(value: Any) -> Any:
    """`churn:7,fraud:1` as days by model. Raises ValueError."""
    if not isinstance(value, str):
        return value
    days: dict[str, int] = {}
    for word in parse_list(value):
        model, _, number = word.partition(":")
        if model in days:
            raise ValueError(f"{model} is named twice")
        days[model_name(model, word)] = whole_days(number, word)
    return days


def model_name(name: str, word: str) -> str:
    """The name. Raises ValueError for what no model can be called."""
    try:
        return NAME.validate_python(name)
    except ValueError:
        raise ValueError(f"{word!r} is not of the form model:days") from None


def whole_days(number: str, word: str) -> int:
    """The number. Raises ValueError for what is none, or less than a day."""
    if not (number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS and int(number) >= 1):
        raise ValueError(f"{word!r} is not of the form model:days, with whole days, 1 or more")
    return int(number)


DaysByModel = Annotated[dict[str, int], NoDecode, BeforeValidator(parse_days)]


@dataclass(frozen=True, slots=True)
class RowDays:
    """Whole days (UTC) before today of which predictions are kept; `by_model` has less for some."""

    of_all: int
    by_model: Mapping[str, int] = field(default_factory=dict)

    def oldest(self, now: datetime, model_name: str | None = None) -> datetime:
        """Predictions of a model, or of whatever model, from before that go, or are gone."""
        days = self.of_all if model_name is None else self.by_model.get(model_name, self.of_all)
        return datetime.combine(now.astimezone(UTC).date() - timedelta(days=days), time(), UTC)
