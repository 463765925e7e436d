"""Texts of many kinds to try a model with. It must be able to compute them; which labels it chooses does not matter."""

from prediction_service.request.texts import MAX_CHARACTERS

SHORT = (
    "Warming up.",
    "A second text, somewhat longer than the first, so that a batch has to be padded.",
    "I love it. What a wonderful little server!",
    "This is the worst thing that I have ever bought, and nobody answers.",
    "The train leaves at nine.",
    "Not bad, but not good either; I would say it depends.",
    "Congratulations, you have won a free prize. Call 0800 123456 now!!!",
    "Hi, can you send me the report before lunch? Thank you.",
    "WHY IS EVERYTHING BROKEN AGAIN",
    "x",
    ".",
    "?!",
    "42",
    "-1,234.56 % of 3e8 m/s",
    "one",
    "Ümlaute, café, naïve, smørrebrød, İstanbul, ΟΔΟΣ",
    "Это замечательный день.",
    "これは本当に素晴らしい映画でした。",
    "هذا المنتج سيء جدا",
    "😀😡💔 👩‍💻 ❤️",
    "https://example.org/path?query=1&other=two#part @somebody #hashtag",
    '<p class="x">&amp; {"json": [1, 2, null]} \\n</p>',
    "def f(x):\n\treturn x ** 2  # C#, C++\r\n",
    "zero\u200bwidth\u200djoiner\ufeffand\u00a0blanks\u3000",
    "good " * 12,
    "bad " * 12,
)

LONG = (
    ("It was a long and fine day at the sea, and nobody was late. " * 200)[:MAX_CHARACTERS],
    "a" * MAX_CHARACTERS,
    "a!" * 500,
)
"""Up to the longest texts: many words; one endless word, which is slow for regular expressions with backtracking; and
punctuation."""
