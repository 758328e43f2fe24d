substring_index(:after_key, ' ', -1)
