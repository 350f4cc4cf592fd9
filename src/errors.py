"""Every error the gateway raises on purpose, in one tree.

::

    TandemError
    ├── ConfigurationError          settings or environment do not fit
    ├── RequestRejected             an incoming request is not served
    │   ├── BadSignature
    │   ├── MalformedRequest
    │   │   ├── BodyTooLarge
    │   │   └── UnsupportedBody
    │   ├── NotAuthorised
    │   ├── CrossSiteRequest
    │   ├── TooManyAttempts *
    │   ├── NotFound
    │   ├── TurnRunning *
    │   ├── NoWay
    │   └── NoCall
    ├── StoreError
    │   ├── StoreUnavailable *      unreachable, frozen, or out of space
    │   │   ├── StoreMissing        a command that makes none found none
    │   │   └── StoreDamaged        a command that repairs none found one
    │   ├── LeaseLost               somebody else holds the lane now
    │   ├── UnreadableRecord        a record was written by nobody we know
    │   └── RecordTooLarge          a conversation holds more than one may
    ├── TurnError
    │   ├── ModelUnavailable *      the model endpoint refused or broke
    │   ├── TurnTimedOut *
    │   ├── TooManySteps            the agent ran out of its model calls
    │   └── GuardrailTripped        a guardrail of the agent stopped it
    ├── DeliveryError
    │   ├── DeliveryFailed *        the provider failed; the message was not created
    │   ├── DeliveryThrottled *
    │   ├── DeliveryUnclear *       nobody knows whether the message was created
    │   └── DeliveryRefused         permanent: opted out, invalid number, …
    ├── IdentityError               where customers are known, besides the telephone number
    │   ├── IdentityUnavailable *
    │   ├── IdentityRefused         wrong key, or a question it does not take
    │   └── IdentityUnreadable      an answer that makes no sense
    └── AccountError                the account behind the number, which only commands ask about
        ├── AccountUnreachable *
        └── AccountRefused          wrong credentials, no permission, no such thing

``*`` marks what is worth trying again. The first line of a class's docstring is the sentence an operator
reads; drivers' and the SDK's own exceptions are translated into this tree once, at the edge of their folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class TandemError(Exception):
    """Something in the gateway went wrong."""

    code: ClassVar[str] = "tandem"
    """Stable name for logs and metrics."""
    retryable: ClassVar[bool] = False
    """Whether the same attempt may succeed later without anybody changing anything."""
    ours: ClassVar[bool] = True
    """Whether the fault lies on our side rather than with the caller or a provider."""

    def __init__(self, detail: str = "") -> None:
        sentence = (type(self).__doc__ or type(self).__name__).strip().splitlines()[0]
        super().__init__(f"{sentence} {detail}".strip())
        self.detail = detail


class ConfigurationError(TandemError):
    """The settings do not fit."""

    code = "configuration"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class RequestRejected(TandemError):
    """The request is not served."""

    code, ours = "request_rejected", False


class BadSignature(RequestRejected):
    """The request is not signed by the provider."""

    code = "bad_signature"


class MalformedRequest(RequestRejected):
    """The request cannot be understood."""

    code = "malformed_request"


class BodyTooLarge(MalformedRequest):
    """The request is larger than any that the provider sends."""

    code = "body_too_large"


class UnsupportedBody(MalformedRequest):
    """The request's content type is not served here."""

    code = "unsupported_body"


class NotAuthorised(RequestRejected):
    """The request carries no valid staff token."""

    code = "not_authorised"


class OutOfScope(RequestRejected):
    """The staff token does not cover this."""

    code = "out_of_scope"


class CrossSiteRequest(RequestRejected):
    """The request does not come from the staff page."""

    code = "cross_site_request"


class TooManyAttempts(RequestRejected):
    """Too many wrong tokens were tried."""

    code, retryable = "too_many_attempts", True


class NotFound(RequestRejected):
    """There is no such thing."""

    code = "not_found"


class TurnRunning(RequestRejected):
    """A turn of this customer is running."""

    code, retryable = "turn_running", True


class NoWay(RequestRejected):
    """There is no way to text this customer."""

    code = "no_way"


class NoCall(RequestRejected):
    """The customer is not on the line."""

    code = "no_call"


class StoreError(TandemError):
    """The store could not do what was asked."""

    code = "store"


class StoreUnavailable(StoreError):
    """The store does not answer."""

    code, retryable = "store_unavailable", True


class StoreMissing(StoreUnavailable):
    """There is no store yet."""

    code, retryable = "store_missing", False


class StoreDamaged(StoreUnavailable):
    """The database file is damaged."""

    code, retryable = "store_damaged", False


class LeaseLost(StoreError):
    """The lane is held by somebody else now; nothing was written."""

    code = "lease_lost"


class UnreadableRecord(StoreError):
    """A stored record cannot be read."""

    code = "unreadable_record"


class RecordTooLarge(StoreError):
    """The conversation is too large to be stored; nothing was written."""

    code = "record_too_large"


class TurnError(TandemError):
    """The agent's turn failed."""

    code = "turn"


class ModelUnavailable(TurnError):
    """The model did not answer."""

    code, retryable, ours = "model_unavailable", True, False


class TurnTimedOut(TurnError):
    """The turn took longer than it may."""

    code, retryable, ours = "turn_timed_out", True, False


class TooManySteps(TurnError):
    """The agent used up its model calls without an answer."""

    code = "too_many_steps"


class CostCapReached(TurnError):
    """The cap on the cost of a customer, or of the day, is reached."""

    code, ours = "cost_cap_reached", False


class GuardrailTripped(TurnError):
    """A guardrail of the agent stopped the turn."""

    code, ours = "guardrail_tripped", False


class DeliveryError(TandemError):
    """The reply could not be handed to the provider."""

    code, ours = "delivery", False

    def __init__(self, detail: str = "", *, provider_code: int | None = None) -> None:
        super().__init__(detail)
        self.provider_code = provider_code


class DeliveryFailed(DeliveryError):
    """The provider did not take the message."""

    code, retryable = "delivery_failed", True


class DeliveryThrottled(DeliveryError):
    """The provider asks us to slow down."""

    code, retryable = "delivery_throttled", True


class DeliveryUnclear(DeliveryError):
    """The provider's answer was lost: the message may or may not exist."""

    code, retryable = "delivery_unclear", True


class DeliveryRefused(DeliveryError):
    """The provider will never take this message."""

    code = "delivery_refused"


class IdentityError(TandemError):
    """The source of customers could not say who it is."""

    code, ours = "identity", False


class IdentityUnavailable(IdentityError):
    """The source of customers does not answer."""

    code, retryable = "identity_unavailable", True

    def __init__(self, detail: str = "", *, retry_in: float | None = None) -> None:
        super().__init__(detail)
        self.retry_in = retry_in
        """Seconds for which the source asked to be left alone."""


class IdentityRefused(IdentityError):
    """The source of customers refuses the question."""

    code = "identity_refused"


class IdentityUnreadable(IdentityError):
    """The source of customers answers something that makes no sense."""

    code = "identity_unreadable"


class AccountError(TandemError):
    """The account at the provider could not be read or changed."""

    code, ours = "account", False


class AccountUnreachable(AccountError):
    """The provider does not answer."""

    code, retryable = "account_unreachable", True


class AccountRefused(AccountError):
    """The provider refused."""

    code = "account_refused"

    def __init__(self, detail: str = "", *, status: int = 0) -> None:
        super().__init__(detail)
        self.status = status
