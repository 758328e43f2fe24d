cast(right(:after_key, 19) as unsigned)
