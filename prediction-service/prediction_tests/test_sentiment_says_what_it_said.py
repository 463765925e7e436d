"""However its file computes, `sentiment` says what it said when the figures of its card were taken."""

import pytest

from prediction_tests.test_behaviour import judge_of

NEAR = 0.03
"""Of a probability. Processors add up 32 bits in orders of their own, and what was near the edge between two of the 256
steps of 8 bits then falls on its other side."""

SAID = {
    "He means well, but his advice is useless.": (0.878, 0.076, 0.046),
    "The beginning is slow, but the ending is brilliant.": (0.043, 0.038, 0.919),
    "What a surprise, the lift is out of order once more.": (0.922, 0.012, 0.065),
    "Its losses deepened in the spring quarter.": (0.074, 0.018, 0.908),
    "Joblessness hit a record high in the region.": (0.023, 0.041, 0.936),
    "Order books are fuller than ever.": (0.087, 0.829, 0.084),
    "Margins improved thanks to cheaper cotton.": (0.140, 0.038, 0.822),
    "The deal is subject to approval by the authorities.": (0.036, 0.835, 0.129),
    "Nobody has rung me back.": (0.069, 0.074, 0.858),
    "You'd be hard pressed to find a flaw.": (0.767, 0.117, 0.115),
    "Not once did I feel unwelcome.": (0.034, 0.026, 0.940),
    "Don't expect anyone to be polite here.": (0.848, 0.111, 0.041),
    "None of it made the slightest sense.": (0.904, 0.072, 0.024),
    "It is no better than the free one.": (0.701, 0.043, 0.256),
    "My old vacuum did a finer job.": (0.069, 0.023, 0.908),
    "A brick would take sharper photos.": (0.117, 0.778, 0.105),
    "The second part doesn't reach the level of the first.": (0.883, 0.092, 0.025),
    "It works just as well as the brand that costs three times more.": (0.042, 0.035, 0.923),
    "This box is deeper than that one.": (0.110, 0.705, 0.185),
    "That burger was sick.": (0.595, 0.025, 0.380),
    "Her cooking is finger-licking good.": (0.051, 0.072, 0.878),
    "That ending gave me chills, in the best way.": (0.045, 0.041, 0.914),
    "The whole project went pear-shaped.": (0.899, 0.064, 0.037),
    "He really got under my skin.": (0.593, 0.266, 0.141),
    "Sure, take your time, it's not as if I had a job.": (0.665, 0.151, 0.184),
    "How kind of the airline to send my bag to another continent.": (0.925, 0.050, 0.025),
    "What a lovely surprise: all my friends in one room.": (0.414, 0.021, 0.565),
    "The food was good.": (0.048, 0.057, 0.895),
    "I like this song.": (0.049, 0.042, 0.908),
    "He was angry.": (0.651, 0.307, 0.042),
    "He was furious.": (0.539, 0.408, 0.053),
    "That was slightly annoying.": (0.826, 0.115, 0.059),
}
"""What the file that was evaluated gives to negative, neutral and positive, for sentences that 2.0.0 was least sure
of: no other numbers move as easily."""


@pytest.mark.parametrize("text", SAID)
def test_its_probabilities_are_those_of_the_evaluated_file(text: str) -> None:
    scores = judge_of("sentiment")(text)
    said = dict(zip(("negative", "neutral", "positive"), SAID[text], strict=True))
    assert scores == pytest.approx(said, abs=NEAR)
    assert max(scores, key=scores.__getitem__) == max(said, key=said.__getitem__)
