"""Tool that classifies a message's intent, for a model that is not sure."""

from __future__ import annotations

from typing import Annotated

from agents import RunContextWrapper, function_tool

from ..caller_context import CallerContext
from ..intent import classify
from .effects import reads_only
from .outputs import as_json

Message = Annotated[str, "The customer's message, as they wrote or said it."]


@reads_only
@function_tool
async def classify_intent(context: RunContextWrapper[CallerContext], customer_message: Message) -> str:
    """Guess what a message is about when that is not clear: order, billing, technical, faq, escalation or general.

    A rough guess from its words, with a confidence from 0 to 1; it decides nothing.
    """
    guess = classify(customer_message)
    return as_json({"intent": guess.intent.value, "confidence": guess.confidence})
