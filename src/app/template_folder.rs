//! The templates of a folder.

use std::path::Path;
use std::{fs, io};

use crate::render::{TemplateSource, is_template_path};
use crate::source::read_text_file;

/// Every template below a folder. Other files are passed over.
///
/// # Errors
/// When a folder or a template cannot be read.
pub fn read_templates(folder: &Path) -> io::Result<Vec<TemplateSource>> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(folder).unwrap_or(&path);
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            let name = parts.join("/");
            if is_template_path(&name) {
                sources.push(TemplateSource {
                    path: name,
                    text: read_text_file(&path).map_err(|error| named(below, &error))?,
                });
            }
        }
    }
    Ok(sources)
}

/// The error with the file's name below its folder.
fn named(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}
