//! Sign-in with providers, class by class: what a provider, a browser or somebody in between may send, and the HTTP outcome.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod apps;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod id_tokens;
#[cfg(test)]
mod links;
#[cfg(test)]
mod people;
#[cfg(test)]
mod presets;
#[cfg(test)]
mod signin;
#[cfg(test)]
mod starts;
#[cfg(test)]
mod states;
#[cfg(test)]
mod support;
