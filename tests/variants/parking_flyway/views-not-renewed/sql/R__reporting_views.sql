CREATE OR REPLACE VIEW lot_occupancy AS
SELECT
    lot.id AS lot_id,
    lot.name,
    (SELECT count(*) FROM parking_spaces AS space WHERE space.lot_id = lot.id) AS spaces,
    (SELECT count(*) FROM parking_spaces AS space WHERE space.lot_id = lot.id AND space.status = 'TAKEN') AS taken
FROM parking_lots AS lot;

GRANT SELECT ON lot_occupancy TO ${report_role};
