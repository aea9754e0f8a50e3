use std::path::Path;

use dynoxide::DynoxideError;
use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_time_to_live::UpdateTimeToLiveRequest;
use serde_json::json;
use tokio::net::TcpListener;

/// Error of the emulated DynamoDB.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file of the database cannot be used.
    #[error(
        "the database {path} cannot be used ({source}): fix its permissions, or remove it to start again"
    )]
    Open {
        /// Path of the file; `:memory:` without a file.
        path: String,
        /// Cause.
        source: DynoxideError,
    },
    /// The table cannot be created.
    #[error("the table {table} cannot be created ({why})")]
    Table {
        /// Name of the table.
        table: String,
        /// Cause.
        why: String,
    },
    /// The server stopped.
    #[error("DynamoDB's stand-in stopped: {0}")]
    Server(String),
}

/// Emulated DynamoDB.
pub struct Database(dynoxide::Database);

impl Database {
    /// Opens the database in memory, or in `file`.
    pub fn open(file: Option<&Path>) -> Result<Self, DatabaseError> {
        let (path, opened) = match file {
            None => (":memory:".to_owned(), dynoxide::Database::memory()),
            Some(file) => {
                let path = file.display().to_string();
                let opened = dynoxide::Database::new(&path);
                (path, opened)
            }
        };
        opened.map(Self).map_err(|source| DatabaseError::Open { path, source })
    }

    /// Creates Latchkey's table unless a table of that name exists.
    pub fn ensure_table(&self, table: &str) -> Result<(), DatabaseError> {
        let error = |why: String| DatabaseError::Table { table: table.to_owned(), why };
        let describe: DescribeTableRequest =
            serde_json::from_value(json!({"TableName": table})).map_err(|why| error(why.to_string()))?;
        match self.0.describe_table(describe) {
            Ok(_) => return Ok(()),
            Err(DynoxideError::ResourceNotFoundException(_)) => {}
            Err(why) => return Err(error(why.to_string())),
        }
        self.0.create_table(definition(table).map_err(&error)?).map_err(|why| error(why.to_string()))?;
        let ttl: UpdateTimeToLiveRequest = serde_json::from_value(json!({
            "TableName": table,
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true},
        }))
        .map_err(|why| error(why.to_string()))?;
        self.0.update_time_to_live(ttl).map(|_| ()).map_err(|why| error(why.to_string()))
    }

    /// Serves DynamoDB's protocol until `stop` is ready.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), DatabaseError> {
        dynoxide::server::serve_with_shutdown(listener, self.0, stop).await.map_err(DatabaseError::Server)
    }
}

/// Returns the table's definition, the same as in the deployment.
fn definition(table: &str) -> Result<CreateTableRequest, String> {
    serde_json::from_value(json!({
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "ipk", "AttributeType": "S"},
            {"AttributeName": "isk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "index",
            "KeySchema": [
                {"AttributeName": "ipk", "KeyType": "HASH"},
                {"AttributeName": "isk", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }],
    }))
    // dynoxide marks its own messages with this prefix.
    .map_err(|why| why.to_string().replace("VALIDATION:", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dynamodb.db");
        for _ in 0..2 {
            let database = Database::open(Some(&file)).unwrap();
            database.ensure_table("latchkey").unwrap();
            database.ensure_table("latchkey").unwrap();
            assert_eq!(database.0.table_count().unwrap(), 1);
        }
    }

    #[test]
    fn a_name_that_dynamodb_does_not_take_is_told() {
        let told = Database::open(None).unwrap().ensure_table("no spaces").unwrap_err().to_string();
        assert!(told.starts_with("the table no spaces cannot be created ("), "{told}");
    }
}
