SET LOCAL lock_timeout = '5s';

-- The same plate is spelt in many ways, and belongs to one vehicle after another: until a moment, and from it on.
UPDATE bookings
SET vehicle_id = vehicles.id
FROM vehicles
WHERE upper(regexp_replace(bookings.license_plate, '[^A-Za-z0-9]', '', 'g'))
    = upper(regexp_replace(vehicles.license_plate, '[^A-Za-z0-9]', '', 'g'))
  AND bookings.starts_at >= vehicles.registered_at
  AND bookings.starts_at < coalesce(vehicles.deregistered_at, 'infinity');

-- One tariff for each type of space that a lot has. numeric rounds half a cent up; floating point would not.
INSERT INTO tariffs (lot_id, space_type, hourly_cents, valid_from)
SELECT DISTINCT
    lot.id,
    space.space_type,
    round(lot.hourly_rate * 100 * CASE space.space_type
        WHEN 'COMPACT' THEN 0.9
        WHEN 'ELECTRIC' THEN 1.2
        WHEN 'ACCESSIBLE' THEN 0.5
        ELSE 1
    END)::integer,
    date '2026-03-01'
FROM parking_lots AS lot
JOIN parking_spaces AS space ON space.lot_id = lot.id
ORDER BY lot.id, space.space_type;
