"""Every setting, in the order of ``.env.example``.

A field's name in capitals is the variable's name; its description is its line in ``.env.example`` and
``docs/operations.md`` (a test compares them). :mod:`.loading` reads them.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr

from .kinds import (
    NUMBER,
    URL,
    AnyCase,
    DatabaseUrl,
    NamedTokens,
    Phone,
    RedisUrl,
    Region,
    ResolverName,
    StoreName,
    Tokens,
    Url,
    WebhookUrl,
    choice,
    flag,
    number,
    say,
    secret_values,
    text,
)

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class Settings(BaseModel):
    """What the gateway was told. Frozen; secrets hide themselves when printed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # model
    openai_api_key: SecretStr | None = text("Key of the model service; without it canned rules answer.")
    openai_base_url: Url | None = text("Address of another service that speaks the same protocol.", allowed=URL)
    openai_api_mode: Annotated[Literal["responses", "chat_completions"], AnyCase] = choice(
        "responses", "Which of the two OpenAI protocols to speak.", "responses", "chat_completions"
    )
    agent_model: str | None = text("Name of the model; empty: the OpenAI Agents SDK's default.")
    agent_path: str | None = text(
        "Your own agent in place of the built-in one, as module:attribute.",
        allowed="module:attribute, such as my_agents:billing",
        pattern=r"^\w+(\.\w+)*:\w+(\.\w+)*$",
    )
    workflow_name: str = text("Name of the workflow in traces.", "Customer Service Agent")
    tracing_enabled: bool = flag(True, "Send traces of runs to OpenAI; off without a key.")
    max_turns: int = number(10, "Model calls that one run may make.", 1, 100)
    stream_timeout_ms: int = number(30_000, "How long one model call may take.", 1, HOUR_MS)
    turn_timeout_ms: int = number(120_000, "How long a whole turn may take.", 1, HOUR_MS)
    first_token_timeout_ms: int = number(8000, "How long a caller may wait for the first word.", 1, HOUR_MS)
    max_input_chars: int = number(1000, "Longest text that is answered, per message.", 1, 100_000)
    history_max_items: int = number(60, "Items of conversation that the model is shown.", 1, 10_000)
    knowledge_dir: Path | None = say(
        None, "Folder of your own articles, Markdown files; empty: the shipped samples.", "a folder"
    )

    # Twilio
    twilio_account_sid: str | None = text(
        "Account that sends the replies.", allowed="an account SID, which starts with AC", pattern="^AC"
    )
    twilio_auth_token: Tokens = say(
        (), "Checks signatures; a second one, after a comma, during rotation.", "one token, or two with a comma"
    )
    twilio_api_key_sid: str | None = text(
        "Key for sending, in place of the auth token.", allowed="an API key SID, which starts with SK", pattern="^SK"
    )
    twilio_api_key_secret: SecretStr | None = text("Secret of that key.")
    twilio_phone_number: Phone | None = text("Your number at Twilio.", allowed=NUMBER)
    twilio_messaging_service_sid: str | None = text(
        "Messaging service to send through.", allowed="a messaging service SID, which starts with MG", pattern="^MG"
    )
    twilio_api_base_url: Url = text("Where replies are sent.", "https://api.twilio.com", allowed=URL)
    twilio_validate_signatures: bool = flag(True, "Refuse webhooks that Twilio did not sign.")
    twilio_websocket_url: str | None = text(
        "Address of the voice socket up to its token; empty: PUBLIC_BASE_URL with wss and /conversation-relay.",
        allowed="an address that starts with wss://",
        pattern="^wss://",
    )
    human_transfer_number: Phone | None = text("Number of a colleague who takes over calls.", allowed=NUMBER)
    call_max_seconds: float = number(1800.0, "Longest call.", 1, 14_400)
    silence_seconds: float = number(12.0, "How long a caller may be silent before they are asked.", 0.1, 600)
    public_base_url: Url | None = text("Address under which Twilio reaches this server.", allowed=URL)

    # storage
    persistence_adapter: StoreName = say(
        "file",
        "Where conversations are kept: file (one machine), redis, postgres, or your own store as module:Class.",
        "file, redis, postgres or module:Class",
        repeat=True,
    )
    state_persistence_dir: Path = say(
        Path("./data/conversation-states"), "Folder of that file; a local disk.", "a folder"
    )
    database_url: DatabaseUrl | None = text(
        "Address of the Postgres database, in place of the six settings below.",
        allowed="an address that starts with postgresql:// or postgres://",
    )
    postgres_host: str = text("Host of the Postgres server.", "localhost")
    postgres_port: int = number(5432, "Port of the Postgres server.", 1, 65_535)
    postgres_database: str = text("Name of the database; it must exist.", "runstates")
    postgres_username: str = text("Who to log in as; may make tables at the first start.", "postgres")
    postgres_password: SecretStr | None = text("Password of that user.")
    postgres_ssl: bool = flag(False, "Encrypt the connection and check the server's certificate.")
    postgres_pooler: bool = flag(False, "A pooler that shares connections per transaction (PgBouncer) is in between.")
    postgres_table_name: str = text(
        "What the names of all tables begin with.",
        "conversation_states",
        allowed="up to 40 letters, digits and underscores, not beginning with a digit",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$",
    )
    redis_url: RedisUrl | None = text(
        "Address of the Redis server, in place of the four settings below.",
        allowed="an address such as redis://user:password@host:6379/0, or rediss:// for TLS",
    )
    redis_host: str = text("Host of the Redis server.", "localhost")
    redis_port: int = number(6379, "Port of the Redis server.", 1, 65_535)
    redis_password: SecretStr | None = text("Password of the Redis server.")
    redis_db: int = number(0, "Number of the database on that server.", 0, 10_000)
    redis_key_prefix: str = text(
        "What all keys begin with.",
        "runstate:",
        allowed="up to 100 letters, digits and the signs : . _ -",
        pattern=r"^[A-Za-z0-9:._-]{1,100}$",
    )
    redis_allow_volatile: bool = flag(False, "Start in production although the server keeps nothing on disk.")
    state_max_age: int = number(DAY_MS, "Milliseconds after which history is left out.", 1, 3650 * DAY_MS)
    context_max_age: int = number(7 * DAY_MS, "Milliseconds after which all is left out.", 1, 3650 * DAY_MS)
    lane_lease_seconds: float = number(5.0, "How long a worker holds a customer's lane.", 0.2, 300)

    # identity
    subject_resolver: ResolverName = say(
        "phone",
        "Who says which customer it is: phone (the number alone), segment, crm, or your own resolver as module:Class.",
        "phone, segment, crm or module:Class",
        repeat=True,
    )
    resolver_timeout_ms: int = number(800, "How long a text waits for that answer; then the number counts.", 1, 10_000)
    segment_write_key: SecretStr | None = text("Write key of the Segment source that is told what happens.")
    segment_profile_api_token: SecretStr | None = text("Token of Segment's Profile API.")
    segment_space_id: str | None = text("Id of the Segment space that holds the profiles.")
    segment_region: Annotated[Literal["us", "eu"], AnyCase] = choice(
        "us", "Where the Segment workspace is: us or eu.", "us", "eu"
    )
    segment_profile_api_url: Url | None = text("Address of the Profile API; empty: that of the region.", allowed=URL)
    segment_api_url: Url | None = text("Address that takes the events; empty: that of the region.", allowed=URL)
    crm_base_url: Url | None = text("Address of the CRM; POST /customers/lookup is asked there.", allowed=URL)
    crm_api_key: SecretStr | None = text("Key of the CRM, sent as bearer token.")
    default_region: Region = say(
        "US", "Region of numbers written without a country code.", "a region of two letters, such as US or GB"
    )

    # business data
    shop_base_url: Url | None = text(
        "Address of your own business system; empty: the sample shop, on this machine.", allowed=URL
    )
    shop_api_key: SecretStr | None = text("Key that is sent to it as a bearer token.")
    sample_customer_phone: Phone | None = text(
        "Your own number: gives you the first sample customer's account.", allowed=NUMBER
    )
    refund_approval_threshold: Decimal = say(
        Decimal(100),
        "Dollars that may be refunded of one order, in all, without a person.",
        "an amount from 0 to 1000000, such as 100 or 49.99",
        repeat=True,
        ge=0,
        le=1_000_000,
        decimal_places=2,
    )

    # staff
    staff_tokens: NamedTokens = say(
        {},
        "Who may approve: name:token,name:token.",
        "name:token, several with commas, each name and each token once",
    )
    approval_timeout_seconds: float = number(86_400.0, "How long a request waits for a person.", 0.1, 30 * 86_400)
    staff_webhook_url: WebhookUrl | None = text(
        "Where to post that something waits for staff, such as a Slack webhook.",
        allowed="an address that starts with https:// or http://",
    )
    staff_webhook_secret: SecretStr | None = text("Signs those posts, so that the receiver can tell them from others.")

    # server
    host: str = text("Address to listen on; empty: 127.0.0.1, and 0.0.0.0 in production.", "")
    port: int = number(3001, "Port to listen on; 0: any free one.", 0, 65_535)
    app_env: Annotated[Literal["development", "production"], AnyCase] = choice(
        "development", "development or production.", "development", "production"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = choice(
        "info", "How much is logged: debug, info, warning or error.", "debug", "info", "warning", "error"
    )
    log_dir: Path | None = say(None, "Folder for customer-service.log and error.log; empty: none.", "a folder")
    rate_limit_per_minute: int = number(20, "Texts per minute and number that are answered; 0: all.", 0, 1000)
    coalesce_ms: int = number(300, "How long to wait for the rest of a burst of texts; 0: not.", 0, MINUTE_MS)
    max_calls: int = number(200, "Calls at once; further callers are told that the lines are busy.", 0, 100_000)
    drain_seconds: float = number(
        60.0, "How long calls go on in a stopping server before they are moved elsewhere.", 0, 3600
    )

    _notices: tuple[str, ...] = PrivateAttr(default=())

    def model_post_init(self, context: Any, /) -> None:
        """Fill in what depends on another setting."""
        if not self.host:
            # The model is frozen for everybody else; this is the last step of making it.
            object.__setattr__(self, "host", "0.0.0.0" if self.production else "127.0.0.1")  # noqa: S104

    @property
    def production(self) -> bool:
        """Whether real customers are served."""
        return self.app_env == "production"

    @property
    def twilio_login(self) -> tuple[str, str] | None:
        """Name and password for Twilio's REST API: the API key, or else account SID and auth token."""
        if self.twilio_api_key_sid and self.twilio_api_key_secret:
            return self.twilio_api_key_sid, self.twilio_api_key_secret.get_secret_value()
        if self.twilio_account_sid and self.twilio_auth_token:
            return self.twilio_account_sid, self.twilio_auth_token[0].get_secret_value()
        return None

    @property
    def notices(self) -> tuple[str, ...]:
        """What to tell the operator at start, although it does not stop the start."""
        return self._notices

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value, so that the log can mask them."""
        return tuple(secret_values(dict(self)))

    def with_notices(self, notices: tuple[str, ...]) -> Self:
        """Attach notices; used while loading."""
        copy = self.model_copy()
        copy._notices = notices
        return copy
