use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use super::*;

fn pool(threads: usize, waiting: usize) -> PooledHasher {
    let threads = NonZeroUsize::new(threads).unwrap();
    PooledHasher::new(&PoolSize { waiting, ..PoolSize::of(threads) }).unwrap()
}

/// Work that takes until its gate opens: until the sender is dropped.
fn until_opened() -> (mpsc::Sender<()>, Work) {
    let (gate, opened) = mpsc::channel::<()>();
    let work = move |_: &mut Vec<Block>| {
        let _ = opened.recv();
        Ok([1; HASH_LEN])
    };
    (gate, Box::new(work))
}

fn at_once() -> Work {
    Box::new(|_| Ok([2; HASH_LEN]))
}

/// Lets a caller put its job into the queue.
fn asks<T>(caller: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    caller.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn callers_beyond_the_threads_and_the_queue_are_told_busy_at_once() {
    let pool = pool(2, 3);
    let (gates, mut callers): (Vec<_>, Vec<_>) = (0..5)
        .map(|_| {
            let (gate, work) = until_opened();
            (gate, Box::pin(pool.run(work)))
        })
        .unzip();
    for caller in &mut callers {
        assert!(asks(caller.as_mut()).is_pending());
    }
    assert!(matches!(asks(pin!(pool.run(at_once()))), Poll::Ready(Err(HasherError::Busy))));
    drop(gates);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), [1; HASH_LEN]);
    }
    assert_eq!(pool.run(at_once()).await.unwrap(), [2; HASH_LEN]);
}

#[tokio::test]
async fn no_hash_is_computed_for_a_caller_that_has_gone_away() {
    let pool = pool(1, 2);
    let (gate, work) = until_opened();
    let mut first = pin!(pool.run(work));
    assert!(asks(first.as_mut()).is_pending());

    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let mut gone = Box::pin(pool.run(Box::new(move |_| {
        flag.store(true, Ordering::SeqCst);
        Ok([3; HASH_LEN])
    })));
    assert!(asks(gone.as_mut()).is_pending());
    drop(gone);

    let mut last = pin!(pool.run(at_once()));
    assert!(asks(last.as_mut()).is_pending());
    drop(gate);
    assert_eq!(first.await.unwrap(), [1; HASH_LEN]);
    assert_eq!(last.await.unwrap(), [2; HASH_LEN]);
    assert!(!ran.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_caller_that_has_gone_away_makes_room() {
    let pool = pool(1, 1);
    let (gate, work) = until_opened();
    let mut first = pin!(pool.run(work));
    assert!(asks(first.as_mut()).is_pending());
    let mut gone = Box::pin(pool.run(at_once()));
    assert!(asks(gone.as_mut()).is_pending());
    assert!(matches!(asks(pin!(pool.run(at_once()))), Poll::Ready(Err(HasherError::Busy))));
    drop(gone);
    let mut last = pin!(pool.run(at_once()));
    assert!(asks(last.as_mut()).is_pending());
    drop(gate);
    assert_eq!(last.await.unwrap(), [2; HASH_LEN]);
}

#[tokio::test]
async fn a_job_that_panics_fails_alone() {
    let pool = pool(1, 4);
    for _ in 0..3 {
        let failed = pool.run(Box::new(|_| panic!("the test said so"))).await;
        assert!(matches!(failed, Err(HasherError::Failed(_))), "{failed:?}");
    }
    assert_eq!(pool.run(at_once()).await.unwrap(), [2; HASH_LEN]);
}

#[tokio::test]
async fn dropping_the_pool_ends_its_threads() {
    let pool = pool(3, 0);
    assert_eq!(pool.run(at_once()).await.unwrap(), [2; HASH_LEN]);
    let (gate, work) = until_opened();
    // Its caller goes away while it may already run.
    assert!(asks(pin!(pool.run(work))).is_pending());
    drop(gate);
    let queue = Arc::downgrade(&pool.queue);
    drop(pool);
    assert!(queue.upgrade().is_none());
}

#[test]
fn memory_is_kept_while_there_is_work_and_given_back_after() {
    let queue = Queue::new(1);
    let mut memory = Vec::new();
    // Grows the memory to 64 blocks, and answers with how many it found.
    let hash = |memory: &mut Vec<Block>| {
        let (reply, mut answer) = oneshot::channel();
        let work: Work = Box::new(|memory| {
            let found = u8::try_from(memory.len()).unwrap();
            memory.resize(64, Block::new());
            Ok([found; HASH_LEN])
        });
        queue.push(Job { work, reply }).unwrap();
        assert!(serve(&queue, memory, Duration::ZERO).is_continue());
        answer.try_recv().unwrap().unwrap()
    };
    assert_eq!(hash(&mut memory), [0; HASH_LEN]);
    assert_eq!(hash(&mut memory), [64; HASH_LEN]);
    assert!(serve(&queue, &mut memory, Duration::ZERO).is_continue());
    assert_eq!(memory.capacity(), 0);
    assert_eq!(hash(&mut memory), [0; HASH_LEN]);
}
