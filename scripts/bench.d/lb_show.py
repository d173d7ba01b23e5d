"""The result as text, as a table for the README, as JSON's dictionary, as a picture."""

import html

NAMES = {"lb": "lb", "haproxy": "HAProxy", "nginx": "nginx"}


def _verdict(met):
    return "met" if met else "NOT met"


def _cell(result, name, form):
    one = result["proxies"].get(name)
    return form(one) if one else "-"


# --- text ---


def heading(facts):
    return (f"{facts['date']}, {facts['cpus']} processors ({facts['processor']}), "
            f"Linux {facts['kernel']}, load average {facts['load']:.1f}\n"
            f"{facts['versions']['haproxy']}; {facts['versions']['nginx']}; "
            f"{facts['versions']['wrk'].split(' Copyright')[0]}")


def workload_text(result):
    lines = [f"\n{result['title']}"]
    if result["ratio"] is None:
        return "\n".join([*lines, f"  no round was quiet enough ({result['thrown_away']} thrown away)"])
    lines.append(f"  {'':8} {'CPU a request':>14} {'to HAProxy':>11}   at {result['rate']}/s: "
                 f"{'p50':>6} {'p99':>8}  {'p99 to HAProxy':>14}")
    for name, one in result["proxies"].items():
        lines.append(f"  {NAMES[name]:8} {one['cpu_us']:11.2f} us {one['ratio']:11.2f}   "
                     f"{'':10} {one['p50_us']:6.0f} {one['p99_us']:5.0f} us {one['p99_ratio']:15.2f}")
    spread = sorted(one["lb"]["cpu_us"] / one["haproxy"]["cpu_us"] for one in result["rounds"])
    lines.append(f"  lb / HAProxy: {result['ratio']:.2f} of {len(spread)} rounds "
                 f"({spread[0]:.2f} to {spread[-1]:.2f}), target {result['target']:.2f}: "
                 f"{_verdict(result['met'])}; p99 target 1.00: {_verdict(result['p99_met'])}")
    return "\n".join(lines)


def rest_text(results):
    lines = []
    memory = results.get("memory")
    if memory:
        each = ", ".join(f"{NAMES[name]} {size}" for name, size in memory["bytes"].items())
        lines.append(f"\nuser memory of an idle keep-alive connection, in bytes: {each}\n"
                     f"  target {memory['target']}: {_verdict(memory['met'])}")
    workers = results.get("workers")
    if workers:
        lines.append("\n" + _workers(workers))
    return "\n".join(lines)


def _workers(workers):
    if workers["ratio"] is None:
        return f"two workers: {workers['unseen']}"
    return (f"two workers carry {workers['ratio']:.2f} times what one carries, each held to "
            f"{workers['share']:.0%} of a processor, target {workers['target']:.1f}: "
            f"{_verdict(workers['met'])}")


# --- the README's table ---


def markdown(results):
    facts = results["machine"]
    rows = [
        f"Measured on {facts['date']}: {facts['cpus']} cores ({facts['processor']}), kernel "
        f"{facts['kernel']}, {facts['versions']['haproxy'].split(' 20')[0]}, "
        f"{facts['versions']['nginx'].replace('nginx version: ', '')}, one worker each; "
        f"medians of {results['rounds']} rounds.",
        "",
        "| workload | lb, CPU a request | HAProxy | nginx | lb / HAProxy | target | "
        "p99 lb / HAProxy | their ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results["workloads"]:
        if result["ratio"] is None:
            continue
        cpu = [_cell(result, name, lambda one: f"{one['cpu_us']:.1f} us") for name in NAMES]
        lb, haproxy = result["proxies"]["lb"], result["proxies"]["haproxy"]
        rows.append(f"| {result['title']} | {' | '.join(cpu)} | **{result['ratio']:.2f}** | "
                    f"{result['target']:.2f} | {lb['p99_us']:.0f} / {haproxy['p99_us']:.0f} us | "
                    f"{result['p99_ratio']:.2f} |")
    memory, workers = results.get("memory"), results.get("workers")
    if memory:
        sizes = " | ".join(f"{memory['bytes'][name]} B" for name in NAMES)
        ratio = memory["bytes"]["lb"] / memory["bytes"]["haproxy"]
        rows.append(f"| user memory of an idle keep-alive connection | {sizes} | **{ratio:.2f}** | "
                    f"{memory['target']} B | | |")
    if workers:
        rows += ["", _workers(workers)[0].upper() + _workers(workers)[1:] + "."]
    return "\n".join(rows)


# --- the picture ---

_WIDTH, _LEFT, _BAR, _ROW = 900, 330, 12, 46
_COLOURS = {"lb": "#2a6f97", "nginx": "#a3b18a"}


def svg(results):
    """Bars of CPU a request, HAProxy being 1; a stroke at each target."""
    shown = [result for result in results["workloads"] if result["ratio"] is not None]
    most = max([1.1] + [one["ratio"] for result in shown for name, one in result["proxies"].items()
                        if name in _COLOURS])
    scale = (_WIDTH - _LEFT - 60) / most
    height = 60 + _ROW * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14">CPU a request, HAProxy = 1 '
        f'({html.escape(results["machine"]["date"])})</text>',
    ]
    for i, name in enumerate(_COLOURS):
        x = _LEFT + 110 * i
        parts.append(f'<rect x="{x}" y="10" width="12" height="12" fill="{_COLOURS[name]}"/>'
                     f'<text x="{x + 18}" y="20">{name}</text>')
    parts.append(f'<text x="{_LEFT + 220}" y="20" fill="#c1121f">| target</text>')
    for row, result in enumerate(shown):
        parts += _row(result, 36 + _ROW * row, scale)
    one = _LEFT + scale
    parts.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="30" y2="{height - 14}" stroke="#888" '
                 f'stroke-dasharray="3 3"/><text x="{one:.1f}" y="{height - 2}" '
                 'text-anchor="middle" fill="#555">HAProxy</text></svg>')
    return "\n".join(parts)


def _row(result, top, scale):
    parts = [f'<text x="{_LEFT - 8}" y="{top + 17}" text-anchor="end">'
             f'{html.escape(result["title"].split(", pooled")[0][:52])}</text>']
    for i, (name, colour) in enumerate(_COLOURS.items()):
        if name not in result["proxies"]:
            continue
        ratio = result["proxies"][name]["ratio"]
        y = top + i * (_BAR + 2)
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{ratio * scale:.1f}" height="{_BAR}" '
                     f'fill="{colour}"/><text x="{_LEFT + ratio * scale + 4:.1f}" y="{y + 10}">'
                     f'{ratio:.2f}</text>')
    x = _LEFT + result["target"] * scale
    parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 3}" y2="{top + _BAR * 2 + 5}" '
                 'stroke="#c1121f" stroke-width="2"/>')
    return parts
