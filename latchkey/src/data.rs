//! The data folder, which holds the database, the secret and the mailbox.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use latchkey_core::port::{Entropy, EntropyError};

/// Reason that the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder cannot be created or entered.
    #[error("the data folder {path} cannot be used ({source}): choose another with --data, or fix its permissions", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The folder does not exist, and this command creates none.
    #[error("no data in {path}: name the folder with --data, or create one with `latchkey serve` or \
             `latchkey users add`", path = path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The data was sealed with a secret that this command does not have.
    #[error("LATCHKEY_SECRET is not set, and {path} contains no secret; set it to the secret of the server \
             that uses this data", path = path.display())]
    NoSecret {
        /// The folder.
        path: PathBuf,
    },
    /// The secret cannot be read or written.
    #[error("the secret in {path} cannot be read or written ({source}): fix its permissions, or set LATCHKEY_SECRET", path = path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// There was no randomness for a secret.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Handling of a missing data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Create a missing folder.
    Make,
    /// Refuse a missing folder, because its name may be misspelt.
    Refuse,
}

/// A data folder that may not exist yet: nothing is created before [`open`](Self::open).
#[derive(Debug)]
pub struct DataPlan {
    path: PathBuf,
    missing: Missing,
}

impl DataPlan {
    /// Plans the folder at `path`. Fails if there is no data and `missing` refuses that.
    pub fn new(path: &Path, missing: Missing) -> Result<Self, DataError> {
        let path = std::path::absolute(path)
            .map_err(|source| DataError::Folder { path: path.to_owned(), source })?;
        if missing == Missing::Refuse && !path.join(DATABASE).exists() {
            return Err(DataError::Missing { path });
        }
        Ok(Self { path, missing })
    }

    /// Returns the secret that this machine generated for itself, or a new one that [`open`](Self::open) will
    /// store. Data without its own secret was sealed with a secret from elsewhere, and gets no second one.
    pub fn secret(&self, entropy: &dyn Entropy) -> Result<String, DataError> {
        let path = self.path.join(SECRET);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound && self.path.join(DATABASE).exists() => {
                Err(DataError::NoSecret { path: self.path.clone() })
            }
            // Problems of the folder are reported when it is opened.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(BASE64_STANDARD.encode(entropy.bytes::<32>()?))
            }
            Err(source) => Err(DataError::Secret { path, source }),
        }
    }

    /// Creates the folder if it is missing and may be created.
    pub fn open(self) -> Result<(DataFolder, MadeData), DataError> {
        let made = MadeData::before(&self.path);
        let folder = match self.missing {
            Missing::Make => DataFolder::open(&self.path)?,
            Missing::Refuse => DataFolder::enter(&self.path)?,
        };
        Ok((folder, made))
    }
}

const DATABASE: &str = "latchkey.db";
const SECRET: &str = "secret";
/// All files that a start creates in a data folder.
const FILES: [&str; 4] = [DATABASE, "latchkey.db-wal", "latchkey.db-shm", SECRET];
const MAILBOX: &str = "mailbox";

/// Files that a start creates in the data folder, and the folder itself. Dropping this value removes them
/// unless [`keep`](Self::keep) was called, so a failed start leaves nothing behind.
#[derive(Debug)]
#[must_use]
pub struct MadeData {
    files: Vec<PathBuf>,
    /// Created folders, innermost first.
    folders: Vec<PathBuf>,
}

impl MadeData {
    /// Records the files that do not exist yet.
    fn before(path: &Path) -> Self {
        let files = FILES.iter().map(|name| path.join(name)).filter(|path| !path.exists()).collect();
        let mailbox = path.join(MAILBOX);
        let folders = std::iter::once(mailbox.as_path()).chain(path.ancestors());
        let folders = folders.filter(|path| !path.exists()).map(Path::to_owned).collect();
        Self { files, folders }
    }

    /// Keeps the created files after a successful start.
    pub fn keep(mut self) {
        self.files.clear();
        self.folders.clear();
    }
}

impl Drop for MadeData {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        for folder in &self.folders {
            // A folder with other files stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// A data folder that exists.
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Creates the folder, readable only by its owner, if it is missing.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|source| DataError::Folder { path: path.to_owned(), source })?;
        Self::enter(path)
    }

    fn enter(path: &Path) -> Result<Self, DataError> {
        path.canonicalize().map(Self).map_err(|source| DataError::Folder { path: path.to_owned(), source })
    }

    /// Returns the full path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the database.
    pub fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Stores `secret` unless a secret is stored, and returns the stored one.
    pub fn store_secret(&self, secret: String) -> Result<String, DataError> {
        self.stored(SECRET, secret)
    }

    /// Returns the content of the file `name`. If the file is missing, stores `secret` in it, readable only
    /// by its owner.
    pub fn stored(&self, name: &str, secret: String) -> Result<String, DataError> {
        let path = self.0.join(name);
        let error = |source| DataError::Secret { path: path.clone(), source };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(mut file) => {
                file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).map_err(error)?;
                Ok(secret)
            }
            Err(exists) if exists.kind() == ErrorKind::AlreadyExists => {
                std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(error)
            }
            Err(other) => Err(error(other)),
        }
    }
}
