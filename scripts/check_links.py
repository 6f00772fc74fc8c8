"""Every link of a Markdown page of this repository to a file, or to a heading, leads to one that is there.

usage: check_links.py; prints `page: got a link to X, want ...` for each that does not, and exits 1.
"""

import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


@functools.cache
def anchors(page):
    """What GitHub makes of the headings: lower case, no punctuation, dashes for spaces; -1, -2 for repeats."""
    found = set()
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ +(.*)$", text, flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found


def problems(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"{page.relative_to(ROOT)}: got a link to {target}, want a file that is there"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"{page.relative_to(ROOT)}: got a link to {target}, want one of {', '.join(sorted(anchors(file)))}"


def main():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "*.md"],
                            check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.split()  # fmt: skip
    wrong = [problem for name in listed for problem in problems(ROOT / name)]
    print("\n".join(wrong) or f"links: every one of {len(listed)} pages leads somewhere")
    sys.exit(bool(wrong))


main()
