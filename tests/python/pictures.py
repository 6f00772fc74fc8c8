"""What other programs make of our pictures: TensorBoard's reader of the event files, Chromium of the report.

pictures.py <folder of the programs> <folder for screenshots>
Prints a line for each check; the last is "N passed, N failed". Ends with 77 where there is neither TensorBoard nor
Chromium; where one is missing, its checks are left out with a line that says so.
"""
import importlib.util
import json
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from browser import Browser, find_browser

PROGRAMS, SCREENSHOTS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
KILLS = 20
SCRIPT = "<script>alert(1)<script>"  # part of a run's name, which cannot have a slash
IMAGE = "</script><img src=x onerror=alert(2)>"  # part of a sample
WIDTHS = {"wide": 1440, "narrow": 390}
results = {"passed": 0, "failed": 0}


def check(name, problem):
    """Counts a check; `problem` is None or empty when it went well."""
    results["failed" if problem else "passed"] += 1
    print(f"{name}: {problem or 'ok'}", flush=True)


def write_workplace(folder):
    """A text and the config of a tiny mixture of experts."""
    words = ["river", "stone", "amber", "cloud", "seven", "light", "under", "song", "green", "north"]
    lines = (" ".join(words[(7 * i + 3 * j * j + j) % 10] for j in range(12 + i % 9)) + "." for i in range(300))
    (folder / "text.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    config = {
        "run": {"name": "run", "device": "cpu", "threads": 1},
        "data": {"train": ["text.jsonl"], "sequence_length": 32, "validation_fraction": 0.1},
        "tokenizer": {"path": "tokenizer.model", "train": True},
        "model": {"model_type": "moe", "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
                  "vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                  "num_key_value_heads": 2},
        "train": {"steps": 100000, "micro_batch": 4},
        "evaluation": {"every": 40, "tokens": 256},
        "sample": {"every": 80, "prompts": ["river"], "max_new_tokens": 4},
        "metrics": {"tensorboard": True, "experts_every": 10, "log_every": 1000},
        "checkpoint": {"every": 20},
    }
    (folder / "config.json").write_text(json.dumps(config))


def start_training(folder, *settings):
    command = [PROGRAMS / "pretrain", "--config", "config.json"]
    for setting in settings:
        command += ["--set", setting]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def event_files(run):
    return sorted((run / "tensorboard").glob("*"))


def whole_records(path):
    """How many records stand in an event file by their lengths: u64 length, u32 checksum, data, u32 checksum."""
    data = path.read_bytes()
    count = offset = 0
    while offset + 12 <= len(data):
        offset += 16 + struct.unpack_from("<Q", data, offset)[0]
        count += offset <= len(data)
    return count


def unread_records(run):
    """Where TensorBoard's reader sees another number of records than there are."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    problems = []
    for path in event_files(run):
        want, got = whole_records(path), sum(1 for _ in EventFileLoader(str(path)).Load())
        if got != want:
            problems.append(f"{path.name}: got {got} records, want {want}")
    return "; ".join(problems)


def kill_in_mid_run(folder, dice):
    """Trains until the event file has grown by steps, and kills at some moment after that. Returns what went wrong."""
    run, before = folder / "output/run", event_files(folder / "output/run")
    training = start_training(folder)
    deadline = time.monotonic() + 120
    while not any(whole_records(path) > 3 for path in event_files(run) if path not in before):
        if training.poll() is not None or time.monotonic() > deadline:
            training.kill()
            return f"training did not get going: {training.communicate()[1]}"
        time.sleep(0.01)
    time.sleep(dice.uniform(0, 0.3))
    training.send_signal(signal.SIGKILL)
    training.communicate()
    return None


def check_kills(folder):
    """20 kills at random moments; every other one leaves half a record, as one in the middle of a write would."""
    dice = random.Random(20)
    run = folder / "output/run"
    problems = []
    for kill in range(KILLS):
        problems.append(kill_in_mid_run(folder, dice))
        if kill % 2:
            with event_files(run)[-1].open("ab") as file:
                file.write((struct.pack("<Q", 1000) + bytes(1000))[:dice.randrange(1, 1000)])
        problems.append(unread_records(run))
    check(f"TensorBoard reads every record after each of {KILLS} kills", "; ".join(filter(None, problems)))


def check_resumed_run(folder):
    """A run that goes on after all that has each step once, with the numbers of metrics.jsonl."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = folder / "output/run"
    reached = sum(1 for _ in (run / "metrics.jsonl").open())
    training = start_training(folder, f"train.stop_after={reached + 100}")
    errors = training.communicate()[1]
    check("the run goes on", None if training.returncode == 75 else f"exit {training.returncode}: {errors}")
    check("TensorBoard reads every record at the end", unread_records(run))

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
    events.Reload()
    records = [json.loads(line) for line in (run / "metrics.jsonl").open()]
    for tag, kind, key in (("loss/train", "step", "loss"), ("optim/grad_norm", "step", "grad_norm"),
                           ("loss/validation", "evaluation", "loss")):
        want = [(record["step"], struct.pack("<f", record[key])) for record in records if record["type"] == kind]
        got = scalars(events, tag)
        check(f"{tag} is that of metrics.jsonl", None if got == want else f"got {len(got)} points, want {len(want)}")
    tags = {tag for kind in ("images", "histograms", "tensors") for tag in events.Tags()[kind]}
    check("the HParams tab has the settings", hparams_problem(events, run))
    missing = {"experts/load", "experts/layer_0/shares", "samples/river", "config"} - tags
    check("images, histograms and texts are there", missing and f"no {missing}; there are {sorted(tags)}")


def hparams_problem(events, run):
    """What TensorBoard's own message lacks of config.json."""
    from tensorboard.plugins.hparams import plugin_data_pb2

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    got = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    config = json.loads((run / "config.json").read_text())
    rate = got["optim.learning_rate"].number_value
    if rate != config["optim"]["learning_rate"]:
        return f"a learning rate of {rate}"
    return None if got["model.model_type"].string_value == "moe" else f"there is {sorted(got)[:5]}"


def scalars(events, tag):
    """(step, value as float32) of each point. TensorBoard keeps some scalars as tensors."""
    from tensorboard.util import tensor_util

    if tag in events.Tags()["scalars"]:
        points = [(event.step, event.value) for event in events.Scalars(tag)]
    else:
        points = [(event.step, tensor_util.make_ndarray(event.tensor_proto).item()) for event in events.Tensors(tag)]
    return [(step, struct.pack("<f", value)) for step, value in points]


def hostile_copy(run):
    """The run under a name, and with a sample, that would run scripts if they were not escaped."""
    copy = run.parent / f"run {SCRIPT}"
    shutil.copytree(run, copy)
    with (copy / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"type": "sample", "step": 1, "prompt": IMAGE, "text": IMAGE}) + "\n")
    return copy


