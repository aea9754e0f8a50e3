//! Identities at providers: signing in, linking, unlinking, one-time codes, kept tokens.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod handles;
#[cfg(test)]
mod interleaved;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod relocating;
#[cfg(test)]
mod resealing;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod signin;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod trips;
#[cfg(test)]
mod unlinking;
