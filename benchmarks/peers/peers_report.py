"""Makes Markdown of what torch_baichuan.py found. Needs no PyTorch: python3 peers_report.py FILE.jsonl"""

from __future__ import annotations

import json
import math
import statistics
import sys
from typing import Any, Dict, Iterable, List, Tuple

Record = Dict[str, Any]

TITLES = {
    "ours": "this library",
    "eager": "PyTorch as upstream",
    "sorted": "the same, sorted",
    "sdpa": "SDPA, sorted",
    "flex": "flex_attention, packed",
}

# Pairs a second of the two published evaluations.
PUBLISHED = "19.719 and 17.248 pairs/s were published for the two 13B models on 8 A100"


def of_kind(records: Iterable[Record], kind: str) -> List[Record]:
    return [record for record in records if record["kind"] == kind]


def markdown(records: List[Record]) -> str:
    """The whole report."""
    run = of_kind(records, "run")[0]
    parts = [head(run, records)]
    if of_kind(records, "turn"):
        parts.append(speed(run, records))
    if of_kind(records, "error"):
        parts.append(errors(records))
    parts.append(left_out(records))
    parts.append(block(run))
    return "\n".join(part for part in parts if part)


def head(run: Record, records: List[Record]) -> str:
    about: Dict[str, str] = {}
    for record in of_kind(records, "about"):
        about.setdefault(record["peer"], record["text"])  # the first: that of what is measured first
    lines = [
        "# This library beside PyTorch",
        "",
        f"{run['date']}, commit {run['commit']}. {run['machine']}.",
        "",
        f"Command: `{run['command']}`",
        "",
    ]
    if run["tiny"]:
        lines += ["A tiny model and short sequences, to see that everything runs: the speeds mean nothing.", ""]
    lines += [f"- {TITLES[peer]}: {text}" for peer, text in about.items()]
    return "\n".join(lines) + "\n"


def block(run: Record) -> str:
    """When, of what and on what it was measured, as the page of all results reads it."""
    machine, _, versions = run["machine"].partition("; ")
    about = {"date": run["date"], "commit": run["commit"], "machine": machine, "versions": [versions]}
    return "```json\n" + json.dumps(about, indent=2, ensure_ascii=False) + "\n```\n"


