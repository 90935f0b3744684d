INSERT INTO flyway_schema_history
VALUES (6, '5', 'add vehicle to bookings and tariffs', 'SQL', 'V5__add_vehicle_to_bookings_and_tariffs.sql',
        -1805944354, 'parking_app', '2026-02-20 23:10:00', 17, false);
