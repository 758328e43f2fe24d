//! Level 2: where instalments come from: CSV and JSON lines, line by line.
