"""Makes the folders in `tasks`: tiny BERTs for other tasks than one label, exported by Optimum's command line.

Needs an environment of its own, from requirements-optimum.txt. `expect.json` has texts and what the library says about
them before the export: {"texts", "probabilities"}, {"texts", "values"}, {"texts", "vectors"} or {"texts", "outputs"};
of entities what the pipeline of transformers finds with aggregation_strategy="simple".
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from make_words import FOOD, TEXTS, WEATHER, WORDS, tokenizer
from sentence_transformers import SentenceTransformer, models
from tokenizers.processors import TemplateProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    PreTrainedTokenizerFast,
    pipeline,
)

FOLDER = Path(__file__).parent / "tasks"
SENTENCES = FOOD + WEATHER
TOPICS = ["food", "warm", "work"]
MARKS = ["O", "B-DISH", "I-DISH", "B-SKY", "I-SKY"]
DISHES, SKIES = {"bread", "cheese", "soup", "salad"}, {"rain", "wind", "storm", "sun", "snow"}
LONGER = ["bread cheese soup and wind rain then salad salad", " and ".join(["warm soup", "cold rain"] * 20)]

TOKENS = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer(), pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
)


def config(**options: Any) -> BertConfig:
    """As small as it can be."""
    return BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **options,
    )


def named(labels: list[str]) -> dict[str, Any]:
    """Labels as a configuration has them."""
    return {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}


def taught(model: Any, wanted: torch.Tensor) -> Any:
    """Learns the sentences."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    batch = TOKENS(SENTENCES, padding=True, return_tensors="pt")
    for _ in range(80):
        optimizer.zero_grad()
        model(**batch, labels=wanted).loss.backward()
        optimizer.step()
    return model.eval()


def export(name: str, model: Any, task: str, manifest: str, said: dict[str, Any]) -> None:
    """The folder that Optimum writes, the manifest that a person would, and what the model says."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        if not isinstance(model, SentenceTransformer):
            TOKENS.save_pretrained(saved)
        command = [str(Path(sys.executable).parent / "optimum-cli"), "export", "onnx", "--task", task]
        subprocess.run([*command, "--model", saved, str(folder)], check=True)
    (folder / "model.toml").write_text(manifest, encoding="utf-8")
    (folder / "expect.json").write_text(json.dumps(said) + "\n", encoding="utf-8")


def each(model: Any, texts: list[str], made: Callable[[Any, Any], torch.Tensor]) -> list[Any]:
    """What is made of the model's answer to each text and of its tokens."""
    with torch.no_grad():
        encoded = [TOKENS(text, return_tensors="pt", truncation=True, max_length=32) for text in texts]
        return [made(model(**tokens), tokens)[0].double().tolist() for tokens in encoded]


def sentence_model(folder: Path) -> SentenceTransformer:
    """A model as sentence-transformers keeps it: an encoder, the mean of its vectors, length 1."""
    BertModel(config()).save_pretrained(folder)
    TOKENS.save_pretrained(folder)
    words = models.Transformer(str(folder), max_seq_length=32)
    return SentenceTransformer(
        modules=[words, models.Pooling(8, pooling_mode="mean"), models.Normalize()], device="cpu"
    )


def marks() -> torch.Tensor:
    """The label of each token of the sentences, -100 is none: "bread and cheese" is one dish."""
    rows = []
    for encoding in TOKENS(SENTENCES, padding=True).encodings:
        row = [-100 if token.startswith("[") else 0 for token in encoding.tokens]
        for words, kind in ((DISHES, "DISH"), (SKIES, "SKY")):
            places = [place for place, token in enumerate(encoding.tokens) if token in words]
            for place in range(places[0], places[-1] + 1) if places else ():
                row[place] = MARKS.index(f"{'B' if place == places[0] else 'I'}-{kind}")
        rows.append(row)
    return torch.tensor(rows)


