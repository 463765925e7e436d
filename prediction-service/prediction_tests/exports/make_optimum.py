"""Makes the folder `optimum` beside itself: a tiny BERT, exported by Optimum's command line with its defaults.

Optimum wants other versions than make.py: an environment of its own, from requirements-optimum.txt.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from make_words import FOOD, LABELS, TEXTS, WEATHER, WORDS, tokenizer, write_answers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

FOLDER = Path(__file__).parent / "optimum"


def main() -> None:
    """Teaches, saves as people save, exports."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        id2label=dict(enumerate(LABELS)),
        label2id={label: n for n, label in enumerate(LABELS)},
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertForSequenceClassification(config)
    tokens = PreTrainedTokenizerFast(tokenizer_object=tokenizer(), pad_token="[PAD]", unk_token="[UNK]")
    batch = tokens(FOOD + WEATHER, padding=True, return_tensors="pt")
    wanted = torch.tensor([0] * len(FOOD) + [1] * len(WEATHER))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        model(**batch, labels=wanted).loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(**tokens(text, return_tensors="pt")).logits for text in TEXTS])
    shutil.rmtree(FOLDER, ignore_errors=True)
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        tokens.save_pretrained(saved)
        command = [str(Path(sys.executable).parent / "optimum-cli"), "export", "onnx", "--task", "text-classification"]
        subprocess.run([*command, "--model", saved, str(FOLDER)], check=True)
    write_answers(FOLDER, LABELS, logits.double().softmax(1).numpy(), "softmax = true\n")


if __name__ == "__main__":
    main()
