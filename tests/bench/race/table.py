# SPDX-License-Identifier: Apache-2.0
"""What the race measured, as a page for people."""
import os
import pathlib
import platform
import statistics
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent


def machine(directory):
    cpu = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 1048576
    disk = subprocess.run(["df", "--output=fstype,source", directory], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.splitlines()[1].split()
    commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip() or "unknown"
    return {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "processor": cpu[0] if cpu else "unknown",
            "cores": os.cpu_count(), "memory_gib": round(memory), "kernel": platform.release(),
            "disk": " ".join(disk), "load": os.getloadavg()[0], "commit": commit}


def of(result, name, in_flight):
    return [r for r in result["chain"] if r["name"] == name and r["in_flight"] == in_flight]


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def ratio(rows, over, under):
    return statistics.median(r[over] / r[under] for r in rows)


def opened(result, name, asked):
    return next((r for r in result["open"] if r["name"] == name and r["asked"] == asked), None)


def bars(result):
    """Each that was measured: what was promised, what came of it."""
    found = []

    def bar(text, value, met):
        found.append({"bar": text, "value": value, "met": bool(met)})

    if rows := of(result, "nng", 256):
        share = ratio(rows, "ours_rate", "rate")
        bar("256 in flight: at least 60 % of the nng limit", f"{share:.0%}", share >= 0.6)
        cost = statistics.median(r["cpu_us"] for r in of(result, "stepfleet", 256))
        bar("at most 15 µs of processor a durable transition, all processes", f"{cost:.1f}", cost <= 15)
    if rows := of(result, "restate run", 256):
        times = ratio(rows, "ours_rate", "rate")
        bar("256 in flight: at least 8 × Restate's ctx.run", f"{times:.1f} ×", times >= 8)
    if rows := of(result, "nng", 1):
        times = ratio(rows, "ours_p50_ms", "p50_ms")
        bar("one chain alone: p50 at most 1.3 × the nng limit's", f"{times:.2f} ×", times <= 1.3)
    if row := opened(result, "stepfleet", 100_000):
        bar("100,000 open executions: coordinator within 64 MiB", f"{row['server_mib']:.0f} MiB",
            row["server_mib"] <= 64)
    if row := opened(result, "stepfleet", 1_000_000):
        bar("restart with 1,000,000 open executions: within 5 s", f"{row['restart_seconds']:.2f} s",
            row["restart_seconds"] <= 5)
    if row := result.get("slots"):
        bar("two worker processes lease 10,000 slots", str(row["most_leased"]), row["most_leased"] >= 10_000)
    if stream := result.get("stream"):
        share = statistics.median(stream["peers"]["curl GET / PUT"]["shares"])
        bar("streaming: at least 80 % of the curl pipe", f"{share:.0%}", share >= 0.8)
        bar("streaming: the worker below 32 MiB", f"{stream['worker_mib']:.1f} MiB", stream["worker_mib"] < 32)
    return found


def chain_lines(result, in_flight):
    yield f"\n### Ten durable steps, {in_flight} in flight\n"
    yield "| | chains/s | p50 ms | p99 ms | µs CPU a transition | ours beside it: chains/s | p50 | µs CPU |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in result["about"]:
        rows = of(result, name, in_flight)
        if not rows:
            continue
        line = f"| {name} | {median(rows, 'rate'):,.0f} | {median(rows, 'p50_ms'):.1f} " \
               f"| {median(rows, 'p99_ms'):.1f} | {median(rows, 'cpu_us'):.0f} |"
        if "ours_rate" in rows[0]:
            line += f" {ratio(rows, 'ours_rate', 'rate'):.2f} × | {ratio(rows, 'ours_p50_ms', 'p50_ms'):.2f} × " \
                    f"| {ratio(rows, 'ours_cpu_us', 'cpu_us'):.2f} × |"
        else:
            line += " | | |"
        yield line


def rest_lines(result):
    yield "\n### Start-up and rest\n"
    yield "| | server answers after, s | all processes at rest, MiB | after the load, MiB |"
    yield "|---|---|---|---|"
    for name in result["about"]:
        rows = [r for r in result["chain"] if r["name"] == name]
        if rows:
            yield f"| {name} | {median(rows, 'up_seconds'):.2f} | {median(rows, 'rest_mib'):,.0f} " \
                  f"| {max(r['mib'] for r in rows):,.0f} |"


def open_lines(result):
    yield "\n### Executions that wait an hour\n"
    yield "| | open | started a second | all processes, MiB | bytes each | killed: answers after, s |"
    yield "|---|---|---|---|---|---|"
    for r in result["open"]:
        yield f"| {r['name']} | {r['opened']:,} | {r['opened'] / r['seconds']:,.0f} | {r['mib']:,.0f} " \
              f"| {r['bytes_each']:,.0f} | {r['restart_seconds']:.2f} |"


def slots_line(slots):
    told = f"refused: {slots['why']}" if slots["why"] else \
        f"{slots['most_leased']:,} leases seen at once, all chains ended after {slots['seconds']:.1f} s"
    return f"Two workers of 5,000 slots, 10,000 chains begun before they came: {told}."


def stream_lines(stream):
    yield f"\n### A {stream['mib']} MiB object through a `cat` stage, on a RADOS Gateway\n"
    yield "| | MB/s | our share of it |"
    yield "|---|---|---|"
    yield f"| stepfleet | {statistics.median(stream['ours']):,.0f} | |"
    for name, peer in stream["peers"].items():
        yield f"| {name} | {statistics.median(peer['rates']):,.0f} | {statistics.median(peer['shares']):.0%} |"
    for name, why in stream["missing"].items():
        yield f"| {name} | {why} | |"
    yield f"\nThe worker's peak: {stream['worker_mib']:.1f} MiB."


def write(path, text):
    """In place of what was measured before, if the page is there already."""
    before = path.read_text().partition("## Measured")[0] if path.exists() else ""
    path.write_text(before + text)


def page(result):
    m = result["machine"]
    lines = ["## Measured", "", f"{m['date']}, {m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB, "
             f"{m['disk']}, Linux {m['kernel']}, commit {m['commit']}, load {m['load']:.1f} at the start, "
             f"{result['minutes']:.0f} minutes.", "", "```sh", result["command"], "```"]
    for in_flight in sorted({r["in_flight"] for r in result["chain"]}):
        lines += chain_lines(result, in_flight)
    if result["chain"]:
        lines += rest_lines(result)
    if result["open"]:
        lines += open_lines(result)
    if slots := result.get("slots"):
        lines += ["", slots_line(slots)]
    if result.get("stream"):
        lines += stream_lines(result["stream"])
    lines += ["", "### Bars", "", "| | measured | |", "|---|---|---|"]
    lines += [f"| {b['bar']} | {b['value']} | {'met' if b['met'] else 'MISSED'} |" for b in result["bars"]]
    lines += ["", "### Who", "", "| | version | how |", "|---|---|---|"]
    lines += [f"| {n} | {result['versions'].get(n, '')} | {about} |" for n, about in result["about"].items()]
    if result["missing"]:
        lines += ["", "### Not here", "", "| | why |", "|---|---|"]
        lines += [f"| {n} | {' '.join(why.split()).replace('|', '/')} |" for n, why in result["missing"].items()]
    return "\n".join(lines) + "\n"
