-- Query Set 4 of the written plan: foreign key integrity (2/2).

-- 4.1: 42 foreign keys, all of them validated.
-- expect: 42
SELECT count(*)
FROM pg_catalog.pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND convalidated;

-- 4.2: no orphan among the rows of the tables that were changed.
-- expect: 0
SELECT (SELECT count(*) FROM agent_recommendations AS a
        WHERE NOT EXISTS (SELECT FROM workspaces AS w WHERE w.id = a.workspace_id))
     + (SELECT count(*) FROM agent_trust_scores AS a
        WHERE NOT EXISTS (SELECT FROM workspaces AS w WHERE w.id = a.workspace_id))
     + (SELECT count(*) FROM agent_feedback AS a
        WHERE NOT EXISTS (SELECT FROM agent_recommendations AS r WHERE r.id = a.recommendation_id))
     + (SELECT count(*) FROM competitor_signals AS s
        WHERE NOT EXISTS (SELECT FROM competitors AS c WHERE c.id = s.competitor_id));
