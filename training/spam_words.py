"""Trains a small spam classifier and writes it as ONNX.

In an environment of its own with spam_words.in, at the top of the repository:

    python -m training.spam_words models/spam-words/1.0.0

The messages are made up from the parts below, the same ones every time; a quarter is kept for the test. For a
pipeline of your own, replace `messages` by your data and put a model.toml beside the file that comes out.
"""

import random
import sys
from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

LABELS = ["ham", "spam"]

SPAM = (
    ["Congratulations", "Dear customer", "Urgent", "Final notice", "Hello winner", "Attention", "Limited offer"],
    [
        "you have won a free {thing}",
        "claim your {thing} now",
        "your {thing} is waiting, click the link",
        "buy one {thing} and get a discount of 90 percent",
        "cheap {thing} without prescription, order today",
        "earn cash from home with our {thing}",
        "verify your account to receive a {thing}",
    ],
    ["prize", "gift card", "iphone", "bonus", "loan", "holiday", "casino credit", "watch", "voucher", "lottery ticket"],
    ["Reply YES to unsubscribe.", "Act now!", "Call this number today.", "Offer expires tonight.", "100 percent free!"],
)
HAM = (
    ["Hi", "Good morning", "Hey", "Hello Anna", "Dear colleagues", "Just a note", "Quick question"],
    [
        "can you send me the {thing} before lunch",
        "the {thing} is on the table in the kitchen",
        "I will be late for the {thing} today",
        "did you read the {thing} I wrote yesterday",
        "thank you for your help with the {thing}",
        "please order a new {thing} for the office",
        "we talked about the {thing} in the meeting",
    ],
    ["report", "invoice", "schedule", "book", "watch", "dinner", "ticket", "key", "draft", "holiday plan"],
    ["See you later.", "Call me when you are free.", "Thanks!", "Talk to you tomorrow.", "Have a nice day."],
)


def messages(count: int, rng: random.Random) -> tuple[list[str], list[int]]:
    """Texts, and the index of each one's label."""
    texts, labels = [], []
    for _ in range(count):
        label = rng.randrange(2)
        openings, sentences, things, endings = SPAM if label else HAM
        sentence = rng.choice(sentences).format(thing=rng.choice(things))
        parts = [f"{rng.choice(openings)},", f"{sentence}."]
        if rng.random() < 0.5:
            parts.append(rng.choice(endings))
        texts.append(" ".join(parts))
        labels.append(label)
    return texts, labels


def main(folder: Path) -> None:
    """Trains, tells how often it is right on messages that it has not seen, and writes model.onnx into the folder."""
    messages_made, labels = messages(4000, random.Random(7))  # noqa: S311 - nothing secret is drawn
    # The service does this for us (`lowercase` in model.toml): in ONNX it needs a locale that slim systems lack.
    texts = [text.lower() for text in messages_made]
    pipeline = Pipeline(
        [
            ("words", TfidfVectorizer(lowercase=False, token_pattern="[a-z]+")),  # noqa: S106 - words, not passwords
            ("classifier", LogisticRegression(C=4.0)),
        ]
    )
    pipeline.fit(texts[1000:], labels[1000:])
    sys.stdout.write(f"right on unseen messages: {pipeline.score(texts[:1000], labels[:1000]):.3f}\n")
    onnx = to_onnx(
        pipeline,
        initial_types=[("text", StringTensorType([None]))],
        options={id(pipeline): {"zipmap": False}},
        target_opset=18,
    )
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
