# SPDX-License-Identifier: Apache-2.0
"""What the bench over HTTP measured, as a page for people."""
import statistics

from table import machine, write  # noqa: F401  (the race's: the same head, the same way to replace what was measured)

STARTS_A_SECOND = 20_000
TIMES_BEANSTALKD = 10
TITLES = {"starts": "StartExecution", "cycles": "SendMessage, ReceiveMessage, DeleteMessage",
          "slow": "The same messages, where each sync takes 1 ms longer"}


def of(result, part, name):
    return {r["round"]: r for r in result["measured"] if r["part"] == part and r["name"] == name}


def median(rows, key):
    return statistics.median(r[key] for r in rows.values())


def times(result, part, name, other):
    """How many times the other's rate it had, round by round; None: there is no round with both."""
    one, two = of(result, part, name), of(result, part, other)
    found = [one[n]["rate"] / two[n]["rate"] for n in one if n in two]
    return statistics.median(found) if found else None


def bars(result):
    """Each that was measured: what was promised, what came of it."""
    found = []
    if rows := of(result, "starts", "stepfleet"):
        rate = median(rows, "rate")
        found.append({"bar": f"durable StartExecution over HTTP: {STARTS_A_SECOND:,} a second", "value": f"{rate:,.0f}",
                      "met": rate >= STARTS_A_SECOND})
    for part, disk in (("cycles", "this disk"), ("slow", "a sync 1 ms longer")):
        for name in ("stepfleet", "stepfleet, batches of 10"):
            value = times(result, part, name, "beanstalkd -f0")
            if value is not None:
                found.append({"bar": f"messages a second, {disk}: {TIMES_BEANSTALKD} × beanstalkd -f0, {name}",
                              "value": f"{value:.1f} ×", "met": value >= TIMES_BEANSTALKD})
    return found


def part_lines(result, part):
    names = list(dict.fromkeys(r["name"] for r in result["measured"] if r["part"] == part))
    if not names:
        return
    what = "starts" if part == "starts" else "messages"
    yield f"\n### {TITLES[part]}, {result['connections']} connections\n"
    yield f"| | {what}/s | p50 ms | p99 ms | processor, µs each: server | client | ours: times its rate |"
    yield "|---|---|---|---|---|---|---|"
    for name in names:
        rows = of(result, part, name)
        ratio = times(result, part, "stepfleet", name)
        yield f"| {name} | {median(rows, 'rate'):,.0f} | {median(rows, 'p50_ms'):.2f} | {median(rows, 'p99_ms'):.2f} " \
              f"| {median(rows, 'cpu_us'):.0f} | {median(rows, 'client_cpu_us'):.0f} " \
              f"| {'' if name == 'stepfleet' or ratio is None else f'{ratio:.2f} ×'} |"


def sync_lines(result):
    if not result["syncs"]:
        return
    yield "\n### The disk\n"
    yield "Rows of 512 bytes, appended to a file; `fdatasync` after so many.\n"
    yield "| rows a sync | syncs/s | rows/s |"
    yield "|---|---|---|"
    for rows in sorted({s["rows"] for s in result["syncs"]}):
        rate = statistics.median(s["syncs_per_s"] for s in result["syncs"] if s["rows"] == rows)
        yield f"| {rows} | {rate:,.0f} | {rate * rows:,.0f} |"


def page(result):
    m = result["machine"]
    lines = ["## Measured", "", f"{m['date']}, {m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB, "
             f"{m['disk']}, Linux {m['kernel']}, commit {m['commit']}, load {m['load']:.1f} at the start, "
             f"{result['minutes']:.0f} minutes.", "", "```sh", result["command"], "```"]
    for part in TITLES:
        lines += part_lines(result, part)
    lines += sync_lines(result)
    lines += ["", "### Bars", "", "| | measured | |", "|---|---|---|"]
    lines += [f"| {b['bar']} | {b['value']} | {'met' if b['met'] else 'MISSED'} |" for b in result["bars"]]
    lines += ["", "### Who", "", "| | version | on disk before it answers | how |", "|---|---|---|---|"]
    lines += [f"| {w['name']} ({w['part']}) | {w['version']} | {w['durable']} | {w['about']} |" for w in result["who"]]
    if result["missing"]:
        lines += ["", "### Not here", "", "| | why |", "|---|---|"]
        lines += [f"| {n} | {' '.join(why.split()).replace('|', '/')} |" for n, why in result["missing"].items()]
    return "\n".join(lines) + "\n"
