cast(right(:after_key, 11) as unsigned)
