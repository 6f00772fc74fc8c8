"""Turns unpacked Debian packages into data/corpus_large/<domain>.jsonl; see get_corpus.sh --large.

usage: corpus_large.py <folder of unpacked packages> <folder of the ordinary corpus> <output folder> [<domain>...]

No paragraph of PARAGRAPH_BYTES or more is there twice, nor in the ordinary corpus. So what is held out of either, in
whatever way, is not trained on from the other, and licences, headers and menus, which pages share, are there once.
The same packages give the same bytes: documents go by the hash of their text.
"""

import hashlib
import json
import pathlib
import re
import sys

from corpus import MIN_CHARACTERS, clean, code_pieces
from corpus_formats import dictionary, join_lines, markup_text, messages, read_text, sword_verses

PARAGRAPH_BYTES = 100
PAGE = 1500  # characters to which short texts are gathered
HAN = re.compile(r"[\u3400-\u9fff]")
ENGLISH = re.compile(r"\b(?:the|of|to|and|is|are|this|with|for|that)\b")


def files(packages, *patterns):
    """What the patterns name, each file once, links left out, in an order of its own."""
    found = {path for pattern in patterns for path in packages.glob(pattern)}
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def pages(texts):
    """Short texts, gathered into pages."""
    page = []
    for text in texts:
        page.append(text)
        if sum(map(len, page)) > PAGE:
            yield "\n\n".join(page)
            page = []
    yield "\n\n".join(page)


def markup_pages(paths, begin="", end=""):
    """Pages of HTML and the like, but tables of contents and other pages that are lists of a few words."""
    for path in paths:
        text = markup_text(read_text(path), begin, end)
        sizes = [len(paragraph.encode()) for paragraph in text.split("\n\n")]
        if 2 * sum(size for size in sizes if size >= 60) > sum(sizes):
            yield text


def chinese(texts):
    """Texts that are Chinese, without the paragraphs that nobody has translated yet."""
    for text in texts:
        paragraphs = text.split("\n\n")
        kept = [part for part in paragraphs if HAN.search(part) or len(ENGLISH.findall(part)) < 3]
        text = "\n\n".join(kept)
        if 5 * len(HAN.findall(text)) > sum(map(str.isalpha, text)):
            yield text


def handbook(packages, language):
    begin = r'<div[^>]*class="(?:section|chapter|preface|appendix)"[^>]*>'
    yield from markup_pages(files(packages, f"usr/share/doc/debian-handbook/html/{language}/*.html"), begin)


def help_zh(packages):
    """The help of LibreOffice, GNOME, MATE and other programs."""
    libreoffice = files(packages, "usr/share/libreoffice/help/zh-*/text/**/*.html")
    yield from markup_pages(libreoffice, r'<div id="DisplayArea"[^>]*>', r'<a name="related">|<div id="SearchFrame"')
    others = (
        "usr/share/help/zh_*/**/*.page",
        "usr/share/help/zh_*/**/*.docbook",
        "usr/share/doc/omegat/html/zh_CN/*.html",
        "usr/share/doc/mplayer/HTML/zh_CN/*.html",
    )
    yield from markup_pages(files(packages, *others))


def guides_zh(packages):
    """Books and guides: the Debian administrator's handbook, installation, packaging, Rust by example, LilyPond."""
    patterns = (
        "usr/share/doc/debmake-doc/html/*.zh-??.html",
        "usr/share/doc/maint-guide-zh-*/html/*.zh-??.html",
        "usr/share/doc/installation-guide-*/zh_CN/*.html",
        "usr/share/doc/harden-doc/html/zh-CN/*.html",
        "usr/share/doc/debian-edu-doc/zh-cn/*.html",
        "usr/share/doc/lilypond/html/Documentation/**/*.zh.html",
    )
    yield from handbook(packages, "zh-*")
    yield from markup_pages(files(packages, *patterns), "<body[^>]*>", '<div id="tocframe"')
    yield from markup_pages(files(packages, "usr/share/doc/rust-web-doc/html/**/zh/**/*.html"), "<main>", "</main>")


def kernel_pages(folder):
    yield from markup_pages(files(folder, "**/*.html"), r'<div itemprop="articleBody">', "<footer")


