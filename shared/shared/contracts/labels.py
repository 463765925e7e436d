"""What a label may be, wherever it is said: in a manifest, in feedback."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def check_label(label: str) -> str:
    """Raises ValueError for a label that charts or logs cannot show, or that looks like another label."""
    checked = ALLOWED_INVISIBLE.sub("", label)
    if label != label.strip() or any(unicodedata.category(character) in UNPRINTABLE for character in checked):
        raise ValueError("a label has no blanks around it and nothing in it that cannot be printed")
    return label


UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of invisible characters: control, format (zero width, direction of writing), lone surrogates,
line and paragraph separators."""

EMOJI = r"\u2190-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
ALLOWED_INVISIBLE = re.compile(
    rf"(?<=[\ufe0f{EMOJI}])\u200d(?=[{EMOJI}])"  # joins two emoji to one: 👩‍💻
    "|(?<=[\u0600-\u0dff])[\u200c\u200d](?=[\u0600-\u0dff])"  # letters, in the scripts from Arabic to Sinhala
    "|(?<=\U0001f3f4)[\U000e0020-\U000e007e]+\U000e007f"  # flags of parts of countries
)
"""Where invisible characters are part of correct spelling."""


Label = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(check_label)]
"""As in responses, records and charts: `C#`, `5 stars (best)`, `😀`, whatever a model was trained on."""