def pairs() -> None:
    """A cross-encoder: how well the second text goes with the first."""
    ends = [(name, WORDS.index(name)) for name in ("[CLS]", "[SEP]")]
    template = {"single": "[CLS] $A [SEP]", "pair": "[CLS] $A [SEP] $B:1 [SEP]:1"}
    TOKENS.backend_tokenizer.post_processor = TemplateProcessing(**template, special_tokens=ends)
    scorer = BertForSequenceClassification(config(num_labels=1)).eval()
    rows = list(zip(TEXTS, reversed(TEXTS), strict=True))
    with torch.no_grad():
        scores = [float(scorer(**TOKENS(*row, return_tensors="pt")).logits[0, 0]) for row in rows]
    inputs = "".join(f'[[inputs]]\nname = "{name}"\ntype = "text"\n' for name in ("query", "passage"))
    export(
        "cross-encoder",
        scorer,
        "text-classification",
        f'task_type = "regression"\n{inputs}[runtime]\nkind = "onnx"\n',
        {"texts": rows, "values": scores},
    )


def main() -> None:
    """Teaches, exports."""
    torch.manual_seed(0)
    wanted = torch.tensor([[s in FOOD, "warm" in s, "work" in s] for s in SENTENCES], dtype=torch.float32)
    many = BertForSequenceClassification(config(problem_type="multi_label_classification", **named(TOPICS)))
    taught(many, wanted)
    export(
        "multilabel",
        many,
        "text-classification",
        f'task_type = "multilabel"\nlabels = {json.dumps(TOPICS)}\n[runtime]\nkind = "onnx"\nsigmoid = true\n',
        {"texts": TEXTS, "probabilities": each(many, TEXTS, lambda said, _: said.logits.sigmoid())},
    )
    length = BertForSequenceClassification(config(num_labels=1, problem_type="regression"))
    taught(length, torch.tensor([len(s) / 10 for s in SENTENCES]))
    export(
        "regression",
        length,
        "text-classification",
        'task_type = "regression"\n[runtime]\nkind = "onnx"\n',
        {"texts": TEXTS, "values": [row[0] for row in each(length, TEXTS, lambda said, _: said.logits)]},
    )
    vectors = BertModel(config()).eval()

    def mean(said: Any, tokens: Any) -> torch.Tensor:
        mask = tokens["attention_mask"].unsqueeze(-1)
        pooled = (said.last_hidden_state * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(pooled, dim=1)

    export(
        "embedding",
        vectors,
        "feature-extraction",
        'task_type = "embedding"\ndimension = 8\n[runtime]\nkind = "onnx"\npooling = "mean"\nnormalize = true\n',
        {
            "texts": TEXTS,
            "vectors": each(vectors, TEXTS, mean),
            "cls": each(vectors, TEXTS, lambda said, _: said.last_hidden_state[:, 0]),
        },
    )
    with tempfile.TemporaryDirectory() as saved:
        sentences = sentence_model(Path(saved))
    export(
        "sentence-transformers",
        sentences,
        "feature-extraction",
        'task_type = "embedding"\ndimension = 8\n[runtime]\nkind = "onnx"\n',
        {"texts": TEXTS, "vectors": [sentences.encode(text).astype(float).tolist() for text in TEXTS]},
    )
    pairs()
    finder = taught(BertForTokenClassification(config(**named(MARKS))), marks())
    simple = pipeline("token-classification", model=finder, tokenizer=TOKENS, aggregation_strategy="simple")
    texts = [*TEXTS, LONGER[0]]
    found = [
        [
            {
                "label": one["entity_group"],
                "score": float(one["score"]),
                "text": text[one["start"] : one["end"]],
                "start": one["start"],
                "end": one["end"],
            }
            for one in simple(text)
        ]
        for text in texts
    ]
    export(
        "entities",
        finder,
        "token-classification",
        'task_type = "generic"\n[runtime]\nkind = "onnx"\nentities = true\nsoftmax = true\n',
        {"texts": texts, "outputs": [{"entities": each_found} for each_found in found]},
    )


if __name__ == "__main__":
    main()
