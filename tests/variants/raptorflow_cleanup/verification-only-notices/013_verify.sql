DO $$
DECLARE
    wrong bigint;
BEGIN
    SELECT count(*) INTO wrong
    FROM public.agent_trust_scores AS score
    JOIN public.cohorts AS cohort ON cohort.id = score.cohort_id
    WHERE cohort.workspace_id <> score.workspace_id;
    IF wrong > 0 THEN
        RAISE NOTICE 'FAILED: % scores are in another workspace than their cohort', wrong;
    END IF;
    RAISE NOTICE 'verification complete';
END
$$;
