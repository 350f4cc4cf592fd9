"""The other sides of the comparison: the bare model call, and the Agents SDK without a gateway around it.

``python -m bench.alone PORT`` reads commands from standard input, one JSON object a line, and answers each with one:
``{"do": "bare" | "sdk", "body": …}`` → seconds and processor seconds; ``{"do": "many", "body": …, "parallel": n,
"seconds": s}`` → turns; ``speak`` likewise streams, and gives of its turns what :mod:`.callers` gives. A body is a
request that the gateway sent, so all sides send the same.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

import httpx2
import uvloop
from agents import ModelSettings, OpenAIResponsesModel, RunConfig, Runner
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from tandem.agents.support import build_support_agent

from .callers import ANSWER_SECONDS
from .stamps import STAMP, between


class _Alone:
    def __init__(self, client: AsyncOpenAI, http: httpx2.AsyncClient, port: int) -> None:
        self._http = http
        self._url = f"http://127.0.0.1:{port}/v1/responses"
        self._agent = build_support_agent(None)
        self._client = client

    async def bare(self, body: str) -> None:
        answer = await self._http.post(
            self._url, content=body, headers={"Content-Type": "application/json", "Authorization": "Bearer key"}
        )
        answer.raise_for_status()
        answer.json()

    async def sdk(self, body: dict[str, Any]) -> None:
        model = OpenAIResponsesModel(model=body["model"], openai_client=self._client)
        agent = self._agent.clone(instructions=body["instructions"])
        config = RunConfig(model=model, tracing_disabled=True, model_settings=ModelSettings(store=False))
        await Runner.run(agent, body["input"], run_config=config)

    async def many(self, body: dict[str, Any], parallel: int, seconds: float) -> int:
        end, turns = time.perf_counter() + seconds, 0

        async def customer() -> None:
            nonlocal turns
            while time.perf_counter() < end:
                await self.sdk(body)
                turns += 1

        await asyncio.gather(*(customer() for _ in range(parallel)))
        return turns

    async def speak(self, body: dict[str, Any], parallel: int, seconds: float) -> list[list[Any]]:
        """Stream answers; return of each turn the seconds to the model server, and those of each token on its way."""
        end = time.monotonic() + seconds
        model = OpenAIResponsesModel(model=body["model"], openai_client=self._client)
        config = RunConfig(model=model, tracing_disabled=True, model_settings=ModelSettings(store=False))
        agent = self._agent.clone(instructions=body["instructions"])
        turns: list[list[Any]] = []

        async def customer(wait: float) -> None:
            await asyncio.sleep(wait)
            while time.monotonic() < end:
                began, moments = time.monotonic(), list[tuple[str, float]]()
                streamed = Runner.run_streamed(agent, body["input"], run_config=config)
                async for event in streamed.stream_events():
                    if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                        arrived = time.monotonic()
                        moments += [(word, arrived) for word in STAMP.findall(event.data.delta)]
                (request, _), *tokens = moments
                turns.append([-between(request, began), [between(word, arrived) for word, arrived in tokens]])

        await asyncio.gather(*(customer(ANSWER_SECONDS * place / parallel) for place in range(parallel)))
        return turns

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        text: str = command["body"]
        body = json.loads(text)
        started, used = time.perf_counter(), time.process_time()
        turns: int | list[list[Any]] = 1
        if command["do"] == "bare":
            await self.bare(text)
        elif command["do"] == "sdk":
            await self.sdk(body)
        elif command["do"] == "speak":
            turns = await self.speak(body, command["parallel"], command["seconds"])
        else:
            turns = await self.many(body, command["parallel"], command["seconds"])
        return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used, "turns": turns}


async def _main(port: int) -> None:
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    limits = httpx2.Limits(keepalive_expiry=300)
    async with (
        DefaultAsyncHttpx2Client(limits=limits) as http,
        AsyncOpenAI(
            api_key="key",
            base_url=f"http://127.0.0.1:{port}/v1",
            max_retries=0,
            timeout=60.0,  # on a busy machine this side holds itself up for longer than its client usually waits
            http_client=http,
        ) as client,
    ):
        alone = _Alone(client, http, port)
        gc.collect()
        gc.disable()  # the gateway collects seldom; this side never does
        print("ready", flush=True)
        while line := await reader.readline():
            print(json.dumps(await alone.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1])))
