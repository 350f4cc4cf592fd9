"""An agent of your own in place of the support agent: a concierge who knows the articles and can fetch a person.

Start it from this folder with ``AGENT_PATH=concierge:agent tandem serve``.
"""

from __future__ import annotations

from agents import Agent

from tandem.agents.caller_context import CallerContext
from tandem.agents.tools.knowledge import search_knowledge_base
from tandem.agents.tools.ticket import escalate_to_human

INSTRUCTIONS = """
You are the concierge of the Hotel Tandem. Answer guests in one or two short sentences.
Look into `search_knowledge_base` before you answer a question about the house, and say so when it holds nothing.
When a guest asks for a person, call `escalate_to_human` at once.
"""

agent = Agent[CallerContext](
    name="Concierge", instructions=INSTRUCTIONS, tools=[search_knowledge_base, escalate_to_human]
)
