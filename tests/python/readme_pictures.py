"""Makes the pictures of README.md: the live panel of a run on a terminal, and the page of that run.

readme_pictures.py <folder of the programs> <folder for the pictures> [<argument of pretrain>...]
Trains the quickstart's config in output/pictures on a terminal of its own (anew), keeps what that shows late in the
run, and has Chromium draw it and the report. Wants pyte and Pillow (scripts/pictures.sh installs them).
"""
import fcntl
import html
import io
import os
import pathlib
import pty
import re
import shutil
import struct
import sys
import termios

import PIL.Image
import pyte

from browser import Browser

PROGRAMS, PICTURES = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
RUN = pathlib.Path("output/pictures")
COLUMNS, ROWS = 88, 24
SHOWN = 0.8  # how much of the run is over when the terminal is looked at
MOST_BYTES = 150_000
REPORT_WIDTH, REPORT_HEIGHT = 1280, 1180


def watch(arguments):
    """The rows of the terminal, each a list of pyte's characters, once SHOWN of the run was over."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    process, terminal = pty.fork()
    if process == 0:
        environment = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8")
        environment.pop("NO_COLOR", None)
        os.execve(PROGRAMS / "pretrain", ["pretrain", *arguments, "--watch"], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    shown = None
    while True:
        try:
            output = os.read(terminal, 1 << 16)
        except OSError:  # what Linux answers when the other end has gone
            break
        stream.feed(output)
        panel = panel_of(screen)
        if shown is None and panel and panel_progress(panel) >= SHOWN:
            shown = [[screen.buffer[y][x] for x in range(COLUMNS)] for y in panel]
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code != 0 or shown is None:
        sys.exit(f"pretrain: got exit {code} and {'no panel' if shown is None else 'a panel'}, want 0 and a panel:\n"
                 + "\n".join(screen.display))
    return shown


def panel_of(screen):
    """The rows that the panel is in, as numbers and texts: the last of the terminal, below the messages."""
    first = max((y for y, row in enumerate(screen.display) if row.startswith("share of tokens:")), default=None)
    if first is None:
        return {}
    last = max(y for y, row in enumerate(screen.display) if row.strip())
    return {y: screen.display[y] for y in range(first, last + 1)}


def panel_progress(panel):
    """How much of the run is over, by the panel's own line."""
    steps = [match for match in (re.match(r"step +(\d+)/(\d+)", row) for row in panel.values()) if match]
    return int(steps[-1][1]) / int(steps[-1][2]) if steps else 0


def css(colour, default):
    if colour == "default":
        return default
    return f"#{colour}" if re.fullmatch(r"[0-9a-f]{6}", colour) else colour.replace("bright", "light")


def page_of(rows):
    """A page that shows the rows as a terminal would."""
    lines = []
    for row in rows:
        line = ""
        for cell in row:
            colour, ground = css(cell.fg, "#d8dee6"), css(cell.bg, "#10151c")
            if cell.reverse:
                colour, ground = ground, colour
            weight = "bold" if cell.bold else "normal"
            line += (f'<span style="color:{colour};background:{ground};font-weight:{weight}">'
                     f"{html.escape(cell.data or ' ')}</span>")
        lines.append(line)
    return ('<!doctype html><meta charset="utf-8"><body style="margin:0;background:#10151c">'
            '<pre style="display:inline-block;margin:0;padding:14px 18px;font:15px/1.25 DejaVu Sans Mono,monospace">'
            + "\n".join(lines) + "</pre>")


def save(png, path):
    """With as few colours as leave no difference to see: these pictures are drawn, not photographed."""
    for colours in (256, 128, 64):
        picture = PIL.Image.open(io.BytesIO(png)).convert("RGB").quantize(colours, dither=PIL.Image.Dither.NONE)
        picture.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            print(f"{path}: {picture.width} x {picture.height}, {colours} colours, {path.stat().st_size:,} bytes")
            return
    sys.exit(f"{path}: got {path.stat().st_size:,} bytes, want at most {MOST_BYTES:,}")


def main():
    shutil.rmtree(RUN, ignore_errors=True)
    rows = watch(["--config", "configs/quickstart.json", "--set", "run.name=pictures", *sys.argv[3:]])
    PICTURES.mkdir(parents=True, exist_ok=True)
    terminal = RUN / "panel.html"
    terminal.write_text(page_of(rows), encoding="utf-8")
    with Browser() as browser:
        browser.open(terminal.resolve().as_uri(), REPORT_WIDTH)
        box = browser.evaluate("(({width, height}) => ({width, height}))(document.querySelector('pre')"
                               ".getBoundingClientRect())")
        save(browser.screenshot({"x": 0, "y": 0, **box, "scale": 1}), PICTURES / "panel.png")
        browser.open((RUN / "report.html").resolve().as_uri(), REPORT_WIDTH)
        save(browser.screenshot({"x": 0, "y": 0, "width": REPORT_WIDTH, "height": REPORT_HEIGHT, "scale": 1}),
             PICTURES / "report.png")


main()
