-- Functions of uuid-ossp for servers that lack its library. Versions 1 and 1mc carry a random node, as RFC 9562
-- section 6.10 allows; version 5 hashes with a SHA-1 written here, since the server has none of its own.

CREATE FUNCTION uuid_nil() RETURNS uuid
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN '00000000-0000-0000-0000-000000000000'::uuid;

CREATE FUNCTION uuid_ns_dns() RETURNS uuid
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_ns_url() RETURNS uuid
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_ns_oid() RETURNS uuid
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_ns_x500() RETURNS uuid
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::uuid;

CREATE FUNCTION uuid_generate_v4() RETURNS uuid
  LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
  RETURN pg_catalog.gen_random_uuid();

-- 100-nanosecond intervals since 1582-10-15 (RFC 9562, section 5.1), a random clock sequence and node.
CREATE FUNCTION uuid_generate_v1mc() RETURNS uuid
  LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
  RETURN (
    SELECT (substr(t, 9, 8) || substr(t, 5, 4) || '1' || substr(t, 2, 3) || substr(r, 17, 4)
            || lpad(to_hex((('x' || substr(r, 21, 2))::bit(8)::int | 1)), 2, '0') || substr(r, 23, 10))::uuid
    FROM (SELECT lpad(to_hex((extract(epoch FROM clock_timestamp()) * 10000000)::bigint + 122192928000000000), 16, '0'),
                 replace(gen_random_uuid()::text, '-', '')) AS now(t, r));

CREATE FUNCTION uuid_generate_v1() RETURNS uuid
  LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
  RETURN uuid_generate_v1mc();

CREATE FUNCTION uuid_generate_v3(namespace uuid, name text) RETURNS uuid
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN (
    SELECT encode(set_byte(set_byte(h, 6, (get_byte(h, 6) & 15) | 48), 8, (get_byte(h, 8) & 63) | 128), 'hex')::uuid
    FROM (SELECT decode(md5(uuid_send(namespace) || convert_to(name, 'UTF8')), 'hex')) AS hashed(h));

CREATE FUNCTION uuid_generate_v5(namespace uuid, name text) RETURNS uuid
  LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $body$
DECLARE
  mask  constant bigint := 4294967295;
  data  bytea := uuid_send(namespace) || convert_to(name, 'UTF8');
  bits  bigint := length(data) * 8;
  h     bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
  w     bigint[];
  a bigint; b bigint; c bigint; d bigint; e bigint; f bigint; k bigint; t bigint;
  hash  bytea := ''::bytea;
BEGIN
  -- SHA-1 as FIPS 180-4 defines it.
  data := data || '\x80'::bytea;
  WHILE length(data) % 64 <> 56 LOOP
    data := data || '\x00'::bytea;
  END LOOP;
  data := data || int8send(bits);
  FOR chunk IN 0 .. length(data) / 64 - 1 LOOP
    FOR i IN 0 .. 15 LOOP
      w[i] := (get_byte(data, chunk * 64 + i * 4)::bigint << 24) | (get_byte(data, chunk * 64 + i * 4 + 1) << 16)
            | (get_byte(data, chunk * 64 + i * 4 + 2) << 8) | get_byte(data, chunk * 64 + i * 4 + 3);
    END LOOP;
    FOR i IN 16 .. 79 LOOP
      t := w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16];
      w[i] := ((t << 1) | (t >> 31)) & mask;
    END LOOP;
    a := h[1]; b := h[2]; c := h[3]; d := h[4]; e := h[5];
    FOR i IN 0 .. 79 LOOP
      IF i < 20 THEN
        f := (b & c) | ((~b & mask) & d); k := 1518500249;
      ELSIF i < 40 THEN
        f := b # c # d; k := 1859775393;
      ELSIF i < 60 THEN
        f := (b & c) | (b & d) | (c & d); k := 2400959708;
      ELSE
        f := b # c # d; k := 3395469782;
      END IF;
      t := ((((a << 5) | (a >> 27)) & mask) + f + e + k + w[i]) & mask;
      e := d; d := c; c := ((b << 30) | (b >> 2)) & mask; b := a; a := t;
    END LOOP;
    h := ARRAY[(h[1] + a) & mask, (h[2] + b) & mask, (h[3] + c) & mask, (h[4] + d) & mask, (h[5] + e) & mask];
  END LOOP;
  FOR i IN 1 .. 4 LOOP
    hash := hash || substring(int8send(h[i]) FROM 5);
  END LOOP;
  hash := set_byte(set_byte(hash, 6, (get_byte(hash, 6) & 15) | 80), 8, (get_byte(hash, 8) & 63) | 128);
  RETURN encode(hash, 'hex')::uuid;
END
$body$;
