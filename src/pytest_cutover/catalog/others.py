"""The rarer kinds of objects, read by one query into one shape.

One row per object: kind, prefix, schema, name and suffix of its name, attributes (word, value, word, value, …), the
relation that it goes with, owner, privileges, comment. What may be a password is not read: of a user mapping's or
server's secret options only that they are set, of a subscription not where it connects to.
"""

from __future__ import annotations

from pytest_cutover.catalog.queries import SCHEMA_OIDS, not_internal, not_of_extension

_BUILT_IN = "x.oid < 16384"
"""True for what initdb makes: FirstNormalObjectId of the server's sources."""

_OPTIONS = (
    "(SELECT string_agg(CASE WHEN o ~* '^[^=]*(pass|secret|token|key)' THEN split_part(o, '=', 1) || '=(hidden)'"
    " ELSE o END, ', ' ORDER BY o) FROM unnest({}) o)"
)


def _select(
    kind: str,
    catalog: str,
    *,
    name: str = "''",
    attributes: dict[str, str],
    owner: str = "NULL",
    acl: str = "NULL",
    namespace: str | None = None,
    prefix: str = "''",
    suffix: str = "''",
    relation: str = "NULL",
    joins: str = "",
    where: str = f"NOT {_BUILT_IN}",
) -> str:
    """The rows of one catalog, called `x`; with a namespace, those in schemas other than the system's."""
    if namespace is not None:
        joins = f"JOIN pg_namespace n ON n.oid = x.{namespace} {joins}"
        where = f"x.{namespace} IN ({SCHEMA_OIDS}) AND {where}"
    return f"""
SELECT '{kind}' AS kind, ({prefix})::text AS prefix, {"n.nspname" if namespace else "NULL"}::text AS schema,
       ({name})::text AS name, ({suffix})::text AS suffix, {_pairs(attributes)} AS attributes,
       {relation}::oid AS relation, pg_get_userbyid({owner})::text AS owner, ({acl})::text[] AS acl,
       obj_description(x.oid, '{catalog}') AS comment
FROM {catalog} x {joins}
WHERE {where} AND {not_of_extension(catalog, "x.oid")}
"""


def _pairs(attributes: dict[str, str]) -> str:
    """The array of words and values; a value may have any type."""
    listed = ", ".join(f"'{word}', ({value})::text" for word, value in attributes.items())
    return f"ARRAY[{listed}]::text[]"


def _procedure(oid: str) -> str:
    """The function with its argument types, NULL for none."""
    return f"nullif({oid}::oid, 0)::regprocedure"


def query(version: int) -> str:
    """The query for a server of that version."""
    parts = [
        *_on_tables(version),
        *_on_types(),
        *_in_schemas(version),
        *_foreign(),
        *_of_database(version),
    ]
    return " UNION ALL ".join(f"({part})" for part in parts) + " ORDER BY kind, prefix, schema, name, suffix"


def _on_tables(version: int) -> list[str]:
    row = "r.prrelid::regclass::text"
    if version >= 150000:
        row += (
            " || coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)"
            " FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])) || ')', '')"
            " || coalesce(' WHERE ' || pg_get_expr(r.prqual, r.prrelid), '')"
        )
    published = {
        "tables": f"(SELECT string_agg({row}, ', ' ORDER BY r.prrelid::regclass::text)"
        " FROM pg_publication_rel r WHERE r.prpubid = x.oid)"
    }
    if version >= 150000:
        published["schemas"] = (
            "(SELECT string_agg(s.pnnspid::regnamespace::text, ', ' ORDER BY s.pnnspid::regnamespace::text)"
            " FROM pg_publication_namespace s WHERE s.pnpubid = x.oid)"
        )
    if version >= 180000:
        published["generated columns"] = "x.pubgencols"
    return [
        _select(
            "statistics", "pg_statistic_ext", namespace="stxnamespace", name="x.stxname", relation="x.stxrelid",
            owner="x.stxowner",
            attributes={"definition": "pg_get_statisticsobjdef(x.oid)", "target": "nullif(x.stxstattarget, -1)"},
        ),
        _select(
            "event_trigger", "pg_event_trigger", name="x.evtname", owner="x.evtowner",
            attributes={
                "event": "x.evtevent", "function": "x.evtfoid::regprocedure", "state": "x.evtenabled",
                "tags": "array_to_string(x.evttags, ', ')",
            },
        ),
        _select(
            "publication", "pg_publication", name="x.pubname", owner="x.pubowner",
            attributes={
                "all tables": "x.puballtables", "insert": "x.pubinsert", "update": "x.pubupdate",
                "delete": "x.pubdelete", "truncate": "x.pubtruncate", "via root": "x.pubviaroot", **published,
            },
        ),
    ]  # fmt: skip


