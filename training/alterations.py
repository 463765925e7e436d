"""Texts as nobody wrote them, made on the tokens: a teacher can say something of these too, and a pupil learn from it.

Four kinds: tokens of other texts in place of some, some left out, a part cut out, another text behind this one.
"""

import torch
from torch import Tensor

SHARES = (0.35, 0.25, 0.25, 0.15)
"""Of replacing, leaving out, cutting out and joining."""

TOUCHED = 0.15
"""Share of a text's tokens that are replaced or left out."""


def altered(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Ids and mask of shape [rows, tokens], altered at random; first and last token of each text stay.

    The shape stays as it is, so a text is joined to another only where both fit.
    """
    device, (rows, tokens) = ids.device, ids.shape
    length = mask.sum(1)
    place = torch.arange(tokens, device=device)[None]
    inside = (place > 0) & (place < length[:, None] - 1)
    kind = torch.rand(rows, 1, device=device)
    replaced, left_out, cut = (kind < share for share in torch.tensor(SHARES).cumsum(0)[:3].tolist())
    other = torch.randint(0, rows, (rows,), device=device)
    touched = (torch.rand(rows, tokens, device=device) < TOUCHED) & inside
    ids = torch.where(touched & replaced, replacements(ids[other], length[other]), ids)
    keep = ~(touched & left_out & ~replaced) & ~(outside_of_a_part(length, place) & inside & cut & ~left_out)
    ids, length = joined(ids, length, other, ~cut[:, 0])
    keep &= place < length[:, None]
    keep = torch.where(keep.sum(1, keepdim=True) < 3, place < length[:, None], keep)
    order = torch.argsort((~keep).to(torch.uint8), dim=1, stable=True)
    new_mask = (place < keep.sum(1, keepdim=True)).to(mask.dtype)
    return ids.gather(1, order) * new_mask.to(ids.dtype), new_mask


def replacements(others: Tensor, lengths: Tensor) -> Tensor:
    """For each place a token from within the other text."""
    drawn = torch.rand(others.shape, device=others.device) * (lengths - 2).clamp(min=1)[:, None]
    return others.gather(1, 1 + drawn.long().clamp(max=others.shape[1] - 2))


def outside_of_a_part(length: Tensor, place: Tensor) -> Tensor:
    """Where a text's places are not in one part of 40 to 90 % of it."""
    inner = (length - 2).clamp(min=1).float()
    size = (inner * (0.4 + 0.5 * torch.rand_like(inner))).ceil()
    start = 1 + ((inner - size + 1) * torch.rand_like(inner)).floor()
    return (place < start[:, None]) | (place >= (start + size)[:, None])


def joined(ids: Tensor, length: Tensor, other: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """With the other text's inside and end behind the text's own, where both fit."""
    tokens = ids.shape[1]
    together = length + length[other] - 2
    fits = wanted & (together <= tokens)
    place = torch.arange(tokens, device=ids.device)[None]
    behind = ids[other].gather(1, (place - length[:, None] + 2).clamp(min=0, max=tokens - 1))
    there = fits[:, None] & (place >= length[:, None] - 1) & (place < together[:, None])
    return torch.where(there, behind, ids), torch.where(fits, together, length)
