-- Query Set 1 of the written plan: schema conflicts fixed (4/4). The first two are its own words but for the catalog;
-- like all twelve they are necessary and not sufficient.

-- 1.1: agent_recommendations has all three columns.
-- expect: 3
SELECT count(*)
FROM pg_catalog.pg_attribute
WHERE attrelid = 'public.agent_recommendations'::regclass
  AND attname IN ('workspace_id', 'outcome_status', 'outcome_quality_score');

-- 1.2: every trust score has a workspace.
-- expect: true
SELECT count(*) > 0 AND count(workspace_id) = count(*) FROM agent_trust_scores;

-- 1.3: every recommendation has one, too.
-- expect: true
SELECT count(*) > 0 AND count(workspace_id) = count(*) FROM agent_recommendations;

-- 1.4: competitors has the columns of one definition only.
-- expect: 2
SELECT count(*)
FROM pg_catalog.pg_attribute
WHERE attrelid = 'public.competitors'::regclass
  AND attname IN ('name', 'website', 'company_name', 'domain');
