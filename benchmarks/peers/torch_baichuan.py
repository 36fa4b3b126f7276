#!/usr/bin/env python3
"""Compares this library with PyTorch on one GPU: speed, memory, and how far rewards are from float64.

    benchmarks/peers/torch_baichuan.py [OPTIONS]        benchmarks/gpu-peers builds ours and calls it with --ours

Peers: eager (as upstream computes, left-padded batches in the order given), sorted (the same, the longest first), sdpa
(scaled_dot_product_attention, padded, sorted), flex (flex_attention, packed, compiled) and, with --ours, this library. All
keep their weights on the device and take turns in every round. A turn is a whole workload, from lists of ids to rewards.

Needs PyTorch alone: 2.5 for flex, 1.13 for the others. Writes OUTPUT.jsonl, a line for whatever was found, as it is found,
and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

BEGAN = time.monotonic()

# Peers of different batches share a device; pieces of memory that fit nobody would be an out of memory of our making.
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
# What PyTorch says about numpy, which nothing here needs.
warnings.filterwarnings("ignore", message=".*[Nn]um[Pp]y")

try:
    import torch
except ImportError as error:
    raise SystemExit(f"torch_baichuan: PyTorch is not there ({error}); install it, or name another Python") from error

import peers_report
import workloads
from baichuan_model import SHAPES, Model, random_model, read_config, read_model, tensor_bytes
from baichuan_peers import Eager, Flex, Sdpa, Unavailable, reference_rewards

PEERS = ("eager", "sorted", "sdpa", "flex")
# The most worthwhile first: the last ones are left out when time is short.
WORKLOADS = ("mix", "512", "pairs", "best-of-16", "2048", "128", "4096", "best-of-4")
FLEX_SIZES = (2048, 4096, 8192)
# Not compiled it holds all scores, and each size costs nothing.
PLAIN_FLEX_SIZES = (64, 128, 256, 512)
# Of the budget, for rewards beside float64.
ERRORS_SHARE = 0.2
# By what lengths are divided, of half of the tokens whose rewards are compared with float64.
CUT = 4


class Log:
    """Everything found, kept and written at once, so that a run that is cut short leaves what it had."""

    def __init__(self, path: Path) -> None:
        self.records: List[Dict[str, Any]] = []
        self._file = open(path, "w", encoding="utf-8")

    def add(self, kind: str, **values: Any) -> None:
        self.records.append({"kind": kind, **values})
        self._file.write(json.dumps(self.records[-1], ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def left_out(self, what: str, why: object) -> None:
        reason = str(why).strip().splitlines()[0] if str(why).strip() else type(why).__name__
        say(f"left out: {what}: {reason}")
        self.add("left_out", what=what, why=reason)


class Scored(NamedTuple):
    """What a turn gave."""

    seconds: float
    rewards: List[float]


class Failed(Exception):
    """A contestant that cannot go on with what it was asked for."""


def say(text: str) -> None:
    print(f"torch_baichuan: {text}", file=sys.stderr, flush=True)


def is_out_of_memory(error: BaseException) -> bool:
    return "out of memory" in str(error).lower()


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free_memory(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


class TorchContestant:
    """One of the ways of baichuan_peers, timed."""

    def __init__(self, name: str, peer: Any, device: torch.device, batch: int, log: Log) -> None:
        self.name = name
        self.about = peer.about()
        self._peer = peer
        self._device = device
        self._batch = batch
        self._log = log
        self._bytes_before = 0

    def begin(self, workload: str) -> None:
        """Before a workload: full batches again, though another had no room for them."""
        self._workload = workload
        if hasattr(self._peer, "batch"):
            self._peer.batch = self._batch

    def score(self, sequences: Sequence[Sequence[int]]) -> Scored:
        """Halves its batches where they are too large, which is recorded, until they fit.

        Raises Failed if a single sequence has no room, or anything else goes wrong.
        """
        while True:
            try:
                return self._timed(sequences)
            except Exception as error:  # a peer's own faults are as many as its libraries'
                out_of_memory = is_out_of_memory(error)
                reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            # Here the failed pass's tensors are not held by the exception any more.
            free_memory(self._device)
            if not out_of_memory:
                raise Failed(reason)
            batch = getattr(self._peer, "batch", 1)
            say(f"{self.name}: out of memory in {self._workload}, batches of {batch}")
            self._log.add("out_of_memory", peer=self.name, workload=self._workload, batch=batch)
            if batch == 1:
                raise Failed("out of memory")
            self._peer.batch = batch // 2

    def _timed(self, sequences: Sequence[Sequence[int]]) -> Scored:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._bytes_before = torch.cuda.memory_allocated(self._device)
        self._peer.computed = 0
        synchronize(self._device)
        began = time.perf_counter()
        rewards = self._peer.score(sequences)
        synchronize(self._device)
        return Scored(time.perf_counter() - began, rewards)

    def memory(self) -> Optional[int]:
        """Most bytes in the last turn, with the weights but without what other peers keep; None on a CPU."""
        if self._device.type != "cuda":
            return None
        taken = torch.cuda.max_memory_allocated(self._device) - self._bytes_before
        kept = 0 if self._peer.kept is None else tensor_bytes(self._peer.kept)
        return self._peer.model.bytes() + kept + taken

    def batch(self) -> Optional[int]:
        return getattr(self._peer, "batch", None)

    def computed(self) -> Optional[int]:
        """Tokens that the last turn computed, padding included."""
        return self._peer.computed


class Ours:
    """This library, in a process of its own that obeys lines: GpuTurn.java describes them."""

    name = "ours"

    def __init__(self, command: List[str], backend: str, device: torch.device) -> None:
        self._backend = backend
        self._device = device
        self._bytes: Optional[int] = None
        self._free = 0
        self._ids = tempfile.NamedTemporaryFile("w", suffix=".ids", delete=False)
        self._ids.close()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=with_torchs_cublas()
        )

    def load(self, model: str, dtype: str) -> None:
        """A directory or the name of a shape; raises Failed."""
        self._bytes = None
        self._free = self._free_bytes()
        self.about = self._ask(f"load {dtype} {self._backend} {model}", "about")

    def begin(self, workload: str) -> None:
        pass

    def score(self, sequences: Sequence[Sequence[int]]) -> Scored:
        with open(self._ids.name, "w", encoding="utf-8") as file:
            file.writelines(" ".join(map(str, ids)) + "\n" for ids in sequences)
        seconds, *rewards = self._ask(f"score {self._ids.name}", "scored").split()
        # Memory is taken with the first batch and kept; nobody else takes any meanwhile.
        if self._bytes is None:
            self._bytes = self._free - self._free_bytes()
        return Scored(float(seconds), [float(reward) for reward in rewards])

    def memory(self) -> Optional[int]:
        return self._bytes if self._device.type == "cuda" else None

    def batch(self) -> Optional[int]:
        return None

    def computed(self) -> Optional[int]:
        return None

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        os.unlink(self._ids.name)

    def _free_bytes(self) -> int:
        if self._device.type != "cuda":
            return 0
        free_memory(self._device)
        return torch.cuda.mem_get_info(self._device)[0]

    def _ask(self, line: str, answer: str) -> str:
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            printed = self._process.stdout.readline()
        except BrokenPipeError:
            printed = ""
        word, _, rest = printed.rstrip("\n").partition(" ")
        if word != answer:
            raise Failed(rest if word == "failed" else f"it ended, and last printed {printed!r}")
        return rest


def with_torchs_cublas() -> Dict[str, str]:
    """The environment in which ours finds the cuBLAS that pip brought along with PyTorch: all multiply with the same one."""
    environment = dict(os.environ)
    packages = Path(torch.__file__).resolve().parent.parent / "nvidia"
    folders = sorted({str(found.parent) for found in packages.glob("*/lib/libcublas.so.1[23]")})
    if folders:
        environment["LD_LIBRARY_PATH"] = ":".join(folders + [os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(":")
    return environment


class Contest:
    """Who takes part, and where; measures workloads and rewards."""

    def __init__(self, options: argparse.Namespace, log: Log, ours: Optional[Ours]) -> None:
        self.options = options
        self.log = log
        self.ours = ours
        self.device = options.device
        self.deadline = BEGAN + options.budget

    def contestants(self, model: Model, where: str, of: str, dtype: str) -> List[Any]:
        """All that can be had, of a model on the device, which is also where ours finds it; None if it cannot."""
        found: List[Any] = []
        if self.ours and where:
            try:
                self.ours.load(where, dtype)
                found.append(self.ours)
            except Failed as error:
                self.log.left_out(f"ours, {of}, {dtype}", error)
        for name in self.options.peers:
            try:
                peer = self._peer(name, model)
            except Unavailable as error:
                self.log.left_out(f"{name}, {of}, {dtype}", error)
                continue
            found.append(TorchContestant(name, peer, self.device, self.options.batch, self.log))
        for each in found:
            self.log.add("about", peer=each.name, text=each.about)
        return found

    def _peer(self, name: str, model: Model) -> Any:
        if name == "flex":
            is_compiled = self.options.flex == "compiled"
            return Flex(model, FLEX_SIZES if is_compiled else PLAIN_FLEX_SIZES, is_compiled)
        if name == "sdpa":
            return Sdpa(model, self.options.batch)
        return Eager(model, self.options.batch, is_sorted=name == "sorted")

    def speed(self) -> None:
        """All workloads, by turns."""
        options = self.options
        of = options.shape if options.model is None else name_of(options.model)
        say(f"loading {of}")
        if options.model is None:
            model = random_model(SHAPES[options.shape], self.device, getattr(torch, options.dtype))
        else:
            model = read_model(options.model, self.device).to(getattr(torch, options.dtype))
        where = options.shape if options.model is None else str(options.model.resolve())
        contestants = self.contestants(model, where, of, options.dtype)
        reserve = ERRORS_SHARE * options.budget if options.errors else 0
        costs: Dict[str, float] = {}  # seconds a token, of the slowest workload so far
        for n, name in enumerate(options.workloads):
            remaining = self.deadline - reserve - time.monotonic()
            workload = self._workload(name, model.config.max_length)
            estimate = 2 * workload.tokens() * sum(costs.values())
            if remaining < estimate or remaining <= 0:
                self.log.left_out(f"workload {name}", f"of {options.budget:.0f} s, only {max(0, remaining):.0f} are left")
                continue
            seconds = remaining / (len(options.workloads) - n)
            self._measure(workload, contestants, model.config.vocabulary, seconds, costs)

    def _workload(self, name: str, longest: int) -> workloads.Workload:
        workload = workloads.read(self.options.workload_folder, name)
        if self.options.tiny:
            workload = workload.shortened(32)
        return workload.fitting(longest).at_most(self.options.tokens)

    def _measure(
        self,
        workload: workloads.Workload,
        contestants: List[Any],
        vocabulary: int,
        seconds: float,
        costs: Dict[str, float],
    ) -> None:
        """A pass that warms up, then rounds for so many seconds; who fails is left out of the workload."""
        sequences, tokens = workload.sequences(vocabulary), workload.tokens()
        self.log.add("workload", workload=workload.name, sequences=len(sequences), tokens=tokens)
        free_memory(self.device)
        running, rewards = [], {}
        for each in contestants:
            say(f"{workload.name}: {each.name} warms up")
            each.begin(workload.name)
            try:
                rewards[each.name] = each.score(sequences).rewards
                # What was compiled or allocated at first is not what a round costs.
                running.append(each)
            except Failed as error:
                self.log.left_out(f"{each.name}, workload {workload.name}", error)
        self._compare(workload.name, rewards)
        # From here on: the first workload's warming up compiles for a minute, and would leave it a single round.
        end = time.monotonic() + seconds
        round_seconds = 0.0
        for number in range(1, self.options.rounds + 1):
            if number > 1 and time.monotonic() + round_seconds > end:
                break
            began = time.monotonic()
            for each in list(running):
                try:
                    self._turn(workload.name, number, each, sequences, tokens, costs)
                except Failed as error:
                    self.log.left_out(f"{each.name}, workload {workload.name}, from round {number}", error)
                    running.remove(each)
                if time.monotonic() > self.deadline:
                    return
            round_seconds = time.monotonic() - began

    def _turn(
        self, workload: str, number: int, each: Any, sequences: List[List[int]], tokens: int, costs: Dict[str, float]
    ) -> None:
        seconds = each.score(sequences).seconds
        costs[each.name] = max(costs.get(each.name, 0), seconds / tokens)
        self.log.add(
            "turn",
            workload=workload,
            round=number,
            peer=each.name,
            seconds=seconds,
            batch=each.batch(),
            computed=each.computed(),
            memory=each.memory(),
        )

    def _compare(self, workload: str, rewards: Dict[str, List[float]]) -> None:
        """How far the peers' rewards are from ours, where all have the same weights."""
        if self.options.model is None or "ours" not in rewards:
            return
        for name, values in rewards.items():
            if name != "ours":
                largest = max(abs(a - b) for a, b in zip(values, rewards["ours"]))
                self.log.add("apart", workload=workload, peer=name, largest=largest)

    def errors(self) -> None:
        """Rewards of every contestant beside float64, for each model and type."""
        for where in self.options.errors:
            if time.monotonic() > self.deadline:
                self.log.left_out(f"rewards of {where}", "the time is over")
                continue
            try:
                self._errors_of(where)
            except Exception as error:  # out of memory above all; the next model may fit
                if not is_out_of_memory(error):
                    raise
                self.log.left_out(f"rewards of {where}", "out of memory")
            free_memory(self.device)

    def _errors_of(self, where: str) -> None:
        directory = None if where in SHAPES else Path(where)
        if directory is None:
            model = random_model(SHAPES[where], self.device, torch.bfloat16)
        else:
            model = read_model(directory, self.device)
        name = where if directory is None else name_of(directory)
        sequences = self._sequences(model, directory)
        say(f"{name}: {len(sequences)} rewards in float64")
        reference = reference_rewards(model, sequences)
        self._check_golden(name, directory, reference)
        for dtype in self.options.error_dtypes:
            reason = missing(self.device, getattr(torch, dtype))
            if reason:
                self.log.left_out(f"the peers on {name}, {dtype}", reason)
                continue
            # Only the library's own random models, which a directory holds, are the same for all.
            place = str(directory.resolve()) if directory else ""
            for each in self.contestants(model.to(getattr(torch, dtype)), place, name, dtype):
                try:
                    self._distance(name, dtype, each, sequences, reference)
                except Failed as error:
                    self.log.left_out(f"{each.name}, {name}, {dtype}", error)

    def _sequences(self, model: Model, directory: Optional[Path]) -> List[List[int]]:
        """Those that a golden model names; else some of the mix, as long as they are and cut.

        How far one reward is off is chance, and few sequences, which are long, would measure chance alone.
        """
        if is_golden(directory):
            return [case["input_ids"] for case in golden_cases(directory)]
        shorter = 8 if self.options.tiny else 1
        tokens = self.options.error_tokens // shorter // 2
        mix = workloads.read(self.options.workload_folder, "mix").shortened(shorter).fitting(model.config.max_length)
        whole = mix.at_most(tokens)
        cut = mix.after(len(whole.groups)).shortened(CUT).at_most(tokens)
        return whole.sequences(model.config.vocabulary) + cut.sequences(model.config.vocabulary)

    def _check_golden(self, name: str, directory: Optional[Path], reference: List[float]) -> None:
        """The float64 of this program beside that of upstream's own code."""
        if is_golden(directory):
            cases = golden_cases(directory)
            largest = max(abs(case["reward_f64"] - reward) for case, reward in zip(cases, reference))
            self.log.add("golden", model=name, cases=len(cases), largest=largest)

    def _distance(
        self, model: str, dtype: str, each: Any, sequences: List[List[int]], reference: List[float]
    ) -> None:
        each.begin(model)
        together = each.score(sequences).rewards
        alone = [each.score([ids]).rewards[0] for ids in sequences]
        squares = [(a - b) ** 2 for a, b in zip(together, reference)]
        rms, rms_error = peers_report.root_mean_square(squares)
        self.log.add(
            "error",
            model=model,
            dtype=dtype,
            peer=each.name,
            sequences=len(sequences),
            largest=math.sqrt(max(squares)),
            rms=rms,
            rms_error=rms_error,
            moved=max(abs(a - b) for a, b in zip(together, alone)),
            rewards=together,
        )


