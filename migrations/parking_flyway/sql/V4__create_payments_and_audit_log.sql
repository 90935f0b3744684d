CREATE TABLE payments (
    id              bigserial PRIMARY KEY,
    booking_id      bigint REFERENCES bookings (id) ON DELETE CASCADE,
    subscription_id bigint REFERENCES subscriptions (id) ON DELETE CASCADE,
    amount          numeric(8, 2) NOT NULL CHECK (amount >= 0),
    method          varchar(20)   NOT NULL CHECK (method IN ('CARD', 'CASH', 'TRANSFER')),
    paid_at         timestamptz   NOT NULL,
    CHECK (num_nonnulls(booking_id, subscription_id) = 1)
);

CREATE INDEX idx_payments_booking_id ON payments (booking_id);
CREATE INDEX idx_payments_subscription_id ON payments (subscription_id);

CREATE TABLE audit_log (
    id      bigserial PRIMARY KEY,
    user_id bigint REFERENCES users (id),
    action  varchar(50) NOT NULL,
    entity  varchar(50) NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idx_audit_log_at ON audit_log (at);
