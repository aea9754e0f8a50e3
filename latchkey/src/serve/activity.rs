//! State of one connection. Its own task changes the state, and the accepting task reads it.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::Timeouts;
use super::watched::Unread;

/// Phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The connection is accepted, and no byte has arrived.
    Fresh,
    /// The connection waits between two requests.
    Idle,
    /// The headers of a request arrive.
    Head,
    /// The body of a request arrives.
    Body,
    /// The service handles a request.
    Work,
    /// A response is written.
    Response,
    /// The last bytes of a response are sent.
    Flush,
    /// The client has its last response, and may still be sending.
    Farewell,
}

impl Phase {
    const ALL: [Self; 8] = [
        Self::Fresh,
        Self::Idle,
        Self::Head,
        Self::Body,
        Self::Work,
        Self::Response,
        Self::Flush,
        Self::Farewell,
    ];

    fn number(self) -> u64 {
        match self {
            Self::Fresh => 0,
            Self::Idle => 1,
            Self::Head => 2,
            Self::Body => 3,
            Self::Work => 4,
            Self::Response => 5,
            Self::Flush => 6,
            Self::Farewell => 7,
        }
    }
}

/// Number of bits of the packed state that hold the phase.
const PHASE_BITS: u32 = 3;

/// State of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    /// Milliseconds from `accepted` to the task's last turn.
    turn: AtomicU64,
    /// Phase in the lowest bits; above them the milliseconds from `accepted` to its start.
    state: AtomicU64,
    /// True if the connection must end because another client waits for its place.
    gives_way: AtomicBool,
    /// True if the server stops.
    stops: AtomicBool,
    /// True if the rest of the body is no longer awaited.
    body_is_late: AtomicBool,
    /// The client has a response, and may still be sending the body of that request.
    has_unread: AtomicBool,
    /// The rest of a body that the service did not read.
    pub(super) unread: Unread,
    task: AtomicWaker,
    body: AtomicWaker,
}

impl Activity {
    /// Returns the state of a connection that was just accepted.
    pub(super) fn new() -> Self {
        Self {
            accepted: Instant::now(),
            turn: AtomicU64::new(0),
            state: AtomicU64::new(Phase::Fresh.number()),
            gives_way: AtomicBool::new(false),
            stops: AtomicBool::new(false),
            body_is_late: AtomicBool::new(false),
            has_unread: AtomicBool::new(false),
            unread: Unread::default(),
            task: AtomicWaker::new(),
            body: AtomicWaker::new(),
        }
    }

    /// Returns the phase, and the milliseconds from `accepted` to its start.
    fn stage(&self) -> (Phase, u64) {
        let state = self.state.load(Ordering::Acquire);
        let number = state & ((1 << PHASE_BITS) - 1);
        let phase = Phase::ALL.into_iter().find(|phase| phase.number() == number).unwrap_or(Phase::Work);
        (phase, state >> PHASE_BITS)
    }

    /// Returns the phase and its start. The phase `Body` starts with the first byte of the request.
    pub(super) fn phase(&self) -> (Phase, Instant) {
        let (phase, millis) = self.stage();
        (phase, self.accepted + Duration::from_millis(millis))
    }

    /// Records the time at the start of a turn of the connection's task. All steps of the turn use that time,
    /// because reading the clock at each step would take longer than the steps.
    pub(super) fn takes_turn(&self) {
        let millis = self.accepted.elapsed().as_millis();
        self.turn.store(u64::try_from(millis).unwrap_or(u64::MAX >> PHASE_BITS), Ordering::Relaxed);
    }

    /// Returns the time of the task's turn.
    pub(super) fn now(&self) -> Instant {
        self.accepted + Duration::from_millis(self.turn.load(Ordering::Relaxed))
    }

    /// Enters `phase`, which began `millis` after `accepted`.
    fn enter_at(&self, phase: Phase, millis: u64) {
        self.state.store(millis << PHASE_BITS | phase.number(), Ordering::Release);
    }

    fn enter(&self, phase: Phase) {
        self.enter_at(phase, self.turn.load(Ordering::Relaxed));
    }

    /// Records that bytes have arrived.
    pub(super) fn bytes_arrived(&self) {
        match self.phase().0 {
            Phase::Fresh => self.enter_at(Phase::Head, 0),
            Phase::Idle => self.enter(Phase::Head),
            _ => {}
        }
    }

