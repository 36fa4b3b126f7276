"""Baichuan's forward pass in PyTorch, in the four ways that the library is compared with, and in float64.

Shapes: hidden states are [batch, length, hidden], queries, keys and values [batch, heads, length, head_dim]. All weights
and activations have one type; the value head is float32 and is applied to the last position of each sequence.

The ways share every step but attention and batching, so that nothing else tells them apart. None computes what a reward
does not need: no lm_head, which upstream's code does compute.
"""

from __future__ import annotations

import math
from typing import Any, Callable, List, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F

from baichuan_model import Layer, Model

Sequences = Sequence[Sequence[int]]
Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

FUSED = hasattr(F, "scaled_dot_product_attention")


class Unavailable(Exception):
    """A way that this PyTorch or this computer does not have; the message says why."""


def slopes(heads: int) -> List[float]:
    """ALiBi's slope of each head; the heads beyond a power of two come last, between the others in size."""
    power = 2 ** (heads.bit_length() - 1)
    first = [2 ** (-8 * (k + 1) / power) for k in range(power)]
    return first + [2 ** (-4 * (2 * k + 1) / power) for k in range(heads - power)]


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Normalised in float32 at least and rounded to the weights' type before the product, as upstream does."""
    wide = x if x.dtype == torch.float64 else x.float()
    scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return weight * (wide * scale).to(weight.dtype)


def decoder_layer(x: torch.Tensor, w: Layer, heads: int, eps: float, attention: Attention) -> torch.Tensor:
    """One layer, [batch, length, hidden] to the same."""
    batch, length, hidden = x.shape
    packed = F.linear(rms_norm(x, w.input_norm, eps), w.qkv)
    query, key, value = packed.view(batch, length, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4).unbind(0)
    context = attention(query, key, value).transpose(1, 2).reshape(batch, length, hidden)
    x = x + F.linear(context, w.out)
    normed = rms_norm(x, w.post_norm, eps)
    return x + F.linear(F.silu(F.linear(normed, w.gate)) * F.linear(normed, w.up), w.down)


def rewards_of(model: Model, last: torch.Tensor) -> List[float]:
    """Rewards from the residual stream at last positions, [sequences, hidden]."""
    normed = rms_norm(last, model.norm, model.config.eps).to(model.head_weight.dtype)
    return F.linear(normed, model.head_weight, model.head_bias)[:, 0].tolist()


def reference_rewards(model: Model, sequences: Sequences) -> List[float]:
    """Rewards in float64, each sequence by itself, a layer converted at a time so that a large model has room."""
    heads, eps, device = model.config.heads, model.config.eps, model.embedding.device
    slope = torch.tensor(slopes(heads), dtype=torch.float64, device=device)

    def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        place = torch.arange(query.shape[2], dtype=torch.float64, device=device)
        distance = place[None, :] - place[:, None]
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3]) + slope[:, None, None] * distance
        return torch.softmax(scores.masked_fill(distance > 0, -math.inf), -1) @ value

    streams = [model.embedding[torch.tensor(ids, device=device)].double()[None] for ids in sequences]
    for layer in model.layers:
        wide = Layer(*(w.double() for w in layer))
        streams = [decoder_layer(x, wide, heads, eps, attention) for x in streams]
    last = torch.cat([x[:, -1] for x in streams])
    wide_end = model._replace(
        norm=model.norm.double(), head_weight=model.head_weight.double(), head_bias=model.head_bias.double()
    )
    return rewards_of(wide_end, last)


class Padded:
    """What the three padded ways share: batches of so many sequences, in their order or the longest first."""

    def __init__(self, model: Model, batch: int, is_sorted: bool) -> None:
        self.model = model
        self.batch = batch
        self.is_sorted = is_sorted
        self.computed = 0  # tokens, padding included
        self.kept: Optional[torch.Tensor] = None  # ALiBi, from one batch to the next

    def score(self, sequences: Sequences) -> List[float]:
        """Rewards in the order of the sequences."""
        order = list(range(len(sequences)))
        if self.is_sorted:
            order.sort(key=lambda s: -len(sequences[s]))
        rewards = [0.0] * len(sequences)
        for start in range(0, len(order), self.batch):
            members = order[start : start + self.batch]
            self.computed += len(members) * max(len(sequences[s]) for s in members)
            for s, reward in zip(members, self._score_batch([sequences[s] for s in members])):
                rewards[s] = reward
        return rewards

    def _score_batch(self, sequences: Sequences) -> List[float]:
        raise NotImplementedError

    def _forward(self, ids: torch.Tensor, attention: Attention) -> torch.Tensor:
        x = self.model.embedding[ids]
        for layer in self.model.layers:
            x = decoder_layer(x, layer, self.model.config.heads, self.model.config.eps, attention)
        return x


