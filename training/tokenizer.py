"""The tokenizer that is shipped: the published one with a smaller vocabulary, and with what tweets need.

All preparation of a text stands in tokenizer.json, so training and service cannot differ.
"""

import json
import re
from pathlib import Path

from tokenizers import Tokenizer

READABLE = re.compile("(##)?[ -~\u20ac\u00a3\u00a5\u00b0\u2013\u2014\u2026\u2022]+")
"""Word pieces kept: ASCII and a few signs of typeset English (accents are stripped before). Everything else becomes
[UNK], which is trained to mean that nothing can be said."""

REPLACED = (
    (r"https?://\S+|www\.\S+", "http"),
    (r"(?<!\w)@\w+", "@user"),
    ("[\u2018\u2019\u00b4`]", "'"),
    ("[\u201c\u201d\u201e]", '"'),
    ("[\u200b-\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]", ""),
    ("[😀😃😄😁😊🙂☺😇🤗😎😋]", " happy "),
    ("[😍🥰😘😻💕💖💗💘💙💚💛💜💞❤♥🤍🖤🧡]", " love "),
    ("[😂🤣😆😅😹]", " laughing "),
    ("[😉😜😛😝🤪😏]", " joking "),
    ("[👍👏🙌💯🤩🌟⭐🏆👌💪]", " great "),
    ("[🎉🎊🥳🎂🎈]", " celebrating "),
    ("[🙏]", " thanks "),
    ("[😢😭😞😔🙁☹😿😥😟🥺]", " sad "),
    ("[💔]", " heartbroken "),
    ("[😡😠🤬👿😤]", " angry "),
    ("[👎]", " bad "),
    ("[🤮🤢💩]", " disgusting "),
    ("[😱😨😰😧]", " scared "),
    ("[🙄😒😑😩😫😖😣]", " annoyed "),
    ("[😕🤔😐🤷🤨]", " unsure "),
    ("[😴😪🥱]", " sleepy "),
    ("[😮😲😯😳🤯]", " surprised "),
)
"""Pattern → what stands for it, in this order. Links and mentions are written as in the tweets of the training data;
joiners, variants and skin tones are left out; the encoder knows no emoji, so the common ones become a word."""

SYMBOL = r"[\p{So}\p{Sk}]"
"""Emoji and the like are words of their own, also where they touch one: unknown, they would make it unknown too."""


def smaller(published: Path, into: Path) -> list[int]:
    """Writes our tokenizer.json; the published id of each of its ids."""
    tokenizer = json.loads(published.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    words = sorted((word for word in vocabulary if is_kept(word)), key=vocabulary.__getitem__)
    ids = {word: new for new, word in enumerate(words)}
    tokenizer["model"]["vocab"] = ids
    for token in tokenizer["added_tokens"]:
        token["id"] = ids[token["content"]]
    for token in tokenizer["post_processor"]["special_tokens"].values():
        token["ids"] = [ids[word] for word in token["tokens"]]
    tokenizer["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            *({"type": "Replace", "pattern": {"Regex": old}, "content": new} for old, new in REPLACED),
            tokenizer["normalizer"],
        ],
    }
    tokenizer["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SYMBOL}, "behavior": "Isolated", "invert": False},
            tokenizer["pre_tokenizer"],
        ],
    }
    tokenizer["truncation"] = tokenizer["padding"] = None
    into.write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    Tokenizer.from_file(str(into))
    return [vocabulary[word] for word in words]


def is_kept(word: str) -> bool:
    """Whether a word piece can occur in what we read."""
    return bool(READABLE.fullmatch(word)) and not word.startswith("[unused")
