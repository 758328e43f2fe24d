//! Level 4: the config file: sections, environment, secrets; checked as a whole, every mistake with its line.