def check_page(browser, page, name, shown_texts):
    """Opens a page at each width, uses it, and takes a screenshot."""
    for width_name, width in WIDTHS.items():
        browser.open(page.as_uri(), width)
        browser.evaluate("for (const slider of document.querySelectorAll('input[type=range]')) {"
                         "  slider.value = slider.max; slider.dispatchEvent(new Event('input', {bubbles: true})); }")
        text = browser.evaluate("document.title + document.body.textContent")
        wide = browser.evaluate("document.documentElement.scrollWidth")
        problems = browser.complaints()
        problems += [f"request of {url}" for url in browser.requests() if url != page.as_uri()]
        problems += [f"does not show {shown}" for shown in shown_texts if shown not in text]
        if wide > width:
            problems.append(f"is {wide} wide")
        screenshot = SCREENSHOTS / f"{name}_{width_name}.png"
        screenshot.write_bytes(browser.screenshot())
        check(f"Chromium shows {name} at {width} pixels, in {screenshot.name}", "; ".join(problems))


# Uses every control of the curves, and answers with what did not happen.
USE_OF_CONTROLS = """(() => {
  const wrong = [], find = selector => document.querySelector(selector);
  const chart = find('.charts .chart:has(polyline)'), line = chart.querySelector('polyline:not(.raw)');
  const expect = (what, happened) => { if (!happened) wrong.push(what); };
  const changes = (what, act) => {
    const before = chart.innerHTML;
    act();
    expect(what, chart.innerHTML !== before);
  };
  const choose = (selector, value) => {
    const control = find(selector);
    if (control.type === 'radio') control.click();
    else { control.value = value; control.dispatchEvent(new Event('input')); }
  };
  changes('the axis by tokens', () => choose('[value=tokens]'));
  changes('the axis by time', () => choose('[value=time]'));
  changes('smoothing', () => choose('#smooth', 90));
  choose('#smooth', 0);
  choose('[value=step]');
  pointAt(20);
  for (const each of charts) each.point(20);
  const told = [...document.querySelectorAll('.chart output')].filter(output => output.textContent.includes('step 20'));
  expect('one cursor in all charts', told.length === charts.length && charts.length > 8);
  expect('a cursor by the keyboard', chart.querySelector('svg').tabIndex === 0);
  const rows = curvesAsCsv().trim().split('\\n');
  expect('a file of the values', rows[0].split(',').length === 8 && rows.length > 50 &&
    rows.some(row => row.includes('"Loss"') && row.includes(',step.loss,')));
  const box = find('[data-show="0"]');
  if (box) {
    box.click();
    expect('a run that is hidden', [...document.querySelectorAll('polyline[data-run="0"]')].every(hidden =>
      getComputedStyle(hidden).display === 'none') && getComputedStyle(find('.card')).display === 'none');
    box.click();
    expect('a run that is shown again', getComputedStyle(line).display !== 'none');
  }
  expect('a verdict first', find('h1').nextElementSibling.querySelector('.verdict') !== null ||
    find('h1').nextElementSibling.matches('.verdict'));
  return wrong.join(', ');
})()"""