def kernel_zh(packages):
    """The translated part of the documentation of the Linux kernel."""
    for folder in sorted(packages.glob("usr/share/doc/linux-doc*/html/translations/zh_CN")):
        yield from kernel_pages(folder)


def kernel_en(packages):
    """The documentation of the Linux kernel."""
    for folder in sorted(packages.glob("usr/share/doc/linux-doc*/html/*/")):
        if folder.name != "translations" and not folder.name.startswith("_"):
            yield from kernel_pages(folder)


def game_catalogues(packages):
    catalogues = files(packages, "usr/share/**/zh_CN/LC_MESSAGES/*.mo")
    return [path for path in catalogues if re.search("wesnoth|cataclysm-dda|ufoai", path.name)]


def games_zh(packages):
    """Stories, dialogues and descriptions of games."""
    for path in game_catalogues(packages):
        yield from pages(text for _, text in messages(path) if len(HAN.findall(text)) >= 12)


def games_en(packages):
    """The same stories, dialogues and descriptions in English."""
    for path in game_catalogues(packages):
        yield from pages(text for text, _ in messages(path) if len(text.split()) >= 8)


def messages_zh(packages):
    """What programs say, as far as it is sentences: explanations, warnings, questions."""

    def is_sentence(text):
        han = len(HAN.findall(text))
        return han >= 10 and 2 * han > len(text) and re.search("[。！？，；：]", text)

    games = set(game_catalogues(packages))
    for path in files(packages, "usr/**/zh_CN/**/*.mo", "usr/**/*zh_CN.mo"):
        if path not in games:
            yield from pages(text for _, text in messages(path) if is_sentence(text))


def manuals_en(packages):
    """Manuals and handbooks: Debian, Python, PostgreSQL, Git, Perl, C++, LibreOffice."""
    python3 = files(packages, "usr/share/doc/python3.*/html/**/*.html")
    python3 = [path for path in python3 if not re.match("genindex|contents|search|py-modindex", path.name)]
    yield from markup_pages(python3, r'<div[^>]* role="main">', '<div class="sphinxsidebar|<footer')
    patterns = (
        "usr/share/doc/postgresql-doc-*/html/*.html",
        "usr/share/doc/git/html/**/*.html",
        "usr/share/doc/git-doc/**/*.html",
        "usr/share/doc/c++-annotations*/html/*.html",
        "usr/share/doc/installation-guide-*/en/*.html",
        "usr/share/doc/debmake-doc/html/*.en.html",
    )
    yield from handbook(packages, "en-US")
    yield from markup_pages(files(packages, *patterns), "<body[^>]*>")
    yield from markup_pages(files(packages, "usr/share/help/C/**/*.page"))
    for path in files(packages, "usr/share/perl/5.*/**/*.pod"):
        commands = r"^=(?:head\d|item|over|back|cut|encoding|begin|end|for|pod)\b ?"
        text = re.sub(commands, "", read_text(path), flags=re.MULTILINE)
        yield re.sub(r"\b[BCFILSX]<+ ?([^<>]*?) ?>+", r"\1", text)


def prose_en(packages):
    """Essays, commentaries of the 18th and 19th century, short sayings."""
    yield from markup_pages(files(packages, "usr/share/doc/anarchism/html/*.html"), "<body[^>]*>")
    yield from markup_pages(files(packages, "usr/share/doc/debian-history/docs/*.en.html"), "<body[^>]*>")
    for folder in sorted(packages.glob("usr/share/sword/modules/comments/zcom/*")):
        yield from pages(markup_text(verse) for verse in sword_verses(folder))
    for path in files(packages, "usr/share/games/fortunes/*"):
        if path.suffix == "" and not re.search(r"chinese|song100|tang300", path.name):
            yield from pages(re.sub("[^\n]\x08", "", text) for text in read_text(path).split("\n%\n"))


