"""A role without attributes that owns what the backup holds, for as long as it is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

# What a platform provides stays its owners' own, as do the system's objects and those of extensions. A sequence follows its
# column, a table's type its table. Some publications only a superuser can own, and so are event triggers and wrappers.
_OWNED = """
WITH space AS (
    SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname <> ALL (%(platform)s)
), owned (class, oid, owner, what) AS (
    SELECT 'pg_catalog.pg_namespace'::regclass, oid, nspowner, format('SCHEMA %%I', nspname) FROM space
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, c.oid, c.relowner,
           format('%%s %%I.%%I', CASE c.relkind WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, s.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN space s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass, p.oid, p.proowner, format('ROUTINE %%s', p.oid::regprocedure)
    FROM pg_catalog.pg_proc p JOIN space s ON s.oid = p.pronamespace
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, t.typowner, format('TYPE %%I.%%I', s.nspname, t.typname)
    FROM pg_catalog.pg_type t JOIN space s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.typrelid = 0
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::regclass, o.oid, o.oprowner, format('OPERATOR %%s', o.oid::regoperator)
    FROM pg_catalog.pg_operator o JOIN space s ON s.oid = o.oprnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_opclass'::regclass, o.oid, o.opcowner,
           format('OPERATOR CLASS %%I.%%I USING %%I', s.nspname, o.opcname, a.amname)
    FROM pg_catalog.pg_opclass o JOIN space s ON s.oid = o.opcnamespace JOIN pg_catalog.pg_am a ON a.oid = o.opcmethod
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::regclass, o.oid, o.opfowner,
           format('OPERATOR FAMILY %%I.%%I USING %%I', s.nspname, o.opfname, a.amname)
    FROM pg_catalog.pg_opfamily o JOIN space s ON s.oid = o.opfnamespace JOIN pg_catalog.pg_am a ON a.oid = o.opfmethod
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::regclass, x.oid, x.collowner, format('COLLATION %%I.%%I', s.nspname, x.collname)
    FROM pg_catalog.pg_collation x JOIN space s ON s.oid = x.collnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_conversion'::regclass, x.oid, x.conowner, format('CONVERSION %%I.%%I', s.nspname, x.conname)
    FROM pg_catalog.pg_conversion x JOIN space s ON s.oid = x.connamespace
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::regclass, x.oid, x.cfgowner,
           format('TEXT SEARCH CONFIGURATION %%I.%%I', s.nspname, x.cfgname)
    FROM pg_catalog.pg_ts_config x JOIN space s ON s.oid = x.cfgnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::regclass, x.oid, x.dictowner,
           format('TEXT SEARCH DICTIONARY %%I.%%I', s.nspname, x.dictname)
    FROM pg_catalog.pg_ts_dict x JOIN space s ON s.oid = x.dictnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::regclass, x.oid, x.stxowner, format('STATISTICS %%I.%%I', s.nspname, x.stxname)
    FROM pg_catalog.pg_statistic_ext x JOIN space s ON s.oid = x.stxnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::regclass, oid, srvowner, format('SERVER %%I', srvname)
    FROM pg_catalog.pg_foreign_server
    UNION ALL
    SELECT 'pg_catalog.pg_publication'::regclass, p.oid, p.pubowner, format('PUBLICATION %%I', p.pubname)
    FROM pg_catalog.pg_publication p
    WHERE NOT p.puballtables AND EXISTS (SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid)
    UNION ALL
    SELECT 'pg_catalog.pg_largeobject'::regclass, oid, lomowner, format('LARGE OBJECT %%s', oid)
    FROM pg_catalog.pg_largeobject_metadata
)
SELECT o.what, r.rolname, r.rolsuper FROM owned o JOIN pg_catalog.pg_roles r ON r.oid = o.owner
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
"""
# A trusted extension belongs to whoever made it, and nothing but its catalog row can give it to another role.
_EXTENSIONS = """
UPDATE pg_catalog.pg_extension x SET extowner = pg_catalog.to_regrole(%(role)s)
FROM pg_catalog.pg_available_extension_versions v, pg_catalog.pg_namespace s, pg_catalog.pg_roles r
WHERE v.name = x.extname AND v.version = x.extversion AND v.trusted AND s.oid = x.extnamespace
  AND s.nspname !~ '^pg_' AND s.nspname <> ALL (%(platform)s) AND r.oid = x.extowner AND r.rolsuper
"""
_THERE = "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = ANY (%(platform)s) ORDER BY nspname"
_ATTRIBUTES = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"
_LOCK_TIMEOUT_S = 10


class OrdinaryRole:
    """The role on one server. It can be made a superuser for a while, so that everything else about it stays the same."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self._quoted = sql.Identifier(name)

    def create(self) -> None:
        """Makes it.

        Raises:
            SandboxError: the server refused.
        """
        self.server.create_roles([self.name])
        self._alter(_ATTRIBUTES)

    def drop(self) -> None:
        """Drops it, once its copies are gone; what else it has made on the server stays, as another run of the migration left it.

        Raises:
            SandboxError: the server refused.
        """
        try:
            with self.server.maintenance.connect() as connection:
                for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
                    connection.execute(sql.SQL(statement).format(self._quoted))
        except psycopg.Error as error:
            raise self.server.failure(f"could not drop the role {self.name}", error) from error

    def take_over(self, target: Target, platform: Collection[str]) -> None:
        """Makes it the owner of all that the backup holds: of a superuser's objects by itself, of others' as their member.

        In the schemas in `platform` it gets every privilege and owns nothing.

        Raises:
            SandboxError: the server refused.
        """
        given = {"platform": list(platform), "role": sql.Identifier(self.name).as_string(None)}
        try:
            with target.connect(autocommit=False) as connection:
                connection.execute("SELECT set_config('search_path', '', true)")
                # No trigger of the database is to see this.
                connection.execute("SET LOCAL session_replication_role = replica")
                owned = connection.execute(_OWNED.encode(), given).fetchall()
                for what in (what for what, _, superuser in owned if superuser):
                    connection.execute(sql.SQL("ALTER {} OWNER TO {}").format(sql.SQL(what), self._quoted))
                members = {owner for _, owner, superuser in owned if not superuser and not owner.startswith("pg_")}
                for owner in sorted(members - {self.name}):
                    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(owner), self._quoted))
                connection.execute(_EXTENSIONS.encode(), given)
                there = connection.execute(_THERE.encode(), given).fetchall()
                for schema in (sql.Identifier(name) for (name,) in there):
                    connection.execute(sql.SQL("GRANT ALL ON SCHEMA {} TO {}").format(schema, self._quoted))
                    for kind in map(sql.SQL, ("TABLES", "SEQUENCES", "ROUTINES")):
                        connection.execute(
                            sql.SQL("GRANT ALL ON ALL {} IN SCHEMA {} TO {}").format(kind, schema, self._quoted)
                        )
                connection.commit()
        except psycopg.Error as error:
            raise self.server.failure("could not give the database to an ordinary role", error) from error

    @contextmanager
    def as_superuser(self) -> Iterator[None]:
        """Within it the role is a superuser; sessions notice that at the latest in their next transaction."""
        self._alter("SUPERUSER")
        try:
            yield
        finally:
            self._alter("NOSUPERUSER")

    def _alter(self, attributes: str) -> None:
        try:
            with self.server.maintenance.connect(settings={"lock_timeout": f"{_LOCK_TIMEOUT_S}s"}) as connection:
                connection.execute(sql.SQL("ALTER ROLE {} {}").format(self._quoted, sql.SQL(attributes)))
        except psycopg.Error as error:
            raise self.server.failure(f"could not change the role {self.name}", error) from error
