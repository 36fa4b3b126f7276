"""PyTorch's turn in a round of benchmarks/cpu-peers: Baichuan's forward pass on the CPU, in bfloat16.

    torch_baichuan_cpu.py MODEL_DIRECTORY THREADS TASKS

Prints the lines that ScoringTurn.java describes; Task.java says what TASKS, a folder, holds. What is computed is what the
original modelling code computes, with two changes: ALiBi is relative (slope * (j - i)), so that long sequences keep their
precision, and attention is PyTorch's own scaled_dot_product_attention where there is one (2.0 and later). Sequences are
computed one after the other, each whole: there is no padding, and one of a hundred tokens is enough for fast products.
"""

import time

START = time.perf_counter()

import json
import math
import mmap
import os
import struct
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"unavailable {error}")
    sys.exit(0)

DTYPE = torch.bfloat16
FUSED_ATTENTION = hasattr(F, "scaled_dot_product_attention")


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
    position = torch.arange(length, dtype=torch.float32)
    distance = (position[None, :] - position[:, None]).masked_fill_(position[None, :] > position[:, None], float("-inf"))
    biased = torch.empty(heads, length, length, dtype=DTYPE)
    # One by one, because all of them in float32 would be most of the memory of this program.
    for head, slope in enumerate(slopes(heads)):
        biased[head] = slope * distance
    return biased


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
        self.longest_mask = bias(self.heads, 1)

    def mask(self, length):
        """That of the longest sequence so far is kept, as the original does, and shorter ones take a part."""
        if length > self.longest_mask.shape[-1]:
            self.longest_mask = bias(self.heads, length)
        return self.longest_mask[:, :length, :length]

    def score(self, tokens):
        w = self.weights
        x = w["model.embed_tokens.weight"][tokens]
        length, hidden = x.shape
        mask = self.mask(length)
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


def read_tasks(folder):
    """Each with the token ids of its sequences."""
    for line in read_lines(folder, "tasks"):
        kind, name, repeats = line.split()
        ids = [[int(word) for word in line.split()] for line in read_lines(folder, f"{name}.ids")]
        yield kind, name, int(repeats), [torch.tensor(each) for each in ids]


def read_lines(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read().splitlines()


def take(model, kind, name, repeats, sequences):
    for _ in range(repeats):
        start = time.perf_counter()
        rewards = [model.score(each) for each in sequences]
        seconds = time.perf_counter() - start
        if kind == "load":
            print(f"loaded {time.perf_counter() - START:.3f}")
        elif kind == "speed":
            print(f"seconds {name} {seconds:.6f}", flush=True)
        elif kind == "lone":
            print(f"lone {1000 * seconds:.3f}", flush=True)
    if kind != "warm":
        for index, reward in enumerate(rewards):
            print(f"reward {name} {index} {reward:.6f}", flush=True)


def print_memory(name, field):
    if os.path.exists("/proc/self/status"):
        for line in read_lines("/proc/self", "status"):
            if line.startswith(field + ":"):
                print(f"memory {name} {line.split()[1]}")


def main():
    directory, threads, folder = sys.argv[1:]
    torch.set_num_threads(int(threads))
    kind = "scaled_dot_product_attention" if FUSED_ATTENTION else "attention in separate steps"
    python = sys.version.split()[0]
    print(f"about PyTorch {torch.__version__} (Python {python}), {kind}; bfloat16, {torch.get_num_threads()} threads")
    model = Model(directory)
    longest = max(len(each) for *_, sequences in read_tasks(folder) for each in sequences)
    with torch.inference_mode():
        for kind, name, repeats, sequences in read_tasks(folder):
            take(model, kind, name, repeats, sequences)
            if kind == "load":
                # Like the original, which makes one for 4096 tokens when it is loaded, not while it is timed.
                model.mask(longest)
    print_memory("peak", "VmHWM")
    print_memory("anonymous", "RssAnon")


main()
