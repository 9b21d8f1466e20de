# SPDX-License-Identifier: Apache-2.0
"""From the runs to medians, a table, bench.json, plots and RESULTS.md."""
import datetime
import json
import os
import statistics
import subprocess

import bench_plots

# Of Pebble's run: stands for the DNS outside, not for the server.
OUTSIDE = ("challtestsrv",)
AT = 8          # workers at which the ratios are taken


def read(file):
    try:
        with open(file) as text:
            return json.load(text)
    except (OSError, ValueError):
        return None


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def ratio(a, b):
    return round(a / b, 3) if a and b else None


def show(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def commit_of(source):
    def git(*argv):
        return subprocess.run(["git", "-C", source, *argv], text=True,
                              capture_output=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (
        " with changes" if changed else "")


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file
                  if line.startswith(("model name", "Model"))]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 ** 2
    return f"{models[0] if models else 'processor'}, {memory:.0f} GB"


class Report:
    def __init__(self, bench, source, start_ms, memory):
        self.bench = bench
        self.floors = [f for f in bench.floors if f]
        self.rows = [self.row(server, workers, runs) for (server, workers),
                     runs in sorted(bench.runs.items())]
        self.floor_rows = [self.floor_row(i) for i in range(
            len(self.floors[0]["rows"]) if self.floors else 0)]
        own = {k: v for k, v in memory.items() if k != "postgresql"}
        self.data = {
            "date": datetime.datetime.now().astimezone().isoformat(
                timespec="seconds"),
            "commit": commit_of(source),
            "machine": f"{machine()}; {bench.machine}",
            "repeats": len(self.floors),
            **self.ratios(),
            "idle_rss_mb": round(sum(rss for rss, _ in own.values()), 1),
            "idle_pss_mb": round(sum(pss for _, pss in own.values()), 1),
            "idle_postgresql_pss_mb": round(
                memory.get("postgresql", (0, 0))[1], 1),
            "idle_rss_mb_of": {name: round(rss, 1)
                               for name, (rss, _) in memory.items()},
            "start_ms": None if start_ms is None else round(start_ms, 1),
            "rows": self.floor_rows + self.rows,
            "floor": self.floor_items(),
            "sizes": bench.sizes,
            "notes": bench.notes,
        }

    # -------------------------------------------------------------- medians

    def row(self, server, workers, runs):
        def of(*path):
            def value(run):
                for name in path:
                    run = run[name]
                return run
            return median([value(run) for run in runs])

        names = runs[0]["processes"]
        cpu = {name: of("processes", name, "cpu_ms_per_order")
               for name in names}
        return {
            "server": server, "workers": workers,
            "orders_per_second": round(of("orders_per_second"), 1),
            "cpu_ms_per_order": round(sum(
                ms for name, ms in cpu.items() if name not in OUTSIDE), 3),
            "p50_ms": round(of("steps", "order", "p50_ms"), 2),
            "p95_ms": round(of("steps", "order", "p95_ms"), 2),
            "p99_ms": round(of("steps", "order", "p99_ms"), 2),
            "requests_per_order": round(of("requests_per_order"), 2),
            "connections_per_order": round(of("connections_per_order"), 3),
            "generator_cpu_ms_per_order": round(
                of("generator_cpu_ms_per_order"), 3),
            "cpu_ms_of": {n: round(ms, 3) for n, ms in cpu.items()},
            "rss_mb_of": {n: round(of("processes", n, "rss_mb"), 1)
                          for n in names},
            "pss_mb_of": {n: round(of("processes", n, "pss_mb"), 1)
                          for n in names},
            "steps": {step: {p: round(of("steps", step, p), 2) for p in
                             ("p50_ms", "p95_ms", "p99_ms")}
                      for step in runs[0]["steps"]},
            "runs": [round(r["orders_per_second"], 1) for r in runs],
        }

    def floor_row(self, i):
        rows = [f["rows"][i] for f in self.floors]
        found = {name: round(median([r[name] for r in rows]), 3)
                 for name in rows[0] if name != "by"}
        least = min("processor", "commit", "latency",
                    key=lambda name: found[f"{name}_bound"])
        # It has no queue and no spread: all percentiles are its own time.
        ms = 1000 * found["workers"] / found["orders_per_second"]
        return {"server": "floor", **found, "bound_by": least,
                "p50_ms": round(ms, 2), "p95_ms": round(ms, 2),
                "p99_ms": round(ms, 2)}

    def floor_items(self):
        if not self.floors:
            return []
        return [{"what": item["what"], "count": item["count"],
                 **{k: round(median([f["items"][i][k] for f in self.floors]),
                             1) for k in ("cpu_us", "wall_us")}}
                for i, item in enumerate(self.floors[0]["items"])]

    def at(self, server):
        """The row of a server where ratios are taken, or an empty one."""
        return next((r for r in self.floor_rows + self.rows
                     if (r["server"], r["workers"]) == (server, AT)), {})

    def ratios(self):
        ours, pebble = self.at("chancery"), self.at("pebble")
        speed, cpu = "orders_per_second", "cpu_ms_per_order"
        return {
            "floor_ratio": ratio(self.at("floor").get(speed),
                                 ours.get(speed)),
            "floor_cpu_ratio": ratio(
                ours.get(cpu, 0) + (ours.get("generator_cpu_ms_per_order", 0)
                                    if self.bench.machine.shared else 0),
                self.at("floor").get(cpu)),
            "pebble_ratio": ratio(ours.get(speed), pebble.get(speed)),
            "pebble_cpu_ratio": ratio(ours.get(cpu), pebble.get(cpu)),
        }

    def failed(self):
        """A run of Chancery itself that did not end well, or an answer
        that is not the right one."""
        wanted = self.bench.options.repeat * len(self.bench.options.workers)
        if any("no time for more" in n for n in self.bench.notes):
            wanted = len(self.floors) * len(self.bench.options.workers)
        return bool(self.bench.wrong) or sum(
            len(runs) for (server, _), runs in self.bench.runs.items()
            if server == "chancery") < wanted

    # ---------------------------------------------------------------- table

    def table(self):
        lines = ["| server | workers | orders/s | CPU ms/order | p50 ms | "
                 "p95 ms | p99 ms | requests | runs, orders/s |",
                 "|---|---|---|---|---|---|---|---|---|"]
        for r in self.data["rows"]:
            ms = [show(r[f"p{p}_ms"]) for p in (50, 95, 99)]
            if r["server"] == "floor":
                ms = [ms[0], "", ""]
            lines.append("| " + " | ".join([
                r["server"], str(r["workers"]),
                show(r["orders_per_second"]),
                show(r["cpu_ms_per_order"], 2), *ms,
                show(r.get("requests_per_order", 6), 2),
                " ".join(map(str, r.get("runs", [r.get("bound_by", "")]))),
            ]) + " |")
        return lines

    def processes(self):
        lines = ["| CPU ms/order | " + " | ".join(
            f"{w}" for w in self.bench.options.workers) + " |",
            "|---|" + "---|" * len(self.bench.options.workers)]
        rows = {r["workers"]: r for r in self.rows
                if r["server"] == "chancery"}
        names = sorted({n for r in rows.values() for n in r["cpu_ms_of"]})
        for name in [*names, "generator"]:
            lines.append(f"| {name} | " + " | ".join(
                show(rows.get(w, {}).get("cpu_ms_of", {}).get(name)
                     if name != "generator" else
                     rows.get(w, {}).get("generator_cpu_ms_per_order"), 3)
                for w in self.bench.options.workers) + " |")
        return lines

    def steps(self):
        ours = self.at("chancery")
        lines = [f"| step at {AT} workers | p50 ms | p95 ms | p99 ms |",
                 "|---|---|---|---|"]
        for name, step in ours.get("steps", {}).items():
            lines.append(f"| {name} | " + " | ".join(
                show(step[p], 2) for p in ("p50_ms", "p95_ms", "p99_ms"))
                + " |")
        return lines

    def formula(self):
        lines = ["| the floor | times | CPU us | wall us |",
                 "|---|---|---|---|"]
        for item in self.data["floor"]:
            lines.append(f"| {item['what']} | {item['count']} | "
                         f"{item['cpu_us']} | {item['wall_us']} |")
        lines += ["", "Floor: least of processors / CPU of an order, "
                  "commits/s / 5, workers / wall time of an order."]
        return lines

    def sizes(self):
        lines = ["| size | answer | p50 ms | CPU ms of the servers |",
                 "|---|---|---|---|"]
        for row in self.data["sizes"]:
            lines.append(f"| {row['size']} | {row['answer']} | "
                         f"{show(row['p50_ms'], 2)} | "
                         f"{show(row['cpu_ms'], 2)} |")
        return lines

    def summary(self):
        d = self.data
        return [f"floor_ratio {show(d['floor_ratio'], 2)} (floor / Chancery, "
                f"orders/s at {AT} workers), pebble_ratio "
                f"{show(d['pebble_ratio'], 2)} (Chancery / Pebble), "
                f"pebble_cpu_ratio {show(d['pebble_cpu_ratio'], 2)} "
                "(with PostgreSQL).",
                f"Idle: {d['idle_rss_mb']} MB resident (shared pages counted "
                f"once {d['idle_pss_mb']}), PostgreSQL "
                f"{d['idle_postgresql_pss_mb']}. Start to the first "
                f"directory: {show(d['start_ms'], 0)} ms."]

    def short_notes(self):
        """What failed in the same way is told once, with how often."""
        short = [note.split(": load:")[0] for note in self.bench.notes]
        return [f"{note} ({short.count(note)} times)"
                if short.count(note) > 1 else note
                for note in dict.fromkeys(short)]

    def text(self):
        parts = [self.table(), self.processes(), self.steps(),
                 self.formula(), self.summary()]
        if self.data["sizes"]:
            parts.insert(3, self.sizes())
        if self.bench.notes:
            parts.append([f"- {note}" for note in self.short_notes()])
        return "\n\n".join("\n".join(part) for part in parts)

    def show(self):
        print("\n" + self.text() + "\n", flush=True)

    def write(self, folder):
        with open(os.path.join(folder, "bench.json"), "w") as file:
            json.dump(self.data, file, indent=1)
            file.write("\n")
        for name, svg in bench_plots.all_plots(self.data["rows"],
                                               AT).items():
            with open(os.path.join(folder, f"bench-{name}.svg"), "w") as f:
                f.write(svg)

    def record(self, file):
        with open(file, "a") as out:
            out.write(f"\n## {self.data['date'][:10]}, "
                      f"{self.data['commit']}\n\n{self.data['machine']}; "
                      f"medians of {self.data['repeats']}.\n\n"
                      f"{self.text()}\n")