def speed(run: Record, records: List[Record]) -> str:
    turns = of_kind(records, "turn")
    config = run["config"]
    lines = [
        "## Speed",
        "",
        f"{run['model']}: {config['layers']} layers, hidden {config['hidden']}, {config['heads']} heads; {run['dtype']};"
        f" padded batches of {run['batch']}. In a round all",
        "take turns, after a pass that warms up. Medians of the rounds, the lowest and the highest in brackets. Tokens are those",
        "of the sequences, padding not counted, a prompt counted with each of its answers; computed are those and what they were",
        "padded with, as a multiple. Peak memory includes weights; this library's is all that its process takes of the GPU,",
        "PyTorch's is what its tensors hold. PyTorch's products may sum in half precision, as they do by default; this library's",
        "may not.",
        "",
        "| workload | | tokens/s | time beside ours, within a round | sequences/s | computed | peak GB | rounds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for workload in of_kind(records, "workload"):
        for peer in TITLES:
            mine = [t for t in turns if t["workload"] == workload["workload"] and t["peer"] == peer]
            if mine:
                ours = [t for t in turns if t["workload"] == workload["workload"] and t["peer"] == "ours"]
                lines.append(speed_row(workload, peer, mine, ours, run["batch"]))
    lines += [""] + pair_lines(records, turns) + apart_lines(records) + memory_lines(records)
    return "\n".join(lines)


def speed_row(workload: Record, peer: str, mine: List[Record], ours: List[Record], batch: int) -> str:
    tokens = workload["tokens"]
    rates = [tokens / turn["seconds"] for turn in mine]
    by_round = {turn["round"]: turn["seconds"] for turn in ours}
    ratios = [turn["seconds"] / by_round[turn["round"]] for turn in mine if turn["round"] in by_round]
    last = mine[-1]
    title = TITLES[peer]
    if last["batch"] not in (None, batch):
        title += f", batches of {last['batch']}"
    cells = [
        workload["workload"],
        title,
        spread(rates, 0),
        "" if peer == "ours" else spread(ratios, 2),
        f"{workload['sequences'] / statistics.median(turn['seconds'] for turn in mine):.1f}",
        "" if last["computed"] is None else f"{last['computed'] / tokens:.2f}",
        "" if last["memory"] is None else f"{last['memory'] / 1e9:.1f}",
        str(len(mine)),
    ]
    return "| " + " | ".join(cells) + " |"


def spread(values: List[float], digits: int) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def pair_lines(records: List[Record], turns: List[Record]) -> List[str]:
    workload = next((w for w in of_kind(records, "workload") if w["workload"] == "pairs"), None)
    mine = [turn for turn in turns if turn["workload"] == "pairs"]
    if workload is None or not mine:
        return []
    rates = []
    for peer in TITLES:
        seconds = [turn["seconds"] for turn in mine if turn["peer"] == peer]
        if seconds:
            rates.append(f"{TITLES[peer]} {workload['sequences'] / 2 / statistics.median(seconds):.1f}")
    mean = workload["tokens"] / workload["sequences"]
    return [
        f"Pairs a second, of {mean:.0f} tokens a sequence on average: {'; '.join(rates)}. {PUBLISHED}, of a length that is not known.",
        "",
    ]


def apart_lines(records: List[Record]) -> List[str]:
    largest: Dict[str, float] = {}
    for record in of_kind(records, "apart"):
        largest[record["peer"]] = max(record["largest"], largest.get(record["peer"], 0.0))
    if not largest:
        return []
    found = ", ".join(f"{TITLES[peer]} {value:.4f}" for peer, value in largest.items())
    return [f"All have the same weights. Largest distance of a reward from this library's: {found}.", ""]


def memory_lines(records: List[Record]) -> List[str]:
    lines = [
        f"- Out of memory: {TITLES[r['peer']]}, workload {r['workload']}, batches of {r['batch']}."
        for r in of_kind(records, "out_of_memory")
    ]
    return lines + [""] if lines else []


def errors(records: List[Record]) -> str:
    found = of_kind(records, "error")
    lines = [
        "## Rewards beside float64",
        "",
        "Distance of rewards from float64 on the same stored weights, when sequences are scored together; and how far a reward",
        "moves when its sequence is scored alone instead. How far one reward is off is chance: the standard error says how much of",
        "a root mean square may be.",
        "",
    ]
    golden = of_kind(records, "golden")
    if golden:
        count = sum(r["cases"] for r in golden)
        largest = small(max(r["largest"] for r in golden))
        lines += [
            f"Upstream's own code in float64 gives {count} of these rewards; this program's float64 differs by at most {largest}.",
            "",
        ]
    if len({r["model"] for r in found}) > 1:
        lines += error_table(over_all(found)) + [""]
    return "\n".join(lines + error_table(found) + [""])


def over_all(found: List[Record]) -> List[Record]:
    """One record for each type and peer, over the models that all of them have."""
    everywhere = {(r["dtype"], r["peer"]) for r in found}
    count = {m: len({(r["dtype"], r["peer"]) for r in found if r["model"] == m}) for m in {r["model"] for r in found}}
    common = {m for m, n in count.items() if n == len(everywhere)}
    rows = []
    for dtype in dict.fromkeys(r["dtype"] for r in found):
        for peer in TITLES:
            mine = [r for r in found if (r["dtype"], r["peer"]) == (dtype, peer) and r["model"] in common]
            if mine:
                sequences = sum(r["sequences"] for r in mine)
                rms, rms_error = together(mine)
                rows.append(
                    {
                        "model": f"{len(mine)} models",
                        "dtype": dtype,
                        "peer": peer,
                        "sequences": sequences,
                        "largest": max(r["largest"] for r in mine),
                        "rms": rms,
                        "rms_error": rms_error,
                        "moved": max(r["moved"] for r in mine),
                    }
                )
    return rows


def root_mean_square(squares: List[float]) -> Tuple[float, float]:
    """And its standard error, from how the squares spread; 0 where one square does not tell."""
    rms = math.sqrt(statistics.fmean(squares))
    if rms == 0 or len(squares) == 1:
        return rms, 0.0
    return rms, statistics.stdev(squares) / math.sqrt(len(squares)) / (2 * rms)


def together(found: List[Record]) -> Tuple[float, float]:
    """The root mean square of several records' distances, and its standard error."""
    sequences = sum(r["sequences"] for r in found)
    rms = math.sqrt(sum(r["rms"] ** 2 * r["sequences"] for r in found) / sequences)
    if rms == 0:
        return rms, 0.0
    # That of a mean square is 2 rms times that of its root.
    return rms, math.hypot(*(2 * r["rms"] * r["rms_error"] * r["sequences"] / sequences for r in found)) / (2 * rms)


def error_table(rows: List[Record]) -> List[str]:
    lines = [
        "| model | type | | sequences | largest distance | root mean square | its standard error | moves by up to |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        numbers = " | ".join(small(r[key]) for key in ("largest", "rms", "rms_error", "moved"))
        lines.append(f"| {r['model']} | {r['dtype']} | {TITLES[r['peer']]} | {r['sequences']} | {numbers} |")
    return lines


def small(value: float) -> str:
    """Two digits that count, without an exponent where that is short."""
    if value == 0:
        return "0"
    return f"{value:.4f}" if value >= 0.01 else f"{value:.1e}"


def left_out(records: List[Record]) -> str:
    lines = [f"- {r['what']}: {r['why']}" for r in of_kind(records, "left_out")]
    return "\n".join(["Not measured:", ""] + lines) + "\n" if lines else ""


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as found:
        print(markdown([json.loads(line) for line in found]), end="")
