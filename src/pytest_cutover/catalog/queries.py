"""One query per kind of object. All run in one snapshot with an empty search path.

Oids lead from one result to another while the catalog is built; they never leave it. What belongs to a relation is
asked for without looking whether an extension owns that relation: `of_extension` tells it once. `version` is the server's
`server_version_num`; columns that an older server lacks are asked for as what that server does.
"""

from __future__ import annotations

SCHEMA_OIDS = "SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"


def not_of_extension(catalog: str, oid: str) -> str:
    """The condition that an extension does not own the object."""
    return (
        "NOT EXISTS (SELECT FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'"
        f" AND e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.objsubid = 0)"
    )


def not_internal(catalog: str, oid: str) -> str:
    """The condition that the object was not made for another one, as a range type's constructors are."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = '{catalog}'::regclass AND i.objid = {oid}"
        " AND i.objsubid = 0 AND i.deptype = 'i')"
    )


def comment_of(catalog: str, oid: str, part: str = "0") -> str:
    """The join that brings an object's comment as `d.description`."""
    return (
        f"LEFT JOIN pg_description d ON d.objoid = {oid} AND d.classoid = '{catalog}'::regclass AND d.objsubid = {part}"
    )


SCHEMAS = f"""
SELECT n.nspname AS name, pg_get_userbyid(n.nspowner) AS owner,
       coalesce(n.nspacl, acldefault('n', n.nspowner))::text[] AS acl, d.description AS comment
FROM pg_namespace n {comment_of("pg_namespace", "n.oid")}
WHERE n.oid IN ({SCHEMA_OIDS}) AND {not_of_extension("pg_namespace", "n.oid")}
ORDER BY n.nspname
"""

RELATIONS = f"""
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
       pg_get_userbyid(c.relowner) AS owner, coalesce(c.relacl, acldefault('r', c.relowner))::text[] AS acl,
       c.relrowsecurity AS rls_enabled, c.relforcerowsecurity AS rls_forced, c.relispopulated AS populated,
       c.relispartition AS is_partition, c.relreplident AS replica_identity,
       c.reloptions AS options, t.reloptions AS toast_options, am.amname AS access_method, s.spcname AS tablespace,
       CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition,
       CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type,
       (SELECT array_agg(ARRAY[pn.nspname::text, pc.relname::text] ORDER BY i.inhseqno)
        FROM pg_inherits i JOIN pg_class pc ON pc.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = pc.relnamespace
        WHERE i.inhrelid = c.oid) AS parents,
       fs.srvname AS server, ft.ftoptions AS server_options, e.objid IS NOT NULL AS of_extension,
       d.description AS comment
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_foreign_table ft ON ft.ftrelid = c.oid
LEFT JOIN pg_foreign_server fs ON fs.oid = ft.ftserver
LEFT JOIN pg_depend e ON e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
      AND e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.objsubid = 0
{comment_of("pg_class", "c.oid")}
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relnamespace IN ({SCHEMA_OIDS})
ORDER BY n.nspname, c.relname
"""


def columns(version: int) -> str:
    """Living columns of tables, views and composite types, in their order."""
    compression = "nullif(a.attcompression, '')" if version >= 140000 else "NULL"
    # Since 18 a column may be NOT NULL of which the rows that were there were never looked at: they may hold NULL.
    proved = (
        "(a.attrelid, a.attnum) NOT IN (SELECT v.conrelid, v.conkey[1] FROM pg_constraint v"
        " WHERE v.contype = 'n' AND NOT v.convalidated AND v.conrelid <> 0)"
        if version >= 180000
        else "true"
    )
    # With its relation an expression is printed by way of all the relation's columns, as often as there are expressions:
    # a thousand defaults took 14 times as long. Only a generated column's refers to any.
    default = "pg_get_expr(ad.adbin, CASE WHEN a.attgenerated = '' THEN 0 ELSE ad.adrelid END)"
    # Before 17 the default is -1, since then NULL.
    return f"""
SELECT a.attrelid AS relation, a.attname AS name, a.attnum AS number, format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AND {proved} AS not_null, {default} AS default, nullif(a.attidentity, '') AS identity,
       nullif(a.attgenerated, '') AS generated,
       CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN a.attcollation::regcollation::text END AS collation,
       CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END AS storage, {compression} AS compression,
       nullif(a.attstattarget, -1) AS statistics, a.attoptions AS options, a.attfdwoptions AS server_options,
       a.attacl::text[] AS acl, d.description AS comment
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef ad ON ad.adrelid = a.attrelid AND ad.adnum = a.attnum
{comment_of("pg_class", "a.attrelid", "a.attnum")}
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  AND c.relnamespace IN ({SCHEMA_OIDS})
ORDER BY a.attrelid, a.attnum
"""


