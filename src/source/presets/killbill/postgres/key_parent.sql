coalesce(nullif(left(:after_key, 19), ''), '0')::bigint