def name_of(directory: Path) -> str:
    """A model's name: its directory's, or that of the one above if the directory is just called model."""
    directory = directory.resolve()
    return directory.parent.name if directory.name == "model" else directory.name


def is_golden(directory: Optional[Path]) -> bool:
    return directory is not None and (directory / "expected.json").exists()


def golden_cases(directory: Path) -> List[Dict[str, Any]]:
    return json.loads((directory / "expected.json").read_text(encoding="utf-8"))["cases"]


def missing(device: torch.device, dtype: torch.dtype) -> str:
    """Why this PyTorch does not compute in that type there; empty if it does."""
    try:
        x = torch.ones((2, 2, 2), dtype=dtype, device=device)
        torch.nn.functional.silu(torch.softmax(torch.nn.functional.linear(x @ x, x[0]), -1))
        return ""
    except RuntimeError as error:
        return str(error).splitlines()[0]


def machine(device: torch.device) -> str:
    """Where it ran, in words."""
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}, PyTorch {torch.__version__}"
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return (
            f"{properties.name}, {properties.total_memory / 1e9:.0f} GB, driver {driver()};"
            f" {system}, CUDA {torch.version.cuda}"
        )
    processor = platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), processor)
    return f"no GPU: {processor}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; {system}"


def driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def names(text: str) -> List[str]:
    return [name for name in text.split(",") if name]


