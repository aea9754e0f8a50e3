use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use latchkey_core::port::WriteFault;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::error::{OpenError, at_run_time, write_fault};
use super::execute;
use crate::{DriverError, Outcome, Statement};

type BatchResult = Result<Vec<Outcome>, DriverError>;

/// Maximum number of batches that share one sync of the disk. The first of them waits for the last.
const GROUP: usize = 64;

struct Job {
    batch: Vec<Statement>,
    reply: oneshot::Sender<BatchResult>,
}

/// Thread that runs every batch that writes.
#[derive(Debug)]
pub(super) struct Writer {
    // Absent only while the writer is dropped.
    queue: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<LastFault>,
}

/// Reason that the last commit failed, if it did.
type LastFault = Mutex<Option<WriteFault>>;

impl Writer {
    pub fn start(connection: Arc<Mutex<Connection>>, name: Arc<str>) -> Result<Self, OpenError> {
        let (queue, jobs) = channel();
        let path = name.to_string();
        let fault = Arc::<LastFault>::default();
        let last = Arc::clone(&fault);
        let thread = std::thread::Builder::new()
            .name("latchkey-writer".to_owned())
            .spawn(move || serve(&connection, &name, &jobs, &last))
            .map_err(|error| OpenError::Failed { path, why: format!("no thread for its writer: {error}") })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), fault })
    }

    /// Returns the reason that the last commit failed, if it did.
    pub fn fault(&self) -> Option<WriteFault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `batch` as one transaction. If the caller goes away before its turn, nothing happens.
    pub async fn commit(&self, batch: Vec<Statement>) -> BatchResult {
        let gone = || DriverError::Unavailable("the thread that writes the database has ended".to_owned());
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Job { batch, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The thread ends early only by a panic of its own, which has been reported by then.
            let _ = thread.join();
        }
    }
}

/// Takes waiting batches, commits them and replies, until the queue is closed and empty.
fn serve(connection: &Mutex<Connection>, name: &str, jobs: &Receiver<Job>, fault: &LastFault) {
    while let Ok(first) = jobs.recv() {
        let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        let group = std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1));
        let (batches, replies): (Vec<_>, Vec<_>) =
            group.filter(|job| !job.reply.is_closed()).map(|job| (job.batch, job.reply)).unzip();
        let result = try_group(&mut connection, name, &batches);
        drop(connection);
        *fault.lock().unwrap_or_else(PoisonError::into_inner) = result.as_ref().err().map(write_fault);
        let answers = answers(name, &batches, result);
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A caller that went away after its turn began does not learn the outcome.
            let _ = reply.send(answer);
        }
    }
}

/// Returns one result per batch. No caller gets its result before the commit, because a batch may have
/// conflicted with one whose writes are lost if the commit fails.
#[cfg(test)]
pub(super) fn commit_group(
    connection: &mut Connection,
    name: &str,
    batches: &[Vec<Statement>],
) -> Vec<BatchResult> {
    let result = try_group(connection, name, batches);
    answers(name, batches, result)
}

fn answers(
    name: &str,
    batches: &[Vec<Statement>],
    result: rusqlite::Result<Vec<BatchResult>>,
) -> Vec<BatchResult> {
    result.unwrap_or_else(|error| {
        let error = at_run_time(name, &error);
        batches.iter().map(|_| Err(error.clone())).collect()
    })
}

fn try_group(
    connection: &mut Connection,
    name: &str,
    batches: &[Vec<Statement>],
) -> rusqlite::Result<Vec<BatchResult>> {
    // The transaction takes the write lock at once. One that reads first would fail at its first write if
    // another process has written in between.
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let [only] = batches {
        // A single batch needs no savepoint, which would copy every page that the batch changes.
        let outcomes = match execute::run(&transaction, only) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let refusal = refused(name, error)?;
                transaction.rollback()?;
                return Ok(vec![Err(refusal)]);
            }
        };
        transaction.commit()?;
        return Ok(vec![Ok(outcomes)]);
    }
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        // Dropping the savepoint undoes it, so a failed batch removes only itself from the group.
        let savepoint = transaction.savepoint()?;
        match execute::run(&savepoint, batch) {
            Ok(outcomes) => {
                savepoint.commit()?;
                answers.push(Ok(outcomes));
            }
            Err(error) => {
                let refusal = refused(name, error)?;
                savepoint.finish()?;
                answers.push(Err(refusal));
            }
        }
    }
    transaction.commit()?;
    Ok(answers)
}

/// Returns the error of a batch whose condition did not hold. Every other error belongs to the whole group.
fn refused(name: &str, error: rusqlite::Error) -> rusqlite::Result<DriverError> {
    match at_run_time(name, &error) {
        check @ DriverError::Check(_) => Ok(check),
        _ => Err(error),
    }
}
