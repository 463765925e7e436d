"""What stands in the model.toml of what is exported here."""

SOURCE = (
    "all-MiniLM-L6-v2 (Apache-2.0) fine-tuned on the Stanford Sentiment Treebank, TweetEval, GoEmotions and IMDB by "
    "training, taught by all-mpnet-base-v2 (Apache-2.0); see README.md beside this file"
)

ENCODER = f"""\
# Sentiment of English texts, from a fine-tuned encoder of 22 million parameters in 8 bits.
description = "Sentiment of English texts"
source = "{SOURCE}"
task_type = "classification"
labels = ["negative", "neutral", "positive"]

[runtime]
kind = "onnx"
tokenizer = "tokenizer.json"
max_tokens = 64
long_texts = "windows"
output = "logits"
softmax = true

# Its arithmetic in 8 bits is scaled over everything in a call, so each text gets a call of its own; several run at the
# same time.
[batching]
max_rows = 1
"""

STUDENT = f"""\
# Sentiment of short English texts, from a small network that learned it from the model `sentiment`.
description = "Sentiment of short English texts, quickly"
source = "Distilled from: {SOURCE}"
task_type = "classification"
labels = ["negative", "neutral", "positive"]

[runtime]
kind = "onnx"
tokenizer = "tokenizer.json"
max_tokens = 64
long_texts = "windows"
output = "logits"
softmax = true

[batching]
max_rows = 32
"""

MANIFESTS = {"encoder": ENCODER, "student": STUDENT}
"""Kind of network → manifest."""
