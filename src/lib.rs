#![doc = include_str!("README.md")]

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod domain;
pub mod http;
pub mod mime;
pub mod net;
pub mod plugin;
pub mod practice;
pub mod protocol;
pub mod script;
pub mod service;
pub mod store;
pub mod text;
pub mod wire;
