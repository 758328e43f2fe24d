cast(left(:after_key, 19) as unsigned)