class Eager(Padded):
    """As upstream computes: left padding, every step of attention in the weights' type, ALiBi added as a matrix.

    The bias is slope * j with the ABSOLUTE position j of the key in the padded row, rounded to the weights' type. So padding
    changes how it is rounded, and with it the reward: this is kept, because the published evaluations ran so.
    """

    def about(self) -> str:
        return "eager attention in separate steps, left padding"

    def _score_batch(self, sequences: Sequences) -> List[float]:
        length = max(len(ids) for ids in sequences)
        device = self.model.embedding.device
        rows = [[0] * (length - len(ids)) + list(ids) for ids in sequences]
        pads = torch.tensor([length - len(ids) for ids in sequences], device=device)
        mask = self._mask(length, pads)
        least = torch.tensor(torch.finfo(mask.dtype).min, dtype=mask.dtype, device=device)

        def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3]) + mask
            return torch.softmax(torch.maximum(scores, least), -1) @ value

        x = self._forward(torch.tensor(rows, device=device), attention)
        return rewards_of(self.model, x[:, -1])

    def _mask(self, length: int, pads: torch.Tensor) -> torch.Tensor:
        """What is added to scores, [batch, heads, length, length]: ALiBi with the future masked, and pads masked."""
        place = torch.arange(length, device=pads.device)
        is_real = place[None, :] >= pads[:, None]
        is_seen = (is_real[:, :, None] & is_real[:, None, :]).tril()
        alibi = self._alibi_of(length)
        unseen = torch.zeros(is_seen.shape, dtype=alibi.dtype, device=pads.device)
        unseen.masked_fill_(~is_seen, torch.finfo(alibi.dtype).min)
        return unseen[:, None] + alibi

    def _alibi_of(self, length: int) -> torch.Tensor:
        """[heads, length, length], a part of one buffer that grows, as upstream's."""
        if self.kept is None or self.kept.shape[1] < length:
            weights = self.model.embedding
            place = torch.arange(length, device=weights.device)
            slope = torch.tensor(slopes(self.model.config.heads), device=weights.device)
            bias = (slope[:, None] * place)[:, None, :].to(weights.dtype)
            self.kept = bias.masked_fill(place[None, :] > place[:, None], -math.inf)
        return self.kept[:, :length, :length]


