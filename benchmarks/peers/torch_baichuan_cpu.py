"""PyTorch's turn in a round of benchmarks/cpu-peers: Baichuan's forward pass on the CPU, in bfloat16.

    torch_baichuan_cpu.py MODEL_DIRECTORY THREADS REPEATS LENGTH...

Prints the lines that ScoringTurn.java describes. What is computed is what the original modelling code computes, with
two changes: ALiBi is relative (slope * (j - i)), so that long sequences keep their precision, and attention is PyTorch's
own scaled_dot_product_attention where there is one (2.0 and later).
"""

import json
import math
import mmap
import os
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"unavailable {error}")
    sys.exit(0)

DTYPE = torch.bfloat16
FUSED_ATTENTION = hasattr(F, "scaled_dot_product_attention")


def ids(length):
    """The same as ScoringTurn.ids."""
    return torch.tensor([259 + i * 37 % 3000 for i in range(length)])


def read_safetensors(path):
    """Every tensor by name, bfloat16, mapped."""
    with open(path, "rb") as file:
        (header_bytes,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(header_bytes))
        # Private and writable, because PyTorch has no tensors that are read-only; nothing is written.
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "BF16":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}; only BF16 is read")
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=DTYPE, count=(end - begin) // 2, offset=8 + header_bytes + begin)
        tensors[name] = flat.view(entry["shape"])
    return tensors


def slopes(heads):
    power = 2 ** (heads.bit_length() - 1)
    first = [2 ** (-8 * (k + 1) / power) for k in range(power)]
    return torch.tensor(first + [2 ** (-4 * (2 * k + 1) / power) for k in range(heads - power)])


def bias(heads, length):
    """ALiBi and the causal mask, [heads, length, length]."""
    position = torch.arange(length)
    distance = position[None, :] - position[:, None]
    biased = slopes(heads)[:, None, None] * distance
    return biased.masked_fill(distance > 0, float("-inf")).to(DTYPE)


def rms_norm(x, weight, eps):
    mean_square = x.float().pow(2).mean(-1, keepdim=True)
    return weight * (x * torch.rsqrt(mean_square + eps)).to(DTYPE)


def attention(query, key, value, mask):
    """All of [heads, length, head_dim]."""
    if FUSED_ATTENTION:
        return F.scaled_dot_product_attention(query[None], key[None], value[None], attn_mask=mask[None])[0]
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]) + mask
    return torch.softmax(scores.float(), -1).to(DTYPE) @ value


class Model:
    def __init__(self, directory):
        with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.layers = config["num_hidden_layers"]
        self.heads = config["num_attention_heads"]
        self.eps = config["rms_norm_eps"]
        self.weights = read_safetensors(os.path.join(directory, "model.safetensors"))

    def score(self, tokens):
        w = self.weights
        x = w["model.embed_tokens.weight"][tokens]
        length, hidden = x.shape
        mask = bias(self.heads, length)
        for n in range(self.layers):
            layer = f"model.layers.{n}."
            normed = rms_norm(x, w[layer + "input_layernorm.weight"], self.eps)
            qkv = F.linear(normed, w[layer + "self_attn.W_pack.weight"])
            query, key, value = qkv.view(length, 3, self.heads, hidden // self.heads).permute(1, 2, 0, 3)
            context = attention(query, key, value, mask).transpose(0, 1).reshape(length, hidden)
            x = x + F.linear(context, w[layer + "self_attn.o_proj.weight"])
            normed = rms_norm(x, w[layer + "post_attention_layernorm.weight"], self.eps)
            gate = F.silu(F.linear(normed, w[layer + "mlp.gate_proj.weight"]))
            up = F.linear(normed, w[layer + "mlp.up_proj.weight"])
            x = x + F.linear(gate * up, w[layer + "mlp.down_proj.weight"])
        last = rms_norm(x[-1:], w["model.norm.weight"], self.eps).float()
        head = w["v_head.summary.weight"].float()
        return F.linear(last, head, w["v_head.summary.bias"].float()).item()


def main():
    directory, threads, repeats, *lengths = sys.argv[1:]
    lengths = [int(length) for length in lengths]
    torch.set_num_threads(int(threads))
    kind = "scaled_dot_product_attention" if FUSED_ATTENTION else "attention in separate steps"
    python = sys.version.split()[0]
    print(f"about PyTorch {torch.__version__} (Python {python}), {kind}; bfloat16, {torch.get_num_threads()} threads")
    model = Model(directory)
    with torch.inference_mode():
        for length in lengths:
            print(f"reward {length} {model.score(ids(length)):.6f}", flush=True)
        for length in lengths:
            tokens = ids(length)
            for _ in range(int(repeats)):
                start = time.perf_counter()
                model.score(tokens)
                print(f"rate {length} {length / (time.perf_counter() - start):.2f}", flush=True)


main()
