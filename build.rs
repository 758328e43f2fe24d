//! Files that are compiled in by folder: cargo does not see by itself that one comes or goes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    println!("cargo:rerun-if-changed=migrations");
    for (folder, extension, list) in [
        ("jurisdictions", ".toml", "jurisdictions.rs"),
        ("locales", ".toml", "locales.rs"),
        ("templates/messages", "", "messages.rs"),
        ("templates/web", "", "pages.rs"),
        ("templates/console", "", "console.rs"),
    ] {
        println!("cargo:rerun-if-changed={folder}");
        fs::write(out.join(list), listed(&root.join(folder), extension)?)?;
    }
    Ok(())
}

/// A Rust expression: each file below a folder whose name ends like that, as its path without that end and its text.
fn listed(folder: &Path, end: &str) -> io::Result<String> {
    let mut list = "&[\n".to_owned();
    let mut files = files_below(folder)?;
    files.sort();
    for file in files {
        let path = file.strip_prefix(folder).map_err(io::Error::other)?.display().to_string().replace('\\', "/");
        let Some(name) = path.strip_suffix(end) else { continue };
        writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string()).map_err(io::Error::other)?;
    }
    list.push(']');
    Ok(list)
}

fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            files.push(path);
        }
    }
    Ok(files)
}
