"""Checks the texts that people read: language, links of the root's pages, the table of errors, and that the book works offline.

Prints one line for each fault, with its fix, and exits with 1 where there is one.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPENAPI = "functions/all/openapi.json"
# Sentences that may stay, and sentences of the sources that are still to be rewritten.
ALLOWED, PENDING = ROOT / "infra/book/allowed.txt", ROOT / "infra/book/pending.txt"
faults = []


def fault(where, what):
    faults.append(f"{where}: {what}")


def entries(path):
    """The lines of a list, without comments: each a part of a sentence as the faults print it, with `x` for code."""
    lines = path.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


# --- Language -----------------------------------------------------------------------------------------------------------------

# A sentence begins at the start of a text, or behind a full stop, a colon of a list, a cell or a bullet.
BEGIN = r"(?:^|(?<=[.!?] )|(?<=\| )|(?<=^[-*] )|(?<=\*\*))"
RULES = [
    (re.compile(rf"{BEGIN}(?:What|Whether|Who|Whoever|Whatever|How)\b(?![^.!?|]*\?)"), "opens with a riddle: name the thing first"),
    (re.compile(r"\bmend(?:s|ed|ing)?\b", re.IGNORECASE), "says mend: write fix"),
    (
        re.compile(r"\b(?:is|are|was|were) no (?!longer|more|less|later|earlier|better|worse|other|one\b|use\b|good\b|help\b)[a-z]"),
        "says is no X: write is not a X",
    ),
    (re.compile(rf"{BEGIN}There (?:is|are) no\b"), "says There is no X: name the subject"),
    (re.compile(r"\*\*What\b"), "is a heading that opens with What: name the thing"),
]


def sentences(text):
    """The lines of prose of a Markdown text, each with its number: no code, no comments, joined to paragraphs."""
    paragraph, begin, fence = [], 0, False
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"^(?:> ?)+", "", line)
        if line.startswith("```"):
            fence = not fence
            line = ""
        if fence or line.startswith("<!--"):
            line = ""
        new = not line.strip() or re.match(r"\s*(?:[-*] |\d+\. |\||#)", line)
        if new and paragraph:
            yield begin, " ".join(paragraph)
            paragraph = []
        if line.strip():
            if not paragraph:
                begin = number
            paragraph.append(re.sub(r"^\s*(?:#+ |[-*] (?:\[.\] )?|\d+\. )", "", line).strip())
    if paragraph:
        yield begin, " ".join(paragraph)


def plain(text):
    """Without code, and with the text of links alone."""
    text = re.sub(r"`[^`]*`", "`x`", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return text


def language(where, text, exempt):
    text = plain(text)
    for rule, message in RULES:
        for found in rule.finditer(text):
            end = re.search(r"[.!?|](?: |$)", text[found.start() :])
            sentence = text[found.start() : found.start() + end.end() if end else None].strip()
            context = text[max(0, found.start() - 30) : found.end() + 60]
            if any(entry in context or entry in sentence for entry in exempt):
                used.update(entry for entry in exempt if entry in context or entry in sentence)
                continue
            fault(where, f"{message}: \u201c{sentence[:90]}\u201d")


def openapi_texts(value, path=""):
    if isinstance(value, dict):
        for key, member in value.items():
            if key in ("summary", "description") and isinstance(member, str):
                yield f"{path}/{key}", member
            else:
                yield from openapi_texts(member, f"{path}/{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from openapi_texts(member, f"{path}/{index}")


STRING = r'"((?:[^"\\]|\\.|\\\n)*)"'
# Texts of errors, of the command's help and of commands' output.
ERROR = re.compile(r"(?:#\[error\(\s*|Problem::(?:new|invalid|unprocessable|not_found)\([^\"]{0,120}(?:\"[a-z_]+\",\s*)?|(?:warn|error)!\([^\"]{0,80})" + STRING)


def rust_texts():
    for folder in ("shared", "functions", "latchkey"):
        for path in sorted((ROOT / folder).rglob("*.rs")):
            where = path.relative_to(ROOT).as_posix()
            if "/tests" in where or where.endswith("tests.rs"):
                continue
            text = path.read_text()
            for found in ERROR.finditer(text):
                line = text.count("\n", 0, found.start(1)) + 1
                yield f"{where}:{line}", re.sub(r"\\\n\s*", "", found.group(1))


# --- Links of the root's pages ------------------------------------------------------------------------------------------------

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^()\s]+)\)")


def anchors(path):
    slugs = set()
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE):
        line = plain_heading(line)
        slugs.add(re.sub(r"\s", "-", re.sub(r"[^\w\- ]", "", line.strip().lower())))
    return slugs


def plain_heading(line):
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line).replace("`", "")


def links(path):
    where = path.relative_to(ROOT).as_posix()
    text = re.sub(r"^(?:> ?)?```.*?^(?:> ?)?```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in LINK.findall(text):
        name, _, anchor = target.partition("#")
        if ":" in name:
            continue
        to = (path.parent / name).resolve() if name else path
        if not to.exists():
            fault(where, f"links to {target}, which does not exist: correct the link")
        elif anchor and to.suffix == ".md" and anchor not in anchors(to):
            fault(where, f"links to {target}, which has no such heading: correct the anchor")


# --- The table of errors ------------------------------------------------------------------------------------------------------

# Given before a route is chosen, so that no description of a route has them.
OUTSIDE = {(404, "not_found"), (405, "method_not_allowed"), (408, "request_timeout"), (414, "target_too_long"), (431, "headers_too_large")}


def errors():
    page = (ROOT / "docs/errors.md").read_text()
    table = page.split("<!-- errors -->")[1].split("<!-- end: errors -->")[0]
    rows = [(int(status), code) for status, code in re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", table, flags=re.MULTILINE)]
    described = set(OUTSIDE)
    for operations in json.loads((ROOT / OPENAPI).read_text())["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    # A code stands before the colon that begins its explanation.
                    for part in response["description"].split("; "):
                        described |= {(int(status), code) for code in re.findall(r"`([a-z]+(?:_[a-z]+)+|internal|unavailable|misconfigured)`", part.split(":")[0])}
    for row in sorted(described - set(rows)):
        fault("docs/errors.md", f"lacks {row[0]} `{row[1]}`, which {OPENAPI} has: add a row")
    for row in sorted(set(rows) - described):
        fault("docs/errors.md", f"has {row[0]} `{row[1]}`, which no route gives: remove the row")
    for row in sorted({row for row in rows if rows.count(row) > 1}):
        fault("docs/errors.md", f"has {row[0]} `{row[1]}` twice: remove one")
    sources = "".join(path.read_text() for folder in ("shared", "functions", "latchkey") for path in (ROOT / folder).rglob("*.rs"))
    for _, code in rows:
        if f'"{code}"' not in sources:
            fault("docs/errors.md", f"has `{code}`, which no source gives: remove the row")


# --- Offline ------------------------------------------------------------------------------------------------------------------


def offline():
    for path in (ROOT / "target/book").rglob("*.html"):
        loads = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(https?:[^\"'> ]+)|<link[^>]*rel=[\"']?(?:stylesheet|preconnect|icon)[^>]*href=[\"']?(https?:[^\"'> ]+)", path.read_text())
        for found in loads:
            fault(path.relative_to(ROOT), f"loads {''.join(found)}: the book works offline")


used = set()
lasting, pending = entries(ALLOWED), entries(PENDING)
exempt = lasting + pending
pages = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")) + sorted((ROOT / ".github").rglob("*.md"))
for page in pages:
    name = page.relative_to(ROOT).as_posix()
    for number, text in sentences(page.read_text()):
        language(f"{name}:{number}", text, exempt)
for path, text in openapi_texts(json.loads((ROOT / OPENAPI).read_text())):
    language(f"{OPENAPI}{path}", text, exempt)
for where, text in rust_texts():
    language(where, text, exempt)
for page in pages:
    links(page)
errors()
offline()
for entry in sorted(set(pending) - used):
    print(f"docs: infra/book/pending.txt: \u201c{entry}\u201d is rewritten: remove the line")
for entry in sorted(set(lasting) - used):
    fault("infra/book/allowed.txt", f"allows \u201c{entry}\u201d, which no text says any more: remove the line")
for line in faults:
    print(line)
if faults:
    print(f"docs: {len(faults)} faults", file=sys.stderr)
sys.exit(1 if faults else 0)