def parse(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--model", type=Path, help="a directory: the same weights for all, so rewards are compared as well")
    model.add_argument("--shape", choices=SHAPES, help="sizes of random weights (baichuan-13b)")
    parser.add_argument("--dtype", choices=("bfloat16", "float16", "float32"), default="bfloat16")
    parser.add_argument("--peers", type=names, default=list(PEERS), help="of eager,sorted,sdpa,flex")
    parser.add_argument("--workloads", type=names, default=list(WORKLOADS), help="files to read, the first ones first")
    default_folder = Path(__file__).resolve().parent.parent / "workloads"
    parser.add_argument("--workload_folder", type=Path, default=default_folder)
    parser.add_argument("--tokens", type=int, help="of a workload, at most (32768)")
    parser.add_argument("--batch", type=int, default=16, help="sequences of a padded batch")
    parser.add_argument("--rounds", type=int, help="at most, as the budget allows (5)")
    parser.add_argument("--budget", type=float, default=500, help="seconds of it all")
    parser.add_argument(
        "--errors", nargs="*", help="models whose rewards are compared with float64: directories or shapes (788m)"
    )
    parser.add_argument("--error_dtypes", type=names, default=["bfloat16", "float16"])
    parser.add_argument(
        "--error_tokens",
        type=int,
        default=8192,
        help="of the mix, where a model names no sequences: half as it is, half in sequences cut to a quarter",
    )
    parser.add_argument("--no_speed", action="store_true", help="rewards alone")
    parser.add_argument("--ours_backend", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--device", help="cuda where there is one, else cpu")
    parser.add_argument("--flex", choices=("compiled", "eager"), help="compiled on a GPU, else eager")
    parser.add_argument("--tiny", action="store_true", help="a tiny model and short sequences, to try everything")
    parser.add_argument("--check", action="store_true", help="says where it would run, or why it cannot")
    parser.add_argument("--commit", default="unknown", help="for the report")
    parser.add_argument("--command", help="for the report, where another program called this one")
    parser.add_argument("--output", type=Path, default=Path("torch-baichuan"), help="without .jsonl and .md")
    parser.add_argument("--ours", nargs=argparse.REMAINDER, help="the rest: what starts this library's side")
    options = parser.parse_args(arguments)
    for name in options.peers:
        if name not in PEERS:
            parser.error(f"there is no peer {name}; peers are {', '.join(PEERS)}")
    return complete(options)


def complete(options: argparse.Namespace) -> argparse.Namespace:
    """Fills in what depends on other options and on the computer."""
    cuda = torch.cuda.is_available()
    options.device = torch.device(options.device or ("cuda" if cuda else "cpu"))
    if options.device.type == "cuda" and not cuda:
        raise SystemExit(f"torch_baichuan: PyTorch {torch.__version__} finds no GPU")
    if not cuda and not (options.tiny or options.no_speed or options.model or options.shape):
        # Baichuan-13B's sizes would take a CPU hours.
        raise SystemExit(
            f"torch_baichuan: PyTorch {torch.__version__} finds no GPU; --tiny tries everything without one, and means nothing"
        )
    small = "tiny" if options.tiny else None
    options.shape = options.shape or small or "baichuan-13b"
    options.errors = [small or "788m"] if options.errors is None else options.errors
    options.tokens = options.tokens or (512 if options.tiny else 32768)
    options.rounds = options.rounds or (1 if options.tiny else 5)
    options.flex = options.flex or ("compiled" if options.device.type == "cuda" else "eager")
    return options


def main() -> int:
    options = parse()
    if options.check:
        say(machine(options.device))
        return 0
    options.output.parent.mkdir(parents=True, exist_ok=True)
    log = Log(options.output.with_name(options.output.name + ".jsonl"))
    log.add(
        "run",
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        commit=options.commit,
        command=options.command or f"{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}",
        machine=machine(options.device),
        model=name_of(options.model) if options.model else f"random weights, {options.shape}",
        config=(read_config(options.model) if options.model else SHAPES[options.shape])._asdict(),
        dtype=options.dtype,
        batch=options.batch,
        budget=options.budget,
        tiny=options.tiny,
    )
    ours = Ours(options.ours, options.ours_backend, options.device) if options.ours else None
    if ours is None:
        log.left_out("ours", "not asked for by --ours")
    contest = Contest(options, log, ours)
    try:
        # No gradients. inference_mode would not do: what it made is refused by torch.compile in some versions.
        with torch.no_grad():
            if not options.no_speed:
                contest.speed()
                free_memory(options.device)
            contest.errors()
    finally:
        if ours:
            ours.close()
        log.close()
        report = options.output.with_name(options.output.name + ".md")
        report.write_text(peers_report.markdown(log.records), encoding="utf-8")
        say(f"written: {report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
