#!/usr/bin/env bash
# scripts/get_corpus.sh --large, out of packages made here: what it reads of each format, that no paragraph is there
# twice nor in the ordinary corpus, that a package that is not to be had is named, and that the bytes are the same twice.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v dpkg-deb >/dev/null || exit 77

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/debs" "$work/corpus"

python3 - "$work" <<'PYTHON'
import gzip, json, pathlib, struct, subprocess, sys, zlib

work = pathlib.Path(sys.argv[1])
english = "The licence of this page lets everybody copy it, and the same words stand at the end of every one of its pages. {}"
chinese = "这一段是为了测试而写的：第{}页说明怎样打开文件，怎样保存文件，以及怎样在关闭以前确认没有丢失任何内容；最后说明怎样把结果交给别人，怎样收回。"
held_out = "她在雨里走了很久，直到城里最后一盏灯也熄灭了，才想起自己把雨伞忘在了那家已经关门的小店里，于是转身往回走。"


def catalogue(pairs):
    keys, values = ([pair[side].encode() for pair in sorted(pairs.items())] for side in (0, 1))
    tables, strings, offset = b"", b"", 28 + 16 * len(pairs)
    for text in keys + values:
        tables += struct.pack("<2I", len(text), offset + len(strings))
        strings += text + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0) + tables + strings


def html(body, before="<body>", after="</body>"):
    return f"<html><head><title>no text</title></head>{before}{body}{after}</html>".encode()


letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
entries = [f"Word{n}\n   1. The meaning of\n      word {n}, in {{many}} words. [1913 Webster]\n".encode() for n in range(9)]
starts = [sum(map(len, entries[:n])) for n in range(9)]
number = lambda n: letters[n // 64] + letters[n % 64]
index = "".join(f"word{n}\t{number(starts[n])}\t{number(len(entries[n]))}\n" for n in range(9)).encode()

block = zlib.compress(b"<p>Of the first verse.</p>" + b"On the second verse this is what the commentary has to say.")
shared, own = ("".join(f"<p>{chinese.format(n)}</p>" for n in numbers) for numbers in (range(4), range(4, 12)))
packages = {
    "debian-handbook": {
        # One page with a menu, a paragraph nobody translated, one of the ordinary corpus, and lines broken in Chinese.
        "usr/share/doc/debian-handbook/html/zh-CN/a.html": html(
            f'<ul class="docnav"><li>菜单</li></ul><div class="section" id="a">{shared}{own}<p>{english.format("x")}</p><p>{held_out}</p>'
            "<p>行尾的汉字\n之间没有空格，\n<code>ls</code> 命令也在这一行。</p><pre>$ ls\n  -l</pre></div>"
        ),
        "usr/share/doc/debian-handbook/html/zh-TW/b.html": html(f'<div class="section">{shared}<p>另有一句。</p></div>'),
        "usr/share/doc/debian-handbook/html/zh-TW/c.html": html(f'<div class="section">{shared}<p>又有一句。</p></div>'),
        "usr/share/doc/debian-handbook/html/en-US/a.html": html(
            f'<div class="section" id="a"><p>{english.format(1)}</p><p>{english.format(2)}</p></div>'
        ),
    },
    "libreoffice-help-zh-cn": {
        "usr/share/libreoffice/help/zh-CN/text/a.html": html(
            f"<p>{chinese.format('帮助')}</p>", '<body><p>工具栏</p><div id="DisplayArea" class="a">', '<div id="SearchFrame">x</div>'
        )
    },
    "linux-doc": {
        f"usr/share/doc/linux-doc/html/{path}": html(f'<div itemprop="articleBody"><p>{text}</p></div>')
        for path, text in (("translations/zh_CN/a.html", chinese.format("内核")), ("mm/a.html", english.format("kernel")))
    },
    "git": {
        "usr/share/locale/zh_CN/LC_MESSAGES/git.mo": catalogue({
            "": "Content-Type: text/plain; charset=UTF-8\n",
            "_Open": "打开(_O)",
            "Cannot open this": "无法打开您所选的文件，请检查<b>磁盘</b>是否已满，或者换一个文件夹再试一次；如果问题仍然存在，请联系管理员。",
            "menu\x04Do you want this\0Do you want these": "您确定要删除这些文件吗？\0您确定要删除这 %d 个文件吗？此操作无法撤销。",
        })
    },
    "ufoai-misc": {
        "usr/share/games/ufoai/base/i18n/zh_CN/LC_MESSAGES/ufoai.mo": catalogue({
            "The night was long and no star was to be seen above the silent city.": "长夜漫漫，寂静的城市上空看不到一颗星星，只有远处的警报声提醒人们，战争还没有结束，天亮以前谁也不许离开掩体；他数着自己的心跳，等待着下一道命令。",
        })
    },
    "sword-comm-mhcc": {
        "usr/share/sword/modules/comments/zcom/mhcc/nt.bzs": struct.pack("<3I", 0, len(block), 99),
        "usr/share/sword/modules/comments/zcom/mhcc/nt.bzz": block,
        "usr/share/sword/modules/comments/zcom/mhcc/nt.bzv": b"".join(
            struct.pack("<2IH", 0, *verse) for verse in ((0, 26), (0, 26), (26, 59), (0, 0))
        ),
    },
    "dict-gcide": {"usr/share/dictd/gcide.dict.dz": gzip.compress(b"".join(entries)), "usr/share/dictd/gcide.index": index},
    "rust-src": {"usr/src/rustc-1.0/library/core/src/a.rs": b"/// Adds.\npub fn add(a: u32, b: u32) -> u32 {\n    a + b\n}\n\nfn two() {}\n"},
    "golang-src": {"usr/share/go-1.2/src/a/a.go": b"package a\n\n// One is one, as it has always been in every language.\nfunc One() int { return 1 }\n"},
    "python3-sympy": {"usr/lib/python3/dist-packages/a/b.py": b'"""A module of a library, with one function in it."""\n\n\ndef f(x):\n    return x\n'},
}  # fmt: skip
for package, files in packages.items():
    root = work / "roots" / package
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(f"Package: {package}\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: t\n")
    subprocess.run(["dpkg-deb", "-Znone", "-b", root, work / "debs" / f"{package}.deb"], check=True, stdout=subprocess.DEVNULL)
for name in "literature_zh", "handbook_zh", "manuals_zh", "bible_en", "python":
    (work / f"corpus/{name}.jsonl").write_text(json.dumps({"text": held_out if name == "literature_zh" else name}) + "\n")
PYTHON

# The package manager of a distribution that has these packages and no others.
cat >"$work/bin/apt-get" <<EOF
#!/usr/bin/env bash
while [[ \$1 != download ]]; do shift; done
for package in "\${@:2}"; do cp "$work/debs/\$package.deb" .; done
EOF
cat >"$work/bin/apt-cache" <<EOF
#!/usr/bin/env bash
if [[ \$1 == --no-all-versions ]]; then
  for package in "\${@:3}"; do [[ ! -e $work/debs/\$package.deb ]] || echo "Package: \$package"; done
fi
EOF
chmod +x "$work"/bin/*

PATH=$work/bin:$PATH scripts/get_corpus.sh --large "$work/corpus" >"$work/said"
grep -q '^corpus: not in this distribution, left out: .*anarchism.*zypper-common' "$work/said"
grep -Eq '^help_zh +1 +0\.0$' "$work/said"

python3 - "$work/corpus_large" <<'PYTHON'
import json, pathlib, sys

corpus = {
    path.stem: [json.loads(line)["text"] for line in open(path, encoding="utf-8")]
    for path in pathlib.Path(sys.argv[1]).glob("*.jsonl")
}
assert len(corpus) == 13, corpus.keys()
paragraphs = [part for texts in corpus.values() for text in texts for part in text.split("\n\n") if len(part.encode()) >= 100]
assert len(paragraphs) == len(set(paragraphs)), paragraphs

guides = "\n\n".join(corpus["guides_zh"])
assert len(corpus["guides_zh"]) <= 2 and guides.count("第0页") == 1, guides  # of another page too little was left
for absent in "她在雨里", "licence", "菜单", "no text":
    assert absent not in guides, (absent, guides)
assert "行尾的汉字之间没有空格，ls 命令也在这一行。" in guides and "$ ls\n  -l" in guides, guides
assert corpus["help_zh"][0].startswith("这一段") and "工具栏" not in corpus["help_zh"][0], corpus["help_zh"]
assert corpus["messages_zh"] == [
    "无法打开您所选的文件，请检查磁盘是否已满，或者换一个文件夹再试一次；如果问题仍然存在，请联系管理员。\n\n您确定要删除这 %d 个文件吗？此操作无法撤销。"
], corpus["messages_zh"]
assert corpus["games_en"][0].startswith("The night") and corpus["games_zh"][0].startswith("长夜"), corpus
assert corpus["prose_en"] == ["Of the first verse.\n\nOn the second verse this is what the commentary has to say."]
assert corpus["dictionary_en"][0].startswith("Word0\n1. The meaning of word 0, in many words.\n\nWord1"), corpus
assert "  a + b" in corpus["rust"][0] and "return x" in corpus["python_libraries"][0] and "One()" in corpus["go"][0]
assert len(corpus["manuals_en"]) == 1 and len(corpus["kernel_en"]) == 1 and len(corpus["kernel_zh"]) == 1
PYTHON

cp -r "$work/corpus_large" "$work/first"
rm "$work/corpus_large/go.jsonl"
PATH=$work/bin:$PATH scripts/get_corpus.sh --large "$work/corpus" >"$work/said"
diff -r "$work/first" "$work/corpus_large"

# A large corpus that is there is left alone.
touch -d '2001-01-01' "$work/corpus_large/go.jsonl"
scripts/get_corpus.sh --large "$work/corpus" >"$work/said"
[[ $(date -r "$work/corpus_large/go.jsonl" +%Y) == 2001 ]]
