"""The commands of `portal`, one module a noun; `portal.cli` lists them."""
