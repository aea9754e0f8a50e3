//! A Worker for tests: it calls the adapters of the ports as each request says. It is open to whoever reaches it and can be
//! told to panic, so it is never deployed.

#![cfg(target_arch = "wasm32")]

use std::cell::OnceCell;
use std::rc::Rc;

use argon2::Params;
use bytes::Bytes;
use latchkey_cloudflare::{D1, InlineHasher, Kv, WorkerClock, WorkerEntropy, WorkerFetch, within};
use latchkey_core::port::table::{CommitError, QueryError};
use latchkey_core::port::{
    CacheStore, Clock, Count, Counters, Derivation, Entropy, Fetch, FetchError, HasherError, PasswordHasher,
    StoreError, Table, Window,
};
use latchkey_core::{SecretString, Timestamp};
use latchkey_sql::{SqlCounters, SqlTable};
use latchkey_tests_workers::{Answer, Call, HEADER};
use worker::{Context, Env, Request, Response, event};

thread_local! {
    static HASHER: OnceCell<Rc<InlineHasher>> = const { OnceCell::new() };
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> worker::Result<Response> {
    // Without the context, so that a value is in KV when the put is answered.
    within(env, None, answer(request)).await
}

async fn answer(mut request: Request) -> worker::Result<Response> {
    let Some(call) = request.headers().get(HEADER)? else { return Response::ok("the probe") };
    let call: Call = if call == "body" {
        serde_json::from_slice(&request.bytes().await?)?
    } else {
        serde_json::from_str(&call)?
    };
    let (answer, body) = match call {
        Call::Fetch { method, uri, headers, deadline } => {
            let mut sent = http::Request::builder().method(method.as_str()).uri(uri);
            for (name, value) in headers {
                sent = sent.header(name, value);
            }
            let sent = sent
                .body(Bytes::from(request.bytes().await?))
                .map_err(|error| worker::Error::RustError(error.to_string()))?;
            fetched(WorkerFetch.fetch(sent, deadline).await)
        }
        other => {
            let answer = serde_json::to_vec(&called(other).await)?;
            return Response::from_bytes(answer);
        }
    };
    let response = Response::from_bytes(body.to_vec())?;
    response.headers().set(HEADER, &serde_json::to_string(&answer)?)?;
    Ok(response)
}

fn fetched(answer: Result<http::Response<Bytes>, FetchError>) -> (Answer, Bytes) {
    match answer {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let headers = parts.headers.iter();
            let headers =
                headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
            (Answer::Fetched { status: parts.status.as_u16(), headers }, body)
        }
        Err(FetchError::Timeout(_)) => (Answer::Timeout, Bytes::new()),
        Err(FetchError::TooLarge) => (Answer::TooLarge, Bytes::new()),
        Err(FetchError::Connection(why)) => (Answer::Failed(why), Bytes::new()),
    }
}

async fn called(call: Call) -> Answer {
    let at = Timestamp::from_millis;
    let table = SqlTable::new(D1::new("DB"));
    let cache = Kv::new("CACHE");
    match call {
        Call::Get { keys, now } => {
            let keys: Vec<_> = keys.into_iter().map(Into::into).collect();
            stored(table.get(&keys, at(now)).await, |items| {
                Answer::Items(items.into_iter().map(|item| item.map(Into::into)).collect())
            })
        }
        Call::Query { query, now } => match table.query(&query.into(), at(now)).await {
            Ok(page) => page.into(),
            Err(QueryError::InvalidCursor) => Answer::InvalidCursor,
            Err(QueryError::Store(error)) => error.into(),
        },
        Call::Commit { writes, now } => {
            let writes: Vec<_> = writes.into_iter().map(Into::into).collect();
            match table.commit(&writes, at(now)).await {
                Ok(()) => Answer::Done,
                Err(CommitError::Conflict { write }) => Answer::Conflict(write),
                Err(CommitError::Store(error)) => error.into(),
            }
        }
        Call::Purge { now, limit } => stored(table.purge(at(now), limit).await, Answer::Removed),
        Call::Hit { windows, now } => {
            let windows = windows.into_iter().map(|(key, limit, length)| Window { key, limit, length });
            let counters = SqlCounters::new(D1::new("DB"));
            stored(counters.hit(&windows.collect::<Vec<_>>(), at(now)).await, |counts| {
                let parts = |count: Count| (count.used, count.free_in, count.admitted);
                Answer::Counts(counts.into_iter().map(parts).collect())
            })
        }
        Call::CacheGet { key, now } => stored(cache.get(&key, at(now)).await, Answer::Value),
        Call::CachePut { key, value, lifetime, now } => {
            stored(cache.put(&key, &value, lifetime, at(now)).await, |()| Answer::Done)
        }
        Call::CacheDelete { key } => stored(cache.delete(&key).await, |()| Answer::Done),
        Call::Now => Answer::Time(WorkerClock.now().as_millis()),
        Call::Fill { len } => {
            let mut bytes = vec![0; len];
            match WorkerEntropy.fill(&mut bytes) {
                Ok(()) => Answer::Bytes(bytes),
                Err(error) => Answer::Failed(error.to_string()),
            }
        }
        Call::Derive { password, salt, memory, passes, lanes } => {
            derived(password, salt, Params::new(memory, passes, lanes, None)).await
        }
        Call::Memory => Answer::Size(core::arch::wasm32::memory_size(0) * 65_536),
        #[expect(clippy::panic, reason = "what the test asks for")]
        Call::Panic => panic!("as it was told"),
        Call::Fetch { .. } => Answer::Failed("a fetch has a body of its own".to_owned()),
    }
}

fn stored<T>(answer: Result<T, StoreError>, good: impl FnOnce(T) -> Answer) -> Answer {
    answer.map_or_else(Into::into, good)
}

async fn derived(password: String, salt: [u8; 16], params: Result<Params, argon2::Error>) -> Answer {
    let hasher = HASHER.with(|hasher| Rc::clone(hasher.get_or_init(Rc::default)));
    let params = match params {
        Ok(params) => params,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    match hasher.derive(Derivation::new(SecretString::from(password), salt, params)).await {
        Ok(hash) => Answer::Bytes(hash.to_vec()),
        Err(HasherError::Busy) => Answer::Busy,
        Err(HasherError::Failed(why)) => Answer::Failed(why),
    }
}
