"""perception.toml as typed, validated values: what an organisation is, promises, measures and sends.

Only the file's meaning belongs here; reading data belongs to ``analytics.tables``. Secrets never stand in the file:
a source names the environment variable that holds its database address.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, time
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from analytics.files import read_text
from analytics.text_settings import TextSettings
from analytics.theme_settings import ThemeSettings

DERIVED = "data/derived"  # beside the configuration
TableName = Literal["contacts", "surveys", "complaints", "customers"]
TABLES: tuple[str, ...] = get_args(TableName)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Archetype = Literal[
    "delight", "keep_the_line_moving", "avoid_contact", "expert_help", "open_dialogue", "squeaky_wheel",
    "best_customers_first",
]  # fmt: skip


class ConfigError(ValueError):
    """Everything wrong with a configuration file, one line each; the list is in `faults`."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.faults = faults
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__(f"{path}: {count}.\n" + "\n".join(f"  {fault}" for fault in faults))


class Section(BaseModel):
    """A part of a settings file: immutable, and any key that it does not know is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def suggest(key: str, known: Iterable[str]) -> str:
    """Say of an unknown key what it may have meant."""
    names = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(key.casefold(), names, 1)
    few = f"Known: {', '.join([*names.values()][:30])}."
    return f"is not known here. {f'Did you mean {names[near[0]]!r}?' if near else few}"


def open_questions(text: str) -> list[str]:
    """Questions of a first draft, each a comment '# QUESTION: …', that nobody has answered and deleted yet."""
    asked = re.findall(r"^[ \t]*#[ \t]*QUESTION:[ \t]*(.+?)[ \t\r]*$", text, re.MULTILINE)
    return [f"QUESTION: {question}" for question in asked]


def _zone_exists(value: str) -> str:
    if value not in available_timezones():
        near = difflib.get_close_matches(value, available_timezones(), 1)
        hint = f"Did you mean {near[0]!r}?" if near else "Expected a name such as 'Europe/London'."
        raise ValueError(f"{value!r} is not a time zone. {hint}")
    return value


Zone = Annotated[str, AfterValidator(_zone_exists)]


def _patterns_compile(value: list[str]) -> list[str]:
    for pattern in value:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"{pattern[:80]!r} is not a regular expression: {error}") from None
    return value


Patterns = Annotated[list[str], AfterValidator(_patterns_compile)]


def _is_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is not an e-mail address. Write it as name@example.org.")
    return text


def _is_sender(text: str) -> str:
    _is_address(text if re.search(r"[\r\n]", text) else parseaddr(text)[1])
    return text


_ADDRESS = re.compile(  # the HTML Living Standard's rule for a valid e-mail address, letters of any script allowed
    r"(?!\.)(?!.*\.[.@])[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[^\W_]([\w-]{0,61}[^\W_])?(\.[^\W_]([\w-]{0,61}[^\W_])?)*"
)
Address = Annotated[str, AfterValidator(_is_address)]
Sender = Annotated[str, AfterValidator(_is_sender)]  # or 'Name <address>'


class OfficeHours(Section):
    """When the company's own clock runs: days as 'mon'…'sun', local opening and closing times."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = ["mon", "tue", "wed", "thu", "fri"]
    opens: time = time(9)
    closes: time = time(17)

    @model_validator(mode="after")
    def _closes_after_opening(self) -> "OfficeHours":
        if self.closes <= self.opens:
            raise ValueError(f"closes ({self.closes:%H:%M}) must be later than opens ({self.opens:%H:%M})")
        return self