def check_controls(browser, page, name):
    browser.open(page.as_uri(), WIDTHS["wide"])
    missing = browser.evaluate(USE_OF_CONTROLS)
    problems = ([f"lacks {missing}"] if missing else []) + browser.complaints()
    check(f"the controls of {name} do what they say", "; ".join(problems))


def check_report(folder):
    run = folder / "output/run"
    hostile = hostile_copy(run)
    subprocess.run([PROGRAMS / "report", run], check=True, capture_output=True)
    subprocess.run([PROGRAMS / "report", run, hostile, "--out", folder / "both.html"], check=True, capture_output=True)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        check_page(browser, run / "report.html", "report", ["run", "Share of tokens per expert"])
        check_page(browser, folder / "both.html", "comparison", [SCRIPT, IMAGE])
        check_controls(browser, run / "report.html", "report")
        check_controls(browser, folder / "both.html", "comparison")


# What somebody who looks at a run has set, and what is left of it after the page has changed.
SETTINGS = """(() => {
  document.querySelector('[value=tokens]').click();
  const slider = document.querySelector('.slider input');
  slider.value = 0;
  slider.dispatchEvent(new Event('input'));
  const part = [...document.querySelectorAll('details')].find(each => each.textContent.startsWith('config.json'));
  part.open = true;
  document.getElementById('smooth').focus({preventScroll: true});
  scrollTo(0, 500);
})()"""
KEPT = """(() => {
  const lost = [], expect = (what, kept) => { if (!kept) lost.push(what); };
  expect('the axis', document.querySelector('[value=tokens]').checked && view.axis === 'tokens');
  expect('the moment of the loads', document.querySelector('.slider input').value === '0');
  expect('what was open', [...document.querySelectorAll('details[open]')].some(each =>
    each.textContent.startsWith('config.json')));
  expect('the place', scrollY === 500);
  expect('the focus', document.activeElement.id === 'smooth');
  expect('the charts', charts.length > 8 && charts.every(chart => document.contains(chart.svg)));
  return lost.join(', ');
})()"""
CHANGES = "Number(document.getElementById('live').dataset.changes)"
STEPS = "Number(/steps\\s*([\\d,]+)/.exec(document.querySelector('.card').textContent)[1].replaceAll(',', ''))"


