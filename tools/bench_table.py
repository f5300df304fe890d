"""The rows of tools/bench as a table in Markdown, as BENCHMARKS.md has them."""

import platform
import statistics

from bench_measure import processor


def table(rows):
    """The rows as a table in Markdown."""
    def number(value):
        return "" if value is None else f"{value:.2f}"

    def seconds(row, side):
        if side not in row:
            return ""
        return ", ".join(f"{statistics.median(row[side][key]):.3f} s" for key in ("seconds", "processor_seconds"))

    def before(row):
        if not has_before:
            return ""
        found = row.get("before", {})
        if "failure" in found:
            return " before: failed |"
        words = {"time": "time", "processor_time": "processor", "peak_memory": "memory"}
        return " " + ", ".join(f"{word} {found[key]:.2f}" for key, word in words.items() if key in found) + " |"

    has_before = any("before" in row for row in rows)
    kernels = {row["kernels"] for row in rows if row.get("kernels", "best") != "best"}
    lines = [f"{processor()}, {platform.system()} {platform.machine()}" + "".join(f", kernels {name}" for name in kernels), "",
             "| what | beside | min | median | max | target | stretch | met | ours: time, processor | peer: time, processor | |"
             + (" after / before |" if has_before else ""),
             "|---|---|---|---|---|---|---|---|---|---|---|" + ("---|" if has_before else "")]
    for row in rows:
        unit = " × faster" if row["relation"] == "≥" and row["beside"] != "triad" else " ×"
        bounds = [f"{row['relation']} {row[key]:g}{unit}" if row[key] else "" for key in ("target", "stretch")]
        met = ""
        for word, bound in (("yes", row["target"]), ("stretch", row["stretch"])):
            if bound and (row["median"] >= bound if row["relation"] == "≥" else row["median"] <= bound):
                met = word
            elif bound and word == "yes":
                met = "**no**"
                break
        lines.append(
            f"| {row['what']} | {row['beside']} | {number(row['minimum'])} | {number(row['median'])} | "
            f"{number(row['maximum'])} | {bounds[0]} | {bounds[1]} | {met} | {seconds(row, 'ours')} | "
            f"{seconds(row, 'peer')} | {row['note']} |{before(row)}")
    return "\n".join(lines)