class Sdpa(Padded):
    """PyTorch's fused attention with the bias as its mask: the best that a padded batch gets without other libraries.

    Right padding needs no mask of its own, for no token sees what comes after it. So all sequences share one bias, slope *
    (j - i), which is small where it matters and keeps its precision.
    """

    # The fused kernels want rows of the mask at multiples of 16 bytes.
    _STEP = 8

    def __init__(self, model: Model, batch: int) -> None:
        super().__init__(model, batch, is_sorted=True)

    def about(self) -> str:
        if FUSED:
            return "scaled_dot_product_attention with a bias, right padding"
        return "this PyTorch has no scaled_dot_product_attention: separate steps with a float32 softmax, right padding"

    def _score_batch(self, sequences: Sequences) -> List[float]:
        longest = max(len(ids) for ids in sequences)
        length = -(-longest // self._STEP) * self._STEP
        device = self.model.embedding.device
        ids = torch.tensor([list(each) + [0] * (length - len(each)) for each in sequences], device=device)
        bias = self._bias_of(length)

        def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            if FUSED:
                return F.scaled_dot_product_attention(query, key, value, attn_mask=bias.expand(len(query), -1, -1, -1))
            scores = (query @ key.transpose(2, 3)).float() / math.sqrt(query.shape[3]) + bias.float()
            return torch.softmax(scores, -1).to(value.dtype) @ value

        x = self._forward(ids, attention)
        ends = torch.tensor([len(each) - 1 for each in sequences], device=device)
        return rewards_of(self.model, x[torch.arange(len(sequences), device=device), ends])

    def _bias_of(self, length: int) -> torch.Tensor:
        """[1, heads, length, length], a part of one buffer that grows."""
        if self.kept is None or self.kept.shape[2] < length:
            weights = self.model.embedding
            place = torch.arange(length, device=weights.device)
            distance = place[None, :] - place[:, None]
            slope = torch.tensor(slopes(self.model.config.heads), device=weights.device)
            bias = (slope[:, None, None] * distance).to(weights.dtype)
            self.kept = bias.masked_fill(distance > 0, -math.inf)[None]
        return self.kept[:, :, :length, :length]


class Flex:
    """flex_attention on packed sequences: ALiBi as a score_mod, a block mask of documents, layers compiled.

    A batch is filled up to one of a few sizes, so that each is compiled once; the fill is a document of its own.
    """

    def __init__(self, model: Model, sizes: Sequence[int], is_compiled: bool) -> None:
        try:
            from torch.nn.attention import flex_attention as flex
        except ImportError as error:
            raise Unavailable(f"PyTorch {torch.__version__} has no flex_attention; 2.5 is the first that has") from error
        self.model = model
        self.sizes = sorted(sizes)
        self.is_compiled = is_compiled
        self.computed = 0  # tokens, fill included
        self.kept = None  # nothing: the bias is computed, never stored
        self._flex = flex
        slope = torch.tensor(slopes(model.config.heads), device=model.embedding.device)

        def alibi(score: Any, b: Any, h: Any, i: Any, j: Any) -> Any:
            return score + slope[h] * (j - i)

        self._alibi = alibi
        self._layer = self._plain_layer
        if is_compiled:
            # Another model is another graph. Without it the limit of graphs for one piece of code would come near.
            torch._dynamo.reset()
            # The whole graph, so that nothing is computed eagerly without a word.
            self._layer = torch.compile(self._plain_layer, fullgraph=True, dynamic=False)

    def about(self) -> str:
        how = "torch.compile" if self.is_compiled else "not compiled"
        return f"flex_attention, {how}, packed to {', '.join(map(str, self.sizes))} tokens"

    def score(self, sequences: Sequences) -> List[float]:
        """Rewards in the order of the sequences."""
        rewards = [0.0] * len(sequences)
        for members in pack([len(ids) for ids in sequences], self.sizes[-1]):
            for s, reward in zip(members, self._score_batch([sequences[s] for s in members])):
                rewards[s] = reward
        return rewards

    def _score_batch(self, sequences: Sequences) -> List[float]:
        device = self.model.embedding.device
        ids: List[int] = []
        document: List[int] = []
        ends: List[int] = []
        for s, sequence in enumerate(sequences):
            ids += sequence
            document += [s] * len(sequence)
            ends.append(len(ids) - 1)
        # A single sequence may be longer than the largest batch.
        size = next((size for size in self.sizes if size >= len(ids)), len(ids))
        self.computed += size
        fill = size - len(ids)
        mask = self._block_mask(torch.tensor(document + [-1] * fill, device=device))
        x = self.model.embedding[torch.tensor(ids + [0] * fill, device=device)][None]
        for layer in self.model.layers:
            x = self._layer(x, layer, mask)
        return rewards_of(self.model, x[0, torch.tensor(ends, device=device)])

    def _block_mask(self, document: torch.Tensor) -> Any:
        def sees(b: Any, h: Any, i: Any, j: Any) -> Any:
            return (i >= j) & (document[i] == document[j])

        length = len(document)
        return self._flex.create_block_mask(sees, None, None, length, length, device=document.device)

    def _plain_layer(self, x: torch.Tensor, layer: Layer, mask: Any) -> torch.Tensor:
        def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            return self._flex.flex_attention(query, key, value, score_mod=self._alibi, block_mask=mask)

        return decoder_layer(x, layer, self.model.config.heads, self.model.config.eps, attention)


def pack(lengths: Sequence[int], size: int) -> List[List[int]]:
    """Indices of sequences by batch: the longest first, each into the first batch that has room for it."""
    batches: List[Tuple[int, List[int]]] = []
    for s in sorted(range(len(lengths)), key=lambda s: -lengths[s]):
        for n, (used, members) in enumerate(batches):
            if used + lengths[s] <= size:
                batches[n] = (used + lengths[s], members + [s])
                break
        else:
            batches.append((lengths[s], [s]))
    return [members for _, members in batches]
