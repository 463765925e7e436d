"""The small network behind `sentiment-fast`: word vectors, one convolution over three tokens, pooling."""

import torch
from torch import Tensor, nn

from training.labels import LABELS

WIDTH = 48
"""Numbers per token; with these the table takes 1.3 MB in 8 bits."""

FILTERS = 192


class Student(nn.Module):
    """Takes the teacher's token ids."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.context = nn.Conv1d(WIDTH, FILTERS, kernel_size=3, padding=1)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(2 * FILTERS + WIDTH, len(LABELS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Ids and mask of shape [rows, tokens] to logits [rows, classes]."""
        mask = attention_mask.to(torch.float32)[:, :, None]
        words = self.words(input_ids) * mask
        # Padding is zeros, as beyond the ends of a text, so a text means the same with it and without.
        context = torch.relu(self.context(self.dropout(words).transpose(1, 2)).transpose(1, 2)) * mask
        count = mask.sum(1)
        pooled = torch.cat([context.amax(1), context.sum(1) / count, words.sum(1) / count], dim=1)
        return self.head(self.dropout(pooled))


def with_words_of(table: Tensor) -> Student:
    """A student that starts from the teacher's word vectors, reduced to their principal directions."""
    student = Student(len(table))
    centred = table - table.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    reduced = centred @ directions[:WIDTH].T
    with torch.no_grad():
        student.words.weight.copy_(0.3 * reduced / reduced.std())
    return student
