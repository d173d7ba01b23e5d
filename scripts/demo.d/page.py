"""The demo's report: a page with each scene's timeline, made of the pages of `vrrpctl probe`."""

import html
import re

_EXTRA = """
nav a{margin-right:1rem}.ok{color:var(--l2)}.bad{color:var(--gap)}section{margin-top:2.5rem}
a{color:var(--l0);text-decoration:none}td:nth-child(2),th:nth-child(2){text-align:left}
"""


def page(results, stage):
    sheet = re.search(r"<style>\n(.*?)</style>", results[0]["_page"], re.S).group(1)
    ok = all(result["ok"] for result in results)
    rows = "".join(map(_row, results))
    scenes = "".join(map(_scene, results))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tandem: what a client saw</title>
<style>
{sheet}{_EXTRA}</style>
</head>
<body>
<h1>Tandem: what a client saw</h1>
<p>{"<br>".join(html.escape(line) for line in stage.describe().splitlines())}</p>
<p class="{'ok' if ok else 'bad'}">{'Each scene went as it should.' if ok else
                                    'Not each scene went as it should.'}</p>
<table>
<tr><th>scene</th><th>address</th><th>outage</th><th>failed</th><th>requests</th><th></th></tr>
{rows}</table>
{scenes}</body>
</html>
"""


def _address(result):
    before, after = result["holder_before"] or "nobody", result["holder_after"] or "nobody"
    return before if before == after else f"{before} → {after}"


def _verdict(result):
    return '<span class="ok">ok</span>' if result["ok"] else '<span class="bad">not ok</span>'


def _row(result):
    name = html.escape(result["name"])
    return (f'<tr><td><a href="#{name}">{name}</a></td><td>{_address(result)}</td>'
            f'<td>{result["outage_ms"]:g} ms</td><td>{result["failed"]}</td>'
            f'<td>{result["requests"]}</td><td>{_verdict(result)}</td></tr>\n')


def _scene(result):
    drawings = re.findall(r"<svg.*?</svg>", result["_page"], re.S)
    why = f'<p class="bad">{html.escape(result["why"])}</p>\n' if not result["ok"] else ""
    failures = ", ".join(f"{count} {kind}" for kind, count in result["_seen"]["failures"].items())
    closer = f"<p>The longest gap, closer:</p>\n{drawings[1]}\n" if len(drawings) > 1 else ""
    return f"""<section id="{html.escape(result["name"])}">
<h2>{html.escape(result["name"])}: {html.escape(result["_words"])}</h2>
<p>{_address(result)}; longest outage {result["outage_ms"]:g} ms; {result["failed"]} of
{result["requests"]} requests failed{f" ({failures})" if failures else ""}.
Expected: {html.escape(", ".join(result["_wishes"]) or "it recovers")}. {_verdict(result)}</p>
{why}{drawings[0]}
{closer}</section>
"""
