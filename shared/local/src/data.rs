//! The data folder: the database, the secret, the mailbox.

use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use latchkey_core::port::{Entropy, EntropyError};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be made or entered.
    #[error("the data folder {path} cannot be used ({source}): choose another with --data, or mend its permissions", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The secret cannot be read or written.
    #[error("the secret in {path} cannot be read or written ({source}): mend its permissions, or set LATCHKEY_SECRET", path = path.display())]
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

/// A data folder that exists.
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Makes the folder, for its owner only, where it is missing.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let error = |source| DataError::Folder { path: path.to_owned(), source };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(error)?;
        Ok(Self(path.canonicalize().map_err(error)?))
    }

    /// Its full path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("latchkey.db")
    }

    /// The file of the emulated DynamoDB of `latchkey services`.
    pub fn dynamodb(&self) -> PathBuf {
        self.0.join("dynamodb.db")
    }

    /// The folder of its Redis.
    pub fn redis(&self) -> PathBuf {
        self.0.join("redis")
    }

    /// The token of its Upstash endpoint, made now where there is none.
    pub fn redis_token(&self, entropy: &dyn Entropy) -> Result<String, DataError> {
        self.kept("redis-token", URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()?))
    }

    /// The secret that this machine made for itself, made now where there is none. Only the local server has one: everywhere
    /// else a missing `LATCHKEY_SECRET` stops the start.
    pub fn secret(&self, entropy: &dyn Entropy) -> Result<String, DataError> {
        self.kept("secret", BASE64_STANDARD.encode(entropy.bytes::<32>()?))
    }

    /// What `name` holds; `secret` where there is no such file yet.
    fn kept(&self, name: &str, secret: String) -> Result<String, DataError> {
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
            Err(exists) if exists.kind() == std::io::ErrorKind::AlreadyExists => {
                std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(error)
            }
            Err(other) => Err(error(other)),
        }
    }
}
