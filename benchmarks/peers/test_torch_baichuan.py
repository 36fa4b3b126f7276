"""Tests of the PyTorch peers, run by hand where PyTorch is: python3 benchmarks/peers/test_torch_baichuan.py

Golden models are those of lib-core's tests, and of the folder that TESTDATA names, which has two larger ones. What a
PyTorch has not (flex_attention before 2.5, float16 on a CPU before 2.1) is skipped.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List

warnings.filterwarnings("ignore")

import torch

import peers_report
import torch_baichuan
import workloads
from baichuan_model import SHAPES, Model, random_model, read_model
from baichuan_peers import Eager, Flex, Sdpa, Unavailable, pack, reference_rewards, slopes

HERE = Path(__file__).resolve().parent
CPU = torch.device("cpu")
FOLDERS = [HERE.parent.parent / "lib-core/src/test/resources/golden"]
if "TESTDATA" in os.environ:
    FOLDERS.append(Path(os.environ["TESTDATA"]) / "golden")
# The first folder that has a model counts; adapters are not read.
GOLDEN = {
    directory.name: directory
    for folder in reversed(FOLDERS)
    for directory in sorted(folder.iterdir())
    if (directory / "config.json").exists() and (directory / "expected.json").exists()
}

WAYS: Dict[str, Callable[[Model], Any]] = {
    "eager": lambda model: Eager(model, 16, is_sorted=False),
    "sorted": lambda model: Eager(model, 4, is_sorted=True),
    "sdpa": lambda model: Sdpa(model, 4),
    "flex": lambda model: Flex(model, (64, 512), is_compiled=False),
}

# Float32 as upstream's own; half precision as far as upstream's own is from float64 on its worst golden model.
TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 0.5, torch.float16: 0.06}


def largest(a: List[float], b: List[float]) -> float:
    return max(abs(x - y) for x, y in zip(a, b))


class GoldenTest(unittest.TestCase):
    """Rewards beside those of upstream's own code in float64."""

    def setUp(self) -> None:
        self.assertTrue(GOLDEN, f"no golden models in {FOLDERS}")

    def each(self) -> Any:
        for name, directory in GOLDEN.items():
            cases = torch_baichuan.golden_cases(directory)
            ids = [case["input_ids"] for case in cases]
            yield name, read_model(directory, CPU), ids, [case["reward_f64"] for case in cases]

    def test_float64_is_upstreams(self) -> None:
        for name, model, ids, rewards in self.each():
            with self.subTest(name):
                self.assertLess(largest(reference_rewards(model, ids), rewards), 1e-9)

    def check(self, dtype: torch.dtype) -> None:
        reason = torch_baichuan.missing(CPU, dtype)
        if reason:
            self.skipTest(reason)
        for name, model, ids, rewards in self.each():
            for way, make in WAYS.items():
                with self.subTest(model=name, way=way), torch.no_grad():
                    try:
                        peer = make(model.to(dtype))
                    except Unavailable as error:
                        self.skipTest(str(error))
                    self.assertLess(largest(peer.score(ids), rewards), TOLERANCE[dtype])

    def test_float32(self) -> None:
        self.check(torch.float32)

    def test_bfloat16(self) -> None:
        self.check(torch.bfloat16)

    def test_float16(self) -> None:
        self.check(torch.float16)

    def test_padding_moves_upstreams_rewards_in_bfloat16_only(self) -> None:
        moved = {torch.float32: 0.0, torch.bfloat16: 0.0}
        for _, model, ids, _ in self.each():
            for dtype in moved:
                peer = Eager(model.to(dtype), 16, is_sorted=False)
                alone = [peer.score([each])[0] for each in ids]
                moved[dtype] = max(moved[dtype], largest(peer.score(ids), alone))
        self.assertLess(moved[torch.float32], 5e-5)
        self.assertGreater(moved[torch.bfloat16], 0.05)

    def test_bfloat16_is_as_far_off_as_upstreams(self) -> None:
        """The golden files have what upstream's own code gives each sequence by itself."""
        checked = 0
        for name, directory in GOLDEN.items():
            cases = torch_baichuan.golden_cases(directory)
            if "reward_bf16_upstream_info" not in cases[0]:
                continue
            peer = Eager(read_model(directory, CPU).to(torch.bfloat16), 1, is_sorted=False)
            found = peer.score([case["input_ids"] for case in cases])
            upstream = [case["reward_bf16_upstream_info"] for case in cases]
            exact = [case["reward_f64"] for case in cases]
            with self.subTest(name):
                # The same roundings, but for sums of products, which each PyTorch adds up in another order.
                self.assertLess(largest(found, upstream), 0.5 * largest(upstream, exact) + 0.02)
            checked += 1
        self.assertGreater(checked, 0)


