"""The commands of `portal`, one module for each; `portal.cli` lists them."""
