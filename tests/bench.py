"""Speed and memory on this machine, each figure beside a peer or a floor measured in the same run.

``python tests/bench.py`` runs every part, ``python tests/bench.py text drivers`` those named, ``--quick`` all on
small data, to see that they work; limits are judged on the full sizes only. Every part runs in a process of its own, so
that its peak memory is its own. Data are simulated into a temporary folder, which is removed.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
PERIOD = "2026-10"  # the last month of the simulated data
CONTACTS = 3.2  # per simulated customer
SURVEYS = 200_000  # invitations, answered or silent, in the report of a million contacts
STACK = "import numpy, pandas, pyarrow, scipy.stats, sklearn.linear_model, statsmodels.api, matplotlib.pyplot"
PARTS: dict[str, Callable[[Path, bool], Iterator["Row"]]] = {}


@dataclass(frozen=True)
class Row:
    """One figure: what it is, its unit, what stands beside it, and the limit it is held to."""

    what: str
    figure: float
    unit: str
    beside: str = ""
    peer: float | None = None
    limit: float | None = None

    @property
    def more_is_better(self) -> bool:
        return self.unit.endswith("/s") or self.unit == "times"

    @property
    def ratio(self) -> float | None:
        return self.figure / self.peer if self.peer else None

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "met" if (self.figure >= self.limit) == self.more_is_better or self.figure == self.limit else "MISSED"


def part(function: Callable[[Path, bool], Iterator[Row]]) -> Callable[[Path, bool], Iterator[Row]]:
    """List a part under its function's name."""
    PARTS[function.__name__] = function
    return function


@contextmanager
def clock() -> Iterator[Callable[[], float]]:
    """Seconds since the block began, fixed at its end."""
    began, ended = time.perf_counter(), []
    yield lambda: (ended or [time.perf_counter()])[0] - began
    ended.append(time.perf_counter())


