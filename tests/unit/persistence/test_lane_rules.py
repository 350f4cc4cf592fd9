"""The rules of a lane, in any order, by anybody: what must hold after every step.

Nothing but the rules runs here: rows and heads are kept in dictionaries, and the clock is a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tandem.errors import LeaseLost
from tandem.model import ApprovalStatus, Channel, Outgoing, ReplyStatus
from tandem.persistence import kinds, lane, outbox, upkeep
from tandem.persistence.base import WANTS_CLAIM, wants_commit, wants_keys, wants_status
from tandem.persistence.head import LaneHead
from tandem.persistence.mending import mend
from tandem.persistence.rows import LaneIndex, Loaded, Missing, Name, Row, Want, Writes
from tandem.persistence.state import HEAD, Lane, indexed, run_rule
from tandem.persistence.values import Change, Claim, Committed, Outcome, Settlement

from ...contracts.records import JANE, LEASE, approval, conversation, reply, text

pytestmark = pytest.mark.promise("S15", "S16", "P2", "P3", "P7", "P13", "L1")

KEYS = st.sampled_from([f"k{number}" for number in range(6)])
IDS = st.sampled_from([f"r{number}" for number in range(6)])
SECONDS = st.sampled_from([0.0, 0.5, LEASE + 0.1, 3600.0])
AFTER = st.sampled_from([ReplyStatus.SENT, ReplyStatus.FAILED, ReplyStatus.WAITING])
NEWS = st.sampled_from([ReplyStatus.SENT, ReplyStatus.DELIVERED, ReplyStatus.READ])


@dataclass
class Shelf:
    """One lane's head, rows and index entries, as a backend keeps them."""

    version: int = 0
    head: str | None = None
    rows: dict[Name, Row] = field(default_factory=dict)
    index: dict[Name, float] = field(default_factory=dict)

    def load(self, now: float, wanted: Want) -> Loaded:
        def of_kind(kind: str) -> tuple[Row, ...]:
            found = [row for row in self.rows.values() if row.kind == kind]
            return tuple(sorted(found, key=lambda row: row.sequence))

        def count(kind: str, upto: int | None) -> int:
            return sum(upto is None or row.sequence <= upto for row in of_kind(kind))

        return Loaded(
            JANE,
            now,
            self.version,
            self.head,
            rows={name: self.rows.get(name) for name in wanted.rows},
            kinds={kind: of_kind(kind) for kind in wanted.kinds},
            counts={kind: count(kind, upto) for kind, upto in wanted.counts.items()},
        )

    def apply(self, writes: Writes) -> None:
        assert not any(name in self.rows for name in writes.absent)
        if writes.head is not None:
            assert writes.head.expected == self.version
            self.version, self.head = writes.head.version, writes.head.text
        for kind, upto in writes.drops.items():
            gone = [n for n, row in self.rows.items() if row.kind == kind and (upto is None or row.sequence <= upto)]
            for name in gone:
                del self.rows[name]
        for name in writes.deletes:
            self.rows.pop(name, None)
        for put in writes.puts:
            name = put.row.kind, put.row.key
            if name not in self.rows:
                self.rows[name] = put.row
            elif not put.keep:
                self.rows[name] = replace(put.row, sequence=self.rows[name].sequence)
        for name, sort in writes.index.items():
            if sort is None:
                self.index.pop(name, None)
            else:
                self.index[name] = sort