class PiecesTest(unittest.TestCase):
    def test_slopes_of_forty_heads(self) -> None:
        found = slopes(40)
        self.assertAlmostEqual(found[0], 0.840896, places=6)
        self.assertAlmostEqual(found[31], 0.00390625)
        self.assertAlmostEqual(found[32], 0.917004, places=6)
        self.assertAlmostEqual(found[39], 0.272627, places=6)

    def test_packing_loses_nothing(self) -> None:
        lengths = [300, 5, 900, 128, 128, 1, 1000]
        batches = pack(lengths, 1000)
        self.assertEqual(sorted(s for batch in batches for s in batch), list(range(len(lengths))))
        self.assertTrue(all(sum(lengths[s] for s in batch) <= 1000 for batch in batches))

    def test_compiled_flex_gives_the_same_and_compiles_each_size_once(self) -> None:
        # Compiled code wants heads of 16 or more.
        config = SHAPES["tiny"]._replace(hidden=160)
        model = random_model(config, CPU, torch.float32)
        ids = workloads.Workload("", [[0, n] for n in (100, 7, 180, 64)]).sequences(config.vocabulary)
        try:
            compiled = Flex(model, (128, 256), is_compiled=True)
        except Unavailable as error:
            self.skipTest(str(error))
        with torch.no_grad():
            torch._dynamo.utils.counters.clear()
            first = compiled.score(ids)
            graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
            again = compiled.score(ids[::-1])[::-1]
        self.assertLess(largest(first, reference_rewards(model, ids)), 2e-5)
        self.assertLess(largest(first, again), 2e-5)
        self.assertEqual(graphs, 2)
        self.assertEqual(torch._dynamo.utils.counters["stats"]["unique_graphs"], graphs)

    def test_ids_are_in_the_vocabulary_and_prompts_are_shared(self) -> None:
        first, second, other = workloads.Workload("", [[20, 5, 9], [0, 30]]).sequences(100)
        self.assertEqual(first[:20], second[:20])
        self.assertNotEqual(first[20:], second[20:25])
        self.assertEqual([len(first), len(second), len(other)], [25, 29, 30])
        self.assertTrue(all(3 <= t < 100 for t in first + second + other))


    def test_groups_keep_their_ids_without_the_first(self) -> None:
        workload = workloads.Workload("name", [[20, 5], [20, 9], [30, 8]])
        rest = workload.after(1)
        self.assertEqual(rest.sequences(100), workload.sequences(100)[1:])
        self.assertEqual(rest.after(1).at_most(1).sequences(100), workload.sequences(100)[2:])
        self.assertEqual(rest.shortened(4).lengths(), [8, 10])
        self.assertEqual(workload.after(3).at_most(100).sequences(100), [])