def _on_types() -> list[str]:
    operators = (
        "(SELECT string_agg(concat_ws(' ', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose,"
        " nullif(o.amopsortfamily, 0)), ', ' ORDER BY o.amopstrategy, o.amopopr::regoperator::text)"
        " FROM pg_amop o WHERE o.amopfamily = x.oid)"
    )
    functions = (
        "(SELECT string_agg(concat_ws(' ', p.amprocnum, format_type(p.amproclefttype, NULL),"
        " format_type(p.amprocrighttype, NULL), p.amproc::oid::regprocedure), ', '"
        " ORDER BY p.amprocnum, format_type(p.amproclefttype, NULL), format_type(p.amprocrighttype, NULL))"
        " FROM pg_amproc p WHERE p.amprocfamily = x.oid)"
    )
    return [
        _select(
            "cast", "pg_cast", where=f"NOT {_BUILT_IN} AND {not_internal('pg_cast', 'x.oid')}",
            prefix="format_type(x.castsource, NULL) || ' AS ' || format_type(x.casttarget, NULL)",
            attributes={"function": _procedure("x.castfunc"), "context": "x.castcontext", "method": "x.castmethod"},
        ),
        _select(
            "operator", "pg_operator", namespace="oprnamespace", name="x.oprname", owner="x.oprowner",
            suffix="'(' || concat_ws(', ', format_type(nullif(x.oprleft, 0), NULL), format_type(x.oprright, NULL)) || ')'",
            attributes={
                "function": _procedure("x.oprcode"), "commutator": "nullif(x.oprcom, 0)::regoperator",
                "negator": "nullif(x.oprnegate, 0)::regoperator", "restrict": _procedure("x.oprrest"),
                "join": _procedure("x.oprjoin"), "hashes": "x.oprcanhash", "merges": "x.oprcanmerge",
            },
        ),
        _select(
            "operator_class", "pg_opclass", namespace="opcnamespace", name="x.opcname", owner="x.opcowner",
            joins="JOIN pg_am m ON m.oid = x.opcmethod JOIN pg_opfamily f ON f.oid = x.opcfamily"
            " JOIN pg_namespace fn ON fn.oid = f.opfnamespace",
            suffix="' using ' || m.amname",
            attributes={
                "type": "format_type(x.opcintype, NULL)", "family": "fn.nspname || '.' || f.opfname",
                "default": "x.opcdefault", "storage": "format_type(nullif(x.opckeytype, 0), NULL)",
            },
        ),
        _select(
            "operator_family", "pg_opfamily", namespace="opfnamespace", name="x.opfname", owner="x.opfowner",
            joins="JOIN pg_am m ON m.oid = x.opfmethod", suffix="' using ' || m.amname",
            attributes={"operators": operators, "functions": functions},
        ),
        _select(
            "transform", "pg_transform", joins="JOIN pg_language l ON l.oid = x.trflang",
            prefix="'for ' || format_type(x.trftype, NULL) || ' language ' || l.lanname",
            attributes={"from SQL": _procedure("x.trffromsql"), "to SQL": _procedure("x.trftosql")},
        ),
    ]  # fmt: skip


def _in_schemas(version: int) -> list[str]:
    locale = "x.colllocale" if version >= 170000 else "x.colliculocale" if version >= 150000 else "NULL"
    rules = "x.collicurules" if version >= 160000 else "NULL"
    mappings = (
        "(SELECT string_agg(k.alias || ' with ' || k.dictionaries, ', ' ORDER BY k.alias) FROM ("
        "SELECT t.alias, string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dictionaries"
        " FROM pg_ts_config_map m JOIN ts_token_type(x.cfgparser) t ON t.tokid = m.maptokentype"
        " WHERE m.mapcfg = x.oid GROUP BY t.alias) k)"
    )
    return [
        _select(
            "collation", "pg_collation", namespace="collnamespace", name="x.collname", owner="x.collowner",
            attributes={
                "provider": "x.collprovider", "collate": "x.collcollate", "ctype": "x.collctype", "locale": locale,
                "deterministic": "x.collisdeterministic", "rules": rules,
            },
        ),
        _select(
            "conversion", "pg_conversion", namespace="connamespace", name="x.conname", owner="x.conowner",
            attributes={
                "from": "pg_encoding_to_char(x.conforencoding)", "to": "pg_encoding_to_char(x.contoencoding)",
                "function": _procedure("x.conproc"), "default": "x.condefault",
            },
        ),
        _select(
            "text_search", "pg_ts_config", namespace="cfgnamespace", name="x.cfgname", owner="x.cfgowner",
            prefix="'configuration '", joins="JOIN pg_ts_parser p ON p.oid = x.cfgparser"
            " JOIN pg_namespace pn ON pn.oid = p.prsnamespace",
            attributes={"parser": "pn.nspname || '.' || p.prsname", "mappings": mappings},
        ),
        _select(
            "text_search", "pg_ts_dict", namespace="dictnamespace", name="x.dictname", owner="x.dictowner",
            prefix="'dictionary '", joins="JOIN pg_ts_template t ON t.oid = x.dicttemplate"
            " JOIN pg_namespace tn ON tn.oid = t.tmplnamespace",
            attributes={"template": "tn.nspname || '.' || t.tmplname", "options": "x.dictinitoption"},
        ),
        _select(
            "text_search", "pg_ts_parser", namespace="prsnamespace", name="x.prsname", prefix="'parser '",
            attributes={
                "start": "x.prsstart", "token": "x.prstoken", "end": "x.prsend", "headline": "x.prsheadline",
                "types": "x.prslextype",
            },
        ),
        _select(
            "text_search", "pg_ts_template", namespace="tmplnamespace", name="x.tmplname", prefix="'template '",
            attributes={"init": "x.tmplinit", "lexize": "x.tmpllexize"},
        ),
    ]  # fmt: skip