def dictionary_en(packages):
    """Definitions with their quotations, entry by entry."""

    def definition(entry):
        entry = re.sub(r"\[(?:1913 Webster|PJC|WordNet[^]]*|Webster[^]]*)(?: ?\+?PJC)?\]|[{}]", "", entry)
        entry = re.sub(r" ?\\[^\\\n]*\\| ?\((?=[^()]*\[)[^()]*\)", "", entry)  # how it is said
        return "\n".join(filter(None, map(join_lines, re.split(r"\n\s*\n|\n(?= +\d+\. )", entry))))

    for path in files(packages, "usr/share/dictd/*.dict.dz"):
        yield from pages(map(definition, dictionary(path)))


def code(packages, patterns, skipped, definition):
    for path in files(packages, *patterns):
        text = read_text(path)
        if not re.search(skipped, str(path)) and not re.search("DO NOT EDIT|[Gg]enerated by", text[:2000]):
            yield from code_pieces(text, definition)


def python_libraries(packages):
    """Modules of libraries written in Python, long ones cut between definitions."""
    skipped = r"/(test|tests|testing|migrations|locale|vendor|_vendor)/|/test_"
    yield from code(packages, ["usr/lib/python3/dist-packages/**/*.py"], skipped, r"@|def |class |async def ")


def go(packages):
    """The standard library, compiler and tools of Go."""
    skipped = r"/(testdata|vendor|syscall)/|_test\.go$|zz|/z[a-z]+_|/tables\.go$|/unicode/"
    yield from code(packages, ["usr/share/go-1.*/src/**/*.go"], skipped, r"func |type ")


def rust(packages):
    """The standard library and compiler of Rust."""
    patterns = ["usr/src/rustc-*/library/**/*.rs", "usr/src/rustc-*/compiler/**/*.rs"]
    definition = r"(?:pub |unsafe |const )*(?:fn|impl|mod|struct|enum|trait)\b|#\["
    yield from code(packages, patterns, r"/(stdarch|vendor|testdata)/|unicode_data", definition)


# What a domain is at most, in MB, so that none outweighs the others.
DOMAINS = {
    help_zh: 30, guides_zh: 30, kernel_zh: 30, games_zh: 30, messages_zh: 30,
    games_en: 8, prose_en: 30, dictionary_en: 24, kernel_en: 26, manuals_en: 30,
    python_libraries: 20, go: 16, rust: 16,
}  # fmt: skip


class Unique:
    """Takes the paragraphs that were there before out of documents."""

    def __init__(self):
        self.seen = set()

    def document(self, text):
        """The text without what was there before; nothing where that is the most of it."""
        kept, kept_bytes, all_bytes = [], 0, 0
        for paragraph in text.split("\n\n"):
            words = " ".join(paragraph.split()).encode()
            all_bytes += len(words)
            if len(words) >= PARAGRAPH_BYTES:
                key = hashlib.blake2b(words, digest_size=8).digest()
                if key in self.seen:
                    continue
                self.seen.add(key)
            kept.append(paragraph)
            kept_bytes += len(words)
        text = clean("\n\n".join(kept))
        return text if len(text) >= MIN_CHARACTERS and 2 * kept_bytes > all_bytes else ""


def main():
    packages, ordinary, output = map(pathlib.Path, sys.argv[1:4])
    output.mkdir(parents=True, exist_ok=True)
    unique = Unique()
    for path in sorted(ordinary.glob("*.jsonl")):
        for line in open(path, encoding="utf-8"):
            unique.document(json.loads(line)["text"])
    for domain, megabytes in DOMAINS.items():
        if len(sys.argv) > 4 and domain.__name__ not in sys.argv[4:]:
            continue
        texts = domain(packages)
        texts = {clean(text) for text in (chinese(texts) if domain.__name__.endswith("_zh") else texts)}
        left = megabytes * 1_000_000
        with open(output / f"{domain.__name__}.jsonl", "w", encoding="utf-8") as file:
            for text in sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest()):
                if left > 0 and (text := unique.document(text)):
                    line = json.dumps({"text": text}, ensure_ascii=False) + "\n"
                    file.write(line)
                    left -= len(line.encode())
        if left == megabytes * 1_000_000:
            print(f"corpus: {domain.__name__}: got no text, want packages that hold some", file=sys.stderr)
            sys.exit(3)


if __name__ == "__main__":
    main()
