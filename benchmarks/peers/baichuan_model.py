"""Weights of a Baichuan-13B reward model for the PyTorch peers: read from a directory, or drawn at random."""

from __future__ import annotations

import json
import math
import mmap
import struct
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

import torch

Tensors = Dict[str, torch.Tensor]

_SAFETENSORS_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}

_HEAD_FILES = ("value_head.safetensors", "value_head.bin")
_HEAD_PREFIXES = ("v_head.summary.", "summary.")


class Config(NamedTuple):
    """Sizes of a model, by this project's words for them."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    max_length: int
    eps: float


# The shapes that `./reward bench --shape` knows.
SHAPES = {
    "baichuan-13b": Config(64000, 5120, 13696, 40, 40, 4096, 1e-6),
    "788m": Config(4096, 1280, 3424, 40, 10, 4096, 1e-6),
    "tiny": Config(4096, 120, 320, 2, 5, 4096, 1e-6),
}


class Layer(NamedTuple):
    """Weights of a decoder layer; a projection is [out, in], a norm [hidden]."""

    input_norm: torch.Tensor
    qkv: torch.Tensor
    out: torch.Tensor
    post_norm: torch.Tensor
    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor


class Model(NamedTuple):
    """All weights: embedding [vocabulary, hidden], norm [hidden], head_weight [1, hidden], head_bias [1]."""

    config: Config
    embedding: torch.Tensor
    layers: List[Layer]
    norm: torch.Tensor
    head_weight: torch.Tensor
    head_bias: torch.Tensor

    def to(self, dtype: torch.dtype) -> Model:
        """The same in another type; the value head stays in float32, as the peers use it."""
        return self._replace(
            embedding=self.embedding.to(dtype),
            layers=[Layer(*(w.to(dtype) for w in layer)) for layer in self.layers],
            norm=self.norm.to(dtype),
        )

    def bytes(self) -> int:
        """Of all weights."""
        own = [self.embedding, self.norm, self.head_weight, self.head_bias]
        return sum(tensor_bytes(w) for w in own) + sum(tensor_bytes(w) for layer in self.layers for w in layer)


def tensor_bytes(tensor: torch.Tensor) -> int:
    return tensor.nelement() * tensor.element_size()


def _layer_shapes(config: Config) -> Dict[str, Tuple[str, Tuple[int, ...]]]:
    """Name in a file and shape of each field of Layer."""
    hidden, wide = config.hidden, config.intermediate
    return {
        "input_norm": ("input_layernorm", (hidden,)),
        "qkv": ("self_attn.W_pack", (3 * hidden, hidden)),
        "out": ("self_attn.o_proj", (hidden, hidden)),
        "post_norm": ("post_attention_layernorm", (hidden,)),
        "gate": ("mlp.gate_proj", (wide, hidden)),
        "up": ("mlp.up_proj", (wide, hidden)),
        "down": ("mlp.down_proj", (hidden, wide)),
    }


def read_config(directory: Path) -> Config:
    """Sizes from config.json."""
    found = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return Config(
        found["vocab_size"],
        found["hidden_size"],
        found["intermediate_size"],
        found["num_hidden_layers"],
        found["num_attention_heads"],
        found["model_max_length"],
        found["rms_norm_eps"],
    )


def read_model(directory: Path, device: torch.device) -> Model:
    """A model directory, safetensors or PyTorch, in the type it is stored in; the value head in float32."""
    if (directory / "adapter_config.json").exists():
        raise ValueError(f"{directory}: an adapter; merge it first")
    config = read_config(directory)
    tensors: Tensors = {}
    for path in _weight_files(directory):
        # A shard's pages are given back before the next is read: lm_head is never touched.
        read = _read_tensors(path)
        tensors.update({name: w.to(device) for name, w in read.items() if not name.startswith("lm_head.")})

    def take(name: str, shape: Tuple[int, ...]) -> torch.Tensor:
        if name not in tensors:
            raise ValueError(f"{directory}: no tensor {name}")
        if tuple(tensors[name].shape) != shape:
            raise ValueError(f"{directory}: {name} is {tuple(tensors[name].shape)}, not {shape}")
        return tensors.pop(name).contiguous()

    head_weight, head_bias = _read_head(directory, tensors, config)
    return _assemble(config, take, head_weight.to(device), head_bias.to(device))


def random_model(config: Config, device: torch.device, dtype: torch.dtype, seed: int = 1) -> Model:
    """Weights drawn on the device, of the distributions that the library's own random models have.

    Projections keep the size of their input, what adds to the residual stream is smaller the more layers there are, norms
    lie around 1: so the numbers inside are those of a healthy model, and rewards spread by about 1.
    """
    generator = torch.Generator(device=device)
    generator.manual_seed(seed)
    share = 1 / math.sqrt(2 * config.layers)

    def draw(name: str, shape: Tuple[int, ...]) -> torch.Tensor:
        # Drawn in float32, because not every PyTorch draws in half precision.
        numbers = torch.randn(shape, generator=generator, device=device)
        if len(shape) == 1:
            return (1 + 0.1 * numbers).to(dtype)
        deviation = 1.0 if name.startswith("model.embed") else 1 / math.sqrt(shape[1])
        if ".o_proj." in name or ".down_proj." in name:
            deviation *= share
        return (deviation * numbers).to(dtype)

    head = torch.randn((1, config.hidden), generator=generator, device=device) / math.sqrt(config.hidden)
    bias = 0.1 * torch.randn((1,), generator=generator, device=device)
    return _assemble(config, draw, head, bias)


def _assemble(
    config: Config,
    tensor: Callable[[str, Tuple[int, ...]], torch.Tensor],
    head_weight: torch.Tensor,
    head_bias: torch.Tensor,
) -> Model:
    shapes = _layer_shapes(config)
    layers = []
    for n in range(config.layers):
        weights = {
            field: tensor(f"model.layers.{n}.{name}.weight", shape) for field, (name, shape) in shapes.items()
        }
        layers.append(Layer(**weights))
    return Model(
        config,
        tensor("model.embed_tokens.weight", (config.vocabulary, config.hidden)),
        layers,
        tensor("model.norm.weight", (config.hidden,)),
        head_weight,
        head_bias,
    )


def _weight_files(directory: Path) -> List[Path]:
    """The one file, or the shards that an index names."""
    for single, suffix in (("model", ".safetensors"), ("pytorch_model", ".bin")):
        if (directory / f"{single}{suffix}").exists():
            return [directory / f"{single}{suffix}"]
        index = directory / f"{single}{suffix}.index.json"
        if index.exists():
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            return [directory / name for name in sorted(set(names))]
    raise ValueError(f"{directory}: neither model.safetensors nor pytorch_model.bin, nor an index of either")


def _read_head(directory: Path, tensors: Tensors, config: Config) -> Tuple[torch.Tensor, torch.Tensor]:
    """Weight [1, hidden] and bias [1], float32, from a file of its own or from the other weights."""
    places = [_read_tensors(directory / name) for name in _HEAD_FILES if (directory / name).exists()]
    for place in places + [tensors]:
        for prefix in _HEAD_PREFIXES:
            if prefix + "weight" in place:
                weight, bias = place[prefix + "weight"].float(), place[prefix + "bias"].float()
                return weight.view(1, config.hidden), bias.view(1)
    raise ValueError(f"{directory}: no value head")


def _read_tensors(path: Path) -> Tensors:
    """All tensors of a file by name, on the CPU."""
    if path.suffix == ".safetensors":
        return dict(_read_safetensors(path))
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> Iterator[Tuple[str, torch.Tensor]]:
    with open(path, "rb") as file:
        (header_bytes,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(header_bytes))
        # Private and writable, because PyTorch has no tensors that are read-only; nothing is written.
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] not in _SAFETENSORS_DTYPES:
            raise ValueError(f"{path}: {name} is {entry['dtype']}, which is not read")
        dtype = _SAFETENSORS_DTYPES[entry["dtype"]]
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(
            data, dtype=dtype, count=(end - begin) // (torch.finfo(dtype).bits // 8), offset=8 + header_bytes + begin
        )
        yield name, flat.view(entry["shape"])
