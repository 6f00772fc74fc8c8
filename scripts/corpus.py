"""Turns unpacked Debian packages into data/corpus/<domain>.jsonl, one {"text": ...} a line; see get_corpus.sh.

usage: corpus.py <folder of unpacked packages> <output folder> [<domain>...]

The same packages give the same bytes: every list is sorted, every choice hangs on a hash.
"""

import concurrent.futures
import gzip
import hashlib
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import unicodedata

MIN_CHARACTERS = 64  # shorter texts teach little but where a document ends
PYTHON_BYTES = 3_000_000
CODE_DOCUMENT = 8_000  # characters after which a long module is cut at the next top-level definition


def clean(text):
    """NFC, plain spaces, no control characters, no trailing blanks, at most two empty lines in a row."""
    text = unicodedata.normalize("NFC", text).replace("\xa0", " ").replace("\r\n", "\n").expandtabs(4)
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\xad\u200b\ufeff]", "", text)
    text = re.sub(r"[ \u3000]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip("\n")


def literature_zh(packages):
    """Poems, classics and prose; sayings of a line or two are gathered into pages."""
    folder = packages / "usr/share/games/fortunes"
    page = []
    for name in ("tang300", "song100", "chinese"):
        for entry in (folder / name).read_text(encoding="utf-8").split("\n%\n"):
            # Excerpts of manuals have a bright heading; drawings and terminal screens are no prose.
            if "\x1b[37;1m" in entry or re.search(r"[\u2500-\u259f]|[-_/\\|]{4}", entry):
                continue
            entry = clean(re.sub(r"\x1b\[[\d;]*m", "", entry))
            entry = re.sub(r"^\s*-- *", "—— ", entry, flags=re.MULTILINE)
            entry = re.sub(r"^(题目|作者)[:：]", "", entry, flags=re.MULTILINE)
            if len(entry) >= MIN_CHARACTERS:
                yield entry
                continue
            page.append(entry)
            if sum(map(len, page)) > 400:
                yield "\n\n".join(page)
                page = []
    yield "\n\n".join(page)


def manuals_zh(packages):
    """Manual pages, rendered on lines so long that no paragraph is broken."""

    def render(path):
        source = gzip.open(path).read()
        if source.startswith(b".so "):  # a second name of another page
            return ""
        command = ["groff", "-Kutf8", "-Tutf8", "-t", "-man", "-P-cbou", "-rLL=9000n", "-rHY=0"]
        page = subprocess.run(command, input=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        lines = page.decode("utf-8", errors="replace").split("\n")
        lines = [re.sub(r"^ {7}", "", line) for line in lines if len(line) < 6000]  # no page header
        text = re.sub(r"(?<=\S) {3,}(?=\S)", "  ", "\n".join(lines))
        # Pages end with the same few lines about their translators.
        return re.split(r"\n\W*(?:中文版维护人|中文版最新更新|中国 ?Linux ?论坛|跋\W*\n)", text)[0]

    pages = sorted((packages / "usr/share/man/zh_CN").rglob("*.gz"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(render, pages)


class Chapter(html.parser.HTMLParser):
    """Collects the text of a DocBook chapter, a block a paragraph, and starts a document at every section heading."""

    BLOCKS = {"p", "li", "dt", "dd", "pre", "td", "th", "h1", "h2", "h3", "h4", "div"}
    SKIPPED = {"table", "head", "script"}

    def __init__(self):
        super().__init__()
        self.sections, self.text, self.skipped, self.verbatim = [[]], "", 0, False

    def end_block(self):
        text = self.text if self.verbatim else " ".join(self.text.split())
        if text.strip():
            self.sections[-1].append(text)
        self.text = ""

    def handle_starttag(self, tag, attributes):
        self.skipped += tag in self.SKIPPED
        if tag in self.BLOCKS:
            self.end_block()
        self.verbatim = self.verbatim or tag == "pre"
        if tag in {"h2", "h3"}:
            self.sections.append([])

    def handle_endtag(self, tag):
        if tag in self.BLOCKS:
            self.end_block()
        if tag == "pre":
            self.verbatim = False
        self.skipped -= tag in self.SKIPPED

    def handle_data(self, data):
        if not self.skipped:
            self.text += data


def handbook_zh(packages):
    """Sections of the Debian reference and FAQ, from HTML because their text versions break every line."""
    for pattern in ("usr/share/debian-reference/ch*.zh-cn.html", "usr/share/doc/debian/FAQ/zh-cn/*.html"):
        for path in sorted(packages.glob(pattern)):
            chapter = Chapter()
            chapter.feed(path.read_text(encoding="utf-8"))
            chapter.end_block()
            yield from ("\n\n".join(section) for section in chapter.sections)


def bible_en(packages):
    """Chapters of the King James Bible, a verse a line."""
    text = subprocess.run(
        [packages / "usr/bin/bible", "-f", "-p", packages / "usr/lib", "Gen1:1-Rev22:21"],
        check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, encoding="utf-8").stdout  # fmt: skip
    chapters = {}
    for line in text.splitlines():
        match = re.match(r"(\w+ ?\w*?\d+):\d+ +(.*)", line)
        if match:
            chapters.setdefault(match[1], []).append(match[2])
    for verses in chapters.values():
        yield "\n".join(verses)


def code_pieces(text, definition):
    """A module, cut before lines that match the definition where it is long."""
    piece = ""
    for line in text.splitlines(keepends=True):
        if len(piece) > CODE_DOCUMENT and re.match(definition, line):
            yield piece
            piece = ""
        piece += line
    yield piece


def python(packages):
    """Modules of the Python standard library, long ones cut between definitions."""
    skipped = re.compile(r"/(test|tests|encodings|lib2to3|idlelib|pydoc_data|turtledemo|dist-packages)/")
    paths = [path for path in (packages / "usr/lib").glob("python3.*/**/*.py") if not skipped.search(str(path))]
    paths.sort(key=lambda path: hashlib.sha256(str(path.relative_to(packages)).encode()).digest())
    total = 0
    for path in paths:
        if total > PYTHON_BYTES:
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        total += len(text.encode())
        yield from code_pieces(text, r"@|def |class |async def ")


DOMAINS = (literature_zh, handbook_zh, manuals_zh, bible_en, python)


def main():
    packages, output = map(pathlib.Path, sys.argv[1:3])
    output.mkdir(parents=True, exist_ok=True)
    for domain in DOMAINS:
        if len(sys.argv) > 3 and domain.__name__ not in sys.argv[3:]:
            continue
        texts = dict.fromkeys(text for text in map(clean, domain(packages)) if len(text) >= MIN_CHARACTERS)
        with open(output / f"{domain.__name__}.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


if __name__ == "__main__":
    main()
