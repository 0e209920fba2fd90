"""``[text]`` of perception.toml: which model reads what customers wrote."""

from pydantic import BaseModel, ConfigDict, Field


class Endpoint(BaseModel):
    """A model of your own behind an OpenAI-compatible address, such as http://localhost:8000/v1.

    `key_env` is the environment variable that holds its key. A public host is refused unless `allow_host` names it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://[^\s@?#]+$")
    model: str
    key_env: str | None = None
    allow_host: str | None = None


class TextSettings(BaseModel):
    """Which sentiment model reads the comments; 'auto': the accurate one up to `accurate_limit` new short texts.

    'package.module:name', or an `endpoint`, is a model of your own. `readings` is the file that keeps what people read
    (see the notebook label_texts).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="auto", pattern=r"^(auto|fast|accurate|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")
    accurate_limit: int = Field(default=3_000, ge=0)
    readings: str | None = None
    endpoint: Endpoint | None = None

    @property
    def own(self) -> bool:
        """Whether a model of the organisation's own is named."""
        return ":" in self.model or self.endpoint is not None