def _foreign() -> list[str]:
    return [
        _select(
            "foreign_data_wrapper", "pg_foreign_data_wrapper", name="x.fdwname", owner="x.fdwowner",
            acl="coalesce(x.fdwacl, acldefault('F', x.fdwowner))",
            attributes={
                "handler": _procedure("x.fdwhandler"), "validator": _procedure("x.fdwvalidator"),
                "options": _OPTIONS.format("x.fdwoptions"),
            },
        ),
        _select(
            "foreign_server", "pg_foreign_server", name="x.srvname", owner="x.srvowner",
            acl="coalesce(x.srvacl, acldefault('S', x.srvowner))",
            joins="JOIN pg_foreign_data_wrapper w ON w.oid = x.srvfdw",
            attributes={
                "wrapper": "w.fdwname", "type": "x.srvtype", "version": "x.srvversion",
                "options": _OPTIONS.format("x.srvoptions"),
            },
        ),
        # Everybody may ask this view; it hides the options from those who may not see them.
        f"""
SELECT 'user_mapping', x.usename || ' on ', NULL, x.srvname::text, '',
       ARRAY['options', {_OPTIONS.format("x.umoptions")}], NULL, NULL, NULL, NULL
FROM pg_user_mappings x
""",
    ]  # fmt: skip


def _of_database(version: int) -> list[str]:
    parts = [
        _select(
            "language", "pg_language", name="x.lanname", owner="x.lanowner",
            acl="coalesce(x.lanacl, acldefault('l', x.lanowner))",
            attributes={
                "trusted": "x.lanpltrusted", "handler": _procedure("x.lanplcallfoid"),
                "inline": _procedure("x.laninline"), "validator": _procedure("x.lanvalidator"),
            },
        ),
        _select(
            "access_method", "pg_am", name="x.amname", attributes={"type": "x.amtype", "handler": _procedure("x.amhandler")},
        ),
        _select(
            "default_privileges", "pg_default_acl", owner="x.defaclrole", acl="x.defaclacl",
            joins="LEFT JOIN pg_namespace s ON s.oid = x.defaclnamespace",
            prefix="'of ' || pg_get_userbyid(x.defaclrole) || coalesce(' in ' || s.nspname, '') || ' on ' ||"
            " CASE x.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'"
            " WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END",
            attributes={"schema": "s.nspname", "objects": "x.defaclobjtype"},
        ),
        # The database's own name is left out: two copies have two names.
        """
SELECT 'database', 'this', NULL, '', '', ARRAY['connection limit', nullif(x.datconnlimit, -1)::text], NULL,
       pg_get_userbyid(x.datdba)::text, coalesce(x.datacl, acldefault('d', x.datdba))::text[],
       shobj_description(x.oid, 'pg_database')
FROM pg_database x WHERE x.datname = current_database()
""",
        """
SELECT 'setting', split_part(c, '=', 1) || coalesce(' for ' || pg_get_userbyid(nullif(x.setrole, 0)), ''), NULL, '', '',
       ARRAY['value', substr(c, strpos(c, '=') + 1)], NULL, NULL, NULL, NULL
FROM pg_db_role_setting x JOIN pg_database b ON b.oid = x.setdatabase, unnest(x.setconfig) c
WHERE b.datname = current_database()
""",
        """
SELECT 'large_object', 'all of ' || pg_get_userbyid(x.lomowner), NULL, '', '',
       ARRAY['count', count(*)::text, 'privileges', string_agg(DISTINCT x.lomacl::text, ', ' ORDER BY x.lomacl::text)],
       NULL, pg_get_userbyid(x.lomowner)::text, NULL, NULL
FROM pg_largeobject_metadata x GROUP BY x.lomowner
""",
        """
SELECT 'security_label', o.type || ' ' || o.identity || ' by ' || x.provider, NULL, '', '', ARRAY['label', x.label],
       NULL, NULL, NULL, NULL
FROM pg_seclabel x, pg_identify_object(x.classoid, x.objoid, x.objsubid) o
""",
    ]  # fmt: skip
    if version >= 140000:
        # Before 14 only a superuser may read it. Where it connects to may hold a password.
        parts.append(
            """
SELECT 'subscription', '', NULL, x.subname::text, '',
       ARRAY['enabled', x.subenabled::text, 'publications', array_to_string(x.subpublications, ', '),
             'slot', x.subslotname::text],
       NULL, pg_get_userbyid(x.subowner)::text, NULL, NULL
FROM pg_subscription x JOIN pg_database b ON b.oid = x.subdbid WHERE b.datname = current_database()
"""
        )
    return parts
