"""Every setting, in the order of ``.env.example``.

A field's name in capitals is the variable's name; the text below it is its line in ``.env.example`` and
``docs/operations.md`` (a test compares them). The options of calls are a model of their own, whose variables begin with
``VOICE_``. Those that are marked ``MAKES_AGENT`` hold in ``tandem eval``, too. :mod:`.loading` reads them, and
:class:`~.settings.Settings` says what follows from them.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ..channels.voice.voice_options import VoiceOptions
from .kinds import (
    MAKES_AGENT,
    AccountSid,
    AgentPath,
    AnyCase,
    ApiKeySid,
    ContentSid,
    DatabaseUrl,
    Digits,
    EventKinds,
    Host,
    Hosts,
    Hours,
    KeyPrefix,
    Level,
    NamedTokens,
    Phone,
    RedisUrl,
    Region,
    ResolverName,
    ScopesByValue,
    ServiceSid,
    SocketUrl,
    StoreName,
    TableName,
    Tokens,
    Url,
    WebhookUrl,
    Zone,
)

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class Fields(BaseModel):
    """The fields of the settings. Frozen; secrets hide themselves when printed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    # model
    openai_api_key: Annotated[SecretStr | None, MAKES_AGENT] = None
    """Key of the model service; without it canned rules answer."""
    openai_base_url: Annotated[Url | None, MAKES_AGENT] = None
    """Address of another service that speaks the same protocol."""
    openai_api_mode: Annotated[Literal["responses", "chat_completions"], AnyCase, MAKES_AGENT] = "responses"
    """Which of the two OpenAI protocols to speak."""
    agent_model: Annotated[str | None, MAKES_AGENT] = None
    """Name of the model; empty: the OpenAI Agents SDK's default."""
    agent_path: Annotated[AgentPath | None, MAKES_AGENT] = None
    """Your own agent in place of the built-in one, as module:attribute."""
    agents_file: Annotated[Path | None, MAKES_AGENT] = None
    """Several agents, and which one answers where, in place of the one: a TOML file."""
    model_sees: bool = False
    """Show the model pictures that come with texts; only for models that can see."""
    workflow_name: Annotated[str, MAKES_AGENT] = "Customer Service Agent"
    """Name of the workflow in traces."""
    tracing_enabled: bool = False
    """Send traces of runs to OpenAI, with its own key and never while OPENAI_BASE_URL names another service."""
    max_turns: Annotated[int, MAKES_AGENT] = Field(10, ge=1, le=100)
    """Model calls that one run may make."""
    stream_timeout_ms: Annotated[int, MAKES_AGENT] = Field(30_000, ge=1, le=HOUR_MS)
    """How long one model call may take."""
    turn_timeout_ms: Annotated[int, MAKES_AGENT] = Field(120_000, ge=1, le=HOUR_MS)
    """How long a whole turn may take."""
    hold_thoughts: Annotated[Literal["auto", "always", "never"], AnyCase, MAKES_AGENT] = "auto"
    """Whether a spoken answer waits for a thought that the model ends and did not begin: auto, always or never."""
    first_token_timeout_ms: Annotated[int, MAKES_AGENT] = Field(8000, ge=1, le=HOUR_MS)
    """How long a caller may wait for the first word."""
    preemptive_turns: Annotated[bool, MAKES_AGENT] = False
    """Begin to answer before a caller has finished; needs VOICE_PARTIAL_PROMPTS, asks the model more often."""
    max_input_chars: Annotated[int, MAKES_AGENT] = Field(1000, ge=1, le=100_000)
    """Longest text that is answered, per message."""
    history_max_items: Annotated[int, MAKES_AGENT] = Field(60, ge=1, le=10_000)
    """Items of conversation that the model is shown."""
    history_max_chars: Annotated[int, MAKES_AGENT] = Field(60_000, ge=1000, le=10_000_000)
    """Characters of conversation that the model is shown; less for a small context."""
    knowledge_dir: Annotated[Path | None, MAKES_AGENT] = None
    """Folder of your own articles, Markdown files; empty: the shipped samples."""
    company_file: Annotated[Path | None, MAKES_AGENT] = None
    """Your company in its own words: name, greeting, hours, sentences, voice; read again when it changes."""
    instructions_file: Annotated[Path | None, MAKES_AGENT] = None
    """Text file with further instructions of the built-in agent; read again when it changes."""

    # Twilio
    twilio_account_sid: AccountSid | None = None
    """Account that sends the replies."""
    twilio_auth_token: Tokens = ()
    """Checks signatures; a second one, after a comma, during rotation."""
    twilio_api_key_sid: ApiKeySid | None = None
    """Key for sending, in place of the auth token."""
    twilio_api_key_secret: SecretStr | None = None
    """Secret of that key."""
    twilio_phone_number: Phone | None = None
    """Your number at Twilio."""
    twilio_messaging_service_sid: ServiceSid | None = None
    """Messaging service to send through."""
    whatsapp_template_sid: ContentSid | None = None
    """Template that WhatsApp approved, with one variable, for texts when its 24 hours are over; empty: by SMS."""
    twilio_api_base_url: Url = "https://api.twilio.com"
    """Where replies are sent."""
    twilio_validate_signatures: bool = True
    """Refuse webhooks that Twilio did not sign."""
    twilio_websocket_url: SocketUrl | None = None
    """Address of the voice socket up to its token; empty: PUBLIC_BASE_URL with wss and /conversation-relay."""
    human_transfer_number: Annotated[Phone | None, MAKES_AGENT] = None
    """Number of a colleague who takes over calls."""
    human_transfer_digits: Digits = ""
    """Keys to press when that number answers, such as ww123#; w waits half a second."""
    human_transfer_hours: Annotated[Hours, MAKES_AGENT] = ""
    """When somebody answers there, such as Mon-Fri 09:00-17:30, Sat 10:00-14:00; empty: always."""
    human_transfer_zone: Annotated[Zone, MAKES_AGENT] = "UTC"
    """Time zone of those hours, such as Europe/Berlin."""
    contact_hours: Hours = "Mon-Sun 08:00-21:00"
    """When we may write first, by the customer's own clock; elsewhere it waits until then."""
    call_max_seconds: float = Field(1800.0, ge=1, le=14_400)
    """Longest call."""
    silence_seconds: float = Field(12.0, ge=0.1, le=600)
    """How long a caller may be silent before they are asked."""
    public_base_url: Url | None = None
    """Address under which Twilio reaches this server."""

    # voice; what begins with VOICE_ is in VoiceOptions, but for the function
    voice: Annotated[VoiceOptions, MAKES_AGENT] = VoiceOptions()
    voice_options_path: Annotated[AgentPath | None, MAKES_AGENT] = None
    """Your function that chooses options per call, as module:attribute."""
    phrases_dir: Annotated[Path | None, MAKES_AGENT] = None
    """Folder of fixed sentences in further languages, one file each, such as nl.toml."""

    # storage
    persistence_adapter: StoreName = "file"
    """Where conversations are kept: file (one machine), redis, postgres, or your own store as module:Class."""
    state_persistence_dir: Path = Path("./data/conversation-states")
    """Folder of that file; a local disk."""
    database_url: DatabaseUrl | None = None
    """Address of the Postgres database, in place of the six settings below."""
    postgres_host: str = "localhost"
    """Host of the Postgres server."""
    postgres_port: int = Field(5432, ge=1, le=65_535)
    """Port of the Postgres server."""
    postgres_database: str = "runstates"
    """Name of the database; it must exist."""
    postgres_username: str = "postgres"
    """Who to log in as; may make tables at the first start."""
    postgres_password: SecretStr | None = None
    """Password of that user."""
    postgres_ssl: bool = False
    """Encrypt the connection and check the server's certificate."""
    postgres_pooler: bool = False
    """A pooler that shares connections per transaction (PgBouncer) is in between."""
    postgres_table_name: TableName = "conversation_states"
    """What the names of all tables begin with."""
    redis_url: RedisUrl | None = None
    """Address of the Redis server, in place of the four settings below."""
    redis_host: str = "localhost"
    """Host of the Redis server."""
    redis_port: int = Field(6379, ge=1, le=65_535)
    """Port of the Redis server."""
    redis_password: SecretStr | None = None
    """Password of the Redis server."""
    redis_db: int = Field(0, ge=0, le=10_000)
    """Number of the database on that server."""
    redis_key_prefix: KeyPrefix = "runstate:"
    """What all keys begin with."""
    redis_allow_volatile: bool = False
    """Start in production although the server keeps nothing on disk."""
    state_max_age: int = Field(DAY_MS, ge=1, le=3650 * DAY_MS)
    """Milliseconds after which history is left out."""
    context_max_age: int = Field(7 * DAY_MS, ge=1, le=3650 * DAY_MS)
    """Milliseconds after which all is left out."""
    lane_lease_seconds: float = Field(5.0, ge=0.2, le=300)
    """How long a worker holds a customer's lane."""

    # identity
    subject_resolver: ResolverName = "phone"
    """Who says which customer it is: phone (the number alone), segment, crm, or your own resolver as module:Class."""
    resolver_timeout_ms: int = Field(800, ge=1, le=10_000)
    """How long a text waits for that answer; then the number counts."""
    segment_write_key: SecretStr | None = None
    """Write key of the Segment source that is told what happens."""
    segment_profile_api_token: SecretStr | None = None
    """Token of Segment's Profile API."""
    segment_space_id: str | None = None
    """Id of the Segment space that holds the profiles."""
    segment_region: Annotated[Literal["us", "eu"], AnyCase] = "us"
    """Where the Segment workspace is: us or eu."""
    segment_profile_api_url: Url | None = None
    """Address of the Profile API; empty: that of the region."""
    segment_api_url: Url | None = None
    """Address that takes the events; empty: that of the region."""
    crm_base_url: Url | None = None
    """Address of the CRM; POST /customers/lookup is asked there."""
    crm_api_key: SecretStr | None = None
    """Key of the CRM, sent as bearer token."""
    default_region: Annotated[Region, MAKES_AGENT] = "US"
    """Region of numbers written without a country code."""
    caller_attestation: Annotated[Literal["when_present", "required", "ignored"], AnyCase] = "when_present"
    """Calls whose number opens an account: when_present (attested A, or nothing told), required (A) or ignored."""
    trusted_sip_hosts: Hosts = ()
    """Hosts of your own switchboards, with commas: their SIP calls are believed to come from the number they name."""

    # business data
    shop_base_url: Url | None = None
    """Address of your own business system; empty: the sample shop, on this machine."""
    shop_api_key: SecretStr | None = None
    """Key that is sent to it as a bearer token."""
    sample_customer_phone: Phone | None = None
    """Your own number: gives you the first sample customer's account."""
    refund_approval_threshold: Annotated[Decimal, MAKES_AGENT] = Field(
        Decimal(100), ge=0, le=1_000_000, decimal_places=2
    )
    """Dollars that may be refunded of one order, in all, without a person."""
    allow_sample_data: bool = False
    """Start in production although canned rules, the made-up shop or made-up articles serve customers."""

    # staff
    staff_tokens: NamedTokens = {}
    """Who may do what: name:token:scope+scope, several with commas; without a scope, everything."""
    oidc_issuer: Url | None = None
    """Your company's OpenID Connect provider, where colleagues may sign in: the address that it calls its issuer."""
    oidc_client_id: str | None = None
    """This gateway's client id there; its redirect URI is PUBLIC_BASE_URL/staff/sso/callback."""
    oidc_client_secret: SecretStr | None = None
    """Secret of that client."""
    oidc_scopes: ScopesByValue = {}
    """Who of them may do what: value:scope+scope, several with commas; the values are those of OIDC_SCOPES_CLAIM."""
    oidc_scopes_claim: str = "groups"
    """Claim that those values are looked for in."""
    oidc_name_claim: str = "preferred_username"
    """Claim that names a colleague at the desk; without it the mail address does."""
    ask_rating: bool = False
    """Ask customers by text how satisfied they are, when they say goodbye and when a colleague resolves."""
    approval_timeout_seconds: float = Field(86_400.0, ge=0.1, le=30 * 86_400)
    """How long a request waits for a person."""
    approval_second_above: Decimal | None = Field(None, ge=0, le=1_000_000, decimal_places=2)
    """Dollars above which a request takes two different colleagues; empty: one is always enough."""
    replies_file: Path | None = None
    """TOML file of ready replies for colleagues, a text per name, with fields such as {first_name} in it."""
    staff_webhook_url: WebhookUrl | None = None
    """Where to post that something waits for staff, such as a Slack webhook."""
    staff_webhook_secret: SecretStr | None = None
    """Signs those posts, so that the receiver can tell them from others."""

    # events
    events_webhook_url: WebhookUrl | None = None
    """Where to post what happens: conversations, turns, approvals, tickets, deliveries, opt-outs, calls."""
    events_webhook_secret: Tokens = ()
    """Signs those posts, as Standard Webhooks says; a second one, after a comma, during rotation."""
    events_webhook_kinds: EventKinds = ()
    """Kinds of them to post, with commas: conversation, turn, approval, ticket, delivery, opt_out, call; empty: all."""
    events_webhook_personal: bool = False
    """Let those posts hold customers' words and numbers."""

    # server
    host: Host = ""
    """Address to listen on; empty: 127.0.0.1, and 0.0.0.0 in production."""
    port: int = Field(3001, ge=0, le=65_535)
    """Port to listen on; 0: any free one."""
    app_env: Annotated[Literal["development", "production"], AnyCase] = "development"
    """development or production."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Level] = "info"
    """How much is logged: debug, info, warning or error."""
    log_dir: Path | None = None
    """Folder for customer-service.log and error.log; empty: none."""
    log_label_key: SecretStr | None = None
    """Secret that the log's names of customers are made with; empty: TWILIO_AUTH_TOKEN."""
    otel_exporter_otlp_endpoint: Url | None = None
    """Collector that takes traces (OTLP over HTTP), such as http://127.0.0.1:4318; needs the extra otel."""
    traces_personal: bool = False
    """Let traces hold what customers and the agent said, and what tools were given and gave."""
    metrics_port: int = Field(0, ge=0, le=65_535)
    """Inner port on which /metrics and /status need no token; 0: none."""
    workers: int = Field(1, ge=1, le=64)
    """Processes that serve PORT together; each uses one processor."""
    max_connections: int = Field(2000, ge=10, le=100_000)
    """Connections at once, per worker; when there are more, those go that send no complete request."""
    max_connections_per_address: int = Field(1000, ge=10, le=100_000)
    """The same for one address, which may be your proxy's."""
    rate_limit_per_minute: int = Field(20, ge=0, le=1000)
    """Texts per minute and number that are answered; 0: all."""
    coalesce_ms: int = Field(300, ge=0, le=MINUTE_MS)
    """How long to wait for the rest of a burst of texts; 0: not."""
    max_spoken_turns_per_hour: int = Field(300, ge=0, le=100_000)
    """Things said in calls that are answered, per customer and hour; a tenth of them in one minute; 0: all."""
    max_tickets_per_hour: int = Field(5, ge=0, le=10_000)
    """Tickets that the agent opens, per customer and hour; 0: any number."""
    max_texts_per_hour: int = Field(10, ge=0, le=10_000)
    """Texts that the agent sends besides its answers, per customer and hour; 0: any number."""
    max_waiting_requests: int = Field(20, ge=0, le=10_000)
    """Requests of one customer that wait for a person at once; 0: any number."""
    max_requests_per_turn: int = Field(5, ge=0, le=1000)
    """Requests of them that one turn may add; 0: any number."""
    prices_file: Path | None = None
    """Prices of models: a TOML file; without it, tokens are counted and money is not."""
    max_cost_per_customer: Decimal = Field(Decimal(0), ge=0, le=1_000_000, decimal_places=2)
    """Most that the agent may cost for one customer in a day, in the currency of the prices; 0: any amount."""
    max_cost_per_day: Decimal = Field(Decimal(0), ge=0, le=1_000_000, decimal_places=2)
    """Most that it may cost in all in a day (UTC), at all servers over one store; 0: any amount."""
    max_calls: int = Field(200, ge=0, le=100_000)
    """Calls at once, of all workers together; further callers are told that the lines are busy."""
    drain_seconds: float = Field(60.0, ge=0, le=3600)
    """How long calls go on in a stopping server before they are moved elsewhere."""
