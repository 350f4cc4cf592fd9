"""The settings, as the rest of the package gets them: the fields, and what follows from them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import PrivateAttr
from pydantic.fields import FieldInfo

from ..channels.voice.voice_options import VoiceOptions
from ..conversation.opening_hours import ContactHours, OpeningHours
from .fields import Fields
from .kinds import MAKES_AGENT, secret_values


class Settings(Fields):
    """Settings of the gateway. Frozen; secrets hide themselves when printed."""

    _notices: tuple[str, ...] = PrivateAttr(default=())
    _source: str = PrivateAttr(default="")

    @classmethod
    def variables(cls) -> dict[str, FieldInfo]:
        """Return every variable, and the field that it fills."""
        own = {name.upper(): field for name, field in cls.model_fields.items() if name != "voice"}
        return own | {f"VOICE_{name.upper()}": field for name, field in VoiceOptions.model_fields.items()}

    @classmethod
    def of_agent(cls) -> frozenset[str]:
        """Return the names of the fields that make the agent."""
        return frozenset(name for name, field in cls.model_fields.items() if MAKES_AGENT in field.metadata)

    def model_post_init(self, context: Any, /) -> None:
        """Fill in what depends on another setting."""
        if not self.host:
            # The model is frozen for all other code; this is the last step of making it.
            object.__setattr__(self, "host", "0.0.0.0" if self.production else "127.0.0.1")  # noqa: S104

    @property
    def production(self) -> bool:
        """True if real customers are served."""
        return self.app_env == "production"

    @property
    def opening_hours(self) -> OpeningHours:
        """When colleagues answer at the number for transfers."""
        return OpeningHours.parse(self.human_transfer_hours, self.human_transfer_zone)

    @property
    def contact(self) -> ContactHours:
        """When customers may be written to who did not just write."""
        hours = OpeningHours.parse(self.contact_hours, self.human_transfer_zone)
        return ContactHours(hours.spans, hours.zone)

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
        """Notices for the operator at start that do not stop it."""
        return self._notices

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value, so that the log can mask them."""
        return tuple(secret_values(dict(self)))

    @property
    def source(self) -> str:
        """File and environment that they were read from, in words for an operator."""
        return self._source

    def loaded(self, *, source: str, notices: tuple[str, ...]) -> Self:
        """Attach what loading found out."""
        copy = self.model_copy()
        copy._source, copy._notices = source, notices
        return copy
