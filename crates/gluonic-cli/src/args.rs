//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Parameter management for neural networks.
#[derive(Debug, Parser)]
#[command(name = "gluonic", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Walk through parameter management on real data, and check every claim
    Tour(TourArgs),
    /// What the second process of the tour does
    #[command(hide = true)]
    TourPredict(PredictArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TourArgs {
    /// The seed of every random value and of the choice of held-out digits
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print the checks and the accuracy as JSON, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PredictArgs {
    /// The file with the parameters
    pub(crate) file: PathBuf,
    /// The seed that chose the held-out digits
    #[arg(long, value_name = "N")]
    pub(crate) seed: u64,
}
