"""What the one-letter codes of the catalog mean."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_cutover.errors import CutoverError


class Words(dict[str, str]):
    """The words for the codes of one catalog column. Looking up an unknown code raises CutoverError."""

    def __init__(self, what: str, special: Mapping[str, str] | None = None, /, **words: str) -> None:
        super().__init__(special or {}, **words)
        self._what = what

    def __missing__(self, code: str) -> str:
        raise CutoverError(
            f"the server reports an unknown {self._what} {code!r}; this version of pytest-cutover does not know it"
        )


TABLE_KINDS = Words("kind of table", r="table", p="partitioned", f="foreign")
PERSISTENCE = Words("persistence", p="permanent", u="unlogged")
REPLICA_IDENTITY = Words("replica identity", d="default", n="nothing", f="full", i="index")
IDENTITY = Words("kind of identity", a="always", d="by default")
GENERATED = Words("kind of generated column", s="stored", v="virtual")
STORAGE = Words("storage", p="plain", e="external", m="main", x="extended")
COMPRESSION = Words("compression", p="pglz", l="lz4")
CONSTRAINT_TYPES = Words(
    "type of constraint", p="primary_key", u="unique", f="foreign_key", c="check", x="exclusion", n="not_null",
    t="trigger",
)  # fmt: skip
ENABLED = Words("state of a trigger or rule", O="enabled", D="disabled", R="replica", A="always")
COMMANDS = Words("command of a policy", {"*": "ALL"}, r="SELECT", a="INSERT", w="UPDATE", d="DELETE")
FUNCTION_KINDS = Words("kind of function", f="function", p="procedure", a="aggregate", w="window")
VOLATILITY = Words("volatility", i="immutable", s="stable", v="volatile")
PARALLEL = Words("parallel safety", s="safe", r="restricted", u="unsafe")
TYPE_KINDS = Words("kind of type", e="enum", d="domain", c="composite", r="range", b="base", p="shell")

OTHERS = {
    ("event_trigger", "state"): ENABLED,
    ("cast", "context"): Words("context of a cast", e="explicit", a="assignment", i="implicit"),
    ("cast", "method"): Words("method of a cast", f="function", b="binary coercible", i="input and output"),
    ("collation", "provider"): Words("provider of a collation", c="libc", i="icu", d="default", b="builtin"),
    ("access_method", "type"): Words("type of access method", i="index", t="table"),
    ("default_privileges", "objects"): Words(
        "kind of object of default privileges", r="tables", S="sequences", f="functions", T="types", n="schemas",
        L="large objects",
    ),
    ("publication", "generated columns"): Words("publishing of generated columns", n="none", s="stored"),
}  # fmt: skip
"""The codes among the attributes of the rarer kinds of objects."""
