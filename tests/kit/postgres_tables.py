"""Tables for a test in the Postgres server of this test run.

Making tables is slow where making files is. So a test's tables are emptied after it, and given to the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

EMPTY = """
DO $$
DECLARE name regclass;
BEGIN
  FOR name IN SELECT oid FROM pg_class
    WHERE relkind = 'r' AND relname ~ '^conversation_states(_|$)' AND relname <> 'conversation_states_schema'
  LOOP
    EXECUTE format('DELETE FROM %s', name);
  END LOOP;
END $$
"""

_made = 0
_unused: list[str] = []


@asynccontextmanager
async def empty_tables(url: str) -> AsyncIterator[str]:
    """Give the name of tables that nobody uses: made before and emptied, or not made yet."""
    global _made
    if not _unused:
        _made += 1
        _unused.append(f"test_{_made}")
    table = _unused.pop()
    yield table
    connection = await asyncpg.connect(url)
    await connection.execute(EMPTY.replace("conversation_states", table))
    await connection.close()
    _unused.append(table)
