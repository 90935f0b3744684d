DROP VIEW IF EXISTS vehicle_usage, lot_occupancy;
DROP TABLE IF EXISTS audit_log, payments, bookings, subscriptions, tariffs, parking_spaces, parking_lots, vehicles,
    clients, users, flyway_schema_history;
