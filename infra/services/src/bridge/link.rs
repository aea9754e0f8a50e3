use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Client, RedisError, Value};
use tokio::sync::Mutex;

use super::command::Command;
use crate::redis_server::connect;

/// Connection to Redis, shared by all requests, and opened again after it broke.
pub(super) struct Link {
    client: Client,
    shared: Mutex<Option<MultiplexedConnection>>,
}

impl Link {
    pub fn new(client: Client) -> Self {
        Self { client, shared: Mutex::new(None) }
    }

    /// Returns the response of Redis to `command`, including its errors. Returns an error text for the client
    /// if Redis cannot be reached.
    pub async fn run(&self, command: &Command) -> Result<Value, String> {
        let mut connection = self.connection().await.map_err(|error| no_answer(&error))?;
        let answered = connection.req_packed_command(&command.to_redis()).await;
        if let Err(error) = &answered
            && error.is_unrecoverable_error()
        {
            *self.shared.lock().await = None;
        }
        answered.map_err(|error| no_answer(&error))
    }

    /// Runs all of `commands` as one transaction, on a connection of its own. Returns the result of EXEC, or
    /// the error that undid it.
    pub async fn transaction(&self, commands: &[Command]) -> Result<Value, String> {
        let run = async {
            let mut connection = connect(&self.client).await?;
            connection.req_packed_command(&redis::cmd("MULTI")).await?;
            for command in commands {
                // After an error here EXEC fails and returns it.
                connection.req_packed_command(&command.to_redis()).await?;
            }
            connection.req_packed_command(&redis::cmd("EXEC")).await
        };
        run.await.map_err(|error| no_answer(&error))
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut shared = self.shared.lock().await;
        match &*shared {
            Some(connection) => Ok(connection.clone()),
            None => Ok(shared.insert(connect(&self.client).await?).clone()),
        }
    }
}

fn no_answer(error: &RedisError) -> String {
    format!("ERR Redis does not respond: {error}")
}
