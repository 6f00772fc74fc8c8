"""What the texts of the large corpus are written in: mark-up, message catalogues, dictionaries, sword modules."""

import gzip
import html
import re
import struct
import zlib

CJK = r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]"
BLOCKS = (
    "p|li|ul|ol|dl|dt|dd|table|tr|td|th|div|section|blockquote|br|hr|h[1-6]|pre"  # HTML
    "|title|subtitle|para|simpara|item|steps|note|caption|desc|listitem|term|entry|row|screen"  # Mallard, DocBook
)
LEFT_OUT = (
    "script|style|head|nav|footer|header|noscript|svg|math|button|form"
    "|info|bookinfo|articleinfo|legalnotice|indexterm|revhistory"
)


MENUS = "docnav|navheader|navfooter|navigation|nav|toc|nav_table"


def read_text(path):
    """The text of a file, unpacked where it is compressed."""
    data = path.read_bytes()
    return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode("utf-8", errors="replace")


def join_lines(text):
    """One line of several, without a blank where Chinese was broken."""
    text = re.sub(rf"(?<=[\u3000-\u303f\uff00-\uffef])\s*\n\s*|(?<={CJK})\s*\n\s*(?={CJK})", "", text)
    return re.sub(r"\s+", " ", text).strip()


def markup_text(source, begin="", end=""):
    """The paragraphs of an HTML, Mallard or DocBook page between two patterns, preformatted ones line by line."""
    if begin and (found := re.search(begin, source)):
        source = source[found.end() :]
    if end and (found := re.search(end, source)):
        source = source[: found.start()]
    source = re.sub(rf"<!--.*?-->|<({LEFT_OUT})\b[^>]*(?<!/)>.*?</\1>", "", source, flags=re.DOTALL)
    source = re.sub(rf'<(ul|dl|table|div|p)\b[^>]*class="(?:{MENUS})\b.*?</\1>', "", source, flags=re.DOTALL)
    source = re.sub(r'<a class="headerlink".*?</a>', "", source, flags=re.DOTALL)
    paragraphs = []
    verbatim = "<(?:pre|screen|programlisting)"
    for piece in re.split(rf"({verbatim}\b.*?{verbatim.replace('<', '</')}>)", source, flags=re.DOTALL):
        if re.match(rf"{verbatim}\b", piece):
            paragraphs.append(html.unescape(re.sub(r"<[^>]*>", "", piece)).strip("\n"))
            continue
        for paragraph in re.split(rf"</?(?:{BLOCKS})\b[^>]*>", piece):
            paragraphs.append(join_lines(html.unescape(re.sub(r"<[^>]*>", "", paragraph))))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph.strip())


def messages(path):
    """The originals and translations of a compiled gettext catalogue, the longest form where there are plurals."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, originals, translations = struct.unpack_from(f"{order}3I", data, 8)
    for entry in range(count):
        pair = []
        for table in (originals, translations):
            size, offset = struct.unpack_from(f"{order}2I", data, table + 8 * entry)
            text = data[offset : offset + size].decode("utf-8", errors="replace")
            text = max(text.split("\x04")[-1].split("\0"), key=len)  # \x04 ends a context, \0 a form
            text = re.sub(r"\([_&]?\w\)|<[^>]*>|(?<!\w)[_&](?=\w)", "", text)  # the letters of menus, mark-up
            pair.append(text.strip())
        if pair[0] and pair[0] != pair[1]:
            yield tuple(pair)


def dictionary(path):
    """The entries of a dictd dictionary in its order; its index says where each begins and how long it is."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def number(text):
        value = 0
        for digit in text:
            value = 64 * value + digits.index(digit)
        return value

    data = gzip.decompress(path.read_bytes())
    index = path.with_name(path.name.replace(".dict.dz", ".index")).read_text(encoding="utf-8", errors="replace")
    columns = (line.split("\t") for line in index.splitlines() if not line.startswith("00-database"))
    for offset, size in sorted({(number(column[1]), number(column[2])) for column in columns}):
        yield data[offset : offset + size].decode("utf-8", errors="replace")


def sword_verses(folder):
    """The texts of a compressed sword module (zText, zCom), verse by verse; verses with one text have it once."""
    # Sizes have 16 or 32 bits; the driver's name in the settings is not always right about that.
    wide = all(path.stat().st_size % 12 == 0 for path in folder.glob("*.?zv"))
    for blocks_path in sorted(folder.glob("*.?zs"), reverse=True):  # ot.bzs before nt.bzs
        packed = blocks_path.with_suffix(blocks_path.suffix[:-1] + "z").read_bytes()
        verses = blocks_path.with_suffix(blocks_path.suffix[:-1] + "v").read_bytes()
        blocks = [
            zlib.decompress(packed[offset : offset + size]) if size else b""
            for offset, size, _ in struct.iter_unpack("<3I", blocks_path.read_bytes())
        ]
        last = None
        for verse in struct.iter_unpack("<3I" if wide else "<2IH", verses):
            block, offset, size = verse
            if size and verse != last:
                yield blocks[block][offset : offset + size].decode("utf-8", errors="replace")
            last = verse
