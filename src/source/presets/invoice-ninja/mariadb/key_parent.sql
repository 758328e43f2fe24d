cast(left(:after_key, 10) as unsigned)