class Organisation(Section):
    """Who the report is about; `brands` are masked before scoring, `minimum_group` is the k of suppression."""

    name: str = Field(min_length=1)
    brands: list[str] = []
    timezone: Zone = "UTC"
    minimum_group: int = Field(default=10, ge=2)
    order_number_patterns: Patterns = []
    office_hours: OfficeHours | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which naive stamps are read and days begin."""
        return ZoneInfo(self.timezone)


class Source(Section):
    """Where one table comes from: files (`path`) or a query against the database named by `url_env`."""

    path: str | tuple[str, ...] | None = None
    map: str | None = None
    sheet: str | tuple[str, ...] | None = None
    encoding: str | None = None
    separator: str | None = None
    url_env: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if (self.path is None) == (self.url_env is None):
            raise ValueError("give either 'path' (a file) or 'url_env' with 'query' (a database), not both or none")
        if (self.url_env is None) != (self.query is None):
            raise ValueError("'url_env' and 'query' belong together")
        if self.url_env is not None and "://" in self.url_env:
            raise ValueError("url_env takes the NAME of an environment variable; never write an address in this file")
        return self


class ReportSettings(Section):
    """What the report leads with, how often it is made, and on what paper.

    `by` names a column, such as company: each of its values then gets a report of its own. What matters most is ordered
    by customers who are worse off; one who leaves counts as `leaver_counts_as` of them.
    """

    score: Literal["nps", "csat", "ces"] | None = None
    frequency: Literal["week", "month", "quarter"] = "month"
    paper: Literal["a4", "us-letter"] = "a4"
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    output: str = "reports"
    by: str | None = None
    leaver_counts_as: float = Field(default=10, ge=1)  # in the demo one in ten to twenty of the unhappy leaves for it


class Strategy(Section):
    """The service strategy the organisation says it follows."""

    archetype: Archetype


class Promise(Section):
    """One published promise; a promise without `measure` is listed as one that nobody can score.

    `measure` is a clock of the case ('customer_clock_h', 'company_clock_h', 'first_response_h') or any numeric column
    of contacts; kept means at most `threshold` (in the measure's unit) in at least `share` of cases. `own` says that
    the organisation made it, though it is the demo's word for word.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    text: str = Field(min_length=1)
    made_on: date
    own: bool = False
    segment: str | None = None
    measure: str | None = None
    threshold: float | None = None
    share: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _measure_has_threshold(self) -> "Promise":
        if (self.measure is None) != (self.threshold is None):
            raise ValueError("'measure' and 'threshold' belong together")
        return self


class Target(Section):
    """An internal target: the `share` of contacts whose `column` is at most or at least a limit.

    `perceived` says what customers should then say in each group: a share of satisfied customers under `csat`, points
    under `nps`, a mean under `ces`; without it groups are compared with each other. `own` says that the organisation
    set it, though it is the demo's word for word.
    """

    name: str
    column: str
    at_most: float | None = None
    at_least: float | None = None
    share: float = Field(default=0.8, gt=0, le=1)
    by: str = "team"
    perceived: dict[Literal["nps", "csat", "ces"], float] = {}
    own: bool = False

    @model_validator(mode="after")
    def _one_limit(self) -> "Target":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give one of 'at_most' or 'at_least'")
        if not 0 <= self.perceived.get("csat", 0) <= 1 or not -100 <= self.perceived.get("nps", 0) <= 100:
            raise ValueError("perceived: csat is a share of customers (0 to 1), nps lies between -100 and 100")
        return self


class Action(Section):
    """Something the organisation changed: what, from when (and until when), and what it was to move which way.

    `for` names the group that it touched, such as { team = "Billing" }; left out it was for everybody. `expects` names
    one outcome ('nps', 'csat', 'ces', a theme, a clock or figure of contacts, or 'leaving') with 'up' or 'down'. `own`
    says that it was done here, though it is the demo's word for word.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    what: str = Field(min_length=1)
    on: date
    until: date | None = None
    own: bool = False
    group: dict[str, str] = Field(default={}, alias="for")
    expects: dict[str, Literal["up", "down"]] = Field(min_length=1, max_length=1)

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> "Action":
        if self.until is not None and self.until <= self.on:
            raise ValueError(f"until ({self.until}) must be later than on ({self.on})")
        return self


class Costs(Section):
    """Money in one currency: what a retention call costs, what share of those called stays, years of value kept."""

    currency: str = "£"
    retention_contact: float = Field(default=10.0, ge=0)
    share_saved: float = Field(default=0.2, gt=0, le=1)
    years_kept: float = Field(default=1.0, gt=0)


class Delivery(Section):
    """Who gets a report and where a copy goes; the mail server's address and password come from the environment."""

    recipients: dict[str, list[Address]] = {}
    operators: list[Address] = []
    sender: Sender | None = None
    copy_to: str | None = None
    smtp_env: str = "PERCEPTION_SMTP"
    webhook_env: str | None = None


class Config(Section):
    """A whole perception.toml; relative paths resolve against `root`, the folder that holds it.

    `names` says what a recorded column is called in a report: updates = "messages that we sent unasked".
    """

    organisation: Organisation
    sources: dict[TableName, Source]
    report: ReportSettings = ReportSettings()
    text: TextSettings = TextSettings()
    strategy: Strategy | None = None
    promises: list[Promise] = []
    targets: list[Target] = []
    actions: list[Action] = []
    costs: Costs = Costs()
    names: dict[str, str] = {}
    delivery: Delivery = Delivery()
    root: Path = Path()
    themes: ThemeSettings = {}  # after the root, against which files of examples resolve

    @field_validator("sources")
    @classmethod
    def _some_source(cls, value: dict[TableName, Source]) -> dict[TableName, Source]:
        if not value:
            raise ValueError(f"name at least one source: {', '.join(f'[sources.{t}]' for t in TABLES)}")
        return value

    @field_validator("promises", "actions")
    @classmethod
    def _ids_differ(cls, value: list[Any], info: ValidationInfo) -> list[Any]:
        ids = [each.id for each in value]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"the same id stands on two {info.field_name}: {', '.join(twice)}")
        return value

    def report_folder(self, report: str, part: str = "") -> Path:
        """Where the periods of a report stand; that of one part (see `ReportSettings.by`) beside it, by its name.

        Raises
        ------
        ValueError
            If no letter or digit of `part` can name a folder.
        """
        name = re.sub(r"[^\w]+", "-", part).strip("-_").lower()
        if part and not name:
            raise ValueError(f"{part!r} names no folder: it has no letter or digit. Rename it by `values` in the map.")
        return self.output / (f"{report}-{name}" if name else report)

    @property
    def output(self) -> Path:
        """The folder in which each report has its own."""
        return self.resolve(self.report.output)

    def derived(self, part: str = "") -> Path:
        """A place in data/derived, open to its owner alone whatever the umask: it tells of customers.

        Raises
        ------
        OSError
            If others may enter a folder that can be written and this user may not close it.
        """
        folder = self.resolve(DERIVED)
        with suppress(OSError):  # where nothing can be written, nothing needs hiding
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_dir() and folder.stat().st_mode & 0o077 and os.access(folder, os.W_OK):
            folder.chmod(0o700)
        return folder / part

    def resolve(self, path: str) -> Path:
        """Absolute form of a path written in the file."""
        return Path(os.path.realpath(self.root / path))  # a link that leads to itself is told where it is opened


