# SPDX-License-Identifier: Apache-2.0
"""The index of the examples. SetEnv tells what is served:

    examples.hello        "NAME=URL-path" for each way the hello application runs, separated by blanks
    examples.frameworks   the same for the applications on frameworks
    examples.note         a line about what is missing, if anything is

The page links to each; in a browser with JavaScript each card shows its application's own answer.
"""
import html

TITLES = {"embedded": "Embedded", "cgi": "CGI", "flask": "Flask", "django": "Django"}
ABOUT = {
    "embedded": "inside an httpd child",
    "daemon": "in a process of its own",
    "cgi": "a new process for each request",
    "flask": "a small Flask application",
    "django": "notes in SQLite, with Django's admin",
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Gatehouse examples</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2.5rem auto; padding: 0 1rem; color: #202124 }}
h1 {{ margin-bottom: 0 }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; margin: 1.5rem 0 }}
.card {{ border: 1px solid #dadce0; border-radius: 8px; padding: 1rem }}
.card h2 {{ margin: 0; font-size: 1.1rem }}
.card p {{ margin: .2rem 0 .6rem; color: #5f6368 }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: .15rem .75rem; margin: 0; font-size: .9rem }}
dt {{ color: #5f6368 }}
dd {{ margin: 0; overflow-wrap: anywhere }}
.failed {{ color: #b3261e }}
button {{ font: inherit; padding: .25rem .8rem }}
</style>
</head>
<body>
<h1>Gatehouse</h1>
<p>The same application, <code>examples/hello/app.wsgi</code>, in every way that httpd runs it here:</p>
<div class="cards">
{hello}
</div>
<p><button id="again" hidden>Ask them all again</button></p>
<h2>With frameworks</h2>
<div class="cards">
{frameworks}
</div>
<p>{note}</p>
<script>
const shown = ["mode", "python", "process group", "process", "thread", "requests", "time"];
async function fill(card) {{
  const list = card.querySelector("dl");
  const rows = [];
  try {{
    const answer = await fetch(card.dataset.url + "?format=json", {{cache: "no-store"}});
    if (!answer.ok) throw new Error("status " + answer.status);
    const told = await answer.json();
    for (const name of shown) if (told[name]) rows.push([name, told[name], ""]);
  }} catch (error) {{
    rows.push(["failed", error.message + ": the error log says why", "failed"]);
  }}
  list.replaceChildren(...rows.flatMap(([name, value, css]) => {{
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    text.className = css;
    return [term, text];
  }}));
}}
const ask = () => document.querySelectorAll(".card[data-url]").forEach(fill);
const again = document.getElementById("again");
again.hidden = false;
again.addEventListener("click", ask);
ask();
</script>
</body>
</html>
"""


def places(text):
    return [item.partition("=")[::2] for item in text.split()]


def card(name, url, told):
    kind = name.partition("-")[0]
    title = TITLES.get(name) or f"Daemon on Python {name.partition('-')[2]}"
    data = f' data-url="{html.escape(url)}"' if told else ""
    return (f'<div class="card"{data}><h2><a href="{html.escape(url)}">{html.escape(title)}</a></h2>'
            f"<p>{ABOUT[kind]}</p><dl></dl></div>")


def application(environ, start_response):
    if environ["PATH_INFO"] not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is nothing here. The examples start at /\n"]
    page = PAGE.format(
        hello="\n".join(card(name, url, True) for name, url in places(environ.get("examples.hello", ""))),
        frameworks="\n".join(card(name, url, False) for name, url in places(environ.get("examples.frameworks", ""))),
        note=html.escape(environ.get("examples.note", "")))
    body = page.encode("utf-8")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
