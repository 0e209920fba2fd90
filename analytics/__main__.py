"""The command line `perception`: thin, it parses, calls the rooms, and turns faults into sentences and exit codes."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

if TYPE_CHECKING:
    from analytics.config import Config

FAULTY, FAILED = 2, 3
EXIT_CODES = "Exit codes: 0 done; 2 settings, data or parameters are faulty; 3 the run failed and published nothing."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=f"What customers perceive, from their own words and scores to a leadership PDF. {EXIT_CODES}",
)
out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
Name = Annotated[str, typer.Argument(help="leadership, or any notebooks/report_NAME.ipynb.")]
ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The organisation's settings; start from a copy.")]
CONFIG, PREPARED = Path("perception.toml"), Path("data/derived/prepared")
Scheduler = Annotated[str | None, typer.Option(help="Running Dask scheduler, tcp://HOST:8786; default: this machine.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes on this machine; default: one per core.")]
Every = Annotated[Literal["week", "month", "quarter"] | None, typer.Option(help="Default: as configured.")]


@app.command()
def report(
    name: Name = "leadership",
    period: Annotated[str | None, typer.Option(help="2026-10, 2026-Q3, 2026-W41, all; default: last complete.")] = None,
    config: ConfigPath = CONFIG,
) -> None:
    """Build one report and print the path of its PDF.

    Without --period it takes the last complete period, so one cron line is enough. Nothing is published unless
    everything holds: parameters, data, every cell, every claim. The PDF of an earlier run stays untouched until then.
    """
    from analytics.config import load_config
    from analytics.publish.run import build_reports
    from analytics.tables.read import refuse_absent

    settings = load_config(config)
    chosen = _last_complete(settings) if period is None else period
    refuse_absent(settings)
    with err.status(f"Building {name} (data, text scores, notebook, PDF) …"):
        built = list(build_reports(name, chosen, config))
    faults = [one for one in built if isinstance(one, tuple)]
    for one in built:
        if not isinstance(one, tuple):
            out.print(str(one.pdf), highlight=False)
    for part, fault in faults:
        _say(f"{part}: {fault}", failed=True)
    if faults:
        raise typer.Exit(FAILED)


@app.command()
def catch_up(
    name: Name = "leadership",
    since: Annotated[str | None, typer.Option(help="First period; default: the first with data.")] = None,
    frequency: Every = None,
    deliver: Annotated[bool, typer.Option("--deliver", help="Send what is new; tell the operators of faults.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Build every missing report in order and skip finished ones: the one line that a schedule needs.

    Where late data changed a period, its report is built again as the next version: versions/ keeps the earlier one,
    changes.json says which figures changed and by how much.
    """
    from analytics.unattended.catchup import catch_up as steps
    from analytics.unattended.deliver import tell_operators

    faults = []
    try:
        for step in steps(name, config, since=since, frequency=frequency):
            _say(f"{step.label}  {step.word}  {step.detail}", failed=step.word == "failed")
            faults += [f"{step.label}: {step.detail}"] if step.word == "failed" else []
        if deliver:
            faults += _deliver(name, config)
    except Exception as fault:
        if deliver:
            _say(tell_operators(config, name, str(fault)), failed=True)
        raise
    if faults and deliver:
        _say(tell_operators(config, name, "\n".join(faults)), failed=True)
    if faults:
        raise typer.Exit(FAILED)


@app.command()
def watch(
    name: Name = "leadership",
    config: ConfigPath = CONFIG,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only; write to nobody.")] = False,
) -> None:
    """Test the scores on the data up to yesterday, and write to the operators (and a webhook) only where one moved.

    For a schedule that runs every day. What was told stays untold for as long as one period lasts.
    """
    import pandas as pd

    from analytics.config import load_config
    from analytics.report.words import say
    from analytics.unattended.deliver import tell_operators
    from analytics.unattended.watch import FALSE_ALARMS, find_alarms, keep_new, post_text

    settings = load_config(config)
    now = pd.Timestamp.now(settings.organisation.zone)
    alarms = find_alarms(settings, now)
    if not alarms:
        out.print(say("watch.nothing"), highlight=False)
    for alarm in alarms:
        out.print(alarm.sentence, highlight=False)
    fresh = [] if quiet else keep_new(alarms, settings, now)
    if fresh:
        text = "\n".join([*(alarm.sentence for alarm in fresh), say("watch.chance", years=1 / FALSE_ALARMS)])
        _say(tell_operators(config, f"{name}: between reports", text, letter="watch"), failed=False)
        if settings.delivery.webhook_env:
            post_text(text, settings)


