CREATE OR REPLACE FUNCTION public.workspace_overview(workspace uuid)
RETURNS TABLE (campaigns bigint, moves bigint, competitors bigint, alerts bigint)
LANGUAGE plpgsql STABLE SET search_path TO '' AS $$
BEGIN
    RETURN QUERY SELECT
        (SELECT count(*) FROM public.campaigns AS c WHERE c.workspace_id = workspace),
        (SELECT count(*) FROM public.moves AS m WHERE m.workspace_id = workspace)
            + (SELECT count(*) FROM public.quests AS q WHERE q.workspace_id = workspace),
        (SELECT count(*) FROM public.competitors AS c WHERE c.workspace_id = workspace),
        (SELECT count(*) FROM public.alerts AS a WHERE a.workspace_id = workspace AND NOT a.seen);
END;
$$;
