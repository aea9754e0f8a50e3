//! Latchkey on one machine: the `latchkey` command, its server and its adapters.

pub mod adapters;
pub mod cli;
pub mod commands;
pub mod data;
pub mod dotenv;
pub mod pages;
pub mod serve;
pub mod service;
pub mod settings;
