CREATE OR REPLACE VIEW lot_occupancy AS
SELECT
    lot.id AS lot_id,
    lot.name,
    (SELECT count(*) FROM parking_spaces AS space WHERE space.lot_id = lot.id) AS spaces,
    (SELECT count(*) FROM parking_spaces AS space WHERE space.lot_id = lot.id AND space.status = 'TAKEN') AS taken,
    (SELECT min(tariff.hourly_cents) FROM tariffs AS tariff WHERE tariff.lot_id = lot.id) AS cheapest_hour_cents
FROM parking_lots AS lot;

-- Cancelled bookings are no use; a vehicle that never parked has 0.
CREATE OR REPLACE VIEW vehicle_usage AS
SELECT vehicle.id AS vehicle_id, vehicle.client_id, count(booking.id) AS bookings, max(booking.starts_at) AS last_booking
FROM vehicles AS vehicle
LEFT JOIN bookings AS booking ON booking.vehicle_id = vehicle.id AND booking.status <> 'CANCELLED'
GROUP BY vehicle.id;

GRANT SELECT ON lot_occupancy, vehicle_usage TO ${report_role};