CONSTRAINTS = f"""
SELECT con.oid, con.conrelid AS relation, con.conname AS name, con.contype AS type,
       pg_get_constraintdef(con.oid) AS definition, con.convalidated AS validated, con.condeferrable AS deferrable,
       con.condeferred AS deferred, con.conkey AS key, con.confrelid AS references, con.confkey AS references_key,
       con.conindid AS index, con.conparentid AS parent, f.suspended, d.description AS comment
FROM pg_constraint con
LEFT JOIN (
  SELECT g.tgconstraint, array_agg(DISTINCT ARRAY[gn.nspname::text, gc.relname::text, g.tgenabled::text]) AS suspended
  FROM pg_trigger g JOIN pg_class gc ON gc.oid = g.tgrelid JOIN pg_namespace gn ON gn.oid = gc.relnamespace
  WHERE g.tgisinternal AND g.tgconstraint <> 0 AND g.tgenabled <> 'O'
  GROUP BY g.tgconstraint
) f ON f.tgconstraint = con.oid
{comment_of("pg_constraint", "con.oid")}
WHERE con.conrelid <> 0 AND con.connamespace IN ({SCHEMA_OIDS})
ORDER BY con.conrelid, con.conname
"""

INDEXES = f"""
SELECT i.indexrelid AS oid, i.indrelid AS relation, n.nspname AS schema, c.relname AS name, am.amname AS method,
       pg_get_indexdef(i.indexrelid) AS definition, i.indisunique AS unique, i.indisprimary AS primary,
       i.indisvalid AS valid, i.indisready AS ready, i.indisclustered AS clustered,
       i.indisreplident AS replica_identity, i.indnkeyatts AS keys, i.indkey::text AS columns,
       CASE WHEN i.indexprs IS NOT NULL
            THEN ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k)
       END AS expressions,
       CASE WHEN i.indpred IS NOT NULL THEN pg_get_expr(i.indpred, i.indrelid) END AS predicate,
       -- Only an expression has a statistics target of its own.
       CASE WHEN i.indexprs IS NOT NULL
            THEN (SELECT array_agg(a.attname || '=' || a.attstattarget ORDER BY a.attnum) FROM pg_attribute a
                  WHERE a.attrelid = i.indexrelid AND a.attnum > 0 AND a.attstattarget >= 0)
       END AS statistics,
       s.spcname AS tablespace,
       p.inhparent AS parent, d.description AS comment
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_inherits p ON p.inhrelid = i.indexrelid
{comment_of("pg_class", "i.indexrelid")}
WHERE c.relnamespace IN ({SCHEMA_OIDS})
ORDER BY n.nspname, c.relname
"""


def sequences(version: int) -> str:
    """Sequences with parameters and position; before 18 the position of one never called is asked for later."""
    data = "LEFT JOIN LATERAL pg_get_sequence_data(s.seqrelid) v ON true" if version >= 180000 else ""
    last_value, is_called = (
        ("v.last_value", "v.is_called")
        if version >= 180000
        else (
            "CASE WHEN has_sequence_privilege(s.seqrelid, 'SELECT, USAGE') THEN pg_sequence_last_value(s.seqrelid) END",
            "NULL::boolean",
        )
    )
    return f"""
SELECT c.oid, n.nspname AS schema, c.relname AS name, format_type(s.seqtypid, NULL) AS type, s.seqstart AS start,
       s.seqincrement AS increment, s.seqmin AS minimum, s.seqmax AS maximum, s.seqcache AS cache, s.seqcycle AS cycle,
       c.relpersistence AS persistence, pg_get_userbyid(c.relowner) AS owner,
       coalesce(c.relacl, acldefault('s', c.relowner))::text[] AS acl, o.refobjid AS relation,
       o.refobjsubid AS number, o.deptype AS dependency, {last_value} AS last_value, {is_called} AS is_called,
       has_sequence_privilege(s.seqrelid, 'SELECT') AS readable, d.description AS comment
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0
      AND o.refclassid = 'pg_class'::regclass AND o.refobjsubid > 0 AND o.deptype IN ('a', 'i')
{data}
{comment_of("pg_class", "c.oid")}
WHERE c.relnamespace IN ({SCHEMA_OIDS}) AND {not_of_extension("pg_class", "c.oid")}
ORDER BY n.nspname, c.relname
"""