class LaneMachine(RuleBasedStateMachine):
    """Replicas, senders and callbacks around one lane; some of them have outlived their leases."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf()
        self.now = 1_000_000.0
        self.claims: list[Claim] = []
        self.sent: list[Outgoing] = []
        self.accepted: list[str] = []
        self.ended: list[str] = []
        self.settled: dict[str, ReplyStatus] = {}
        self.order: list[str] = []
        self.fence = 0
        self.answers: dict[str, tuple[Claim, Change, Committed]] = {}
        self.tokens = 0

    def run(self, wanted: Want, ruled: Callable[[Lane], object]) -> object:
        """Run a rule as a store does."""
        while True:
            try:
                answer, _, changes = run_rule([self.shelf.load(self.now, wanted)], ruled, mend)
            except Missing as missing:
                wanted |= missing.wanted
                continue
            if any(name in self.shelf.rows for one in changes for name in one.absent):
                wanted |= Want(rows=frozenset(name for one in changes for name in one.absent))
                continue
            for one in changes:
                self.shelf.apply(one)
            return answer

    def head(self) -> LaneHead:
        return HEAD.read(self.shelf.head) if self.shelf.head else LaneHead()

    def token(self) -> str:
        self.tokens += 1
        return f"t{self.tokens}"

    # --- what happens -----------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.accept("k0")

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS)
    def accept(self, key: str) -> None:
        entries = (text(key),)
        (receipt,) = self.run(wants_keys(entries), lambda it: lane.accept(it, entries, self.token()))  # type: ignore[misc]
        assert (receipt.outcome is Outcome.DUPLICATE) == (key in self.accepted)
        if receipt.outcome is Outcome.ACCEPTED:
            self.accepted.append(key)

    @rule()
    def claim(self) -> None:
        before, holder = self.head(), self.token()
        claim = self.run(WANTS_CLAIM, lambda it: lane.claim(it, holder, LEASE))
        free = not before.held or before.lease_until <= self.now
        assert (claim is not None) == free
        if isinstance(claim, Claim):
            assert claim.fence > self.fence
            self.fence = claim.fence
            self.claims.append(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), ids=st.lists(IDS, max_size=2), many=st.booleans(), pending=st.booleans())
    def commit(self, data: st.DataObject, ids: list[str], many: bool, pending: bool) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        waiting = [one.entry.key for one in claim.waiting]
        consumed = tuple(waiting if many else waiting[:1])
        carried = (approval("apr", expires_at=self.now + 50),) if pending else ()
        change = Change(
            conversation(approvals=carried),
            consumed=consumed,
            replies=tuple(reply(id) for id in ids),
            wake_at=self.now + 50 if pending else None,
        )
        before, token = replace(self.shelf), self.token()
        rows = dict(self.shelf.rows)
        try:
            committed = self.run(wants_commit(change, token), lambda it: lane.commit(it, claim, change, token, LEASE))
        except LeaseLost:
            assert claim.fence != self.fence
            assert (before.version, rows) == (self.shelf.version, self.shelf.rows)
            return
        assert isinstance(committed, Committed)
        assert claim.fence == self.fence
        self.ended += [key for key in consumed if key not in self.ended]
        self.order += [id for id in dict.fromkeys(ids) if id not in self.order]
        self.sent += committed.outgoing
        self.claims[self.claims.index(claim)] = replace(claim, waiting=committed.waiting)
        self.answers[token] = claim, change, committed

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def repeat_a_commit(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.answers)))
        claim, change, first = self.answers[token]
        if (kinds.ANSWER, token) not in self.shelf.rows:
            return  # an hour later it is asked for no more
        version = self.shelf.version
        again = self.run(wants_commit(change, token), lambda it: lane.commit(it, claim, change, token, LEASE))
        assert (again, self.shelf.version) == (first, version)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), forgive=st.booleans())
    def release(self, data: st.DataObject, forgive: bool) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        held = self.head().held
        self.run(Want(), lambda it: lane.release(it, claim, forgive))
        if claim.fence != self.fence:
            assert self.head().held == held

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        try:
            self.run(Want(), lambda it: lane.renew(it, claim, LEASE))
        except LeaseLost:
            return
        assert claim.fence == self.fence

    @rule(same=st.booleans())
    def next_reply(self, same: bool) -> None:
        holder = self.sent[-1].holder if same and self.sent else self.token()
        wanted = outbox.WANTS_LINES
        outgoing = self.run(wanted, lambda it: outbox.next_reply(it, Channel.SMS, holder, LEASE))
        if isinstance(outgoing, Outgoing):
            self.sent.append(outgoing)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), status=AFTER)
    def settle(self, data: st.DataObject, status: ReplyStatus) -> None:
        outgoing = data.draw(st.sampled_from(self.sent))
        settlement = Settlement(status, provider_id="SM", retry_in=1.0)
        following = self.run(outbox.WANTS_LINES, lambda it: outbox.settle(it, outgoing, settlement, LEASE))
        if isinstance(following, Outgoing):
            self.sent.append(following)

    @rule(id=IDS, status=NEWS)
    def news(self, id: str, status: ReplyStatus) -> None:
        self.run(wants_status(id), lambda it: outbox.delivery_status(it, id, status, "SM"))

    @rule()
    def damage_the_head(self) -> None:
        if self.shelf.head is not None:
            self.now += 0.001  # fences go on from the clock
            self.shelf.head = self.shelf.head[:-5]
            self.run(WANTS_CLAIM, lambda it: it.sweep())
            self.claims.clear()  # nobody holds a lane whose head was lost

    @rule()
    def purge(self) -> None:
        self.now += 0.001  # fences go on from the clock
        before = self.now - 1800.0
        head = self.head()
        busy = head.waiting or any(one.queue for one in head.lines.values()) or head.wake_at is not None
        deleted = self.run(upkeep.WANTS_PURGE, lambda it: upkeep.purge(it, before=before))
        if deleted:
            assert not busy
            self.claims.clear()
            self.sent.clear()
            self.answers.clear()
            self.order.clear()
            self.settled.clear()

    # --- what must hold -----------------------------------------------------------------------------------------

    @invariant()
    def nothing_waits_without_being_found(self) -> None:
        head = self.head()
        derived = {name: sort for name, sort in self.shelf.index.items() if not _by_itself(name)}
        assert derived == indexed(head)
        if head.waiting or head.wake_at is not None:
            assert (LaneIndex.DUE, "") in derived

    @invariant()
    def entries_wait_in_their_order_once_each(self) -> None:
        waiting = [one.key for one in self.head().waiting]
        assert waiting == [key for key in self.accepted if key not in self.ended]
        rows = [row for row in self.shelf.rows.values() if row.kind == kinds.WAITING]
        assert sorted(row.key for row in rows) == sorted(waiting)

    @invariant()
    def replies_leave_in_their_order_and_are_settled_once(self) -> None:
        head = self.head()
        queued = [one.id for line in head.lines.values() for one in line.queue]
        assert queued == [id for id in self.order if id in queued]
        for line in head.lines.values():
            assert (line.due_at is not None) == bool(line.queue)
        for name, row in self.shelf.rows.items():
            if name[0] == kinds.REPLY:
                status = kinds.REPLY.read(row.record).status
                assert name[1] not in queued
                assert outbox.RANK[status] >= outbox.RANK[self.settled.get(name[1], ReplyStatus.WAITING)]
                self.settled[name[1]] = status

    @invariant()
    def approvals_are_listed_as_they_are(self) -> None:
        for name, sort in self.shelf.index.items():
            if name[0] == f"{LaneIndex.APPROVALS}:{ApprovalStatus.PENDING}":
                stored = self.shelf.rows[kinds.CONVERSATION, ""]
                (carried,) = kinds.CONVERSATION.read(stored.record).approvals
                assert (carried.id, carried.expires_at) == (name[1], sort)

    @invariant()
    def only_damaged_heads_are_set_aside(self) -> None:
        aside = [json.loads(row.record)["kind"] for row in self.shelf.rows.values() if row.kind == kinds.ASIDE]
        assert set(aside) <= {"head"}

    @invariant()
    def snapshots_are_stored_once(self) -> None:
        snapshots = [row for row in self.shelf.rows.values() if row.kind == kinds.SNAPSHOT]
        assert len(snapshots) == len(self.head().snapshots) <= 1


def _by_itself(name: Name) -> bool:
    """Whether an index entry does not follow from the head."""
    return name[0] in (LaneIndex.SWEEP, LaneIndex.SET_ASIDE) or name[0].startswith(LaneIndex.APPROVALS)


TestLane = LaneMachine.TestCase
TestLane.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
