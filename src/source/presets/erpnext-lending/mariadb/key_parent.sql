left(:after_key, char_length(:after_key) - char_length(substring_index(:after_key, ' ', -1)) - 1)
