use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Error of a file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written ({source}): choose another file with --env-file, or fix its permissions", path = path.display())]
pub struct EnvironmentError {
    path: PathBuf,
    source: io::Error,
}

/// Variables that a function needs to find the services here. They are shown as lines `NAME=value`, which a
/// shell and a `.env` file read alike, because no value needs quotes.
pub struct Environment(Vec<(&'static str, String)>);

impl Environment {
    /// Creates an environment of these variables, in their order.
    pub fn new(variables: Vec<(&'static str, String)>) -> Self {
        Self(variables)
    }

    /// Writes the variables into `path`, readable only by its owner. They replace lines that set the same
    /// variables; other lines stay.
    pub fn write(&self, path: &Path) -> Result<(), EnvironmentError> {
        let error = |source| EnvironmentError { path: path.to_owned(), source };
        let before = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => String::new(),
            Err(other) => return Err(error(other)),
        };
        let mut text = String::new();
        for line in before.lines().filter(|line| !self.sets(line)) {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(&self.to_string());
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(error)
    }

    fn sets(&self, line: &str) -> bool {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = line.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(|name| self.0.iter().any(|(own, _)| *own == name))
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_what_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "# mine\nMAIL_FROM=a@example.com\nexport A=old\n B = older\nAB=stays").unwrap();
        let environment = Environment::new(vec![("A", "1".to_owned()), ("B", "2".to_owned())]);
        for _ in 0..2 {
            environment.write(&path).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text, "# mine\nMAIL_FROM=a@example.com\nAB=stays\nA=1\nB=2\n");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_its_owners_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        Environment::new(vec![("A", "1".to_owned())]).write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
