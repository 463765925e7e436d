"""However its file computes, `sentiment` says what it said when the figures of its card were taken."""

import pytest

from prediction_tests.test_behaviour import judge_of

NEAR = 0.03
"""Of a probability. Processors add up 32 bits in orders of their own, and what was near the edge between two of the 256
steps of 8 bits then falls on its other side."""

SAID = {
    "He means well, but his advice is useless.": (0.859, 0.089, 0.052),
    "The beginning is slow, but the ending is brilliant.": (0.047, 0.042, 0.912),
    "What a surprise, the lift is out of order once more.": (0.899, 0.013, 0.088),
    "Its losses deepened in the spring quarter.": (0.298, 0.025, 0.677),
    "Joblessness hit a record high in the region.": (0.031, 0.060, 0.909),
    "Order books are fuller than ever.": (0.111, 0.791, 0.097),
    "Margins improved thanks to cheaper cotton.": (0.210, 0.043, 0.747),
    "The deal is subject to approval by the authorities.": (0.055, 0.620, 0.325),
    "Nobody has rung me back.": (0.084, 0.094, 0.823),
    "You'd be hard pressed to find a flaw.": (0.721, 0.169, 0.111),
    "Not once did I feel unwelcome.": (0.056, 0.041, 0.903),
    "Don't expect anyone to be polite here.": (0.834, 0.123, 0.043),
    "None of it made the slightest sense.": (0.896, 0.079, 0.025),
    "It is no better than the free one.": (0.759, 0.048, 0.193),
    "My old vacuum did a finer job.": (0.083, 0.020, 0.896),
    "A brick would take sharper photos.": (0.129, 0.759, 0.112),
    "The second part doesn't reach the level of the first.": (0.887, 0.088, 0.025),
    "It works just as well as the brand that costs three times more.": (0.045, 0.039, 0.917),
    "This box is deeper than that one.": (0.206, 0.575, 0.219),
    "That burger was sick.": (0.616, 0.024, 0.359),
    "Her cooking is finger-licking good.": (0.052, 0.071, 0.877),
    "That ending gave me chills, in the best way.": (0.049, 0.047, 0.904),
    "The whole project went pear-shaped.": (0.894, 0.066, 0.040),
    "He really got under my skin.": (0.588, 0.264, 0.148),
    "Sure, take your time, it's not as if I had a job.": (0.525, 0.230, 0.245),
    "How kind of the airline to send my bag to another continent.": (0.911, 0.062, 0.027),
    "What a lovely surprise: all my friends in one room.": (0.152, 0.016, 0.833),
    "The food was good.": (0.048, 0.056, 0.896),
    "I like this song.": (0.051, 0.043, 0.906),
    "He was angry.": (0.639, 0.319, 0.042),
    "He was furious.": (0.532, 0.414, 0.053),
    "That was slightly annoying.": (0.841, 0.109, 0.051),
}
"""What the file that was evaluated gives to negative, neutral and positive, for sentences that it is least sure of: no
other numbers move as easily."""


@pytest.mark.parametrize("text", SAID)
def test_its_probabilities_are_those_of_the_evaluated_file(text: str) -> None:
    scores = judge_of("sentiment")(text)
    said = dict(zip(("negative", "neutral", "positive"), SAID[text], strict=True))
    assert scores == pytest.approx(said, abs=NEAR)
    assert max(scores, key=scores.__getitem__) == max(said, key=said.__getitem__)