def memory() -> float:
    """Peak resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


# ---- data ------------------------------------------------------------------------------------------------------------


def operation(folder: Path, customers: int, form: str = "parquet") -> Path:
    """The settings of a simulated organisation of some size, its data as CSV or Parquet; made once."""
    root = folder / f"{customers}"
    if not (root / "data/demo/truth.json").exists():
        subprocess.run([sys.executable, __file__, "--make", str(customers), str(folder)], check=True)
    settings = (ROOT / "perception.toml").read_text()
    file = root / f"{form}.toml"
    file.write_text(settings.replace(".parquet", f".{form}").replace("[report]", f'[report]\noutput = "{form}"'))
    return file


def make(folder: Path, customers: int) -> None:
    """Write the four tables both ways, and a random part of the surveys beside them."""
    import pandas as pd
    from pyarrow import csv, parquet

    from analytics.tables.demo.simulate import write_demo

    data = folder / f"{customers}" / "data/demo"
    write_demo(data, customers=customers)
    surveys = pd.read_parquet(data / "surveys.parquet")
    part = surveys.sample(min(SURVEYS, len(surveys)), random_state=0).sort_index()
    part.to_parquet(data / "part_of_surveys.parquet", index=False)
    for file in data.glob("*.parquet"):
        csv.write_csv(parquet.read_table(file), file.with_suffix(".csv"))


def comments(folder: Path, n: int) -> list[str]:
    """Distinct customer comments of the simulated operation."""
    import pandas as pd

    file = operation(folder, 20_000)
    texts = pd.read_parquet(file.parent / "data/demo/surveys.parquet", columns=["comment"])["comment"].dropna()
    return texts.drop_duplicates().sample(n, random_state=0).tolist()


# ---- reports ---------------------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """Seconds that a process took by the clock, and of the processor, those that it waited for included."""

    wall: float
    cpu: float


def run(call: list[str], cwd: Path) -> tuple[Cost, str]:
    """What a process cost, and what it wrote."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with clock() as seconds:
        done = subprocess.run(call, check=False, capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        raise RuntimeError(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(seconds(), cpu), done.stdout


def run_notebook(folder: Path, code: str) -> Cost:
    """From a fresh Python to a notebook of one cell executed by papermill."""
    import nbformat

    file = folder / "floor.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), file)
    call = (
        f"import papermill; papermill.execute_notebook({str(file)!r}, None, kernel_name='python3', progress_bar=False)"
    )
    return run([sys.executable, "-c", call], folder)[0]


def run_report(config: Path) -> tuple[Cost, float]:
    """Cost of `perception report leadership`, and the peak memory of its largest process in MiB."""
    call = [sys.executable, "-m", "analytics", "report", "leadership", "--period", PERIOD, "--config", str(config)]
    cost, _ = run(call, ROOT)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # no other part starts so large a process
    return cost, peak / (2**20 if sys.platform == "darwin" else 2**10)


@part
def floors(folder: Path, quick: bool) -> Iterator[Row]:
    """What any report costs: papermill and a kernel, and the libraries."""
    empty, stack = run_notebook(folder, "pass"), run_notebook(folder, STACK)
    yield Row("an empty notebook through papermill", empty.wall, "s")
    yield Row("a notebook that imports the stack", stack.wall, "s", "empty notebook", empty.wall)
    yield Row("the same, seconds of the processor", stack.cpu, "s", "empty notebook", empty.cpu)


@part
def demo(folder: Path, quick: bool) -> Iterator[Row]:
    """The demo operation's leadership report, texts read for the first time and kept from before: medians, in turns."""
    config = operation(folder, 1_000 if quick else 20_000)
    costs: dict[str, list[Cost]] = {"floor": [], "first run": [], "texts read before": []}
    for _ in range(1 if quick else 5):
        costs["floor"].append(run_notebook(folder, STACK))
        shutil.rmtree(config.parent / "data/derived/scores", ignore_errors=True)
        for what in ("first run", "texts read before"):
            cost, peak = run_report(config)
            costs[what].append(cost)
    floor, *reports = (Cost(*map(statistics.median, zip(*each, strict=True))) for each in costs.values())
    for what, cost, times in zip(list(costs)[1:], reports, (2.5, 2.0), strict=True):
        yield Row(f"demo report, {what}", cost.wall, "s", "notebook with the stack", floor.wall, times * floor.wall)
        yield Row(f"demo report, {what}: of the processor", cost.cpu, "s", "notebook with the stack", floor.cpu)
    yield Row("demo report, its largest process's peak memory", peak, "MiB")


@part
def million(folder: Path, quick: bool) -> Iterator[Row]:
    """The leadership report of an operation with a million contacts, from CSV and from Parquet."""
    customers = 3_000 if quick else 330_000
    floor = run_notebook(folder, STACK)
    for form in ("csv", "parquet"):
        config = operation(folder, customers, form)
        config.write_text(config.read_text().replace("demo/surveys.", "demo/part_of_surveys."))
        cost, peak = run_report(config)
        name = f"report of {customers * CONTACTS:,.0f} contacts and at most {SURVEYS:,} surveys, {form}"
        times, most = (10, 2.2) if form == "parquet" else (20, 3)
        yield Row(name, cost.wall, "s", "notebook with the stack", floor.wall, times * floor.wall)
        yield Row(f"{name}: of the processor", cost.cpu, "s", "notebook with the stack", floor.cpu)
        yield Row(f"{name}: its largest process's peak memory", peak, "MiB", limit=most * 1024)


# ---- tables and cases ------------------------------------------------------------------------------------------------


@part
def rows(folder: Path, quick: bool) -> Iterator[Row]:
    """Time per contact for reading and checking the tables and building the cases."""
    from analytics.config import load_config
    from analytics.tables.cases import build_cases
    from analytics.tables.read import read_tables

    flattest = None
    for contacts in (1_000, 10_000) if quick else (10_000, 100_000, 1_000_000):
        config = load_config(operation(folder, max(1_000, round(contacts / CONTACTS)), "csv"))
        best, n = float("inf"), 1
        for _ in range(max(2, min(5, 500_000 // contacts))):
            with clock() as seconds:
                tables = read_tables(config)
                build_cases(tables)
            best, n = min(best, seconds()), len(tables.contacts)
        each = best / n * 1e6
        limit = flattest and flattest * 1.25
        yield Row(f"reading and cases, {n:,} contacts", each, "µs/contact", "the best of the smaller", flattest, limit)
        flattest = min(each, flattest or each)


@part
def cases(folder: Path, quick: bool) -> Iterator[Row]:
    """Cases and both clocks from a million contacts."""
    from analytics.config import load_config
    from analytics.tables.cases import build_cases
    from analytics.tables.read import read_tables

    tables = read_tables(load_config(operation(folder, 3_000 if quick else 330_000)))
    with clock() as floor:
        tables.contacts.groupby("case_id", sort=False).agg({"started_at": "min", "resolved_at": "max"})
    with clock() as seconds:
        build_cases(tables)
    n = len(tables.contacts)
    yield Row(f"cases from {n:,} contacts", seconds(), "s", "one pandas groupby", floor(), 30)
    yield Row("their peak memory, reading included", memory(), "MiB", limit=3 * 1024)


# ---- text ------------------------------------------------------------------------------------------------------------


@part
def text(folder: Path, quick: bool) -> Iterator[Row]:
    """Sentiment of the same comments by two well-known scorers and ours, taking turns in one process."""
    from textblob import TextBlob
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from analytics.text.scored import score_texts
    from analytics.text.sentiment import load_sentiment_model

    texts = comments(folder, 200 if quick else 1_000)
    vader = SentimentIntensityAnalyzer()
    fast, accurate = load_sentiment_model("fast"), load_sentiment_model("accurate")
    cache = folder / "scores"
    score_texts(texts, model="fast", cache=cache)
    scorers: dict[str, Callable[[], object]] = {
        "VADER": lambda: [vader.polarity_scores(text) for text in texts],
        "TextBlob": lambda: [TextBlob(text).sentiment.polarity for text in texts],
        "fast": lambda: fast.predict_proba(texts),
        "accurate": lambda: accurate.predict_proba(texts),
        "fast with churn intent and themes": lambda: score_texts(texts, model="fast"),
        "accurate with churn intent and themes": lambda: score_texts(texts, model="accurate"),
        "cached, with churn intent and themes": lambda: score_texts(texts, model="fast", cache=cache),
    }
    best = dict.fromkeys(scorers, float("inf"))
    for _ in range(1 if quick else 2):
        for name, score in scorers.items():
            with clock() as seconds:
                score()
            best[name] = min(best[name], seconds())
    speed = {name: len(texts) / seconds for name, seconds in best.items()}
    limits = {"fast": 3 * speed["VADER"], "accurate": 200.0}
    words = sum(len(text.split()) for text in texts) / len(texts)
    for name, figure in speed.items():
        beside = "" if name == "VADER" else "VADER"
        what = f"sentiment, {words:.0f} words a text: {name}"
        yield Row(what, figure, "texts/s", beside, speed["VADER"] if beside else None, limits.get(name))


@part
def explorer(folder: Path, quick: bool) -> Iterator[Row]:
    """The texts behind a figure among all of a month, once scored."""
    import numpy as np
    import pandas as pd

    from analytics.report import explore
    from analytics.report.explorer import _Panel
    from analytics.report.query import Query
    from analytics.report.story import load_story

    n, home = 3_000 if quick else 100_000, folder / "explorer"
    texts = [f"{text} {i}" for i, text in enumerate(islice(cycle(comments(folder, 1_000)), n))]
    home.mkdir()
    frame = pd.DataFrame({"response_id": range(n), "responded_at": "2025-03-05", "nps": np.arange(n) % 11})
    frame.assign(comment=texts, site="north").to_parquet(home / "surveys.parquet")
    (home / "perception.toml").write_text('[organisation]\nname="A"\n[sources.surveys]\npath="surveys.parquet"\n')
    story = load_story(home / "perception.toml", "2025-03").prepare()
    _ = story.critical, story.written
    with clock() as opened:
        panel = _Panel(explore(story))
    yield Row(f"explorer, {n:,} texts: opened", opened(), "s", limit=5)
    asked = [Query(words="refund"), Query(theme="waiting", polarity="negative"), Query(score="<= 6", mood="negative")]
    rows, worst = panel.explorer.rows, 0.0
    with clock() as floor:
        rows[rows["text"].str.contains("refund", case=False)]
    for query in asked:
        with clock() as seconds:
            panel.explorer.ask(query)
            panel._show()
        worst = max(worst, seconds())
    yield Row("slowest filter, its page included", worst, "s", "one pandas filter", floor(), 0.3)


@part
def redaction(folder: Path, quick: bool) -> Iterator[Row]:
    """Personal data out of short texts, one in ten of which holds some."""
    import re

    from analytics.text.redact import redact

    private = cycle([" Mail jo@example.com", " Call +44 20 7946 0958", " Card 4111 1111 1111 1111", " Ask for Ann Lee"])
    plain = comments(folder, 500 if quick else 5_000)
    texts = [text + next(private) if i % 10 == 0 else text for i, text in enumerate(plain)]
    names, mail = ["Ann Lee", "Tom Becker"], re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
    redact(texts[:10], names=names)
    with clock() as floor:
        for text in texts:
            mail.sub("[e-mail]", text)
    with clock() as seconds:
        redact(texts, names=names)
    n = len(texts)
    yield Row("redaction of short texts", n / seconds(), "texts/s", "one regular expression", n / floor(), 5_000)


@part
def hostile(folder: Path, quick: bool) -> Iterator[Row]:
    """Long texts made to slow a reader down: each step takes time in proportion to their length."""
    from analytics.text.clean import abstain_reason, mask_brands, normalise
    from analytics.text.encoder import Encoder
    from analytics.text.redact import redact
    from analytics.text.scored import score_texts

    size = 9_000 if quick else 90_000
    kinds = ["1", "a ", "@", "1-", "a.", "+1 ", "&", "<a", "http", "<script>", "GB82 WEST 1234 ", "😀", "Bad service. "]
    texts = [kind * (size // len(kind)) for kind in kinds] + [" ".join(f"word{i}x" for i in range(size // 3))]
    encoder, names = Encoder.load(), ["Ann Lee", "Tom Becker"]
    steps: dict[str, tuple[Callable[[str], object], float]] = {
        "cleaned": (lambda text: (abstain_reason(text), mask_brands(normalise(text), ["Care", "Best Buy", "Acme"])), 1),
        "redacted": (lambda text: redact(text, names=names), 2),
        "scored by fast": (lambda text: score_texts([text], model="fast"), 2),
        "embedded": (lambda text: encoder.embed([text]), 2),
    }
    for name, (step, limit) in steps.items():
        step("warm up")
        worst = 0.0
        for text in texts:
            with clock() as seconds:
                step(text)
            worst = max(worst, seconds())
        yield Row(f"slowest of {len(texts)} hostile texts, {name}", worst, "s", limit=limit)


@part
def stream(folder: Path, quick: bool) -> Iterator[Row]:
    """A million short texts by the fast model, fed as they come."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    from analytics.text.sentiment import load_sentiment_model

    texts = comments(folder, 2_000)
    n = 20_000 if quick else 1_000_000
    vader, model = SentimentIntensityAnalyzer(), load_sentiment_model("fast")
    with clock() as floor:
        for text in texts:
            vader.polarity_scores(text)
    with clock() as seconds:
        model.predict_proba(f"{text} {i}" for i, text in enumerate(islice(cycle(texts), n)))
    yield Row(f"{n:,} texts by fast, streamed", n / seconds(), "texts/s", "VADER", len(texts) / floor())
    yield Row("their peak memory", memory(), "MiB", limit=1.5 * 1024)


@part
def scaling(folder: Path, quick: bool) -> Iterator[Row]:
    """The same texts scored, redacted and written on Dask by one worker process, and by two."""
    import pandas as pd

    from analytics.scale import partitions as scale

    texts, n, parts = comments(folder, 2_000), 10_000 if quick else 500_000, 50
    (folder / "texts").mkdir()
    for i in range(parts):
        lines = [f"{text} {i}-{j}" for j, text in enumerate(islice(cycle(texts), n // parts))]
        pd.DataFrame({"comment": lines}).to_parquet(folder / "texts" / f"{i:02}.parquet")
    speed = []
    for count in (1, 2):
        with scale.workers(count=count), clock() as seconds:
            scored = scale.score_parts(scale.read_parts([folder / "texts"]), "comment")
            scale.write_parts(scored, folder / "scored")
        speed.append(n / seconds())
        beside = ("", None) if count == 1 else ("one worker", speed[0])
        yield Row(f"{n:,} texts on Dask, workers: {count}", speed[-1], "texts/s", *beside)
    yield Row("two workers against one", speed[1] / speed[0], "times", limit=1.6)


# ---- drivers and leaving ---------------------------------------------------------------------------------------------


@part
def drivers(folder: Path, quick: bool) -> Iterator[Row]:
    """Shapley shares of twenty drivers with 200 bootstraps."""
    import numpy as np
    import pandas as pd

    from analytics.contrast.drivers import rank_drivers

    rng, n = np.random.default_rng(0), 5_000 if quick else 200_000
    values = rng.normal(size=(n, 20)) + rng.normal(size=(n, 1))
    rated = np.clip(np.round(3 + values @ rng.normal(scale=0.1, size=20) + rng.normal(size=n)), 1, 5)
    frame = pd.DataFrame(values, columns=[f"d{i}" for i in range(20)]).assign(csat=rated)
    with clock() as floor:
        np.linalg.lstsq(values, rated, rcond=None)
    with clock() as seconds:
        rank_drivers(frame, "csat", [f"d{i}" for i in range(20)], bootstraps=200)
    yield Row(f"drivers, {n:,} rows x 20, 200 bootstraps", seconds(), "s", "one least-squares fit", floor(), 60)
    yield Row("their peak memory", memory(), "MiB")


@part
def leaving(folder: Path, quick: bool) -> Iterator[Row]:
    """Who may leave among 200,000 customers: features at five cut-offs, the models, their evaluation."""
    from analytics.config import load_config
    from analytics.measures.leaving.churn import ChurnRiskModel
    from analytics.measures.leaving.churn_views import compare_listening
    from analytics.measures.leaving.features import build_customer_features, choose_cutoffs
    from analytics.tables.read import read_tables

    customers = 4_000 if quick else 200_000
    tables = read_tables(load_config(operation(folder, customers)))
    with clock() as floor:
        tables.contacts.groupby("customer_id", sort=False).size()
    with clock() as seconds:
        features = build_customer_features(tables, choose_cutoffs(tables, most=5))
        described = seconds()
        compare_listening(ChurnRiskModel().fit(features), features)
    yield Row(f"features of {customers:,} customers", described, "s", "one pandas groupby", floor())
    yield Row("features, models and evaluation", seconds(), "s", "the features alone", described, 180)
    yield Row("their peak memory, reading included", memory(), "MiB", limit=4 * 1024)


# ---- the table -------------------------------------------------------------------------------------------------------


def measure(name: str, folder: Path, quick: bool) -> list[Row]:
    """Run one part in its own process."""
    call = [sys.executable, __file__, "--run", name, str(folder), *(["--quick"] if quick else [])]
    done = subprocess.run(call, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return [Row(f"{name}: failed, see above", float("nan"), "")]
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def show(found: dict[str, list[Row]], quick: bool) -> Table:
    """All figures as one table."""
    machine = f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores"
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    title = f"{platform.machine()}, {machine}, {installed:.0f} GiB, Python {platform.python_version()}; {processor()}"
    table = Table(title=f"Small data, to see that it works: {title}" if quick else title)
    for head in ("part", "what"):
        table.add_column(head)
    for head in ("figure", "beside it", "ratio", "limit"):
        table.add_column(head, justify="right")
    table.add_column("")
    for name, figures in found.items():
        for i, row in enumerate(figures):
            table.add_row(
                name if i == 0 else "",
                row.what,
                f"{write(row.figure)} {row.unit}",
                f"{row.beside} {write(row.peer)}" if row.peer else "",
                f"{write(row.ratio)}x" if row.ratio else "",
                f"{'≥' if row.more_is_better else '≤'} {write(row.limit)}" if row.limit else "",
                "" if quick else row.verdict,
                end_section=i == len(figures) - 1,
            )
    return table


def processor() -> str:
    """What the libraries make of the processor: NumPy's instruction sets in use, and those of int8 products."""
    import onnxruntime
    from numpy._core._multiarray_umath import __cpu_features__ as features

    sets = [name for name, used in features.items() if used and name.startswith(("AVX", "NEON", "SVE", "ASIMD"))]
    cpu = Path("/proc/cpuinfo")
    flags = set(cpu.read_text().split()) if cpu.exists() else set()
    products = sorted(flags & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})
    providers = ", ".join(onnxruntime.get_available_providers())
    return f"NumPy uses {' '.join(sets) or 'no wide set'}; ONNX Runtime {providers}, {' '.join(products) or 'no VNNI'}"


def write(figure: float | None) -> str:
    """A figure in three digits or so."""
    if figure is None:
        return ""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def main() -> int:
    """Run the parts named, or all, and print their table; 1 if a part failed or a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small data")
    parser.add_argument("--run", nargs=2, metavar=("PART", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, metavar=("CUSTOMERS", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make(Path(given.make[1]), int(given.make[0]))
        return 0
    if given.run:
        figures = [asdict(row) for row in PARTS[given.run[0]](Path(given.run[1]), given.quick)]
        sys.stdout.write("\n" + json.dumps(figures) + "\n")
        return 0
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}. Known: {', '.join(PARTS)}")
    console, progress = Console(width=None if sys.stdout.isatty() else 160), Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = {}
        for name in given.parts or PARTS:
            with progress.status(f"{name} …"):
                found[name] = measure(name, Path(folder), given.quick)
    console.print(show(found, given.quick))
    figures = [row for part in found.values() for row in part]
    failed = any(row.figure != row.figure for row in figures)
    return int(failed or (not given.quick and any(row.verdict == "MISSED" for row in figures)))


if __name__ == "__main__":
    sys.exit(main())