@app.command()
def deliver(
    name: Name = "leadership",
    period: Annotated[str | None, typer.Option(help="Default: the latest, and earlier ones still owed.")] = None,
    resend: Annotated[bool, typer.Option("--resend", help="Also letters that may have arrived already.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Send a published report to its recipients and its copy to where copies go, each version once.

    A letter is 'unknown' when the mail server had all of it and never answered: it is sent again with --resend alone.
    """
    if _deliver(name, config, period, resend):
        raise typer.Exit(FAILED)


@app.command()
def schedule(
    kind: Annotated[str, typer.Argument(help="cron, systemd, airflow or github.")],
    name: Name = "leadership",
    frequency: Every = None,
    config: ConfigPath = CONFIG,
) -> None:
    """Print a ready, commented definition that makes and delivers a report every period."""
    from analytics.unattended.schedule import write_schedule

    typer.echo(write_schedule(kind, name, config, frequency, Path(sys.argv[0]).absolute()), nl=False)


@app.command()
def start(
    files: Annotated[list[Path] | None, typer.Argument(help="Exports: CSV, Excel or Parquet.")] = None,
    name: Annotated[str | None, typer.Option(help="Your organisation, as page one names it.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Such as Europe/London, of stamps without a zone.")] = None,
    url_env: Annotated[str | None, typer.Option(help="Variable with a database's address, with --query.")] = None,
    query: Annotated[str | None, typer.Option(help="What to read from that database.")] = None,
    folder: Annotated[Path, typer.Option(help="Gets my.toml and my_map.toml.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over earlier ones.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Leave every question open.")] = False,
) -> None:
    """Propose settings and a column map for exports that nobody has described, with the evidence for each line.

    What the data do not show is asked on a terminal, and otherwise left in the map as a line '# QUESTION: …'. Nothing
    is published while one stands there.
    """
    from analytics.report.starting import find_origins, query_origin, refuse_existing, start_report

    refuse_existing(folder, force)
    if not files and not query:
        raise ValueError("start: name at least one file, or --url-env and --query.")
    if (url_env is None) != (query is None):
        raise ValueError("start: --url-env and --query belong together.")
    with err.status("Reading every column …"):
        origins, skipped = find_origins(files or [], folder)
        origins += [query_origin(url_env, query)] if url_env and query else []
    asks = not no_input and sys.stdin.isatty()
    name = name or (_prompt("Your organisation's name", "My organisation") if asks else "My organisation")
    timezone = timezone or (_prompt("Its time zone", "UTC") if asks else None)
    begun = start_report(origins, folder, name, timezone, _ask if asks else None)
    for sentence in [*skipped, *begun.skipped]:
        _say(f"Not read: {sentence}", failed=False)
    for file, question in begun.questions:
        out.print(f"{file}: QUESTION: {question}", style="yellow", highlight=False, markup=False)
    out.print(f"Written: {', '.join(map(str, begun.files))}", highlight=False)
    done = "Answer the questions there, delete their lines, then" if begun.questions else "Next:"
    out.print(f"{done} perception check --config {begun.files[0]}", highlight=False)


@app.command()
def check(config: ConfigPath = CONFIG) -> None:
    """Check settings and data: list everything wrong, run nothing.

    Reads every source through its map and shows what came in, here and in data/derived/check.html. Faulty cells and
    rows go to data/derived/quarantine and are counted here.
    """
    import pandas as pd

    from analytics.config import load_config
    from analytics.report.incoming import PAGE, describe_incoming, draw_terminal, write_page
    from analytics.tables.read import read_tables, undated
    from analytics.text.mood import heed_mood

    settings = load_config(config)
    settings.derived(PAGE).unlink(missing_ok=True)
    now = pd.Timestamp.now(settings.organisation.zone)
    with err.status("Reading every source …"):
        tables = heed_mood(read_tables(settings))
        incoming = describe_incoming(tables, settings, now)
    draw_terminal(incoming, out)
    out.print(f"\n{write_page(incoming, settings, now)}", highlight=False)
    if incoming.fault:
        raise ValueError(f"{config}: {incoming.fault}")
    out.print(f"{config}: {'can be read; see the last note' if undated(tables) else 'ready'}.", highlight=False)
    if incoming.next_period and not undated(tables):
        out.print(f"Next: perception report --config {config} --period {incoming.next_period}", highlight=False)


@app.command()
def forget(
    customer: Annotated[str, typer.Option(help="The customer_id, as the sources have it.")],
    config: ConfigPath = CONFIG,
) -> None:
    """Remove one customer from what was derived: prepared tables, call lists, scores, readings, quarantine.

    Run it before their rows leave the sources: scores and readings are kept by hashes of texts. Published reports stay
    as they are; those that counted the customer are named.
    """
    from analytics.config import load_config
    from analytics.unattended.forget import forget_customer

    gone = forget_customer(load_config(config), customer)
    for file, n in gone.files.items():
        out.print(f"{file}: {n} {'row' if n == 1 else 'rows'} removed", highlight=False)
    out.print(f"Scores: {gone.pages} pages removed. Readings: {gone.readings} removed. Quarantine: emptied.")
    out.print(f"Published reports that counted them: {', '.join(gone.reports) or 'none'}.", highlight=False)
    if gone.in_sources:
        out.print("Now remove their rows from your sources: they come back with the next run otherwise.")
    else:
        _say("No source holds them now, so what was scored or read of their texts cannot be told apart, nor can their "
             "reports. Remove all scores: perception clean --scores", failed=True)  # fmt: skip


@app.command()
def clean(
    scores: Annotated[bool, typer.Option("--scores", help="Also all scores: the next run reads every text.")] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Empty quarantine and remove the page of `check`: both repeat cells of the sources until the next run."""
    from analytics.config import load_config
    from analytics.unattended.forget import clean as empty

    empty(load_config(config), scores)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the four tables and truth.json go.")] = Path("data/demo"),
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    months: Annotated[int, typer.Option(min=3, max=120)] = 24,
    customers: Annotated[int, typer.Option(min=1_000)] = 20_000,
    read: Annotated[int, typer.Option(min=0, help="Texts that people have read; 0: what a report says then.")] = 150,
) -> None:
    """Generate the demo operation: a broadband company whose truths are known, to try everything on."""
    from analytics.tables.demo.simulate import write_demo
    from analytics.text.demo_readings import write_readings

    with err.status("Simulating the operation …"):
        write_readings(folder, write_demo(folder, seed=seed, months=months, customers=customers), read)
    out.print(
        f"{folder}: contacts, surveys, complaints, customers; readings.csv: {read} of their texts as a reader labelled "
        "them; what is true of them in truth.json"
    )


@app.command()
def score(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or Excel with a column of text; for dask also a folder.")],
    column: Annotated[str, typer.Option(help="Which column holds the text.")] = "comment",
    brand: Annotated[list[str] | None, typer.Option(help="Your own names; repeat for several.")] = None,
    model: Annotated[str, typer.Option(help="auto, fast or accurate; for dask auto is fast.")] = "auto",
    output: Annotated[Path | None, typer.Option(help="Default: FILE.scored.csv, for dask a folder.")] = None,
    engine: Annotated[Literal["pandas", "dask"], typer.Option(help="dask scores many files by partition.")] = "pandas",
    scheduler: Scheduler = None,
    workers: Workers = None,
) -> None:
    """Score the sentiment, churn intent and themes of a file's texts.

    The texts are redacted before they are written. One row per row of the file: `row` (its number below the header),
    the text, the scores, and themes and negative_themes (those complained about) joined by "; ". Other columns are not
    copied, as they may hold personal data: join by `row`. Cells that a spreadsheet would run as a formula are defused.

    With --engine dask a folder of Parquet or CSV files becomes a folder of Parquet files, each written by one worker.
    There the columns of our tables (ids, times, scores, categories; no name, no other text) are copied too, so that the
    folder can serve as a source of reports, which then read the scores and never the raw text.
    """
    if engine == "dask":
        from analytics.scale.partitions import score_folder
        from analytics.scale.partitions import workers as start

        output = output or file.with_name(f"{file.stem}.scored")
        with start(scheduler, workers), err.status(f"Scoring {file} by partition …"):
            score_folder(file, output, column, brand or [], "fast" if model == "auto" else model)
    else:
        output = output or Path(f"{str(file).removesuffix(file.suffix)}.scored.csv")
        with err.status(f"Scoring {file} …"):
            _score_file(file, output, column, brand or [], model)
    out.print(str(output), highlight=False)


@app.command()
def themes(
    period: Annotated[str | None, typer.Option(help="Whose texts to look at; default: last complete.")] = None,
    config: ConfigPath = CONFIG,
) -> None:
    """Show how well each theme is read, your own and the shipped ones, and how many critical texts none covers.

    Precision and recall are of texts that did not teach the theme, '-' where not known; stability is how far the texts
    tagged from either half of your examples agree.
    """
    from analytics.config import load_config
    from analytics.report.story import load_story
    from analytics.report.theme_quality import describe_themes
    from analytics.tables.read import refuse_absent

    settings = load_config(config)
    refuse_absent(settings)
    with err.status("Reading the texts …"):
        listing = describe_themes(load_story(settings, period or _last_complete(settings)))
    _say(listing, failed=False)


@app.command()
def prepare(
    output: Annotated[Path, typer.Option(help="Gets a folder for each table, for cases, and summary.csv.")] = PREPARED,
    scheduler: Scheduler = None,
    workers: Workers = None,
    config: ConfigPath = CONFIG,
) -> None:
    """Check, score and redact every source by partition on Dask, and build cases and a summary: for tables past memory.

    Sources are folders of Parquet or CSV files. Point the sources at OUTPUT/surveys and so on afterwards: reports then
    read the scored tables. Scores in summary.csv are by table and period, small groups included: not for publishing.
    """
    import pandas as pd

    from analytics.config import load_config
    from analytics.scale.partitions import workers as start
    from analytics.scale.prepare import prepare as make
    from analytics.tables.read import refuse_absent

    settings = load_config(config)
    refuse_absent(settings)
    with start(scheduler, workers), err.status("Preparing every source …"):
        for path in make(settings, output, pd.Timestamp.now(settings.organisation.zone)):
            out.print(str(path), highlight=False)


def _score_file(file: Path, output: Path, column: str, brands: list[str], model: str) -> None:
    from analytics.scale.partitions import require_column
    from analytics.tables.read import defuse
    from analytics.tables.schema import Tables
    from analytics.tables.sources import read_file
    from analytics.text.comments import find_names, score_and_redact

    frame = read_file(file)
    require_column(file, column, frame.columns)
    if output.exists() and output.samefile(file):
        raise ValueError(f"{output}: is the input itself, which is never overwritten. Name another file as --output.")
    names = find_names(Tables(customers=frame))
    scores = score_and_redact(frame[column], brands=brands, names=names, model=model)
    scores.insert(0, "row", frame.index)
    defuse(scores).to_csv(output, index=False)


def _ask(question: str, answers: Sequence[str]) -> int | None:
    """Put one question on the terminal; an empty answer leaves it open."""
    out.print(f"\n{question}", style="bold", highlight=False, markup=False)
    for number, answer in enumerate(answers, 1):
        out.print(f"  {number}  {answer}", highlight=False, markup=False)
    chosen = _prompt("Number, or Enter to leave it open", "", ["", *map(str, range(1, len(answers) + 1))])
    return int(chosen) - 1 if chosen else None


def _prompt(question: str, default: str, answers: list[str] | None = None) -> str:
    """What somebody types; the default where the terminal ends."""
    from rich.prompt import Prompt

    try:
        return Prompt.ask(question, console=out, choices=answers, default=default, show_choices=False)
    except EOFError:
        return default


def _deliver(name: str, config: Path, period: str | None = None, resend: bool = False) -> list[str]:
    """Deliver, say what became of each letter and copy, and return the faults."""
    from analytics.unattended.deliver import deliver as send

    faults = []
    for one in send(name, config, period, resend=resend):
        fault = one.word in ("failed", "unknown")
        _say(f"{one.period}  v{one.version}  {one.to}  {one.word}  {one.detail}", failed=fault)
        faults += [f"{one.period} to {one.to}: {one.word}: {one.detail}"] if fault else []
    return faults


def _say(text: str, failed: bool) -> None:
    (err if failed else out).print(text.rstrip(), style="red" if failed else None, highlight=False, markup=False)


def _last_complete(settings: "Config") -> str:
    import pandas as pd

    from analytics.tables.periods import last_complete_period

    return last_complete_period(settings.report.frequency, pd.Timestamp.now(settings.organisation.zone)).name


def main() -> None:
    """Run the command line; every expected fault becomes one message and an exit code, never a traceback."""
    from analytics.publish.collect import InputError, ReportError

    os.umask(0o077)  # what it writes is of customers; published reports are given wider modes
    try:
        app()
    except InputError as error:
        _stop(error, FAULTY)
    except (ReportError, OSError) as error:
        _stop(error, FAILED)
    except ValueError as error:
        _stop(error, FAULTY)


def _stop(error: Exception, code: int) -> None:
    err.print(str(error), style="red", highlight=False, markup=False)
    sys.exit(code)


if __name__ == "__main__":
    main()
