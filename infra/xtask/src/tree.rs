use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{Error, GENERATED, Mode, markers};

/// Files with their generated content.
pub(crate) struct Tree {
    root: PathBuf,
    files: BTreeMap<String, String>,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new() }
    }

    /// Sets a file that is generated as a whole.
    pub(crate) fn put(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text);
    }

    /// Sets a file that is generated as a whole, below a comment that says so.
    pub(crate) fn put_under_header(&mut self, path: &str, comment: &str, text: &str) {
        self.put(path, format!("{comment} {GENERATED}.\n{text}"));
    }

    /// Returns a file with its generated content.
    pub(crate) fn get(&self, path: &str) -> Result<String, Error> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None => self.on_disk(path),
        }
    }

    /// Replaces the part of a file between the comments of that name.
    pub(crate) fn set_part(&mut self, path: &str, part: &str, text: &str) -> Result<(), Error> {
        let file = self.get(path)?;
        let missing = || Error::Markers { path: path.to_owned(), part: part.to_owned() };
        let file = markers::replace(&file, part, text).ok_or_else(missing)?;
        self.put(path, file);
        Ok(())
    }

    /// Writes the files that differ from those on the disk and returns their paths, or fails and lists them.
    pub(crate) fn settle(self, mode: Mode) -> Result<Vec<String>, Error> {
        let mut stale = Vec::new();
        for (path, text) in &self.files {
            if self.on_disk(path).is_ok_and(|there| there == *text) {
                continue;
            }
            if mode == Mode::Write {
                std::fs::write(self.root.join(path), text)
                    .map_err(|source| Error::File { path: path.clone(), source })?;
            }
            stale.push(path.clone());
        }
        if mode == Mode::Check && !stale.is_empty() { Err(Error::Stale(stale)) } else { Ok(stale) }
    }

    fn on_disk(&self, path: &str) -> Result<String, Error> {
        std::fs::read_to_string(self.root.join(path))
            .map_err(|source| Error::File { path: path.to_owned(), source })
    }
}
