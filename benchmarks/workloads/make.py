#!/usr/bin/env python3
"""Makes the files of this folder: benchmarks/workloads/make.py [--pairs FILE --tokenizer DIR]

A line is the lengths of a prompt and of its answers, in tokens. Without --pairs all but pairs.txt are made, which needs
nothing but Python. --pairs is a file of comparisons as oaast_rm_zh.json (instruction, input, history, two or more outputs),
--tokenizer a directory with Baichuan-13B's tokenizer.model: then ./reward encodes them under the default template, cut as
the published evaluations cut them: the prompt to 512 tokens, the answer to 511 and the final one.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
from pathlib import Path
from typing import List

FOLDER = Path(__file__).resolve().parent
REWARD = FOLDER.parent.parent / "reward"

MEDIAN, SIGMA, SHORTEST, LONGEST = 400, 0.7, 16, 4096
PROMPT, ANSWER, SHORT_ANSWER = 512, 256, 64
CUT = 512


def write(name: str, comment: str, groups: List[List[int]]) -> None:
    lines = [f"# {comment}; made by make.py", "# tokens of a prompt, and of each of its answers"]
    lines += [" ".join(map(str, group)) for group in groups]
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def mix(count: int) -> List[List[int]]:
    numbers = random.Random(1)
    lengths = [round(MEDIAN * math.exp(SIGMA * numbers.gauss(0, 1))) for _ in range(count)]
    return [[0, min(max(length, SHORTEST), LONGEST)] for length in lengths]


def encoded_lengths(rows: List[dict], tokenizer: Path, *options: str) -> List[int]:
    """How many ids ./reward makes of each row."""
    command = [REWARD, "tokenize", "--quiet", "--model", tokenizer, "--input", "-", "--output", "-", *options]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    printed = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    found = [json.loads(line) for line in printed.splitlines()]
    return [len(row.get("input_ids", row.get("ids"))) for row in found]


def pairs(file: Path, tokenizer: Path) -> List[List[int]]:
    """The prompt and the two answers of each comparison."""
    comparisons = json.loads(file.read_text(encoding="utf-8"))
    rows, answers = [], []
    for each in comparisons:
        prompt = each["instruction"] + ("\n" + each["input"] if each["input"] else "")
        for answer in each["output"][:2]:
            rows.append({"prompt": prompt, "history": each["history"], "answer": answer})
            answers.append({"text": answer})
    cuts = ("--max_source_length", str(CUT), "--max_target_length", str(CUT))
    whole = encoded_lengths(rows, tokenizer, *cuts)
    own = [min(length, CUT - 1) + 1 for length in encoded_lengths(answers, tokenizer)]
    groups = [[whole[n] - own[n], own[n], own[n + 1]] for n in range(0, len(whole), 2)]
    # A run takes the first ones, which then are a sample of all.
    random.Random(1).shuffle(groups)
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    options = parser.parse_args()
    for length in (128, 512, 2048, 4096):
        write(str(length), f"sequences of {length} tokens", [[0, length]] * (131072 // length))
    comment = f"log-normal, median {MEDIAN}, sigma {SIGMA}, from {SHORTEST} to {LONGEST}"
    write("mix", comment, mix(512))
    for count in (4, 16):
        for answer, suffix in ((ANSWER, ""), (SHORT_ANSWER, "-short")):
            groups = [[PROMPT] + [answer] * count] * (128 // count)
            write(f"best-of-{count}{suffix}", f"{count} answers of {answer} tokens to each prompt of {PROMPT}", groups)
    if options.pairs:
        comment = f"the pairs of {options.pairs.name} by Baichuan-13B's tokenizer, cut to {CUT} + {CUT}, in a random order"
        write("pairs", comment, pairs(options.pairs, options.tokenizer))


main()
