use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use super::*;

fn pool(threads: usize, waiting: usize) -> PooledHasher {
    let threads = NonZeroUsize::new(threads).unwrap();
    PooledHasher::new(&PoolSize { waiting, ..PoolSize::of(threads) }).unwrap()
}

/// Returns work that runs until its gate opens, which is when the sender is dropped.
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

/// Polls a caller once, so that it queues its job.
fn asks<T>(caller: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    caller.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn callers_beyond_the_threads_and_the_queue_are_told_busy_at_once() {
    let pool = pool(2, 3);
    let (gates, mut callers): (Vec<_>, Vec<_>) = (0..5)
        .map(|_| {
            let (gate, work) = until_opened();
            (gate, Box::pin(pool.run(1, work)))
        })
        .unzip();
    for caller in &mut callers {
        assert!(asks(caller.as_mut()).is_pending());
    }
    assert!(matches!(asks(pin!(pool.run(1, at_once()))), Poll::Ready(Err(HasherError::Busy))));
    drop(gates);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), [1; HASH_LEN]);
    }
    assert_eq!(pool.run(1, at_once()).await.unwrap(), [2; HASH_LEN]);
}

#[tokio::test]
async fn no_hash_is_computed_for_a_caller_that_has_gone_away() {
    let pool = pool(1, 2);
    let (gate, work) = until_opened();
    let mut first = pin!(pool.run(1, work));
    assert!(asks(first.as_mut()).is_pending());

    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let mut gone = Box::pin(pool.run(
        1,
        Box::new(move |_| {
            flag.store(true, Ordering::SeqCst);
            Ok([3; HASH_LEN])
        }),
    ));
    assert!(asks(gone.as_mut()).is_pending());
    drop(gone);

    let mut last = pin!(pool.run(1, at_once()));
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
    let mut first = pin!(pool.run(1, work));
    assert!(asks(first.as_mut()).is_pending());
    let mut gone = Box::pin(pool.run(1, at_once()));
    assert!(asks(gone.as_mut()).is_pending());
    assert!(matches!(asks(pin!(pool.run(1, at_once()))), Poll::Ready(Err(HasherError::Busy))));
    drop(gone);
    let mut last = pin!(pool.run(1, at_once()));
    assert!(asks(last.as_mut()).is_pending());
    drop(gate);
    assert_eq!(last.await.unwrap(), [2; HASH_LEN]);
}

#[tokio::test]
async fn a_job_that_panics_fails_alone() {
    let pool = pool(1, 4);
    for _ in 0..3 {
        let failed = pool.run(1, Box::new(|_| panic!("the test said so"))).await;
        assert!(matches!(failed, Err(HasherError::Failed(_))), "{failed:?}");
    }
    assert_eq!(pool.run(1, at_once()).await.unwrap(), [2; HASH_LEN]);
}

#[tokio::test]
async fn dropping_the_pool_ends_its_threads() {
    let pool = pool(3, 0);
    assert_eq!(pool.run(1, at_once()).await.unwrap(), [2; HASH_LEN]);
    let (gate, work) = until_opened();
    // The caller goes away while its job may already run.
    assert!(asks(pin!(pool.run(1, work))).is_pending());
    drop(gate);
    let queue = Arc::downgrade(&pool.queue);
    drop(pool);
    assert!(queue.upgrade().is_none());
}

#[test]
fn memory_is_kept_while_there_is_work_and_given_back_after() {
    let queue = Queue::new(1, 1);
    let mut memory = Vec::new();
    // Grows the memory to 64 blocks, and returns the number of blocks before.
    let hash = |memory: &mut Vec<Block>| {
        let (reply, mut answer) = oneshot::channel();
        let work: Work = Box::new(|memory| {
            let found = u8::try_from(memory.len()).unwrap();
            memory.resize(64, Block::new());
            Ok([found; HASH_LEN])
        });
        queue.push(Job { work, blocks: 1, since: Instant::now(), reply }).unwrap();
        assert!(serve(&queue, memory, Duration::ZERO).is_continue());
        answer.try_recv().unwrap().unwrap()
    };
    assert_eq!(hash(&mut memory), [0; HASH_LEN]);
    assert_eq!(hash(&mut memory), [64; HASH_LEN]);
    assert!(serve(&queue, &mut memory, Duration::ZERO).is_continue());
    assert_eq!(memory.capacity(), 0);
    assert_eq!(hash(&mut memory), [0; HASH_LEN]);
}

/// Returns a job of `blocks` that arrived at `since`, and the receiver of its result.
fn job(blocks: usize, since: Instant) -> (Job, oneshot::Receiver<Result<[u8; HASH_LEN], HasherError>>) {
    let (reply, answer) = oneshot::channel();
    (Job { work: at_once(), blocks, since, reply }, answer)
}

/// Returns a queue for two threads that has measured hashes of 40 ms.
fn at_40_ms() -> Queue {
    let queue = Queue::new(2, 100_000);
    let (first, _answer) = job(38_912, Instant::now());
    queue.push(first).unwrap();
    let Next::Job(_) = queue.next(None, Instant::now) else { panic!("it was pushed") };
    queue.done(38_912, Duration::from_millis(40));
    queue
}

#[test]
fn two_hundred_at_once_wait_and_only_those_beyond_ten_seconds_are_told_busy() {
    let (queue, now) = (at_40_ms(), Instant::now());
    let mut answers = Vec::new();
    let admitted = (0..2000)
        .take_while(|_| {
            let (job, answer) = job(38_912, now);
            answers.push(answer);
            queue.push(job).is_ok()
        })
        .count();
    // Two threads compute 50 hashes a second together.
    assert!((500..=505).contains(&admitted), "{admitted}");
    // After one more hash there is room for one more job.
    let Next::Job(done) = queue.next(None, || now) else { panic!("there are many") };
    queue.done(done.blocks, Duration::from_millis(40));
    assert!(queue.push(job(38_912, now).0).is_ok());
}

#[test]
fn a_slow_machine_admits_fewer_and_cheap_hashes_more() {
    let (queue, now) = (Queue::new(1, 100_000), Instant::now());
    let (first, _answer) = job(38_912, now);
    queue.push(first).unwrap();
    assert!(matches!(queue.next(None, || now), Next::Job(_)));
    queue.done(38_912, Duration::from_secs(6));
    let mut answers = Vec::new();
    let mut push = |blocks| {
        let (job, answer) = job(blocks, now);
        answers.push(answer);
        queue.push(job).is_ok()
    };
    // One job takes 6 s, the second waits 6 s, and the next would wait 12 s.
    assert!(push(38_912) && push(38_912) && !push(38_912));
}

#[test]
fn an_idle_thread_takes_a_job_whatever_it_costs() {
    let (queue, now) = (Queue::new(1, 100), Instant::now());
    let (dear, _answer) = job(usize::MAX, now);
    assert!(queue.push(dear).is_ok());
    assert!(matches!(queue.push(job(1, now).0), Err(HasherError::Busy)));
}

#[test]
fn who_waited_too_long_after_all_is_told_busy_and_the_next_is_served() {
    let (queue, since) = (Queue::new(1, 100), Instant::now());
    let (late, mut told) = job(1, since);
    let (fresh, _answer) = job(1, since + Duration::from_secs(5));
    queue.push(late).unwrap();
    queue.push(fresh).unwrap();
    let Next::Job(next) = queue.next(None, || since + Duration::from_secs(11)) else {
        panic!("one is in time")
    };
    assert_eq!(next.since, since + Duration::from_secs(5));
    assert!(matches!(told.try_recv(), Ok(Err(HasherError::Busy))));
}