class StandardErrorTest(unittest.TestCase):
    def test_the_root_mean_square_of_many_draws_spreads_by_it(self) -> None:
        torch.manual_seed(1)
        draws = [peers_report.root_mean_square((torch.randn(200) ** 2).tolist()) for _ in range(300)]
        spread = statistics.stdev(rms for rms, _ in draws)
        self.assertAlmostEqual(statistics.fmean(error for _, error in draws), spread, delta=0.1 * spread)

    def test_one_distance_and_no_distance_have_none(self) -> None:
        self.assertEqual(peers_report.root_mean_square([4.0]), (2.0, 0.0))
        self.assertEqual(peers_report.root_mean_square([0.0, 0.0]), (0.0, 0.0))

    def test_records_together_are_nearly_what_all_their_distances_are(self) -> None:
        torch.manual_seed(2)
        squares = [(torch.randn(n) ** 2).tolist() for n in (40, 400)]
        records = []
        for each in squares:
            rms, rms_error = peers_report.root_mean_square(each)
            records.append({"sequences": len(each), "rms": rms, "rms_error": rms_error})
        rms, rms_error = peers_report.together(records)
        expected, expected_error = peers_report.root_mean_square(squares[0] + squares[1])
        self.assertAlmostEqual(rms, expected, places=12)
        self.assertAlmostEqual(rms_error, expected_error, delta=0.02 * expected_error)


class OutOfMemoryTest(unittest.TestCase):
    class Greedy:
        """A peer with room for so many sequences."""

        room = 0
        batch = 16
        computed = 0

        def about(self) -> str:
            return ""

        def score(self, ids: List[Any]) -> List[float]:
            if self.batch > self.room:
                raise RuntimeError("CUDA out of memory. Tried to allocate")
            return [0.0] * len(ids)

    def contestant(self, room: int) -> Any:
        peer = self.Greedy()
        peer.room = room
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.log = torch_baichuan.Log(Path(self.folder.name) / "log")
        self.addCleanup(self.log.close)
        made = torch_baichuan.TorchContestant("eager", peer, CPU, 16, self.log)
        made.begin("4096")
        return made

    def test_batches_are_halved_and_that_is_recorded(self) -> None:
        contestant = self.contestant(3)
        contestant.score([[1]])
        self.assertEqual(contestant.batch(), 2)
        self.assertEqual([r["batch"] for r in self.log.records], [16, 8, 4])

    def test_no_room_at_all_is_a_failure(self) -> None:
        with self.assertRaisesRegex(torch_baichuan.Failed, "out of memory"):
            self.contestant(0).score([[1]])


class ProgramTest(unittest.TestCase):
    def run_tiny(self, *options: str) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "result"
            command = [sys.executable, str(HERE / "torch_baichuan.py"), "--tiny", "--device", "cpu", *options]
            command += ["--workloads", "mix,pairs", "--output", str(output)]
            subprocess.run(command, check=True, stderr=subprocess.PIPE)
            lines = (Path(folder) / "result.jsonl").read_text(encoding="utf-8").splitlines()
            report = (Path(folder) / "result.md").read_text(encoding="utf-8")
        return [json.loads(line) for line in lines], report

    def test_tiny_measures_everything_and_reports_it(self) -> None:
        records, report = self.run_tiny("--peers", "eager,sdpa")
        self.assertEqual(len(peers_report.of_kind(records, "turn")), 4)
        self.assertIn("| mix | PyTorch as upstream |", report)
        self.assertIn("| tiny | bfloat16 | SDPA, sorted |", report)
        self.assertIn("19.719", report)
        self.assertIn("\nCommand: `", report)
        block = json.loads(report.split("```json\n")[1].split("```")[0])
        self.assertEqual(list(block), ["date", "commit", "machine", "versions"])
        self.assertTrue(all(block.values()))

    def test_without_time_everything_is_left_out_and_said(self) -> None:
        records, report = self.run_tiny("--budget", "0")
        self.assertEqual(peers_report.of_kind(records, "turn"), [])
        self.assertIn("- workload mix: ", report)
        self.assertIn("- rewards of tiny: the time is over", report)


if __name__ == "__main__":
    unittest.main()