def load_config(path: str | Path = "perception.toml") -> Config:
    """Read and validate a configuration file, listing every fault at once.

    Parameters
    ----------
    path
        A TOML file; relative paths inside it resolve against its folder.

    Returns
    -------
    Config
        Typed, immutable settings; anything left out has the default that its class documents.

    Raises
    ------
    ConfigError
        If the file is absent, is not TOML, or has unknown keys or bad values: all of them, each with its key, and the
        nearest known name for a misspelt one.

    References
    ----------
    TOML 1.0 (toml.io) for the syntax.

    Examples
    --------
    >>> load_config("no_such_file.toml")
    Traceback (most recent call last):
    ...
    analytics.config.ConfigError: no_such_file.toml: 1 fault.
      No such file. Copy the perception.toml of this project and edit it.
    """
    path = Path(path)
    try:
        text = read_text(path)
        raw = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(path, ["No such file. Copy the perception.toml of this project and edit it."]) from None
    except OSError as error:
        raise ConfigError(path, [f"Cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise ConfigError(path, ["Is not UTF-8 text. Save it as UTF-8."]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:  # nested too deeply
        raise ConfigError(path, [f"Is not TOML: {error}"]) from None
    if asked := open_questions(text):
        raise ConfigError(path, [f"{question} Answer it and delete its line." for question in asked])
    if "root" in raw:
        raise ConfigError(path, ["root: is set by the file's own place. Remove it."])
    try:
        return Config(**raw, root=path.resolve().parent)
    except ValidationError as error:
        raise ConfigError(path, [_fault(fault) for fault in error.errors()]) from None


def _fault(fault: ErrorDetails) -> str:
    """One validation fault as a sentence: key (entries of a list counted from 1), what was found, what is expected."""
    keys = tuple(key for key in fault["loc"] if key != "[key]")
    where = ".".join(str(key + 1 if isinstance(key, int) else key) for key in keys)
    if fault["type"] == "extra_forbidden":
        return f"{where}: {keys[-1]!r} {suggest(str(keys[-1]), _known_keys(keys[:-1]))}"
    if fault["loc"][-1] == "[key]":
        return f"{where}: {keys[-1]!r} {suggest(str(keys[-1]), TABLES)}"
    if fault["type"] == "missing":
        return f"{where}: is required but absent. Add it."
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    found = "" if fault["type"] == "value_error" else f" Found: {fault['input']!r}."
    return f"{where}: {message}{'' if message.endswith('?') else '.'}{found}"


def _known_keys(keys: tuple[str | int, ...]) -> tuple[str, ...]:
    """Field names of the section that a path of keys leads to."""
    section: type[BaseModel] = Config
    steps = [key for key in keys if isinstance(key, str)]
    while steps:
        annotation: object = section.model_fields[steps.pop(0)].annotation
        if get_origin(annotation) is dict and steps:
            steps.pop(0)  # the table's own name
        while not isinstance(annotation, type) or get_origin(annotation) is not None:
            annotation = next(arg for arg in reversed(get_args(annotation)) if arg is not type(None))
        section = annotation
    return tuple(name for name in section.model_fields if name != "root")
