//! The data folder: the database, the secret, the mailbox.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use latchkey_core::port::{Entropy, EntropyError};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be made or entered.
    #[error("the data folder {path} cannot be used ({source}): choose another with --data, or fix its permissions", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is none, and this command makes none.
    #[error("there is no data in {path}: give the folder with --data, or make one with `latchkey serve` or `latchkey users add`", path = path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The data was sealed with a secret that this command was not given.
    #[error("LATCHKEY_SECRET is not set, and {path} holds no secret of its own: set it to the secret of the server on this data", path = path.display())]
    NoSecret {
        /// The folder.
        path: PathBuf,
    },
    /// The secret cannot be read or written.
    #[error("the secret in {path} cannot be read or written ({source}): fix its permissions, or set LATCHKEY_SECRET", path = path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There was no randomness for a secret.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Whether a command may make a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A missing folder is made.
    Make,
    /// A missing folder is an error, since a misspelt name would be one too.
    Refuse,
}

/// A data folder, perhaps one that does not exist yet: nothing is made before [`open`](Self::open).
#[derive(Debug)]
pub struct DataPlan {
    path: PathBuf,
    missing: Missing,
}

impl DataPlan {
    /// The folder at `path`. Refused where there is no data and `missing` says so.
    pub fn new(path: &Path, missing: Missing) -> Result<Self, DataError> {
        let path = std::path::absolute(path)
            .map_err(|source| DataError::Folder { path: path.to_owned(), source })?;
        if missing == Missing::Refuse && !path.join(DATABASE).exists() {
            return Err(DataError::Missing { path });
        }
        Ok(Self { path, missing })
    }

    /// The secret that this machine made for itself, or a new one that [`open`](Self::open) will store. Data without a secret
    /// of its own was sealed with one from elsewhere, and gets no second one.
    pub fn secret(&self, entropy: &dyn Entropy) -> Result<String, DataError> {
        let path = self.path.join(SECRET);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound && self.path.join(DATABASE).exists() => {
                Err(DataError::NoSecret { path: self.path.clone() })
            }
            // What is wrong with the folder is said when it is opened.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(BASE64_STANDARD.encode(entropy.bytes::<32>()?))
            }
            Err(source) => Err(DataError::Secret { path, source }),
        }
    }

    /// Makes the folder where it is missing and may be made.
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
/// Everything that a start makes in a data folder.
const FILES: [&str; 4] = [DATABASE, "latchkey.db-wal", "latchkey.db-shm", SECRET];
const MAILBOX: &str = "mailbox";

/// What a start makes in the data folder, and the folder itself. Removed when this is dropped, unless it is kept: a start that
/// fails leaves nothing behind.
#[derive(Debug)]
#[must_use]
pub struct MadeData {
    files: Vec<PathBuf>,
    /// The innermost first.
    folders: Vec<PathBuf>,
}

impl MadeData {
    /// What is not there yet.
    fn before(path: &Path) -> Self {
        let files = FILES.iter().map(|name| path.join(name)).filter(|path| !path.exists()).collect();
        let mailbox = path.join(MAILBOX);
        let folders = std::iter::once(mailbox.as_path()).chain(path.ancestors());
        let folders = folders.filter(|path| !path.exists()).map(Path::to_owned).collect();
        Self { files, folders }
    }

    /// The start went well.
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
            // One that holds anything else stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// A data folder that exists.
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder, for its owner only, where it is missing.
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

    /// Its full path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    /// Stores `secret`, unless there is one; gives the one that is stored.
    pub fn store_secret(&self, secret: String) -> Result<String, DataError> {
        self.stored(SECRET, secret)
    }

    /// What the file `name` of the folder holds; `secret`, stored for its owner only, where there is none yet.
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
