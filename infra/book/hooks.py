"""Hooks of MkDocs: pages of the repository's root become pages of the book, and links out of docs/ are resolved.

On GitHub a page links to any file of the repository. In the book a link to a page of the root leads to its copy below project/. A
link to another file leads to the repository where LATCHKEY_REPOSITORY names it (https://github.com/owner/name), and is plain text
otherwise. A link to a file that does not exist stays as it is, so that the strict build fails.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "SECURITY.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
FOLDER = "project"
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^()\s]+)\)")
FENCE = re.compile(r"^(```.*?^```[^\n]*$)", re.MULTILINE | re.DOTALL)


def on_files(files, config):
    for name in PAGES:
        files.append(File.generated(config, f"{FOLDER}/{name}", abs_src_path=str(ROOT / name)))
    return files


def source(page):
    """The path of a page's file below the repository's root."""
    uri = page.file.src_uri
    return uri.removeprefix(f"{FOLDER}/") if uri.startswith(f"{FOLDER}/") else f"docs/{uri}"


def on_page_markdown(markdown, page, config, files):
    here = source(page)
    parts = FENCE.split(markdown)
    parts[::2] = [LINK.sub(lambda found: resolve(found, here, page.file.src_uri), part) for part in parts[::2]]
    return "".join(parts)


def resolve(found, here, uri):
    text, target = found.groups()
    path, mark, anchor = target.partition("#")
    if not path or ":" in path:
        return found.group(0)
    to = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
    if to in PAGES:
        inside = f"{FOLDER}/{to}"
    elif to.startswith("docs/"):
        inside = to.removeprefix("docs/")
    else:
        return outside(found, text, to, mark + anchor)
    if (ROOT / to).is_dir():
        inside = posixpath.join(inside, "README.md")
    relative = posixpath.relpath(inside, posixpath.dirname(uri) or ".")
    return f"[{text}]({relative}{mark}{anchor})"


def outside(found, text, to, anchor):
    if not (ROOT / to).exists():
        return found.group(0)
    repository = os.environ.get("LATCHKEY_REPOSITORY", "").rstrip("/")
    if repository:
        kind = "tree" if (ROOT / to).is_dir() else "blob"
        return f"[{text}]({repository}/{kind}/main/{to}{anchor})"
    return text if text == to else f"{text} (`{to}`)"


def on_page_content(html, page, config, files):
    # The boxes of a checklist are a picture: nobody can tick them here, and a screen reader would read a box without a name.
    return html.replace('<input type="checkbox" disabled', '<input type="checkbox" aria-hidden="true" disabled')