def functions(version: int) -> str:
    """Functions, procedures, aggregates and window functions."""
    body = "pg_get_function_sqlbody(p.oid)" if version >= 140000 else "NULL"
    return f"""
SELECT n.nspname AS schema, p.proname AS name, oidvectortypes(p.proargtypes) AS argument_types, p.prokind AS kind,
       pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS returns, l.lanname AS language,
       coalesce({body}, p.prosrc) AS body, p.probin AS library, p.provolatile AS volatility, p.proisstrict AS strict,
       p.prosecdef AS security_definer, p.proleakproof AS leakproof, p.proparallel AS parallel, p.procost AS cost,
       p.prorows AS rows, CASE WHEN p.prosupport <> 0 THEN p.prosupport::text END AS support,
       (SELECT array_agg(format_type(x, NULL)) FROM unnest(p.protrftypes) x) AS transforms, p.proconfig AS settings,
       pg_get_userbyid(p.proowner) AS owner, coalesce(p.proacl, acldefault('f', p.proowner))::text[] AS acl,
       CASE WHEN p.prokind = 'a' THEN (
         SELECT concat_ws(', ', 'kind ' || g.aggkind::text, 'state function ' || g.aggtransfn::text,
           'state type ' || format_type(g.aggtranstype, NULL), 'state size ' || g.aggtransspace::text,
           'final function ' || nullif(g.aggfinalfn::text, '-'), 'final extra ' || g.aggfinalextra::text,
           'final modifies ' || g.aggfinalmodify::text, 'combine ' || nullif(g.aggcombinefn::text, '-'),
           'serialise ' || nullif(g.aggserialfn::text, '-'), 'deserialise ' || nullif(g.aggdeserialfn::text, '-'),
           'moving state function ' || nullif(g.aggmtransfn::text, '-'),
           'moving inverse ' || nullif(g.aggminvtransfn::text, '-'),
           'moving state type ' || format_type(nullif(g.aggmtranstype, 0), NULL),
           'moving state size ' || g.aggmtransspace::text, 'moving final ' || nullif(g.aggmfinalfn::text, '-'),
           'moving final extra ' || g.aggmfinalextra::text, 'moving final modifies ' || g.aggmfinalmodify::text,
           'sort operator ' || nullif(g.aggsortop, 0)::regoperator::text, 'initial ' || g.agginitval::text,
           'moving initial ' || g.aggminitval::text)
         FROM pg_aggregate g WHERE g.aggfnoid = p.oid) END AS aggregate,
       -- Where a type of public hides a built-in one, its schema is what tells two functions apart.
       (SELECT array_agg(h.typname::text) FROM pg_type h JOIN pg_type b ON b.typname = h.typname
        WHERE h.typnamespace = 'public'::regnamespace AND b.typnamespace = 'pg_catalog'::regnamespace) AS hidden,
       d.description AS comment
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
{comment_of("pg_proc", "p.oid")}
WHERE p.pronamespace IN ({SCHEMA_OIDS}) AND {not_of_extension("pg_proc", "p.oid")} AND {not_internal("pg_proc", "p.oid")}
ORDER BY n.nspname, p.proname, 3
"""


TRIGGERS = f"""
SELECT g.tgrelid AS relation, g.tgname AS name, pg_get_triggerdef(g.oid) AS definition, g.tgenabled AS enabled,
       p.tgrelid AS parent_relation, p.tgname AS parent_name, d.description AS comment
FROM pg_trigger g
LEFT JOIN pg_trigger p ON p.oid = g.tgparentid
{comment_of("pg_trigger", "g.oid")}
WHERE NOT g.tgisinternal OR (p.oid IS NOT NULL AND NOT p.tgisinternal)
ORDER BY g.tgrelid, g.tgname
"""