def check_live_page(browser, url):
    """A page follows its run, and keeps what somebody has set."""
    browser.open(url + "run/live", WIDTHS["wide"])
    browser.wait_for(f"{CHANGES} > 0")  # it has begun to follow
    browser.evaluate(SETTINGS)
    steps, changes = browser.evaluate(STEPS), browser.evaluate(CHANGES)
    browser.wait_for(f"{CHANGES} > {changes + 1} && {STEPS} > {steps}")
    lost = browser.evaluate(KEPT)
    (SCREENSHOTS / "dashboard_run_live.png").write_bytes(browser.screenshot())
    problems = ([f"lost {lost}"] if lost else []) + browser.complaints()
    problems += [f"request of {other}" for other in browser.requests() if not other.startswith(url)]
    check("a page of the dashboard follows its run and keeps what was set", "; ".join(problems))


def check_list_and_comparison(browser, url):
    problems = []
    for width_name, width in WIDTHS.items():
        browser.open(url, width)
        text = browser.evaluate("document.body.textContent")
        problems += [f"does not list {name}" for name in ("live", "run", SCRIPT) if name not in text]
        if (wide := browser.evaluate("document.documentElement.scrollWidth")) > width:
            problems.append(f"the list is {wide} wide")
        (SCREENSHOTS / f"dashboard_list_{width_name}.png").write_bytes(browser.screenshot())
        problems += browser.complaints()
    browser.evaluate("for (const box of [...document.querySelectorAll('[name=run]')].slice(0, 2)) box.click()")
    changes = browser.evaluate(CHANGES)
    browser.wait_for(f"{CHANGES} > {changes}")
    if browser.evaluate("document.querySelectorAll('[name=run]:checked').length") != 2:
        problems.append("the boxes lose their checks")
    browser.evaluate("document.querySelector('form button').click()")
    browser.wait_for("location.pathname === '/compare' && document.querySelectorAll('.card').length === 2")
    browser.open(browser.evaluate("location.href"), WIDTHS["wide"])
    (SCREENSHOTS / "dashboard_comparison.png").write_bytes(browser.screenshot())
    problems += browser.complaints()
    check("the dashboard lists runs and compares those that are checked", "; ".join(problems))


def check_dashboard(folder):
    training = start_training(folder, "run.name=live", "metrics.tensorboard=false")
    dashboard = subprocess.Popen([PROGRAMS / "dashboard", "output", "--port", "0"], cwd=folder, stdout=subprocess.PIPE,
                                 text=True)
    url = dashboard.stdout.readline().split()[1]
    while not (folder / "output/live/metrics.jsonl").exists():
        time.sleep(0.05)
    with Browser() as browser:
        check_live_page(browser, url)
        check_list_and_comparison(browser, url)
        dashboard.terminate()
        browser.wait_for("document.getElementById('live').textContent.includes('does not answer')")
    check("the dashboard ends when it is asked to", dashboard.wait() and f"exit {dashboard.returncode}")
    training.kill()
    training.communicate()


def main():
    has_tensorboard = importlib.util.find_spec("tensorboard") is not None
    has_browser = find_browser() is not None
    if not has_tensorboard and not has_browser:
        print("skipped: neither TensorBoard nor Chromium is installed (scripts/pictures_check.sh installs both)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_workplace(folder)
        if has_tensorboard:
            check_kills(folder)
            check_resumed_run(folder)
        else:
            print("TensorBoard: left out, it is not installed")
            start_training(folder, "train.stop_after=200").communicate()
        if has_browser:
            check_report(folder)
            check_dashboard(folder)
        else:
            print("Chromium: left out, it is not installed")
    print(f"{results['passed']} passed, {results['failed']} failed")
    sys.exit(results["failed"] > 0)


main()
