# SPDX-License-Identifier: Apache-2.0
"""Bar charts as SVG, without a library."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 72, 44
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2",
           "#9d755d", "#eeca3b", "#bab0ac", "#79706e")
NAMED = {"floor": "#bab0ac", "chancery": "#4c78a8", "pebble": "#f58518"}


def nice(top):
    """The end of an axis of five round parts that holds this."""
    scale = 10.0 ** math.floor(math.log10(top / 5))
    return 5 * scale * next(m for m in (1, 2, 2.5, 5, 10, 20)
                            if 5 * scale * m >= top)


class Chart:
    def __init__(self, title, unit, top):
        self.top = nice(top or 1)
        self.parts = []
        self.text(LEFT, 24, title, size=15, weight="bold")
        for i in range(6):
            value = self.top * i / 5
            y = self.y(value)
            self.line(LEFT, y, WIDTH - RIGHT, y)
            self.text(LEFT - 6, y + 4, f"{value:g}", anchor="end")
        self.text(LEFT - 6, TOP - 10, unit, anchor="end")
        self.legend_x, self.legend_y = LEFT, 34

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)

    def line(self, x1, y1, x2, y2):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                          f'y2="{y2:.1f}" stroke="#ddd"/>')

    def text(self, x, y, text, anchor="start", size=11, weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}" font-weight="{weight}">{escape(text)}'
            '</text>')

    def bar(self, x, width, low, high, colour, title):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{self.y(high):.1f}" width="{width:.1f}" '
            f'height="{max(self.y(low) - self.y(high), 0):.1f}" '
            f'fill="{colour}"><title>{escape(title)}</title></rect>')

    def legend(self, name, colour):
        width = 22 + 6.4 * len(name)
        if self.legend_x + width > WIDTH - RIGHT:
            self.legend_x = LEFT
            self.legend_y += 15
        self.parts.append(
            f'<rect x="{self.legend_x:.1f}" y="{self.legend_y}" width="10" '
            f'height="10" fill="{colour}"/>')
        self.text(self.legend_x + 14, self.legend_y + 9, name)
        self.legend_x += width

    def svg(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
                f'height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
                'font-family="sans-serif">\n<rect width="100%" height="100%" '
                'fill="white"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def grouped(title, unit, groups, series, value):
    """Bars side by side: value(group, name) or None."""
    found = {(g, s): value(g, s) for g in groups for s in series}
    chart = Chart(title, unit, max((v for v in found.values() if v),
                                   default=1))
    space = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    width = space * 0.8 / max(len(series), 1)
    for i, name in enumerate(series):
        chart.legend(name, NAMED.get(name, COLOURS[i % len(COLOURS)]))
    for g, group in enumerate(groups):
        start = LEFT + g * space + space * 0.1
        chart.text(start + space * 0.4, HEIGHT - BOTTOM + 18, group,
                   anchor="middle")
        for i, name in enumerate(series):
            v = found[group, name]
            if v is None:
                continue
            x = start + i * width
            chart.bar(x, width * 0.92, 0, v,
                      NAMED.get(name, COLOURS[i % len(COLOURS)]),
                      f"{name}: {v:g} {unit}")
            chart.text(x + width * 0.46, chart.y(v) - 4, f"{v:.4g}",
                       anchor="middle", size=10)
    return chart.svg()


def stacked(title, unit, groups, parts):
    """One bar a group: parts[group] is {name: value}."""
    chart = Chart(title, unit, max((sum(parts[g].values()) for g in groups),
                                   default=1))
    names = sorted({n for g in groups for n in parts[g]
                    if parts[g][n] >= 0.005})
    colour = {n: COLOURS[i % len(COLOURS)] for i, n in enumerate(names)}
    for name in names:
        chart.legend(name.replace("chancery-", ""), colour[name])
    space = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    for g, group in enumerate(groups):
        low, x = 0, LEFT + g * space + space * 0.25
        for name in names:
            v = parts[group].get(name, 0)
            chart.bar(x, space * 0.5, low, low + v, colour[name],
                      f"{name}: {v:g} {unit}")
            low += v
        chart.text(x + space * 0.25, chart.y(low) - 4, f"{low:.3g}",
                   anchor="middle")
        chart.text(x + space * 0.25, HEIGHT - BOTTOM + 18, group,
                   anchor="middle")
    return chart.svg()


def all_plots(rows, at):
    """{name: SVG} of what bench.json has in its rows."""
    by = {(r["server"], r["workers"]): r for r in rows}
    servers = [s for s in ("floor", "chancery", "pebble")
               if any(name == s for name, _ in by)]
    workers = sorted({w for _, w in by})
    measured = [s for s in servers if s != "floor"]

    def speed(group, server):
        row = by.get((server, int(group.split()[0])))
        return row and row["orders_per_second"]

    def latency(group, server):
        row = by.get((server, at))
        return row and row[f"{group}_ms"]

    cpu = {f"{s}, {w}": by[s, w]["cpu_ms_of"] for s in measured
           for w in workers if (s, w) in by}
    return {
        "orders": grouped("Orders per second", "orders/s",
                          [f"{w} workers" for w in workers], servers, speed),
        "latency": grouped(f"Time of an order, {at} workers", "ms",
                           ["p50", "p95", "p99"], measured, latency),
        "cpu": stacked("Processor time of an order, by process and workers",
                       "ms", list(cpu), cpu),
    }