    /// Records that the headers of a request are complete. The body follows if `has_body` is true.
    pub(super) fn request_begins(&self, has_body: bool) {
        self.body_is_late.store(false, Ordering::Relaxed);
        match self.stage() {
            (Phase::Head, since) if has_body => self.enter_at(Phase::Body, since),
            // The request was sent together with the previous one.
            _ if has_body => self.enter(Phase::Body),
            _ => self.enter(Phase::Work),
        }
    }

    /// Records that the body of the request is complete, or that nobody needs the rest of it.
    pub(super) fn body_ends(&self) {
        if self.phase().0 == Phase::Body {
            self.enter(Phase::Work);
        }
    }

    /// Records that the rest of a body stays unread: the connection ends with this response.
    pub(super) fn leaves_unread(&self) {
        self.has_unread.store(true, Ordering::Relaxed);
    }

    /// Returns true if a body stays unread.
    pub(super) fn has_unread(&self) -> bool {
        self.has_unread.load(Ordering::Relaxed)
    }

    /// Records that the service has returned a response.
    pub(super) fn response_begins(&self) {
        self.enter(Phase::Response);
    }

    /// Records that the response is completely in the buffers.
    pub(super) fn response_ends(&self) {
        if self.phase().0 == Phase::Response {
            self.enter(Phase::Flush);
        }
    }

    /// Records that the buffers are empty.
    pub(super) fn flushed(&self) {
        if self.phase().0 == Phase::Flush {
            self.enter(Phase::Idle);
        }
    }

    /// Records that the client has its last response.
    pub(super) fn farewell(&self) {
        self.enter(Phase::Farewell);
    }

    /// Returns the deadline of the client, or `None` while it waits for the service.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        let (phase, since) = self.phase();
        match phase {
            Phase::Fresh | Phase::Head => Some(since + timeouts.header.min(timeouts.request)),
            Phase::Idle => Some(since + timeouts.idle),
            Phase::Body if self.body_is_late() => None,
            Phase::Body | Phase::Response | Phase::Flush => Some(since + timeouts.request),
            Phase::Work | Phase::Farewell => None,
        }
    }

    /// Returns the order in which connections give way: idle ones first, then the time since which the server
    /// waits for the client. Returns `None` while the service handles a request, or if the client has had
    /// less than `patience` so far.
    pub(super) fn waits_for_client(&self, patience: Duration) -> Option<(bool, Instant)> {
        let (phase, since) = self.phase();
        match phase {
            Phase::Idle | Phase::Farewell => Some((false, since)),
            Phase::Work => None,
            Phase::Body if self.body_is_late() => None,
            _ => (since.elapsed() >= patience).then_some((true, since)),
        }
    }

    /// Tells the connection to end because another client waits for its place.
    pub(super) fn give_way(&self) {
        self.gives_way.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Returns true if [`give_way`](Self::give_way) was called since the last call.
    pub(super) fn takes_give_way(&self) -> bool {
        self.gives_way.swap(false, Ordering::AcqRel)
    }

    /// Waits until the connection is told to give way.
    pub(super) async fn told_to_give_way(&self) {
        poll_fn(|cx| {
            self.register_task(cx.waker());
            if self.takes_give_way() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Tells the connection to end after the current request.
    pub(super) fn stop(&self) {
        self.stops.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Returns true if [`stop`](Self::stop) was called since the last call.
    pub(super) fn takes_stop(&self) -> bool {
        self.stops.swap(false, Ordering::AcqRel)
    }

    /// Ends the wait for the rest of a body.
    pub(super) fn end_body(&self) {
        self.body_is_late.store(true, Ordering::Release);
        self.body.wake();
    }

    /// Returns true if the wait for the rest of the body has ended.
    pub(super) fn body_is_late(&self) -> bool {
        self.body_is_late.load(Ordering::Acquire)
    }

    /// Registers the connection's task to be woken by `give_way` and `stop`.
    pub(super) fn register_task(&self, waker: &Waker) {
        self.task.register(waker);
    }

    /// Registers the reader of the body to be woken by `end_body`.
    pub(super) fn register_body(&self, waker: &Waker) {
        self.body.register(waker);
    }
}
