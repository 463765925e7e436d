"""Gemini's words as people may safely read them; pure.

What has no look of its own goes: control and escape characters, marks that turn the direction of what follows,
zero-width characters, tags and selectors that smuggle hidden text, piles of accents. What scripts and emoji are written
with stays: joiners between letters or pictures, one variation selector, right-to-left letters.
"""

import re
import unicodedata

GONE = ("Cc", "Cf", "Cs", "Co", "Cn")
"""Unicode's categories of what has no look: control, format, halves of characters, private, not assigned."""

SEEN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that are seen: they embrace the number that follows them."""

BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks without any ink."""

SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
PRESENTATION = "\ufe0e\ufe0f"
"""Text or picture: the two variation selectors that are in use."""

ZWNJ, ZWJ = "\u200c", "\u200d"
MOST_MARKS = 4
"""Accents on one letter: more than any script needs, and too few to cover the lines around."""

LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
OTHER_BLANKS = re.compile("[^\\S\n]+")
MANY_LINES = re.compile(" ?\n ?(?: ?\n ?)+")


def readable(text: object) -> object:
    """Text without what cannot be seen, at most one blank line in a row; what is no text stays for others to refuse."""
    if not isinstance(text, str):
        return text
    plain = visible(LINE_ENDS.sub("\n", text))
    return MANY_LINES.sub("\n\n", OTHER_BLANKS.sub(" ", plain)).strip()


def one_line(text: object) -> object:
    """The same on one line."""
    found = readable(text)
    return " ".join(found.split()) if isinstance(found, str) else found


def visible(text: str) -> str:
    """The characters that are seen, and those that shape what is seen."""
    kept: list[str] = []
    marks = 0
    for at, each in enumerate(text):
        if not stays(each, kept, text[at + 1 : at + 2]):
            continue
        marks = marks + 1 if unicodedata.category(each) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(each)
    return "".join(kept)


def stays(character: str, before: list[str], after: str) -> bool:
    """Whether a character is seen, or shapes what stands around it."""
    if character in ("\n", "\t"):
        return True
    if character in (ZWNJ, ZWJ):
        return joins(character, before, after)
    if SELECTORS.match(character):
        return character in PRESENTATION and bool(before) and is_base(before[-1])
    return is_seen(character)


def is_seen(character: str) -> bool:
    """Whether there is ink in it, or a plain space."""
    return character in SEEN_FORMATS or not (character in BLANK or unicodedata.category(character) in GONE)


def joins(joiner: str, before: list[str], after: str) -> bool:
    """Whether a joiner stands between two letters of a script that needs it, or between two pictures."""
    if not before or not after or before[-1] in (ZWNJ, ZWJ):
        return False
    if joiner == ZWJ and is_picture(after) and (is_picture(before[-1]) or before[-1] in PRESENTATION):
        return True
    return is_joined_script(before[-1]) and is_joined_script(after)


def is_picture(character: str) -> bool:
    """Whether it is an emoji, or the skin of one."""
    return unicodedata.category(character) in ("So", "Sk")


def is_joined_script(character: str) -> bool:
    """Whether it belongs to a script that joiners shape: Arabic, those of India, Mongolian, and their kin."""
    category = unicodedata.category(character)[0]
    return category in "LM" and ("\u0600" <= character <= "\u08ff" or "\u0900" <= character <= "\u1aff")


def is_base(character: str) -> bool:
    """Whether a presentation can be chosen for it: symbols, and the digits and signs of key caps."""
    return unicodedata.category(character) in ("So", "Sm", "Sk", "Po", "Nd")
