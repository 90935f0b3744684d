"""What a migration does to the tables of a running system while it runs: which locks it holds, and for how long.

A rehearsal's `migrate` stage is traced as it runs, whoever runs it: an SQL step, a program, Flyway. Only locks are looked at
that keep somebody from reading or writing, from SHARE UPDATE EXCLUSIVE up, and only on tables that were there before.
Each source sees something of its own:

* **Event triggers** (`triggers`) read the session's own locks, in its own transaction, at the beginning and at the end
  of each DDL command, also inside of functions and DO blocks. That is exact, however short the lock. They see whatever
  was taken earlier in the transaction, too. They do not fire for TRUNCATE, VACUUM, ANALYZE, CLUSTER, LOCK TABLE and, before
  PostgreSQL 17, REINDEX; nor where a superuser switched them off (PostgreSQL 17's `event_triggers`).
* **The server's log** (`log`) has each statement that a session sent, when it ended and how long it took, and with it
  when its transaction ended; and what DDL says of its work: "rewriting table", "verifying table", "building index", "validating
  foreign key constraint". Not in it: a statement inside of a function or DO block, the statement that an error
  ended, how many rows one touched, and the end of a transaction that the protocol ends without a statement; such a one
  counts as ended with its last statement.
* **The words** of TRUNCATE, LOCK TABLE, VACUUM, ANALYZE, CLUSTER and REINDEX that a session sent (`explicit`).
* **The files** of tables and indexes, compared when all is over (`files`): where the rows are in another one, they were written anew.
* **A session in another database** (`sampler`) looks at pg_locks each 20 ms. It sees what all others do not: a LOCK TABLE or
  TRUNCATE inside of a function that no DDL follows in the same transaction. One that is held for less than 20 ms may escape.
* **pg_stat_statements** (`statements`) has each statement that ran, also inside of functions, DO blocks, triggers and for foreign
  keys: how often, as which role, on how many rows, how long. It does not say when, nor in which session. So the lock that escaped
  is named all the same, with the longest time between two looks instead of its length (`unseen`). Not in it: a statement that
  failed; and all of it where the server has no such library, or the migration changes what is counted, which the trace says.

A lock counts from the beginning of the statement that took it, so that waiting for it is part of it, to the end of its
transaction. Nothing of this is left in the database when the stage is over, and nothing of it is there in a rerun or a rollback.

A server that was given (`--sandbox=URL`) is not traced: its log is not ours to read, nor to write rows into.
"""

from __future__ import annotations

from pytest_cutover.trace.model import MODES, Command, Executed, Held, Relation, Statement, Trace, Transaction, at_least
from pytest_cutover.trace.recording import Recording, record

__all__ = [
    "MODES", "Command", "Executed", "Held", "Recording", "Relation", "Statement", "Trace", "Transaction", "at_least", "record",
]  # fmt: skip
