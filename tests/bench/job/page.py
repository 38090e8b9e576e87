# SPDX-License-Identifier: Apache-2.0
"""What the bench of jobs measured, as a page for people."""
import statistics

from table import machine, write  # noqa: F401  (the race's: the same head, the same way to replace what was measured)

OURS = ("stepfleet, directory", "stepfleet, S3")
PLACES = ("directory", "S3")


def of(result, part, name):
    return [r for r in result["measured"] if r["part"] == part and r["name"] == name]


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def times(rows, place):
    """How many times the peer's speed ours had, beside it; None where there was no such pair."""
    found = [r["seconds"] / r["beside"][place] for r in rows if place in r["beside"]]
    return statistics.median(found) if found else None


def bars(result):
    """Each that was measured: what was promised, what came of it."""
    found = []

    def beside(text, part, name, least):
        for place in PLACES:
            rows = of(result, part, name)
            value = times(rows, place) if rows else None
            if value is not None:
                found.append({"bar": f"{text}, ours {'in a directory, too' if place == 'directory' else 'on S3'}",
                              "value": f"{value:.2f} ×", "met": value >= least})

    beside("filter: at least DuckDB's speed on a local file", "filter", "duckdb", 1)
    beside("filter: at least 5 × pyspark's on a local file", "filter", "pyspark", 5)
    beside("total sort: at least GNU sort's speed on a local file", "sort", "GNU sort", 1)
    for row in result["shards"]:
        cost = row["cpu"]["coordinator"] * 1000 / row["count"]
        found.append({"bar": f"{row['label']}: at most 1 ms of the coordinator's processor time a shard",
                      "value": f"{cost:.3f} ms", "met": cost <= 1})
    return found


def cell(value, form):
    return "" if value is None else format(value, form)


def part_lines(result, part, title):
    names = list(dict.fromkeys(r["name"] for r in result["measured"] if r["part"] == part))
    if not names:
        return
    yield f"\n### {title}\n"
    yield "| | s | MB/s | s, with its start-up | processor, s | ours beside it: directory | S3 |"
    yield "|---|---|---|---|---|---|---|"
    for name in sorted(names, key=lambda n: n not in OURS):
        rows = of(result, part, name)
        whole = median(rows, "whole") if "whole" in rows[0] else None
        cpu = statistics.median(sum(r["cpu"].values()) for r in rows)
        ratios = [times(rows, place) if "beside" in rows[0] else None for place in PLACES]
        yield f"| {name} | {median(rows, 'seconds'):.2f} | {median(rows, 'rate'):,.0f} | {cell(whole, '.2f')} | {cpu:.1f} " \
              f"| {cell(ratios[0], '.2f')}{' ×' if ratios[0] else ''} | {cell(ratios[1], '.2f')}{' ×' if ratios[1] else ''} |"
    yield ""
    yield "Where ours spends it (the server's counts because it is on this machine):"
    yield ""
    yield "| | workers | handlers | coordinator | S3 server | worker's peak, MiB |"
    yield "|---|---|---|---|---|---|"
    for name in [n for n in OURS if n in names]:
        rows = of(result, part, name)
        cpu = {k: statistics.median(r["cpu"][k] for r in rows) for k in rows[0]["cpu"]}
        yield f"| {name} | {cpu['workers']:.2f} | {cpu['handlers']:.2f} | {cpu['coordinator']:.2f} " \
              f"| {cpu['store']:.2f} | {max(r['worker_mib'] for r in rows):.1f} |"


def scale_lines(result):
    if not result["scale"]:
        return
    yield "\n### More workers\n"
    yield "4,000 lines that take 2 ms each, in 40 shards; each worker does one at a time. There are " \
          f"{result['machine']['cores']} cores."
    yield ""
    yield "| worker processes | the handler waits, s | times one worker's | it computes, s | times one worker's |"
    yield "|---|---|---|---|---|"
    of_one = {r["what"]: r["seconds"] for r in result["scale"] if r["workers"] == 1}
    for workers in sorted({r["workers"] for r in result["scale"]}):
        took = {r["what"]: r["seconds"] for r in result["scale"] if r["workers"] == workers}
        yield f"| {workers} | " + " | ".join(
            f"{took[what]:.2f} | {of_one[what] / took[what]:.2f} ×" for what in ("wait", "compute")) + " |"


def shards_line(row):
    count = row["count"]
    return f"{row['label']}: {row['seconds']:.1f} s, {row['seconds'] * 1000 / count:.2f} ms each; processor time each: " \
           f"coordinator {row['cpu']['coordinator'] * 1000 / count:.3f} ms, workers " \
           f"{(row['cpu']['workers'] + row['cpu']['handlers']) * 1000 / count:.2f} ms; coordinator's peak " \
           f"{row['mib']:.0f} MiB, {row['rest_mib']:.0f} before"


def shards_lines(result):
    if not result["shards"]:
        return
    yield "\n### What a shard costs\n"
    yield "In a directory; the first ones are cut from one long line, so that all but one have no record and begin no " \
          "handler."
    yield ""
    yield "| shards | s | ms each | coordinator's processor, ms each | workers', ms each | coordinator, MiB at its peak " \
          "(before) | worker, MiB | cleaned up after, s |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in result["shards"]:
        n = row["count"]
        workers = row["cpu"]["workers"] + row["cpu"]["handlers"]
        yield f"| {row['label']} | {row['seconds']:.1f} | {row['seconds'] * 1000 / n:.2f} " \
              f"| {row['cpu']['coordinator'] * 1000 / n:.3f} | {workers * 1000 / n:.2f} | {row['mib']:.0f} " \
              f"({row['rest_mib']:.0f}) | {row['worker_mib']:.0f} | {row['clean_seconds']:.1f} |"


def page(result):
    m = result["machine"]
    lines = ["## Measured", "", f"{m['date']}, {m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB, "
             f"{m['disk']}, Linux {m['kernel']}, commit {m['commit']}, load {m['load']:.1f} at the start, "
             f"{result['minutes']:.0f} minutes.", "", "```sh", result["command"], "```"]
    size = f"{result['bytes'] / 2 ** 20:,.0f} MiB of JSON Lines"
    if "filter_bytes" in result:
        lines += part_lines(result, "filter", f"Filter and projection, {size}, "
                            f"{result['filter_bytes'] / 2 ** 20:,.1f} MiB of output")
    lines += part_lines(result, "sort", f"Total sort by a text key, {size}")
    lines += scale_lines(result)
    lines += shards_lines(result)
    lines += ["", "### Bars", "", "| | measured | |", "|---|---|---|"]
    lines += [f"| {b['bar']} | {b['value']} | {'met' if b['met'] else 'MISSED'} |" for b in result["bars"]]
    lines += ["", "### Who", "", "| | version | how |", "|---|---|---|"]
    lines += [f"| stepfleet | {result['versions']['stepfleet']} | {result['workers']} workers, each with a slot count of "
              f"{result['slots']} |"]
    lines += [f"| {n} | {result['versions'].get(n, '')} | {about.replace('|', chr(92) + '|')} |" for n, about in result["about"].items()]
    if result["missing"]:
        lines += ["", "### Not here", "", "| | why |", "|---|---|"]
        lines += [f"| {n} | {' '.join(why.split()).replace('|', '/')} |" for n, why in result["missing"].items()]
    return "\n".join(lines) + "\n"
