-- Let a place send, now that none does.
INSERT INTO notice_origins (public_url, address, prefix, speaks)
VALUES (%(public_url)s, %(address)s, %(prefix)s, true)
ON CONFLICT (public_url, address, prefix) DO UPDATE SET speaks = true, seen_at = clock_timestamp();
