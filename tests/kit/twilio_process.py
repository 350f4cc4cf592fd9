"""The pretend Twilio as a process of its own, which knows the public protocol and nothing of the gateway's settings.

The program is given its world as JSON and prints its address: ``python -m tests.kit.twilio_process '{…}'``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@contextmanager
def pretend_twilio(world: Mapping[str, Any]) -> Iterator[str]:
    """Run a pretend Twilio and give its address.

    ``world``: account, token, api_key (a pair) and, as the REST API names them, lists of numbers and services.
    """
    command = [sys.executable, "-m", __name__, json.dumps(world)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, "the pretend Twilio did not start"
            yield address
        finally:
            process.kill()


def main(world: Mapping[str, Any]) -> None:
    """Serve until killed."""
    import uvicorn
    from starlette.applications import Starlette

    from .serving import listen, port_of
    from .twilio_account import AccountApi, SimAccount

    account = SimAccount(world["account"])
    for row in world.get("numbers", ()):
        account.add_number(row.pop("phone_number"), **row)
    for row in world.get("services", ()):
        account.add_service(row.pop("sid"), **row)
    logins = {(world["account"], world["token"]), *([tuple(world["api_key"])] if "api_key" in world else [])}
    listener = listen()
    listener.listen()
    print(f"http://127.0.0.1:{port_of(listener)}", flush=True)
    app = Starlette(routes=list(AccountApi(account, logins).routes()))
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
