coalesce(nullif(right(:after_key, 19), ''), '0')::bigint