POLICIES = f"""
SELECT p.polrelid AS relation, p.polname AS name, p.polcmd AS command, p.polpermissive AS permissive,
       ARRAY(SELECT CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r)::text END
             FROM unnest(p.polroles) r ORDER BY 1) AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check,
       d.description AS comment
FROM pg_policy p {comment_of("pg_policy", "p.oid")}
ORDER BY p.polrelid, p.polname
"""

RULES = f"""
SELECT r.ev_class AS relation, r.rulename AS name, pg_get_ruledef(r.oid) AS definition, r.ev_enabled AS enabled,
       d.description AS comment
FROM pg_rewrite r {comment_of("pg_rewrite", "r.oid")}
WHERE r.rulename <> '_RETURN'
ORDER BY r.ev_class, r.rulename
"""


def types(version: int) -> str:
    """Types but row types of tables, array types and multiranges, which go with another type."""
    multirange = "format_type(g.rngmultitypid, NULL)" if version >= 140000 else "NULL"
    subscript = "'subscript=' || nullif(t.typsubscript::text, '-')" if version >= 140000 else "NULL"
    return f"""
SELECT t.oid, n.nspname AS schema, t.typname AS name, t.typtype AS kind, t.typrelid AS relation,
       pg_get_userbyid(t.typowner) AS owner, coalesce(t.typacl, acldefault('T', t.typowner))::text[] AS acl,
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
         AS labels,
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base, t.typnotnull AS not_null,
       t.typdefault AS default,
       CASE WHEN t.typtype = 'd' AND t.typcollation NOT IN (0, b.typcollation)
            THEN t.typcollation::regcollation::text END AS collation,
       (SELECT array_agg(ARRAY[k.conname::text, pg_get_constraintdef(k.oid), k.convalidated::text,
                               obj_description(k.oid, 'pg_constraint')] ORDER BY k.conname)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype <> 'n') AS constraints,
       CASE t.typtype
         WHEN 'r' THEN (
           SELECT array_remove(ARRAY['subtype=' || format_type(g.rngsubtype, NULL), 'multirange=' || {multirange},
             'operator class=' || qn.nspname || '.' || q.opcname, 'collation=' || nullif(g.rngcollation, 0)::regcollation::text,
             'canonical=' || nullif(g.rngcanonical::text, '-'), 'difference=' || nullif(g.rngsubdiff::text, '-')], NULL)
           FROM pg_range g JOIN pg_opclass q ON q.oid = g.rngsubopc JOIN pg_namespace qn ON qn.oid = q.opcnamespace
           WHERE g.rngtypid = t.oid)
         WHEN 'b' THEN array_remove(ARRAY['input=' || t.typinput::text, 'output=' || t.typoutput::text,
             'receive=' || nullif(t.typreceive::text, '-'), 'send=' || nullif(t.typsend::text, '-'),
             'modifier in=' || nullif(t.typmodin::text, '-'), 'modifier out=' || nullif(t.typmodout::text, '-'),
             'analyse=' || nullif(t.typanalyze::text, '-'), {subscript}, 'length=' || t.typlen::text,
             'by value=' || t.typbyval::text, 'alignment=' || t.typalign::text, 'storage=' || t.typstorage::text,
             'category=' || t.typcategory::text, 'preferred=' || t.typispreferred::text, 'delimiter=' || t.typdelim::text,
             'element=' || format_type(nullif(t.typelem, 0), NULL), 'collatable=' || (t.typcollation <> 0)::text], NULL)
       END AS details,
       d.description AS comment
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_class c ON c.oid = t.typrelid
{comment_of("pg_type", "t.oid")}
WHERE t.typnamespace IN ({SCHEMA_OIDS}) AND t.typtype <> 'm' AND (c.oid IS NULL OR c.relkind = 'c')
  AND (t.typelem = 0 OR NOT EXISTS (SELECT FROM pg_type y WHERE y.oid = t.typelem AND y.typarray = t.oid)) AND {not_of_extension("pg_type", "t.oid")}
ORDER BY n.nspname, t.typname
"""


EXTENSIONS = f"""
SELECT x.extname AS name, x.extversion AS version, n.nspname AS schema, pg_get_userbyid(x.extowner) AS owner,
       d.description AS comment
FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace {comment_of("pg_extension", "x.oid")}
ORDER BY x.extname
"""
